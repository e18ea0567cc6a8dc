"""Recognises numbers as integers with a scale: quantised results and scaled whole numbers.

`ops/quantize.py` writes them in these forms; passes and targets find them here.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgesite.ir.dtypes import DType
from edgesite.ir.expr import Binary, Cast, Const, Expr, Load, Unary

BYTES = frozenset({DType.INT8, DType.UINT8})
"""The dtypes of quantised elements."""

ROUNDED = BYTES | {DType.INT16}
"""What is rounded to: int16 for bytes less their zero point."""


@dataclass(frozen=True)
class Rounding:
    """x rounded to even, moved by `zero` and limited to a range within 16 bits."""

    x: Expr
    zero: int
    low: int
    high: int
    dtype: DType


def rounding(expr: Expr) -> Rounding | None:
    """The rounding that an expression is, or None."""
    match expr:
        case Cast(
            dtype=dtype,
            x=Binary(
                op="min",
                a=Binary(
                    op="max",
                    a=Binary(op="add", a=Unary(op="round", x=x), b=moved),
                    b=Const(value=low),
                ),
                b=Const(value=high),
            ),
        ) if dtype in ROUNDED and x.dtype is DType.FLOAT32:
            zero = moved.x if isinstance(moved, Cast) else moved
            if isinstance(zero, Const):
                return Rounding(x, int(zero.value), int(low), int(high), dtype)
    return None


@dataclass(frozen=True)
class Centred:
    """A read of quantised elements, less the zero point."""

    read: Load
    zero: int


def centred(expr: Expr) -> Centred | None:
    """The read less its zero point that an int32 expression is, or None."""
    match expr:
        case Cast(dtype=DType.INT32, x=Load() as read) if read.dtype in BYTES:
            return Centred(read, 0)
        case Binary(op="add", a=a, b=Const(value=value)):
            found = centred(a)
            return found and Centred(found.read, found.zero - int(value))
        case Binary(op="sub", a=a, b=Const(value=value)):
            found = centred(a)
            return found and Centred(found.read, found.zero + int(value))
    return None
