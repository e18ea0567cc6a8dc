"""Types of values while a model is imported: ONNX's own TypeProto, known in part or in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TypeProto, helper

from edgesite.frontend.graph import Dtype, OutputInfo, ValueInfo

Dim = int | str | None
"""A size: a number, a symbol, or nothing known."""


def tensor_type(dtype: Dtype, shape: Sequence[int | None] | None) -> TypeProto:
    """The type of a tensor; a None in the shape is a size not known."""
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(dtype), shape)


def type_of(array: np.ndarray[Any, Any]) -> TypeProto:
    """The type of an array."""
    return tensor_type(array.dtype, array.shape)


def dtype_of(proto: TypeProto | None) -> Dtype | None:
    """The element type of a tensor, None where it is not known or the value is no tensor."""
    if proto is None or not proto.HasField("tensor_type") or not proto.tensor_type.elem_type:
        return None
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(proto.tensor_type.elem_type))
    except (KeyError, TypeError):
        return None


def dims_of(proto: TypeProto | None) -> tuple[Dim, ...] | None:
    """The sizes of a tensor, None where not even their number is known."""
    if proto is None or not proto.HasField("tensor_type"):
        return None
    if not proto.tensor_type.HasField("shape"):
        return None
    return tuple(_dim(dim) for dim in proto.tensor_type.shape.dim)


def _dim(dim: Any) -> Dim:
    """One size; exporters also write -1, "?" and "None" for a size they do not know."""
    if dim.HasField("dim_value"):
        return int(dim.dim_value) if dim.dim_value >= 0 else None
    name = str(dim.dim_param)
    return name if name not in ("", "?", "None", "-1") else None


def shape_of(proto: TypeProto | None) -> tuple[int, ...] | None:
    """The shape of a tensor, None unless every size is a number."""
    dims = dims_of(proto)
    if dims is None or not all(isinstance(dim, int) for dim in dims):
        return None
    return tuple(dim for dim in dims if isinstance(dim, int))


def value_info(name: str, proto: TypeProto | None) -> ValueInfo | None:
    """The value as the outside sees it, None unless it is known in full."""
    dtype, shape = dtype_of(proto), shape_of(proto)
    if dtype is None or shape is None:
        return None
    return ValueInfo(name, dtype, shape)


def output_info(name: str, proto: TypeProto | None, labels: tuple[str, ...] = ()) -> OutputInfo:
    """What is known of a graph's output."""
    return OutputInfo(name, dtype_of(proto), shape_of(proto), labels)


def with_sizes(proto: TypeProto, sizes: Mapping[str, int]) -> TypeProto:
    """The type with symbols replaced by their sizes; other symbols become unknown."""
    dtype, dims = dtype_of(proto), dims_of(proto)
    if dtype is None or dims is None:
        return proto
    return tensor_type(dtype, [sizes.get(d) if isinstance(d, str) else d for d in dims])


def refined(inferred: TypeProto | None, declared: TypeProto | None) -> TypeProto | None:
    """What is inferred, with gaps filled by what the file declares.

    Where both speak, inference wins: files keep stale sizes, such as a batch of 1 in a
    model made dynamic later.
    """
    if inferred is None or not inferred.WhichOneof("value"):
        return declared
    dtype, dims = dtype_of(inferred), dims_of(inferred)
    told_dtype, told_dims = dtype_of(declared), dims_of(declared)
    if dtype is None or told_dtype is None or told_dims is None:
        return inferred
    if dims is None:
        return tensor_type(dtype, _numbers(told_dims))
    if len(dims) != len(told_dims):
        return inferred
    pairs = zip(_numbers(dims), _numbers(told_dims), strict=True)
    return tensor_type(dtype, [known if known is not None else told for known, told in pairs])


def common(first: TypeProto | None, second: TypeProto | None) -> TypeProto | None:
    """What holds for both types, None where they have nothing in common."""
    dtype = dtype_of(first)
    if dtype is None or dtype != dtype_of(second):
        return None
    dims, others = dims_of(first), dims_of(second)
    if dims is None or others is None or len(dims) != len(others):
        return tensor_type(dtype, None)
    pairs = zip(_numbers(dims), _numbers(others), strict=True)
    return tensor_type(dtype, [a if a == b else None for a, b in pairs])


def _numbers(dims: Sequence[Dim]) -> list[int | None]:
    return [dim if isinstance(dim, int) else None for dim in dims]
