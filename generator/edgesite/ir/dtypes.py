"""The element types of tensors: how they are stored, and what they are computed in."""

from __future__ import annotations

from enum import Enum

import ml_dtypes
import numpy as np
from numpy.typing import DTypeLike

from edgesite.errors import UnsupportedTypeError


class DType(Enum):
    """An element type; the value is numpy's name for it."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"
    INT2 = "int2"
    UINT2 = "uint2"
    INT4 = "int4"
    UINT4 = "uint4"
    FLOAT4E2M1 = "float4_e2m1fn"
    FLOAT6E2M3 = "float6_e2m3fn"
    FLOAT6E3M2 = "float6_e3m2fn"
    FLOAT8E4M3 = "float8_e4m3fn"
    FLOAT8E4M3FNUZ = "float8_e4m3fnuz"
    FLOAT8E5M2 = "float8_e5m2"
    FLOAT8E5M2FNUZ = "float8_e5m2fnuz"
    FLOAT8E8M0 = "float8_e8m0fnu"
    STRING = "string"
    """Text, by its number in the program's list of strings: it is moved and compared, no more."""

    is_coded: bool
    """Whether an element is a byte whose meaning is in a table: it is moved, not computed with."""

    def __init__(self, name: str) -> None:
        self.is_coded = name != "bfloat16" and hasattr(ml_dtypes, name)

    @classmethod
    def of(cls, dtype: DTypeLike) -> DType:
        """Return the element type that numpy calls `dtype`.

        Raises UnsupportedTypeError for a type the compiler has no representation of.
        """
        name = np.dtype(dtype).name
        name = "string" if name == "object" else name
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(member.value for member in cls)
            raise UnsupportedTypeError(
                f"dtype {name}: not supported; supported are {known}"
            ) from None

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype of stored elements."""
        name = "int32" if self is DType.STRING else self.value
        dtype: np.dtype[np.generic] = np.dtype(getattr(ml_dtypes, name, name))
        return dtype

    @property
    def size_bytes(self) -> int:
        """Bytes of one stored element."""
        return self.numpy.itemsize

    @property
    def bits(self) -> int:
        """Bits of one stored element; a bool counts 8."""
        return 8 * self.size_bytes

    @property
    def is_float(self) -> bool:
        """Whether elements are floating point."""
        return self in _FLOATS

    @property
    def is_unsigned(self) -> bool:
        """Whether elements are unsigned integers (a bool is not)."""
        return self.value.startswith("uint") and not self.is_coded

    @property
    def is_integer(self) -> bool:
        """Whether elements are integers that one computes with, signed or not (a bool is not)."""
        return not (self.is_float or self.is_coded or self in (DType.BOOL, DType.STRING))

    def __str__(self) -> str:
        return str(self.value)


_FLOATS = frozenset({DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64})

INDEX = DType.INT32
"""The type of index arithmetic: wasm addresses have 32 bits."""
