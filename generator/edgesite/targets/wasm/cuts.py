"""Cuts the work of a kernel into parts that several threads do at the same time.

A part is the same kernel on a shorter loop, with pointers that begin further on: kernels know
nothing of threads. Loops that are cut run over results, never over what is summed up, and never
so that an element moves between a vector and the scalars behind the last one; so every number
comes about by the same operations in the same order, however many parts there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

from edgesite.ir import (
    Axis,
    Expr,
    Load,
    Map,
    Reduce,
    Unary,
    Value,
    axes_of,
    linear,
    rename_values,
    transform,
    walk,
)
from edgesite.targets.wasm.contract import ContractKernel
from edgesite.targets.wasm.depthwise import DepthwiseKernel
from edgesite.targets.wasm.depthwise8 import Depthwise8Kernel
from edgesite.targets.wasm.int8 import PANEL, Int8Kernel
from edgesite.targets.wasm.kernels import Kernel, LoopKernel, Step
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.loops import points
from edgesite.targets.wasm.scalars import FUNCTIONS
from edgesite.targets.wasm.tiles import BYTES, Loop
from edgesite.targets.wasm.winograd_kernels import FilterKernel, InputKernel, OutputKernel

FEWEST_OPERATIONS = 500_000
"""Less is done sooner than others have heard of it (KERNELS.md, 7)."""

PART_OPERATIONS = 150_000
"""A few microseconds: what fetching a part takes does not count beside it."""

MOST_PARTS = 32
"""Of a step; enough that the last ones to finish leave nobody idle for long."""

FEWEST_ROWS = 12
"""Rows of a part of a contraction; fewer leave tiles that are not full (KERNELS.md, 1)."""

FUNCTION_OPERATIONS = 12
"""What exponentials and their like cost beside an addition."""

TRANSFORM_OPERATIONS = 8
"""Those of an element in Winograd's transforms, about."""


@dataclass(frozen=True)
class Cut:
    """A loop that can be cut at every multiple of `unit`."""

    extent: int
    unit: int
    steps: tuple[int, ...]
    """What a unit moves each of a step's pointers by, in bytes: its reads, then its writes."""
    kernel: Callable[[int], Kernel]
    """The kernel of a shorter loop."""

    @property
    def units(self) -> int:
        """Parts there can be at the most."""
        return -(-self.extent // self.unit)


def operations(step: Step) -> float:
    """The arithmetic of a call, about."""
    match step.kernel:
        case ContractKernel() as k:
            loops = (*k.outer, k.columns, *k.rows, *k.inner)
            return 2 * prod(loop.extent for loop in loops)
        case DepthwiseKernel() as k:
            return 2 * prod(loop.extent for loop in (*k.outer, k.lanes, *k.rows, *k.taps))
        case Int8Kernel() as k:
            loops = (*k.outer, k.columns, *k.rows, *k.around)
            return k.depth * prod(loop.extent for loop in loops)
        case Depthwise8Kernel() as k:
            taps = len(k.lines) * k.taps.extent
            return taps * prod(loop.extent for loop in (*k.outer, k.lanes, *k.rows))
        case FilterKernel() as k:
            return TRANSFORM_OPERATIONS * k.arithmetic.span**2 * k.channels * k.panels * PANEL
        case InputKernel() as k:
            return TRANSFORM_OPERATIONS * k.arithmetic.span**2 * k.rows * k.columns * k.channels
        case OutputKernel() as k:
            return 3 * TRANSFORM_OPERATIONS * k.height * k.width * k.column.extent
        case LoopKernel(node=node):
            return points(node) * sum(map(_weight, node.expressions))
    return 0


def _weight(expr: Expr) -> float:
    """The operations of an expression; what indices take is done ahead of the loops."""
    functions = sum(isinstance(e, Unary) and e.op in FUNCTIONS for e in walk(expr))
    return 1 + len(expr.loads) + FUNCTION_OPERATIONS * functions


def parts(step: Step) -> list[Step]:
    """A call as several that may run at the same time; itself alone where that does not pay."""
    work = operations(step)
    if work < FEWEST_OPERATIONS:
        return [step]
    wanted = int(min(MOST_PARTS, max(2, work // PART_OPERATIONS)))
    ways = [cut for cut in cuts(step.kernel) if cut.units > 1]
    if not ways:
        return [step]
    cut = max(ways, key=lambda way: min(way.units, wanted))
    offsets = step.offsets or (0,) * len(cut.steps)
    made = []
    for first, count in _even(cut.units, min(cut.units, wanted)):
        extent = min(count * cut.unit, cut.extent - first * cut.unit)
        moved = (a + first * b for a, b in zip(offsets, cut.steps, strict=True))
        made.append(replace(step, kernel=cut.kernel(extent), offsets=tuple(moved)))
    return made


def _even(units: int, count: int) -> Iterator[tuple[int, int]]:
    """Runs of units, (first, how many), about `count` of them: of one size where possible."""
    near = range(max(2, count * 3 // 4), count * 4 // 3 + 1)
    exact = [number for number in near if units % number == 0]
    count = min(exact, key=lambda number: abs(number - count), default=count)
    size, larger = divmod(units, count)
    first = 0
    for number in range(count):
        yield first, size + (number < larger)
        first += size + (number < larger)


def cuts(kernel: Kernel) -> list[Cut]:
    """The ways to cut a kernel, the best of equals first."""
    match kernel:
        case ContractKernel():
            return _contraction(kernel, kernel.panel, _depth_bytes(kernel), scratch=0)
        case Int8Kernel():
            return _contraction(kernel, PANEL, kernel.panel_bytes, int(kernel.sets_aside))
        case DepthwiseKernel() | Depthwise8Kernel():
            return _rows(kernel, _pointers(0))
        case FilterKernel() | InputKernel() | OutputKernel():
            return [_transform(kernel)]
        case LoopKernel():
            return _loops(kernel)
    return []


def _pointers(right: int, scratch: int = 0) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """From the steps of a loop, (left, result, reads), to those of a step's pointers."""
    return lambda steps: (steps[0], right, *steps[2:], steps[1], *(0,) * scratch)


def _shorter(loops: tuple[Loop, ...], extent: int) -> tuple[Loop, ...]:
    return (replace(loops[0], extent=extent), *loops[1:])


def _rows(
    kernel: ContractKernel | Int8Kernel | DepthwiseKernel | Depthwise8Kernel,
    order: Callable[[Sequence[int]], tuple[int, ...]],
) -> list[Cut]:
    """The outermost loop over rows."""
    if not kernel.rows or kernel.rows[0].extent < 2:
        return []
    first, *inside = kernel.rows
    unit = 1
    if isinstance(kernel, ContractKernel | Int8Kernel):
        unit = -(-FEWEST_ROWS // prod(loop.extent for loop in inside))
    elif not inside:
        return []  # tiles run along it
    return [
        Cut(
            first.extent,
            unit,
            order([unit * step for step in first.steps]),
            lambda extent: replace(kernel, rows=_shorter(kernel.rows, extent)),
        )
    ]


def _depth_bytes(kernel: ContractKernel) -> int:
    """The length of a panel."""
    return prod(loop.extent for loop in kernel.inner) * kernel.panel * BYTES


def _contraction(
    kernel: ContractKernel | Int8Kernel, panel: int, panel_bytes: int, scratch: int
) -> list[Cut]:
    """The outermost loop, the panels of columns, and the rows."""
    columns = kernel.columns
    round_bytes = -(-columns.extent // panel) * panel_bytes + kernel.gap

    def narrower(extent: int) -> Kernel:
        gap = round_bytes - -(-extent // panel) * panel_bytes if kernel.outer else 0
        return replace(kernel, columns=replace(columns, extent=extent), gap=gap)

    def order(right: int, steps: Sequence[int]) -> tuple[int, ...]:
        return _pointers(right, scratch)(steps)

    rows = _rows(kernel, partial(order, 0))
    if isinstance(kernel, ContractKernel) and kernel.shorter:
        return rows  # the rounds of the right operand are of several lengths
    sides = order(panel_bytes, [panel * step for step in columns.steps])
    made = [Cut(columns.extent, panel, sides, narrower), *rows]
    if kernel.outer:
        first, *inside = kernel.outer
        steps = order(round_bytes * prod(loop.extent for loop in inside), first.steps)
        made.insert(0, Cut(first.extent, 1, steps, partial(_fewer, kernel)))
    return made


def _fewer(kernel: ContractKernel | Int8Kernel, extent: int) -> Kernel:
    return replace(kernel, outer=_shorter(kernel.outer, extent))


def _transform(kernel: FilterKernel | InputKernel | OutputKernel) -> Cut:
    """Winograd's transforms: panels of filters, rows of tiles."""
    numbers = kernel.arithmetic
    m = numbers.m
    match kernel:
        case FilterKernel():
            given = numbers.taps**2 * kernel.given
            steps = (given, *(phases * kernel.size for phases in kernel.phases))
            return Cut(kernel.panels, 1, steps, lambda panels: replace(kernel, panels=panels))
        case InputKernel():
            steps = (numbers.advance * kernel.row_step, kernel.columns * kernel.size, 0)
            return Cut(kernel.rows, 1, steps, lambda rows: replace(kernel, rows=rows))
        case OutputKernel():
            vectors = -(-kernel.column.extent // LANES) * -(-kernel.width // m)
            _, result, *reads = (m * step for step in kernel.y.steps)
            return Cut(
                kernel.height,
                m,
                (vectors * LANES * BYTES, *reads, result),
                lambda height: replace(kernel, height=height),
            )


# Generic loops


def _loops(kernel: LoopKernel) -> list[Cut]:
    """The loops over a result that every access follows evenly, the outermost first."""
    node = kernel.node
    if not isinstance(node, Map | Reduce):
        return []
    position = _position(node)
    where = linear(kernel.layouts[-1].address(position))
    strides = {term.number: step for term, step in where.terms if isinstance(term, Axis)}
    axes = sorted(strides, key=lambda axis: -strides[axis])
    made = []
    for axis in axes:
        steps = _steps(kernel, axis)
        extent = _iteration(node)[axis]
        # The innermost loop runs in vectors if it is long enough, and else one around it may.
        alone = axis != axes[-1] and _iteration(node)[axes[-1]] >= LANES
        unit = 1 if alone else LANES
        if steps is not None and extent % unit == 0:
            moved = tuple(unit * step for step in steps)
            made.append(Cut(extent, unit, moved, partial(_shorter_loop, kernel, axis)))
    return made


def _iteration(node: Map | Reduce) -> tuple[int, ...]:
    return node.output.shape if isinstance(node, Map) else node.iteration


def _position(node: Map | Reduce) -> tuple[Expr, ...]:
    """Where the result of a point is written."""
    if isinstance(node, Reduce):
        return node.position
    return axes_of(node.output.shape)


def _steps(kernel: LoopKernel, axis: int) -> tuple[int, ...] | None:
    """What a step along an axis moves each pointer by, if that is all that it changes."""
    node = kernel.node
    assert isinstance(node, Map | Reduce)
    finish = node.finish if isinstance(node, Reduce) else None
    if any(axis in _bare_axes(expr) for expr in (node.body, finish) if expr is not None):
        return None
    layouts = dict(zip(kernel.values, kernel.layouts, strict=True))
    accesses = [(load.value, load.index) for expr in node.expressions for load in expr.loads]
    found: dict[Value, int] = {}
    for value, index in [*accesses, (node.output, _position(node))]:
        step = 0
        for term, coefficient in linear(layouts[value].address(index)).terms:
            if isinstance(term, Axis) and term.number == axis:
                step = coefficient * value.dtype.size_bytes
            elif axis in _bare_axes(term):
                return None
        if found.setdefault(value, step) != step:
            return None
    return tuple(found[value] for value in kernel.values)


def _bare_axes(expr: Expr) -> set[int]:
    """The axes that an expression follows but through what it reads."""
    if isinstance(expr, Load):
        return set()
    if isinstance(expr, Axis):
        return {expr.number}
    return {axis for operand in expr.operands for axis in _bare_axes(operand)}


def _shorter_loop(kernel: LoopKernel, axis: int, extent: int) -> LoopKernel:
    """The loops of a node with less of an axis, in buffers that are what they were."""
    node = kernel.node
    assert isinstance(node, Map | Reduce)
    whole = _iteration(node)
    shape = tuple(extent if k == axis else size for k, size in enumerate(whole))

    def change(expr: Expr) -> Expr | None:
        if isinstance(expr, Axis) and expr.number == axis:
            return replace(expr, extent=extent)
        return None

    layouts = dict(zip(kernel.values, kernel.layouts, strict=True))
    node = replace(node, body=transform(node.body, change))
    if isinstance(node, Reduce) and node.finish is not None:
        node = replace(node, finish=transform(node.finish, change))
    if isinstance(node, Reduce) and node.space is not None:
        store = node.store and tuple(transform(place, change) for place in node.store)
        node = replace(node, space=shape, store=store)
    else:
        layout, output = layouts.pop(node.output), replace(node.output, shape=shape)
        after = [
            a + whole[k] - size for k, (a, size) in enumerate(zip(layout.after, shape, strict=True))
        ]
        layouts[output] = replace(layout, shape=shape, after=tuple(after))
        node = rename_values(node, {node.output: output})
    made = LoopKernel(node, ())
    return replace(made, layouts=tuple(layouts[value] for value in made.values))
