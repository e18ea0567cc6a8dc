"""Operators that read between elements: at positions that are computed at run time.

The positions are a tensor of their own; a second step sums over the neighbours of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from edgesite.errors import ModelError
from edgesite.ir import INDEX, DType, Expr, Tensor, const, equal, maximum, minimum, select, unary
from edgesite.ops.conv import checked_kernel, with_bias
from edgesite.ops.precision import in_float32
from edgesite.ops.registry import operator
from edgesite.ops.window import windows

Weight = Callable[[Expr], Expr]

CUBIC_COEFFICIENT = -0.75


def linear_weight(distance: Expr) -> Expr:
    """What a neighbour weighs in linear interpolation."""
    return maximum(1 - unary("abs", distance), 0)


def cubic_weight(distance: Expr) -> Expr:
    """What a neighbour weighs in cubic convolution (R. Keys, 1981)."""
    a, d = CUBIC_COEFFICIENT, unary("abs", distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return select(d <= 1, near, select(d < 2, far, 0))


FILTERS: dict[str, tuple[int, Weight]] = {
    "linear": (1, linear_weight),
    "bilinear": (1, linear_weight),
    "cubic": (2, cubic_weight),
    "bicubic": (2, cubic_weight),
}
"""How far neighbours reach on either side, and what they weigh, by mode."""


def neighbour(at: Expr, tap: Expr, reach: int, weight: Weight) -> tuple[Expr, Expr]:
    """One of the 2 * reach neighbours of a position, and its weight."""
    place = unary("floor", at).cast(INDEX) + (tap + (1 - reach))
    return place, weight(place.cast(at.dtype) - at)


def product(factors: Sequence[Expr]) -> Expr:
    """All factors multiplied."""
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


@operator("GridSample", since=16)
@in_float32
def grid_sample(
    x: Tensor,
    grid: Tensor,
    *,
    align_corners: int = 0,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
) -> Tensor:
    """x at positions from -1 to 1 along each axis, the last axis first.

    Raises ModelError for an unknown mode or padding_mode.
    """
    if mode not in (*FILTERS, "nearest"):
        raise ModelError(f'mode "{mode}"; use nearest, {", ".join(FILTERS)}')
    if padding_mode not in PADDINGS:
        raise ModelError(f'padding_mode "{padding_mode}"; use one of {", ".join(PADDINGS)}')
    rank, pads, nearest = x.rank - 2, PADDINGS[padding_mode], mode == "nearest"
    if not nearest and not x.dtype.is_float:
        wide = x.cast(DType.FLOAT32)
        sampled = grid_sample(
            wide, grid, align_corners=align_corners, mode=mode, padding_mode=padding_mode
        )
        return sampled.cast(x.dtype)
    reach, weight = FILTERS.get(mode, (1, linear_weight))

    def position(axis: int) -> Tensor:
        extent = x.shape[2 + axis]

        def body(*at: Expr) -> Expr:
            place = grid.at(*at, rank - 1 - axis)
            moved = (place + 1) * ((extent - 1) / 2)
            if not align_corners:
                moved = ((place + 1) * extent - 1) / 2
            moved = unary("round", moved) if nearest else moved
            # Cubic extends the elements, not the position, as onnxruntime and torch do.
            return moved if reach == 2 else pads.confine(moved, extent, bool(align_corners))

        return grid.compute(grid.shape[:-1], body)

    positions = [position(axis) for axis in range(rank)]

    def read(n: Expr, c: Expr, places: Sequence[Expr]) -> Expr:
        inside = [
            pads.index(place, extent, bool(align_corners))
            for place, extent in zip(places, x.shape[2:], strict=True)
        ]
        return x.at_or(0, n, c, *inside)

    def picked(n: Expr, c: Expr, *at: Expr) -> Expr:
        return read(n, c, [p.at(n, *at).cast(INDEX) for p in positions])

    def weighed(n: Expr, c: Expr, *rest: Expr) -> Expr:
        at, taps = rest[:rank], rest[rank:]
        found = [
            neighbour(p.at(n, *at), tap, reach, weight)
            for p, tap in zip(positions, taps, strict=True)
        ]
        weights = [w.cast(x.dtype) for _, w in found]
        return product([read(n, c, [place for place, _ in found]), *weights])

    shape = [*x.shape[:2], *grid.shape[1:-1]]
    if nearest:
        return x.compute(shape, picked)
    return x.reduce(shape, [2 * reach] * rank, weighed)


@dataclass(frozen=True)
class Padding:
    """What lies outside of an axis when positions are computed."""

    confine: Callable[[Expr, int, bool], Expr]
    """The position to read instead of one outside of the borders, given as a float."""
    index: Callable[[Expr, int, bool], Expr]
    """The element to read instead of one that does not exist."""


def reflected(at: Expr, extent: int, align_corners: bool) -> Expr:
    """A position, mirrored at the borders as often as it takes to come between them."""
    low, span = (0.0, extent - 1) if align_corners else (-0.5, extent)
    if span == 0:
        return const(low, at.dtype)
    rounds = unary("floor", (at - low) / (2 * span))
    rest = at - low - rounds * (2 * span)
    return minimum(rest, 2 * span - rest) + low


def mirrored(place: Expr, extent: int, align_corners: bool) -> Expr:
    """An index, mirrored at the first and last elements or, unless aligned, at their far sides."""
    period = max(2 * (extent - 1), 1) if align_corners else 2 * extent
    rest = place % period
    return minimum(rest, period - (0 if align_corners else 1) - rest)


def clamped(at: Expr, extent: int, align_corners: bool) -> Expr:
    """The position, or the end of the axis that is nearest to it."""
    return minimum(maximum(at, 0), extent - 1)


PADDINGS = {
    "zeros": Padding(lambda at, _, __: at, lambda place, _, __: place),
    "border": Padding(clamped, clamped),
    "reflection": Padding(reflected, mirrored),
}


@operator("DeformConv", since=19)
@in_float32
def deform_conv(
    x: Tensor,
    w: Tensor,
    offset: Tensor,
    b: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    offset_group: int = 1,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Conv whose taps are moved by offsets and scaled by a mask, position by position."""
    kernel = checked_kernel(w, kernel_shape)
    sliding = windows(x.shape[2:], kernel, strides=strides, dilations=dilations, pads=pads)
    counts = [window.count for window in sliding]
    rank, batch, channels = len(kernel), x.shape[0], x.shape[1]
    moves = offset_group * prod(kernel)
    for name, moved, each in (("offset", offset, moves * rank), ("mask", mask, moves)):
        if moved is not None and moved.shape != (batch, each, *counts):
            raise ModelError(
                f"{name} has the shape {list(moved.shape)}, and {[batch, each, *counts]} is needed"
            )
    offsets = offset.reshape([batch, offset_group, *kernel, rank, *counts])
    scales = None if mask is None else mask.reshape([batch, offset_group, *kernel, *counts])

    def position(axis: int) -> Tensor:
        def body(n: Expr, g: Expr, *rest: Expr) -> Expr:
            taps, at = rest[:rank], rest[rank:]
            regular = sliding[axis].at(at[axis], taps[axis]).cast(x.dtype)
            return regular + offsets.at(n, g, *taps, axis, *at)

        return x.compute([batch, offset_group, *kernel, *counts], body)

    positions = [position(axis) for axis in range(rank)]

    def sampled(n: Expr, c: Expr, *rest: Expr) -> Expr:
        at, corners = (n, c // (channels // offset_group), *rest[: 2 * rank]), rest[2 * rank :]
        found = [
            neighbour(p.at(*at), corner, 1, linear_weight)
            for p, corner in zip(positions, corners, strict=True)
        ]
        return product([x.at_or(0, n, c, *(place for place, _ in found)), *(v for _, v in found)])

    columns = x.reduce([batch, channels, *kernel, *counts], [2] * rank, sampled)
    if scales is not None:
        columns = scaled(columns, scales)
    return with_bias(multiplied(columns, w, group), b)


def scaled(columns: Tensor, scales: Tensor) -> Tensor:
    """Every group of channels times its scales."""
    per_group = columns.shape[1] // scales.shape[1]
    return columns.compute(
        columns.shape, lambda n, c, *at: columns.at(n, c, *at) * scales.at(n, c // per_group, *at)
    )


def multiplied(columns: Tensor, w: Tensor, group: int) -> Tensor:
    """The sum over channels and taps of columns [N, C, *kernel, *counts] times the filters."""
    kernel, counts = w.shape[2:], columns.shape[w.rank :]
    channels, filters, places = w.shape[1], w.shape[0] // group, len(counts)

    def body(n: Expr, g: Expr, o: Expr, *rest: Expr) -> Expr:
        at, c, taps = rest[:places], rest[places], rest[places + 1 :]
        return columns.at(n, g * channels + c, *taps, *at) * w.at(g * filters + o, c, *taps)

    shape = [columns.shape[0], group, filters, *counts]
    y = columns.reduce(shape, [channels, *kernel], body)
    return y.reshape([columns.shape[0], group * filters, *counts])


@operator("Col2Im", since=18)
def column_to_image(
    x: Tensor,
    image_shape: Tensor,
    block_shape: Tensor,
    *,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The blocks in the columns of x added up where they lie in the image."""
    image = image_shape.known("the image_shape of Col2Im").tolist()
    block = block_shape.known("the block_shape of Col2Im").tolist()
    sliding = windows(image, block, strides=strides, dilations=dilations, pads=pads)
    rank, channels = len(image), x.shape[1] // prod(block)
    blocks = x.reshape([x.shape[0], channels, *block, *(window.count for window in sliding)])

    def body(n: Expr, c: Expr, *rest: Expr) -> Expr:
        at, taps = rest[:rank], rest[rank:]
        steps = [
            p + s.before - tap * s.dilation for p, tap, s in zip(at, taps, sliding, strict=True)
        ]
        places = [step // s.stride for step, s in zip(steps, sliding, strict=True)]
        element = blocks.at_or(0, n, c, *taps, *places)
        for step, window in zip(steps, sliding, strict=True):
            element = select(equal(step % window.stride, 0), element, const(0, x.dtype))
        return element

    return x.reduce([x.shape[0], channels, *image], block, body)
