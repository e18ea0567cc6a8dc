"""Pools: what a sliding window, or a whole channel, comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from math import prod

import numpy as np

from edgesite.ir import (
    INDEX,
    Array,
    DType,
    Expr,
    Tensor,
    all_of,
    binary,
    const,
    elementwise,
    equal,
    flatten,
    index,
    select,
    unary,
    unflatten,
)
from edgesite.ops.precision import in_float32
from edgesite.ops.reduce import largest, mean, reduce_axes
from edgesite.ops.registry import operator
from edgesite.ops.window import Window, per_axis, resting, windows


def slide(
    x: Tensor,
    sliding: Sequence[Window],
    combine: str,
    fill: float,
    element: Callable[[Expr], Expr] = lambda e: e,
) -> Tensor:
    """The elements under a window combined at each of its positions; padding counts as `fill`."""
    rank = len(sliding)

    def body(n: Expr, c: Expr, *rest: Expr) -> Expr:
        return element(x.at_or(fill, n, c, *under(sliding, rest[:rank], rest[rank:])))

    shape = [*x.shape[:2], *(window.count for window in sliding)]
    return x.reduce(shape, [window.taps for window in sliding], body, combine)


def under(sliding: Sequence[Window], at: Sequence[Expr], taps: Sequence[Expr]) -> list[Expr]:
    """Where the taps of windows lie."""
    return [window.at(p, tap) for window, p, tap in zip(sliding, at, taps, strict=True)]


def lowest(dtype: DType) -> float:
    """The number that every other of a dtype is at least."""
    return -np.inf if dtype.is_float else int(np.iinfo(dtype.value).min)


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
    outputs: int = 1,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element under the window, and on demand where in x it is."""
    sliding = windows(
        x.shape[2:],
        kernel_shape,
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
    )
    y = largest_under(x, sliding)
    return y if outputs < 2 else (y, places(x, y, sliding, columns_first=bool(storage_order)))


def largest_under(x: Tensor, sliding: Sequence[Window]) -> Tensor:
    """The largest element under a window; under a wide one, axis by axis, which gives the same."""
    steps = [*one_by_one(sliding)]
    together = prod(window.count * window.taps for window in sliding)
    apart = sum(prod(window.count * window.taps for window in step) for step in steps)
    # Half: what is between is written and read again.
    for step in steps if apart <= together / 2 else [sliding]:
        x = slide(x, step, "max", lowest(x.dtype))
    return x


def one_by_one(sliding: Sequence[Window]) -> Iterator[list[Window]]:
    """Windows that slide along one axis each, and together come to the same."""
    for axis, window in enumerate(sliding):
        before = [resting(done.count) for done in sliding[:axis]]
        yield [*before, window, *(resting(later.extent) for later in sliding[axis + 1 :])]


def places(x: Tensor, y: Tensor, sliding: Sequence[Window], *, columns_first: bool) -> Tensor:
    """The index in the flattened x of the first element under each window that equals y."""
    rank = len(sliding)
    nowhere = index(x.size)

    def body(n: Expr, c: Expr, *rest: Expr) -> Expr:
        at = under(sliding, rest[:rank], rest[rank:])
        tests = [t for p, s in zip(at, sliding, strict=True) for t in (p >= 0, p < s.extent)]
        inside = all_of(tests) or const(True, DType.BOOL)
        hit = equal(x.at(n, c, *at), y.at(n, c, *rest[:rank]))
        return select(inside, select(hit, flatten([n, c, *at], x.shape), nowhere), nowhere)

    def transposed(flat: Expr) -> Expr:
        n, c, *at = unflatten(flat, x.shape)
        return flatten([n, c, *reversed(at)], [*x.shape[:2], *reversed(x.shape[2:])])

    first = x.reduce(y.shape, [window.taps for window in sliding], body, "min")
    if columns_first:
        first = elementwise(transposed, first)
    return first.cast(DType.INT64)


@operator("AveragePool")
@in_float32
def average_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The mean of the elements under the window, padding left out or included."""
    sliding = windows(
        x.shape[2:],
        kernel_shape,
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
    )
    total = slide(x, sliding, "sum", 0)
    counts = [taps_inside(window, padded=bool(count_include_pad)) for window in sliding]
    if all((count == count[:1]).all() for count in counts):
        return total * (1 / prod(int(count[0]) for count in counts)) if total.size else total
    tables = [x.like(count.astype(x.dtype.numpy)) for count in counts]

    def body(n: Expr, c: Expr, *at: Expr) -> Expr:
        factors = [table.at(p) for table, p in zip(tables, at, strict=True)]
        return total.at(n, c, *at) / reduce(lambda a, b: a * b, factors)

    return total.compute(total.shape, body)


def taps_inside(window: Window, *, padded: bool) -> Array:
    """How many taps lie inside of the axis, or of the axis and its padding, at each position."""
    start = np.arange(window.count)[:, None] * window.stride - window.before
    at = start + np.arange(window.taps) * window.dilation
    low, high = (-window.before, window.extent + window.after) if padded else (0, window.extent)
    return np.asarray(((at >= low) & (at < high)).sum(axis=1))


@operator("LpPool")
@in_float32
def lp_pool(
    x: Tensor,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    kernel_shape: Sequence[int],
    p: float = 2,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The p-norm of the elements under the window."""
    sliding = windows(
        x.shape[2:],
        kernel_shape,
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
    )
    powers = slide(x, sliding, "sum", 0, lambda e: power(unary("abs", e), p))
    return elementwise(lambda e: power(e, 1 / p), powers)


def power(x: Expr, exponent: float) -> Expr:
    """x, which is not negative, to a power; the common ones without pow."""
    if exponent == 1:
        return x
    if exponent == 2:
        return x * x
    return unary("sqrt", x) if exponent == 0.5 else binary("pow", x, exponent)


@operator("GlobalAveragePool")
@in_float32
def global_average_pool(x: Tensor) -> Tensor:
    """The mean over every spatial axis, kept as size 1."""
    return mean(x, range(2, x.rank), True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    """The maximum over every spatial axis, kept as size 1."""
    return largest(x, range(2, x.rank), True)


@operator("GlobalLpPool")
@in_float32
def global_lp_pool(x: Tensor, *, p: float = 2) -> Tensor:
    """The p-norm over every spatial axis, kept as size 1."""
    powers = reduce_axes(x, range(2, x.rank), True, body=lambda e: power(unary("abs", e), p))
    return elementwise(lambda e: power(e, 1 / p), powers)


@operator("MaxUnpool")
def max_unpool(
    x: Tensor,
    indices: Tensor,
    output_shape: Tensor | None = None,
    *,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The elements of x back where MaxPool found them, zeros elsewhere.

    The indices count in the shape that follows from the attributes, even when
    `output_shape` asks for a larger one.
    """
    rank = x.rank - 2
    steps = per_axis("strides", strides, 1, rank)
    padding = per_axis("pads", pads, 0, 2 * rank)
    pooled = [
        (extent - 1) * step + taps - padding[k] - padding[rank + k]
        for k, (extent, step, taps) in enumerate(zip(x.shape[2:], steps, kernel_shape, strict=True))
    ]
    own = [*x.shape[:2], *pooled]
    shape = (
        own if output_shape is None else output_shape.known("output_shape of MaxUnpool").tolist()
    )
    empty = x.compute(shape, lambda *_: const(0, x.dtype))
    return empty.scatter(
        x.shape, lambda *at: unflatten(indices.at(*at).cast(INDEX), own), lambda *at: x.at(*at)
    )
