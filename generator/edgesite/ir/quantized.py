"""Recognises numbers as integers with a scale: quantised results and scaled whole numbers.

`ops/quantize.py` writes them in these forms; passes and targets find them here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import inf, prod

import numpy as np

from edgesite.ir.dtypes import DType
from edgesite.ir.expr import Binary, Cast, Const, Expr, Load, Result, Select, Unary, Value, const
from edgesite.ir.graph import Array, Map, Node, Reduce

Limits = tuple[int, int]
"""The smallest and the largest that a whole number can be."""

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
class Fused:
    """whole * factor + addend in float32, rounded once, at the end."""

    whole: Expr
    factor: float
    addend: Expr


def fused_multiply_add(whole: Expr, factor: float, addend: Expr) -> Expr:
    """An int32 times a float32, plus a float32: exact but for the rounding of the result.

    As float64, where a product of 8 and 24 bits is exact and hardly ever a sum is not.
    """
    product = whole.cast(DType.FLOAT64) * const(factor, DType.FLOAT64)
    if isinstance(addend, Const):
        return (product + const(addend.value, DType.FLOAT64)).cast(DType.FLOAT32)
    return (product + addend.cast(DType.FLOAT64)).cast(DType.FLOAT32)


def fused(expr: Expr) -> Fused | None:
    """The multiplication and addition that an expression is, or None."""
    match expr:
        case Cast(
            dtype=DType.FLOAT32,
            x=Binary(op="add", a=Binary(op="mul", a=Cast(x=whole), b=Const(value=factor)), b=b),
        ) if whole.dtype is DType.INT32 and b.dtype is DType.FLOAT64:
            match b:
                case Const(value=value):
                    return Fused(whole, float(factor), const(value, DType.FLOAT32))
                case Cast(x=addend) if addend.dtype is DType.FLOAT32:
                    return Fused(whole, float(factor), addend)
    return None


_NEAR = sorted(product((0, 1, -1), repeat=3), key=lambda steps: sum(map(abs, steps)))
"""Steps to three float32 and to their neighbours, the nearest first."""


def sum_of_bytes(
    reads: tuple[Load, Load], factors: tuple[float, float], fixed: float, limits: Limits
) -> Expr:
    """What two bytes times a factor each and a float32 make: rounded once for each byte.

    Written with a float32 for each step, in a third of the instructions, where such factors or
    their neighbours give every pair of bytes the same whole number within the limits.
    """
    first, second = (read.cast(DType.INT32) for read in reads)
    ranges = (np.iinfo(read.dtype.value) for read in reads)
    a, b = np.ix_(*(np.arange(each.min, each.max + 1.0) for each in ranges))
    inner = (b * factors[1] + fixed).astype(np.float32)
    wanted = np.clip(np.rint((a * factors[0] + inner).astype(np.float32)), *limits)
    numbers = np.asarray([*factors, fixed], np.float32)
    for steps in _NEAR:
        s, t, c = numbers + np.spacing(numbers) * np.asarray(steps, np.float32)
        found = a.astype(np.float32) * s + (b.astype(np.float32) * t + c)
        if np.array_equal(np.clip(np.rint(found), *limits), wanted):
            x, y, z = (const(float(number), DType.FLOAT32) for number in (s, t, c))
            return first.cast(DType.FLOAT32) * x + (second.cast(DType.FLOAT32) * y + z)
    addend = fused_multiply_add(second, factors[1], const(fixed, DType.FLOAT32))
    return fused_multiply_add(first, factors[0], addend)


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


def limits(value: Value, producers: Mapping[Value, Node]) -> Limits | None:
    """Between what the elements of a value lie, as far as those who make it tell."""
    node = producers.get(value)
    found: Limits | None = None
    match node:
        case Map():
            found = _limits(node.body, None, producers)
        case Reduce():
            body = _limits(node.body, None, producers) if node.combine == "max" else None
            found = body if node.finish is None else _limits(node.finish, body, producers)
    if found is None and value.dtype in BYTES:
        numbers = np.iinfo(value.dtype.value)
        return int(numbers.min), int(numbers.max)
    return found


def _limits(expr: Expr, result: Limits | None, producers: Mapping[Value, Node]) -> Limits | None:
    rounded = rounding(expr)
    if rounded is not None:
        return rounded.low, rounded.high
    match expr:
        case Const(value=value) if not expr.dtype.is_float:
            return int(value), int(value)
        case Load():
            return limits(expr.value, producers)
        case Result():
            return result
        case Cast(x=x) if expr.dtype in (DType.INT16, DType.INT32) and not x.dtype.is_float:
            return _limits(x, result, producers)
        case Select():
            parts = [_limits(x, result, producers) for x in (expr.a, expr.b)]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return min(low for low, _ in known), max(high for _, high in known)
        case Binary(op="add" | "sub" as op, a=a, b=Const(value=value)):
            moved = _limits(a, result, producers)
            by = int(value) if op == "add" else -int(value)
            return moved and (moved[0] + by, moved[1] + by)
    return None


def magnitude(expr: Expr, result: float, constants: Mapping[Value, Array]) -> float:
    """At most how far from zero the numbers of an epilogue are; infinite where it is not known.

    `result` is how far the sums are that it finishes.
    """
    rounded = rounding(expr)
    if rounded is not None:
        return float(max(abs(rounded.low), abs(rounded.high)))
    match expr:
        case Const(value=value):
            return abs(float(value))
        case Result():
            return result
        case Load(value=value) if value in constants:
            return float(np.abs(constants[value].astype(np.float64)).max(initial=0))
        case Load() if not expr.dtype.is_float:
            return float(2 ** (8 * expr.dtype.size_bytes))
    parts = [magnitude(part, result, constants) for part in expr.operands]
    match expr:
        case Cast() | Unary(op="neg" | "abs"):
            return parts[0]
        case Binary(op="add" | "sub"):
            return sum(parts)
        case Binary(op="mul"):
            return prod(parts)
        case Binary(op="min" | "max"):
            return max(parts)
    return inf
