"""Operators of arithmetic on every element: binary and variadic ones, rounding, clipping."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from edgesite.ir import (
    DType,
    Expr,
    Tensor,
    binary,
    elementwise,
    equal,
    maximum,
    minimum,
    select,
)
from edgesite.ops.registry import operator

FEW = 64
"""So many integers are computed at once: sizes may follow from the number of a loop's round."""

Exact = Callable[[Any, Any], Any]


def register_binary(
    name: str, function: Callable[[Expr, Expr], Expr], exact: Exact | None = None
) -> None:
    """Enter a row of a table: an operator on two tensors that broadcast together.

    `exact` computes what is known of integers.
    """

    @operator(name, since=7)
    def broadcasting(a: Tensor, b: Tensor) -> Tensor:
        few = max(a.size, b.size) <= FEW and a.dtype.is_integer
        if exact is None or a.constant is None or b.constant is None or not few:
            return elementwise(function, a, b)
        with np.errstate(over="ignore"):  # integers wrap around
            return a.like(exact(a.constant, b.constant))


_BINARY: dict[str, tuple[Callable[[Expr, Expr], Expr], Exact | None]] = {
    "Add": (lambda a, b: a + b, np.add),
    "Sub": (lambda a, b: a - b, np.subtract),
    "Mul": (lambda a, b: a * b, np.multiply),
    "Div": (lambda a, b: a / b, None),
}
for _name, _row in _BINARY.items():
    register_binary(_name, *_row)


def register_variadic(name: str, function: Callable[[list[Expr]], Expr]) -> None:
    """Enter a row of a table: an operator on any number of tensors that broadcast together."""

    @operator(name)
    def variadic(*tensors: Tensor) -> Tensor:
        return elementwise(lambda *elements: function(list(elements)), *tensors)


for _name, _combine in {
    "Max": lambda elements: reduce(maximum, elements),
    "Min": lambda elements: reduce(minimum, elements),
    "Sum": lambda elements: reduce(lambda a, b: a + b, elements),
    "Mean": lambda elements: reduce(lambda a, b: a + b, elements) / len(elements),
}.items():
    register_variadic(_name, _combine)


def power(a: Expr, b: Expr) -> Expr:
    """a to the power of b in the dtype of a, computed in one that holds both."""
    wide = DType.FLOAT64 if DType.FLOAT64 in (a.dtype, b.dtype) else DType.FLOAT32
    if a.dtype.is_integer:
        wide = DType.FLOAT64
    return binary("pow", a.cast(wide), b.cast(wide)).cast(a.dtype)


_PRODUCTS: dict[float, Callable[[Expr], Expr]] = {
    1: lambda a: a,
    2: lambda a: a * a,
    3: lambda a: a * a * a,
}


@operator("Pow", since=7)
def raised(x: Tensor, y: Tensor) -> Tensor:
    """x to the power of y in the dtype of x; small constant powers are products."""
    if y.constant is not None and y.size == 1:
        product = _PRODUCTS.get(y.constant.item())
        if product is not None:
            return elementwise(lambda a, _: product(a), x, y)
    return elementwise(power, x, y)


def floor_remainder(a: Expr, b: Expr) -> Expr:
    """a - floor(a / b) * b, which has the sign of b."""
    if not a.dtype.is_float:
        return a % b
    rest = binary("rem", a, b)
    crosses = binary("ne", rest, 0) & binary("ne", rest < 0, b < 0)
    return select(equal(rest, 0), binary("copysign", rest, b), select(crosses, rest + b, rest))


@operator("Mod")
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    """The remainder of a / b, with the sign of b, or of a if `fmod`."""
    if fmod:
        return elementwise(lambda x, y: binary("rem", x, y), a, b)
    return elementwise(floor_remainder, a, b)


@operator("BitShift")
def bit_shift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    """x shifted by y bits; a shift by all bits or more, or by less than none, leaves the sign."""
    bits = x.dtype.bits

    def shifted(a: Expr, by: Expr) -> Expr:
        inside = by < bits if x.dtype.is_unsigned else (by >= 0) & (by < bits)
        if direction == "LEFT":
            return select(inside, binary("shl", a, by), 0)
        if x.dtype.is_unsigned:
            return select(inside, binary("shr", a, by), 0)
        return binary("shr", a, select(inside, by, bits - 1))

    return elementwise(shifted, x, y)


@operator("Clip")
def clip(x: Tensor, *, min: float = -np.inf, max: float = np.inf) -> Tensor:
    """x limited to min from below, then to max from above."""
    return elementwise(lambda e: minimum(maximum(e, min), max), x)


@operator("Clip", since=11)
def clip_to_inputs(x: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """x limited to min from below, then to max from above, either of which may be absent."""
    if min is not None:
        x = elementwise(maximum, x, min.reshape(()))
    return x if max is None else elementwise(minimum, x, max.reshape(()))


@operator("Reciprocal")
def reciprocal(x: Tensor) -> Tensor:
    """1 / x."""
    return elementwise(lambda e: 1 / e, x)
