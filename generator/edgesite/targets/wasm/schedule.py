"""Decides which kernel does each piece of a program's work, and where everything lies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgesite.ir import Array, DType, Graph, Load, Map, Node, Reduce, Region, Value, axes_of
from edgesite.ir.contraction import Contraction, contraction
from edgesite.ir.layout import Layout
from edgesite.ir.quantized import limits
from edgesite.passes.layout import Arranged
from edgesite.passes.memory import ALIGNMENT, Buffer, plan_memory
from edgesite.targets.stored.forms import Part
from edgesite.targets.wasm import (
    contract,
    depthwise,
    depthwise8,
    int8,
    winograd,
    winograd_kernels,
    winograd_shape,
)
from edgesite.targets.wasm.kernels import BorderKernel, Step, loop_step
from edgesite.targets.wasm.module import Placement
from edgesite.targets.wasm.rounds import (
    AnyStep,
    Rounds,
    calls,
    divided,
    every,
    owner_of,
    renamed,
    rounds,
)
from edgesite.targets.wasm.rounds import lives as lives_of
from edgesite.targets.wasm.tiles import split_epilogue
from edgesite.targets.wasm.unpack import Unpacking

KERNELS = (
    winograd.steps,
    contract.steps,
    depthwise.steps,
    int8.steps,
    depthwise8.steps,
)
"""Ways to compute a contraction, the fastest first; the generic loops know all others."""

FIRST_BYTE = 1024
"""Below lies nothing, so that a pointer gone wrong does not hit weights."""


@dataclass(frozen=True)
class Schedule:
    """Calls in order, their weights, and the memory they work in."""

    preparation: tuple[AnyStep, ...]
    """What follows from the weights alone: done once."""
    steps: tuple[AnyStep, ...]
    parts: tuple[Part, ...]
    """The weights, in pieces that lie end to end from FIRST_BYTE on."""
    placement: Placement

    @property
    def weights(self) -> bytes:
        """The weights in one piece."""
        return b"".join(part.data for part in self.parts)

    def unpacked_by(self, unpacking: Unpacking | None) -> Schedule:
        """The same with weights that arrive in other forms."""
        return replace(self, placement=replace(self.placement, unpacking=unpacking))


def reach(product: Contraction) -> tuple[tuple[int, int], ...]:
    """How far the kernel of a contraction reads outside of its left operand, along each axis."""
    return winograd_shape.reach(product)


def make_schedule(
    arranged: Arranged, kept: Collection[str] = (), pool: Sequence[Part] = ()
) -> Schedule:
    """Choose kernels for an arranged program and plan its memory.

    `kept` are the inputs, by name, whose places nothing else may take at any time. `pool` are
    the `parts` that the weights begin with, for programs that share one file.
    """
    layouts = dict(arranged.layouts)
    constants: dict[Value, Array] = {}
    aliases: dict[Value, Value] = {}
    steps = _program(arranged, arranged.graph, layouts, constants, aliases)
    return _placed(arranged, steps, layouts, constants, aliases, kept, pool)


def _program(
    arranged: Arranged,
    graph: Graph,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
    aliases: dict[Value, Value],
) -> list[AnyStep]:
    """The steps of a program; takes in its constants and the places that values share."""
    constants |= graph.constants
    aliases |= _aliases(graph, layouts, {*graph.outputs, *arranged.places})
    bordered: set[Value] = set()
    steps: list[AnyStep] = []
    for node in graph.nodes:
        if isinstance(node, Region):
            inner = _program(arranged, node.graph, layouts, constants, aliases)
            steps += rounds(node, inner, layouts, aliases)
            continue
        if node.output in aliases or node.output in arranged.wholes or node.output.size == 0:
            continue
        steps += _steps(node, graph, layouts, constants)
        owner, ahead = arranged.place(node.output)
        if layouts[owner].has_halo and owner not in bordered:
            bordered.add(owner)
            item_bytes = owner.dtype.size_bytes
            border = BorderKernel(layouts[owner], item_bytes)
            steps.append(Step(border, (), (node.output,), offsets=(-ahead * item_bytes,)))
    return steps


def _steps(
    node: Node, graph: Graph, layouts: dict[Value, Layout], constants: dict[Value, Array]
) -> list[AnyStep]:
    product = contraction(node, graph.settled) if isinstance(node, Reduce) else None
    if isinstance(node, Reduce) and product is not None:
        product = replace(product, limits=limits(product.left.value, graph.producers))
        bare, late = split_epilogue(node)
        for steps in KERNELS:
            made = steps(bare, product, layouts, constants)
            if made is not None:
                return [*made] if late is None else [*made, loop_step(late, layouts)]
    return [loop_step(node, layouts)]


def _aliases(
    graph: Graph, layouts: Mapping[Value, Layout], pinned: Collection[Value]
) -> dict[Value, Value]:
    """Values that are another value under a different shape: reshapes that move nothing.

    `pinned` are those that must lie elsewhere.
    """
    aliases: dict[Value, Value] = {}
    for node in graph.nodes:
        if not isinstance(node, Map) or not isinstance(node.body, Load):
            continue
        source, output = node.body.value, node.output
        if output in pinned or source.dtype is not output.dtype:
            continue
        there = layouts[source].address(node.body.index)
        fits = layouts[output].size <= layouts[source].size and not layouts[output].has_halo
        if fits and there == layouts[output].address(axes_of(output.shape)):
            aliases[output] = aliases.get(source, source)
    return aliases


def _placed(
    arranged: Arranged,
    steps: list[AnyStep],
    layouts: Mapping[Value, Layout],
    constants: Mapping[Value, Array],
    aliases: Mapping[Value, Value],
    kept: Collection[str],
    pool: Sequence[Part],
) -> Schedule:
    def owner(value: Value) -> Value:
        return owner_of(value, aliases)

    graph = arranged.graph
    steps = [renamed(step, owner) for step in steps]
    parts, offsets, arena = _weights(steps, graph, layouts, constants, pool)
    preparation, steps = divided(steps, set(constants), set())
    lives, end = lives_of(steps)
    lives |= {value: (-1, lives.get(value, (-1, -1))[1]) for value in graph.inputs}
    lives |= dict.fromkeys(lives_of(preparation)[0], (-1, end))
    lives = {value: life for value, life in lives.items() if value not in constants}
    lives |= {value: (-1, end) for value in graph.inputs if value.name in kept}
    insides = [(value, *arranged.place(value)) for value in arranged.places if value in lives]
    for value, whole, _ in insides:
        first, last = lives.pop(value)
        a, b = lives.get(whole, (first, last))
        lives[whole] = min(first, a), max(last, b)
    for value in graph.outputs:
        first, _ = lives.get(owner(value), (-1, -1))
        lives[owner(value)] = (first, end)
    buffers = [
        Buffer(value.name, layouts[value].size * value.dtype.size_bytes, first, last)
        for value, (first, last) in lives.items()
        if value not in offsets
    ]
    places, size = plan_memory(buffers)
    for value in lives:
        if value not in offsets:
            offsets[value] = arena + places[value.name]
    offsets |= {
        value: offsets[whole] + ahead * value.dtype.size_bytes for value, whole, ahead in insides
    }
    shared = {value: owner(value) for value in aliases}
    offsets |= {value: offsets[target] for value, target in shared.items() if target in offsets}
    placement = Placement(offsets, arena, arena + size)
    return Schedule(tuple(preparation), tuple(steps), parts, placement)


def _weights(
    steps: list[AnyStep],
    graph: Graph,
    layouts: Mapping[Value, Layout],
    constants: Mapping[Value, Array],
    pool: Sequence[Part],
) -> tuple[tuple[Part, ...], dict[Value, int], int]:
    """The constants that kernels read behind a pool, in parts, and where each begins."""
    used: dict[Value, tuple[int | None, str]] = {}
    for step, origin in _with_origins([*every(steps)]):
        for number, value in enumerate(step.reads):
            if value in constants:
                used.setdefault(value, (_leading(step, number), origin))
    for value in graph.outputs:
        if value in constants:
            used.setdefault(value, (None, value.name))
    parts, places = list(pool), dict[bytes, int]()
    at = FIRST_BYTE
    for part in pool:
        places[part.data] = at
        at += len(part.data)
    offsets: dict[Value, int] = {}
    for value, (leading, name) in used.items():
        layout = layouts.get(value)
        flat = layout.arrange(constants[value]) if layout else np.ravel(constants[value])
        data = flat.tobytes()
        data += bytes(-len(data) % ALIGNMENT)
        if data not in places:
            places[data] = at
            at += len(data)
            parts.append(Part(data, *_axes(value, flat.size, layout, leading), name))
        offsets[value] = places[data]
    return tuple(parts), offsets, at


def _with_origins(steps: Sequence[AnyStep]) -> list[tuple[AnyStep, str]]:
    """Every step with the operator that it is done for: its own, or that of those behind it."""
    origins, origin = [], ""
    for step in reversed(steps):
        origin = (isinstance(step, Step) and step.origin) or origin
        origins.append(origin)
    return list(zip(steps, reversed(origins), strict=True))


def _axes(
    value: Value, size: int, layout: Layout | None, leading: int | None
) -> tuple[tuple[int, ...], int]:
    """A constant's axes in memory, none if it is not float32, and how many come first.

    Where it is not known which are summed over, those behind the first are taken to be.
    """
    if value.dtype is not DType.FLOAT32:
        return (), 0
    if not value.shape or (layout is not None and layout != Layout.row_major(value.shape)):
        return (size,), 0
    if leading is None:
        return (value.shape, 0) if len(value.shape) == 1 else ((*value.shape, 1), 1)
    shape = value.shape
    while shape[-1] == 1 and len(shape) > leading + 1:
        shape = shape[:-1]
    return shape, leading


def _leading(step: AnyStep, number: int) -> int | None:
    """How many axes of what a step reads lie ahead of those that it sums over, if known."""
    if isinstance(step, Rounds):
        parts = {row.part for row in step.read if row.whole == step.reads[number]}
        reads = ((call, k) for call in calls(step.steps) for k in range(len(call.reads)))
        found = (_leading(call, k) for call, k in reads if call.reads[k] in parts)
        return next(found, None)
    match step.kernel if isinstance(step, Step) else None:
        case contract.ContractKernel(outer=outer) if number == 1:
            return len(outer) + 1
        case depthwise.DepthwiseKernel(outer=outer) if number == 1:
            return len(outer)
        case winograd_kernels.FilterKernel():
            return 1
    return None
