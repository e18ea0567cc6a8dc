"""Generic loop nests: every primitive, for every rank, dtype and layout.

Right before fast. A kernel made for a special form must give what these loops give; the
tests compare the two. Loops run in the order in which memory lies, and float32 elements
that lie side by side are computed four at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import prod

import numpy as np

from edgesite.errors import InternalError
from edgesite.ir import (
    INDEX,
    Axis,
    DType,
    Expr,
    Map,
    Node,
    Reduce,
    Result,
    Scan,
    Scatter,
    Value,
    axes_of,
    const,
    simplify,
    substitute_axes,
)
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.direction import has_lanes, in_memory_order
from edgesite.targets.wasm.lanes import LANES, WIDE, Lanes, in_lanes, store_lanes
from edgesite.targets.wasm.maps import write_map
from edgesite.targets.wasm.nest import Nest, always_read, costs_a_call, shared_in
from edgesite.targets.wasm.scalars import Scalars, compute_type
from edgesite.targets.wasm.totals import LaneTotal, identity
from edgesite.wasm import F64, Local
from edgesite.wasm import Value as Wasm

UNROLLED_POINTS = 9
"""Windows of up to so many elements are written out: their addresses are constants."""


ABREAST = 4
"""Vectors that are summed side by side, as a sum waits for the one before."""


def emit(
    scalars: Scalars, node: Node, layouts: Mapping[Value, Layout], bases: Mapping[Value, Wasm]
) -> None:
    """Write the loops of one primitive into a function."""
    nest = Nest(scalars, layouts, bases)
    match node:
        case Map():
            write_map(nest, node.output, node.body)
        case Reduce():
            _reduce(nest, node)
        case Scan():
            _scan(nest, node)
        case Scatter():
            _scatter(nest, node)
        case _:
            raise InternalError(f"no loops for {type(node).__name__}")


# Reductions


def _reduce(nest: Nest, node: Reduce) -> None:
    extents = (*node.iteration, *node.extent)
    rank = len(node.iteration)
    position = node.position
    finish = node.finish if node.finish is not None else Result(_result_dtype(node))
    nest.watch_all(node.output, position, node.body, finish)
    nest.shared = shared_in(node.body) | shared_in(finish)
    axes = in_memory_order(nest, node.output, position, node.iteration)
    inner_axes = list(range(rank, len(extents)))
    lane = axes[-1] if axes else None
    if lane is not None and _reduces_in_lanes(nest, node, finish, lane, extents):
        with nest.loops(axes[:-1], extents) as outer:
            whole = extents[lane] // LANES * LANES
            wide = _abreast(node, extents[lane]) if prod(node.extent) > UNROLLED_POINTS else 0
            if wide:
                with _side_by_side(outer, lane, wide) as nests:
                    _vertical(nests, node, finish, lane, inner_axes, extents)
            if wide < whole:
                with outer.loop(lane, wide, whole, LANES) as four:
                    _vertical([four], node, finish, lane, inner_axes, extents)
            if whole < extents[lane]:
                with outer.loop(lane, whole, extents[lane]) as one:
                    _scalar_reduction(one, node, finish, inner_axes, extents)
        return
    across = (
        inner_axes[-1] if inner_axes and _reduces_across(nest, node, inner_axes, extents) else -1
    )
    with nest.loops(axes, extents) as point:
        if across >= 0:
            _horizontal(point, node, finish, inner_axes, extents)
        else:
            _scalar_reduction(point, node, finish, inner_axes, extents)


def _result_dtype(node: Reduce) -> DType:
    return DType.INT64 if node.combine.startswith("arg") else node.body.dtype


def _reduces_in_lanes(
    nest: Nest, node: Reduce, finish: Expr, lane: int, extents: Sequence[int]
) -> bool:
    return (
        not node.combine.startswith("arg")
        and node.body.dtype in WIDE
        and has_lanes(nest, node.output, node.position, finish, lane, extents)
        and Lanes(nest, lane).can(node.body)
    )


def _reduces_across(
    nest: Nest, node: Reduce, inner_axes: Sequence[int], extents: Sequence[int]
) -> bool:
    lane = inner_axes[-1]
    return (
        not node.combine.startswith("arg")
        and node.body.dtype is DType.FLOAT32
        and extents[lane] >= LANES
        and lane in node.body.axes
        and Lanes(nest, lane).can(node.body)
    )


def _abreast(node: Reduce, extent: int) -> int:
    """How much of an axis is run through in several vectors at a time."""
    return 0 if costs_a_call(node.body) else extent // (ABREAST * LANES) * (ABREAST * LANES)


@contextmanager
def _side_by_side(nest: Nest, lane: int, stop: int) -> Iterator[list[Nest]]:
    """Run over an axis; the nests inside are a vector apart."""
    with nest.loop(lane, 0, stop, ABREAST * LANES) as first:
        yield [first.ahead(lane, number * LANES) for number in range(ABREAST)]


def _vertical(
    nests: Sequence[Nest],
    node: Reduce,
    finish: Expr,
    lane: int,
    inner_axes: Sequence[int],
    extents: Sequence[int],
) -> None:
    """Four neighbouring results of each nest, one in each lane."""
    f = nests[0].scalars.f
    dtype = node.body.dtype
    totals = [LaneTotal(f, node.combine, dtype) for _ in nests]
    inner_extents = [extents[axis] for axis in inner_axes]

    def take(inside: Sequence[Nest]) -> None:
        for nest, total in zip(inside, totals, strict=True):
            total.take(Lanes(nest, lane).vector(node.body))

    if prod(inner_extents) <= UNROLLED_POINTS:
        for place in np.ndindex(*inner_extents):
            axes = dict(zip(inner_axes, map(int, place), strict=True))
            take([nest.bound(axes) for nest in nests])
    else:
        with ExitStack() as stack:
            inside = list(nests)
            for axis in inner_axes:
                position = stack.enter_context(f.loop(0, extents[axis]))
                inside = [nest.bound({axis: position}) for nest in inside]
            take(inside)
    for nest, total in zip(nests, totals, strict=True):
        nest.known[in_lanes(Result(dtype))] = total.result()
        result = f.let(Lanes(nest, lane).vector(finish))
        pointer, offset = nest.address(node.output, node.position)
        store_lanes(f, node.output.dtype, pointer, result, offset)


def _horizontal(
    nest: Nest, node: Reduce, finish: Expr, inner_axes: Sequence[int], extents: Sequence[int]
) -> None:
    """One result from lanes that run along the last reduction axis, and a tail of scalars."""
    f = nest.scalars.f
    lane = inner_axes[-1]
    tail = _accumulator(nest, node)
    wide, whole = _abreast(node, extents[lane]), extents[lane] // LANES * LANES
    totals = [LaneTotal(f, node.combine, node.body.dtype) for _ in range(ABREAST if wide else 1)]
    with nest.loops(inner_axes[:-1], extents) as outer:
        if wide:
            with _side_by_side(outer, lane, wide) as nests:
                for total, four in zip(totals, nests, strict=True):
                    total.take(Lanes(four, lane).vector(node.body))
        if wide < whole:
            with outer.loop(lane, wide, whole, LANES) as four:
                totals[0].take(Lanes(four, lane).vector(node.body))
        if whole < extents[lane]:
            with outer.loop(lane, whole, extents[lane]) as one:
                _accumulate(one, node, tail)
    for other in totals[1:]:
        totals[0].take(other.result())
    for element in totals[0].elements():
        f.assign(tail, _combined(nest, node, tail, _widened(element, tail)))
    _finish(nest, node, finish, tail)


def _scalar_reduction(
    nest: Nest, node: Reduce, finish: Expr, inner_axes: Sequence[int], extents: Sequence[int]
) -> None:
    if node.combine.startswith("arg"):
        _position_of_extremum(nest, node, finish, inner_axes, extents)
        return
    total = _accumulator(nest, node)
    with nest.loops(inner_axes, extents) as inner:
        _accumulate(inner, node, total)
    _finish(nest, node, finish, total)


def _accumulator(nest: Nest, node: Reduce | Scan) -> Local:
    """Where a reduction is summed up: float32 sums in double precision."""
    dtype = node.body.dtype
    wide = compute_type(dtype)
    if wide.is_float and node.combine in ("sum", "prod"):
        wide = F64
    start = identity(node.combine, dtype)
    return nest.scalars.f.local(wide, start if wide.is_float else int(start))


def _accumulate(nest: Nest, node: Reduce | Scan, total: Local) -> None:
    element = _widened(nest.scalar(node.body), total)
    nest.scalars.f.assign(total, _combined(nest, node, total, element))


def _widened(element: Wasm, total: Local) -> Wasm:
    return element.promote() if element.type is not total.type else element


def _combined(nest: Nest, node: Reduce | Scan, total: Wasm, element: Wasm) -> Wasm:
    dtype = DType.FLOAT64 if total.type is F64 else node.body.dtype
    return nest.scalars.binary(_OPERATION[node.combine], dtype, total, element)


def _finish(nest: Nest, node: Reduce, finish: Expr, total: Local) -> None:
    dtype = _result_dtype(node)
    narrow = total.demote() if total.type is not compute_type(dtype) else total
    nest.known[Result(dtype)] = nest.scalars.f.let(narrow)
    nest.put(node.output, node.position, nest.scalar(finish))


def _position_of_extremum(
    nest: Nest, node: Reduce, finish: Expr, inner_axes: Sequence[int], extents: Sequence[int]
) -> None:
    """The place of the largest or smallest element; a nan is both."""
    scalars, f = nest.scalars, nest.scalars.f
    if len(inner_axes) != 1:
        raise InternalError(f"{node.combine} over {len(inner_axes)} axes")
    dtype = node.body.dtype
    best = f.local(compute_type(dtype), scalars.constant(dtype, identity(node.combine, dtype)))
    place = f.local(compute_type(DType.INT64), 0)
    order = (
        ("ge" if node.last else "gt") if node.combine == "argmax" else ("le" if node.last else "lt")
    )
    with nest.loop(inner_axes[0], 0, extents[inner_axes[0]]) as inner:
        number = inner.scalars.f.let(inner.scalar(Axis(INDEX, inner_axes[0], extents[-1])))
        element = f.let(inner.scalar(node.body))
        better = scalars.binary(order, dtype, element, best) | number.eqz()
        if dtype.is_float:
            better = (better | (element != element)) & (best == best) | number.eqz()
        with f.if_(better):
            f.assign(best, element)
            f.assign(place, number.extend_s())
    nest.known[Result(DType.INT64)] = f.let(place)
    nest.put(node.output, node.position, nest.scalar(finish))


_OPERATION = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


# Scans and scatters


def _scan(nest: Nest, node: Scan) -> None:
    f = nest.scalars.f
    shape = node.output.shape
    extent = shape[node.axis] if shape else 1
    along: Expr = Axis(INDEX, node.axis, extent)
    if node.reverse:
        along = simplify((extent - 1) - along)
    turned = {node.axis: along}
    position = tuple(along if k == node.axis else axis for k, axis in enumerate(axes_of(shape)))
    turned_node = Scan(
        node.output, simplify(substitute_axes(node.body, turned)), "", node.axis, node.combine
    )
    nest.watch_all(node.output, position, turned_node.body)
    nest.shared = shared_in(turned_node.body)
    others = [axis for axis in range(len(shape)) if axis != node.axis]
    with nest.loops(others, shape) as line:
        total = _accumulator(nest, turned_node)
        with line.loop(node.axis, 0, extent) as inner:
            element = f.let(_widened(inner.scalar(turned_node.body), total))
            if node.exclusive:
                inner.put(node.output, position, _narrowed(total, node))
            f.assign(total, _combined(inner, turned_node, total, element))
            if not node.exclusive:
                inner.put(node.output, position, _narrowed(total, node))


def _narrowed(total: Local, node: Scan) -> Wasm:
    return total.demote() if total.type is not compute_type(node.body.dtype) else total


def _scatter(nest: Nest, node: Scatter) -> None:
    if node.base is None:
        raise InternalError("a scatter without a base")
    write_map(nest, node.output, node.base)
    f = nest.scalars.f
    update = Nest(nest.scalars, nest.layouts, nest.bases)
    update.watch(node.output, node.where, always=False)
    for expr in (node.body, *node.where):
        eager = always_read(expr)
        for load in expr.loads:
            update.watch(load.value, load.index, always=load in eager)
    update.shared = shared_in(node.body, *node.where) | frozenset(
        place for place in node.where if place.loads
    )
    with update.loops(range(len(node.extent)), node.extent) as point:
        inside: Expr = const(True, DType.BOOL)
        for place, extent in zip(node.where, node.output.shape, strict=True):
            inside = simplify(inside & (place >= 0) & (place < extent))
        with f.if_(point.scalar(inside)):
            _update(point.inside(), node)


def _update(nest: Nest, node: Scatter) -> None:
    f, scalars = nest.scalars.f, nest.scalars
    element = f.let(nest.scalar(node.body))
    pointer, offset = nest.address(node.output, node.where)
    pointer = f.let(pointer)
    if node.combine != "set":
        old = scalars.load(node.output.dtype, pointer, offset)
        operation = _OPERATION[node.combine]
        element = f.let(scalars.binary(operation, node.output.dtype, old, element))
    scalars.store(node.output.dtype, pointer, element, offset)


def points(node: Node) -> int:
    """How many times the innermost expression of a node is computed."""
    match node:
        case Reduce():
            return prod((*node.iteration, *node.extent))
        case Scatter():
            return node.output.size + prod(node.extent)
    return node.output.size
