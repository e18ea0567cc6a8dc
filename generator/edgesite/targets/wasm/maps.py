"""Loops of maps: every element by itself, in the order in which memory lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgesite.ir import Expr, Load, Value, axes_of, simplify, substitute_axes
from edgesite.targets.wasm.boxes import boxes
from edgesite.targets.wasm.digits import digits_in
from edgesite.targets.wasm.direction import (
    TRIPLE,
    has_short_rows,
    in_memory_order,
    lane_axis,
    turned_reads,
)
from edgesite.targets.wasm.lanes import LANES, Lanes, in_lanes, load_lanes, store_lanes, turned
from edgesite.targets.wasm.nest import Nest, costs_a_call, shared_in
from edgesite.wasm import Function
from edgesite.wasm import Value as Wasm


@dataclass(frozen=True)
class _Box:
    """A part of a map in which conditions on single axes are decided."""

    position: tuple[Expr, ...]
    body: Expr
    extents: tuple[int, ...]


def write_map(nest: Nest, output: Value, body: Expr) -> None:
    """Write the loops of a map into a function."""
    axes = in_memory_order(nest, output, axes_of(output.shape), output.shape)
    inner = axes[-1] if axes else -1
    rows: dict[tuple[int, ...], list[_Box]] = {}
    for starts, extents in boxes(body, output.shape):
        shifted = [axis + start for axis, start in zip(axes_of(extents), starts, strict=True)]
        there = simplify(substitute_axes(body, dict(enumerate(shifted))))
        around = tuple(start for axis, start in enumerate(starts) if axis != inner)
        box = _Box(tuple(map(simplify, shifted)), there, extents)
        rows.setdefault(around, []).append(box)
    for row in rows.values():
        if len(row) == 1 or not _side_by_side(nest, output, row, inner):
            for box in row:
                _box(nest, output, box)


def _in_digits(row: Sequence[_Box], whole: int = -1) -> list[_Box]:
    """Boxes with loops over digits; they may differ in the extent of the axis that stays whole."""
    bodies = [box.body for box in row]
    digits = [digits_in(bodies, box.extents, whole) for box in row]
    return [
        _Box(tuple(map(each.rewritten, box.position)), each.rewritten(box.body), each.flat)
        for each, box in zip(digits, row, strict=True)
    ]


def _side_by_side(nest: Nest, output: Value, row: Sequence[_Box], inner: int) -> bool:
    """Write boxes that follow one another along the innermost axis, where lanes run along it too.

    Point after point of the axes around, so that memory is written from one end to the other.
    """
    inner = digits_in([box.body for box in row], row[0].extents, inner).first(inner)
    row = _in_digits(row, inner)
    first = row[0]
    around = in_memory_order(nest, output, first.position, first.extents)
    around.remove(inner)
    axes = [*around, inner]
    lanes = [lane_axis(nest, output, box.position, box.body, axes, box.extents) for box in row]
    if any(lane not in (None, inner) for lane in lanes):
        return False
    for box in row:
        nest.watch_all(output, box.position, box.body)
    nest.shared = shared_in(*(box.body for box in row))
    with nest.loops(around, first.extents) as point:
        for box, lane in zip(row, lanes, strict=True):
            _line(point.inside(), output, box, inner, lane is not None)
    return True


def _box(nest: Nest, output: Value, box: _Box) -> None:
    axes = in_memory_order(nest, output, box.position, box.extents)
    short = has_short_rows(nest, output, box.position, box.body, axes, box.extents)
    if not short:
        (box,) = _in_digits([box])
    nest.watch_all(output, box.position, box.body)
    nest.shared = shared_in(box.body)
    if short:
        _short_rows(nest, output, box, axes)
        return
    axes = in_memory_order(nest, output, box.position, box.extents)
    lane = lane_axis(nest, output, box.position, box.body, axes, box.extents)
    if lane is None:
        across = turned_reads(nest, output, box.position, box.body, axes, box.extents)
        if across is not None:
            _turned(nest, output, box, axes, *across)
            return
    along = axes[-1] if axes and lane is None else lane
    with nest.loops([axis for axis in axes if axis != along], box.extents) as point:
        if along is None:
            point.put(output, box.position, point.scalar(box.body))
        else:
            _line(point, output, box, along, lane is not None)


def _line(nest: Nest, output: Value, box: _Box, axis: int, in_lanes: bool) -> None:
    """Elements along an axis, four at a time or one by one."""
    extent = box.extents[axis]
    whole = extent // LANES * LANES if in_lanes else 0
    if whole:
        with nest.loop(axis, 0, whole, LANES) as four:
            _put_lanes(four, output, box, axis)
    if whole == extent:
        return
    if whole and costs_a_call(box.body) and all(load.value != output for load in box.body.loads):
        # Some elements are computed again, which takes less than one by itself.
        _put_lanes(nest.bound({axis: extent - LANES}), output, box, axis)
    elif extent < LANES:
        for number in range(extent):
            one = nest.bound({axis: number})
            one.put(output, box.position, one.scalar(box.body))
    else:
        with nest.loop(axis, whole, extent) as one:
            one.put(output, box.position, one.scalar(box.body))


def _put_lanes(
    nest: Nest, output: Value, box: _Box, lane: int, given: frozenset[Load] = frozenset()
) -> None:
    vector = Lanes(nest, lane, given).vector(box.body)
    pointer, offset = nest.address(output, box.position)
    step = nest.stride(output, box.position, lane) or 1
    store_lanes(nest.scalars.f, output.dtype, pointer, vector, offset, step)


def _turned(
    nest: Nest, output: Value, box: _Box, axes: Sequence[int], across: int, reads: frozenset[Load]
) -> None:
    """Squares of four by four elements, whose reads are vectors along the axis across."""
    lane = axes[-1]
    height, width = box.extents[across], box.extents[lane]
    rows, columns = height // LANES * LANES, width // LANES * LANES
    with nest.loops([axis for axis in axes if axis not in (across, lane)], box.extents) as around:
        with (
            around.loop(across, 0, rows, LANES) as row,
            row.loop(lane, 0, columns, LANES) as corner,
        ):
            _square(corner, output, box, across, lane, reads)
        for top, left, bottom in ((0, columns, rows), (rows, 0, height)):
            if top < bottom and left < width:
                with around.loop(across, top, bottom) as row, row.loop(lane, left, width) as one:
                    one.put(output, box.position, one.scalar(box.body))


def _square(
    corner: Nest, output: Value, box: _Box, across: int, lane: int, reads: frozenset[Load]
) -> None:
    f = corner.scalars.f
    results = [corner.ahead(across, number) for number in range(LANES)]
    sources = [corner.ahead(lane, number) for number in range(LANES)]
    for load in sorted(reads, key=lambda load: load.value.name):
        addresses = [source.address(load.value, load.index) for source in sources]
        read = [f.let(load_lanes(f, load.dtype, *address)) for address in addresses]
        for result, vector in zip(results, turned(f, read), strict=True):
            result.known[in_lanes(load)] = vector
    for result in results:
        _put_lanes(result, output, box, lane, reads)


def _short_rows(nest: Nest, output: Value, box: _Box, axes: Sequence[int]) -> None:
    """Four rows at a time: their first elements, their second ones, then mixed in registers."""
    *around, lane, inner = axes
    extent, width = box.extents[lane], box.extents[inner]
    together, apart, mix = (
        (TRIPLE, LANES, _mixed_triples) if width == TRIPLE else (LANES, width, turned)
    )
    with nest.loops(around, box.extents) as line:
        whole = extent // LANES * LANES
        with line.loop(lane, 0, whole, LANES) as four:
            f = four.scalars.f
            pointer, offset = four.bound({inner: 0}).address(output, box.position)
            for start in range(0, width, together):
                nests = [four.bound({inner: start + number}) for number in range(together)]
                columns = [f.let(Lanes(each, lane).vector(box.body)) for each in nests]
                for number, vector in enumerate(mix(f, columns)):
                    place = start + number * apart
                    f.store(pointer, vector, offset + place * output.dtype.size_bytes)
        if whole < extent:
            with (
                line.loop(lane, whole, extent) as pixel,
                pixel.loops([inner], box.extents) as one,
            ):
                one.put(output, box.position, one.scalar(box.body))


def _mixed_triples(f: Function, columns: Sequence[Wasm]) -> list[Wasm]:
    """Four triples in three vectors, of their first, second and third elements."""
    a, b, c = columns
    mixed = [
        a.shuffle(b, [0, 4, 1, 5]).shuffle(c, [0, 1, 4, 2]),
        b.shuffle(c, [1, 5, 2, 6]).shuffle(a, [0, 1, 6, 2]),
        c.shuffle(a, [2, 7, 3, 3]).shuffle(b, [0, 1, 7, 2]),
    ]
    return [f.let(vector) for vector in mixed]
