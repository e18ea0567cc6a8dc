"""Order: sorting by a network, and the largest of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgesite.ir import INDEX, DType, Expr, Round, Tensor, binary, equal, minimum, select, unary
from edgesite.ops.axes import resolve_axis
from edgesite.ops.registry import operator

Before = Callable[[Sequence[Expr], Expr, Expr], Expr]
"""Whether, of a line, the element at one place comes before that at another."""


def sorted_places(shape: Sequence[int], like: Tensor, before: Before) -> Tensor:
    """The places of the last axis of `shape` in order: [..., count], INDEX.

    A bitonic network (Batcher, "Sorting Networks and their Applications", 1968): the places of
    a power of two are compared in pairs, in rounds that are the same for any data. Elements
    of which neither comes before the other keep their order.
    """
    *outer, count = shape
    width = 1 << max(count - 1, 0).bit_length()
    sizes = [2 << k for k in range(width.bit_length() - 1)]
    pairs = [(size, size >> (k + 1)) for size in sizes for k in range(size.bit_length() - 1)]
    rounds = np.array(pairs, np.int32).reshape(-1, 2)
    start = like.builder.compute([*outer, width], lambda *at: at[-1])
    if not len(pairs):
        return start

    def first(line: Sequence[Expr], a: Expr, b: Expr) -> Expr:
        """Whether place a comes before place b; places behind the end come last."""
        ahead, behind = before(line, a, b), before(line, b, a)
        inside = select(ahead, True, ~behind & (a < b))
        return select(a < count, select(b < count, inside, True), False)

    def step(_: Tensor, order: Tensor, size_and_stride: Tensor) -> Round:
        def body(*at: Expr) -> Expr:
            *line, place = at
            size, stride = size_and_stride.at(0), size_and_stride.at(1)
            partner = binary("xor", place, stride)
            own, other = order.at(*line, place), order.at(*line, partner)
            is_low = place < partner
            rising = equal(binary("and", place, size), 0)
            low, high = select(is_low, own, other), select(is_low, other, own)
            in_order = equal(first(line, low, high).cast(INDEX), rising.cast(INDEX))
            return select(in_order, own, other)

        return Round([order.compute(order.shape, body)])

    (order,) = like.builder.repeat(len(pairs), step, [start], [like.like(rounds)])
    return order.compute(shape, order.at)


def greater(a: Expr, b: Expr) -> Expr:
    """Whether a is above b; a nan is above all numbers."""
    if not a.dtype.is_float:
        return a > b
    return (a > b) | (unary("isnan", a) & ~unary("isnan", b))


def order_of(x: Tensor, *, falling: bool) -> Tensor:
    """The places of the last axis by their elements, equal ones as they come."""
    keys = x.cast(DType.INT32) if x.dtype is DType.BOOL else x

    def before(line: Sequence[Expr], a: Expr, b: Expr) -> Expr:
        # Places behind the end are compared with nothing, but read somewhere.
        one, other = (keys.at(*line, minimum(p, x.shape[-1] - 1)) for p in (a, b))
        return greater(one, other) if falling else greater(other, one)

    return sorted_places(x.shape, x, before)


@operator("TopK", since=10)
def top_k(
    x: Tensor, k: Tensor, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Tensor, Tensor]:
    """The k largest or smallest elements along an axis and where they are, in order."""
    return largest_of(x, int(k.known("the k of TopK").item()), axis, falling=bool(largest))


@operator("TopK")
def top_k_attribute(x: Tensor, *, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The k largest elements along an axis and where they are, in order."""
    return largest_of(x, k, axis, falling=True)


def largest_of(x: Tensor, k: int, axis: int, *, falling: bool) -> tuple[Tensor, Tensor]:
    """The first k elements along an axis in falling or rising order, and their places."""
    along = resolve_axis(axis, x.rank)
    forth = [*(a for a in range(x.rank) if a != along), along]
    back = [forth.index(a) for a in range(x.rank)]
    line = x.transpose(forth)
    order = order_of(line, falling=falling)
    shape = [*line.shape[:-1], min(k, x.shape[along])]
    places = order.compute(shape, order.at)
    values = line.compute(shape, lambda *at: line.at(*at[:-1], places.at(*at)))
    return values.transpose(back), places.cast(DType.INT64).transpose(back)
