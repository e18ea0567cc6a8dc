"""Which way loops go: the order of their axes, and the one that vectors run along."""

from __future__ import annotations

from collections.abc import Sequence

from edgesite.ir import DType, Expr, Load, Value
from edgesite.targets.wasm.lanes import LANES, STORED, WIDE, Lanes
from edgesite.targets.wasm.nest import Nest, always_read

TRIPLE = 3
"""Colours of a pixel: fewer than a vector holds."""

WIDEST_ROW = 16
"""Each of its elements is code of its own."""


def in_memory_order(
    nest: Nest, output: Value, position: tuple[Expr, ...], extents: Sequence[int]
) -> list[int]:
    """The axes from the one that takes the largest steps through the output to the smallest.

    Axes of one point come first, where they are in nobody's way.
    """
    strides = {axis: nest.stride(output, position, axis) or 0 for axis in range(len(extents))}
    return sorted(range(len(extents)), key=lambda axis: (extents[axis] > 1, -strides[axis], axis))


def lane_axis(
    nest: Nest,
    output: Value,
    position: tuple[Expr, ...],
    body: Expr,
    axes: Sequence[int],
    extents: Sequence[int],
) -> int | None:
    """The axis along which a Map is computed four at a time.

    It is the innermost; where that is shorter than a vector, as the channels of a picture
    are, one along which results lie apart and are written one by one.
    """
    if not axes:
        return None
    if has_lanes(nest, output, position, body, axes[-1], extents):
        return axes[-1]
    if extents[axes[-1]] >= LANES or isinstance(body, Load) or output.dtype not in STORED:
        return None
    for axis in reversed(axes[:-1]):
        step = nest.stride(output, position, axis) or 0
        if step > 0 and extents[axis] >= LANES and Lanes(nest, axis).can(body):
            return axis
    return None


def has_lanes(
    nest: Nest,
    output: Value,
    position: tuple[Expr, ...],
    body: Expr,
    axis: int,
    extents: Sequence[int],
) -> bool:
    """Whether neighbours along an axis lie side by side and can be computed together."""
    return (
        extents[axis] >= LANES
        and output.dtype in STORED
        and nest.stride(output, position, axis) == 1
        and Lanes(nest, axis).can(body)
    )


def turned_reads(
    nest: Nest,
    output: Value,
    position: tuple[Expr, ...],
    body: Expr,
    axes: Sequence[int],
    extents: Sequence[int],
) -> tuple[int, frozenset[Load]] | None:
    """An axis along which those reads lie side by side that keep the innermost from having lanes.

    As in a transpose, where four vectors along one axis are four along the other.
    """
    if len(axes) < 2 or extents[axes[-1]] < LANES or output.dtype not in STORED:
        return None
    *others, lane = axes
    along = {load: nest.stride(load.value, load.index, lane) for load in body.loads}
    reads = frozenset(load for load, step in along.items() if step not in (0, 1))
    if (
        nest.stride(output, position, lane) != 1
        or None in along.values()
        or not reads <= always_read(body)
        or any(load.dtype not in WIDE or load.value == output for load in reads)
        or not Lanes(nest, lane, reads).can(body)
    ):
        return None
    for axis in reversed(others):
        steps = {load: nest.stride(load.value, load.index, axis) for load in body.loads}
        even = None not in (*steps.values(), nest.stride(output, position, axis))
        if extents[axis] >= LANES and even and all(steps[load] == 1 for load in reads):
            return axis, reads
    return None


def has_short_rows(
    nest: Nest,
    output: Value,
    position: tuple[Expr, ...],
    body: Expr,
    axes: Sequence[int],
    extents: Sequence[int],
) -> bool:
    """Whether results are float32 in short rows, as the colours of pixels are, and four can be had.

    Rows of a few vectors are worth it where they cannot be computed along themselves.
    """
    if len(axes) < 2 or output.dtype is not DType.FLOAT32:
        return False
    lane, inner = axes[-2:]
    width = extents[inner]
    if width != TRIPLE and (width % LANES or width > WIDEST_ROW):
        return False
    if has_lanes(nest, output, position, body, inner, extents):
        return False
    steps = [nest.stride(output, position, axis) for axis in (lane, inner)]
    return extents[lane] >= LANES and steps == [width, 1] and Lanes(nest, lane).can(body)
