"""Chooses where the elements of every value lie.

A kernel reads fastest when the axis it sums over lies innermost in what it reads, and
the axis it is vectorised over lies innermost in what it writes: for convolutions that is
channels last. The wish flows from contractions along every read that keeps the axes
aligned, so that a network stays in one layout from end to end. The graph's inputs and
outputs keep ONNX's layout; a copy stands between where that differs. What is joined to a
whole lies where the whole has it, with room for the other parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace

from edgesite.ir import (
    Expr,
    Graph,
    Load,
    Map,
    Node,
    Reduce,
    Region,
    Value,
    axes_of,
    rename_values,
)
from edgesite.ir.contraction import Contraction, contraction
from edgesite.ir.layout import Layout
from edgesite.passes.join import Place, join_parts

NARROWEST = 64
"""Narrower parts are copied: strewn over the memory of a whole they take longer to write and to
read than the copy does (a U-Net of 16 and 32 channels was 4 % slower)."""


@dataclass(frozen=True)
class Arranged:
    """A graph and the layout of every value in it."""

    graph: Graph
    layouts: Mapping[Value, Layout]
    places: Mapping[Value, Place] = field(default_factory=dict)
    """Of values that lie in another; of those of the graph itself."""
    wholes: Set[Value] = frozenset()
    """Values that are there once those are which lie in them."""

    def place(self, value: Value) -> tuple[Value, int]:
        """The value that has memory of its own which another lies in, and how far from its start.

        The distance is in elements, that of a value from itself 0.
        """
        place = self.places.get(value)
        if place is None:
            return value, 0
        return place.whole, place.start * self.layouts[value].strides[place.axis]


Halo = tuple[tuple[int, int], ...]
"""Elements ahead of and behind each axis."""

Reach = Callable[[Contraction], Halo]


def choose_layouts(graph: Graph, reach: Reach, suffix: str = "") -> Arranged:
    """Give every value its layout, copying the graph's inputs and outputs where needed.

    `reach` tells how far a target's kernel for a contraction reads outside of its left
    operand, ahead of and behind every axis. What goes into regions and comes out of them has
    ONNX's layout as the graph's inputs and outputs have; `suffix` makes the names of copies
    in a region's program its own.
    """
    inner: dict[Value, Layout] = {}
    regions: list[Region] = [node for node in graph.nodes if isinstance(node, Region)]
    given = {*graph.inputs, *(value for region in regions for value in region.outputs)}
    taken = {*graph.outputs, *(value for region in regions for value in region.inputs)} - given
    innermost = _flow(graph, _wishes(graph))
    halos = _halos(graph, reach)
    moved = {value for value in (*given, *graph.constants) if value in halos}
    graph, copies = _copy_given(graph, moved, suffix)
    innermost |= {copy: innermost[value] for value, copy in copies.items() if value in innermost}
    halos = {copies.get(value, value): halo for value, halo in halos.items()}
    graph, outputs = _copy_taken(graph, taken & {*innermost, *halos}, suffix)
    innermost |= {copy: innermost[value] for value, copy in outputs.items() if value in innermost}
    halos |= {copy: halos[value] for value, copy in outputs.items() if value in halos}
    fixed = given | taken
    places: dict[Value, Place] = {}
    wholes: set[Value] = set()
    if not suffix:
        graph, places, wholes = _join(graph, fixed, innermost, halos)
    layouts: dict[Value, Layout] = {}
    made = (value for node in graph.nodes for value in node.outputs)
    for value in (*graph.inputs, *graph.constants, *made):
        layout = Layout.row_major(value.shape)
        if value not in fixed:
            last = innermost.get(value, value.rank - 1)
            order = (*(k for k in range(value.rank) if k != last), last) if value.rank else ()
            layout = replace(layout, order=order)
            if value in halos:
                before, after = zip(*halos[value], strict=True)
                layout = replace(layout, before=before, after=after)
            if value in places:
                sizes = zip(places[value].whole.shape, value.shape, strict=True)
                layout = replace(layout, room=tuple(outer - own for outer, own in sizes))
        layouts[value] = layout
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Region):
            program = choose_layouts(node.graph, reach, f".{node.output.name}")
            inner |= program.layouts
            node = replace(node, graph=program.graph)
        nodes.append(node)
    return Arranged(replace(graph, nodes=tuple(nodes)), inner | layouts, places, wholes)


def _wishes(graph: Graph) -> dict[Value, int]:
    """The axis that each contraction wants innermost in what it reads and writes."""
    wishes: dict[Value, int] = {}
    for node in graph.nodes:
        if not isinstance(node, Reduce) or node.output.rank < 3:
            continue
        product = contraction(node, graph.settled)
        if product is None or not (product.columns or _is_depthwise(product, graph)):
            continue
        vector = product.columns or product.batch
        target = _axis_of(node.position, vector, product.batch)
        summed = product.inner if product.columns else vector
        source = _axis_of(product.left.index, summed, product.batch)
        if target is not None and target != node.output.rank - 1:
            wishes.setdefault(node.output, target)
        if source is not None and source != product.left.value.rank - 1:
            wishes.setdefault(product.left.value, source)
    return wishes


def _is_depthwise(product: Contraction, graph: Graph) -> bool:
    """Whether filters slide over a value, one per position of the batch axes."""
    return bool(product.rows) and product.right.value in graph.settled


def _axis_of(
    position: tuple[Expr, ...], axes: tuple[int, ...], groups: tuple[int, ...]
) -> int | None:
    """The first axis whose index follows some of `axes`, and beside them groups at most."""
    for number, expr in enumerate(position):
        if expr.axes & set(axes) and expr.axes <= {*axes, *groups}:
            return number
    return None


def _flow(graph: Graph, wishes: dict[Value, int]) -> dict[Value, int]:
    """Spread the wishes along aligned reads until nothing changes."""
    links = [
        (load.value, node.output)
        for node in graph.nodes
        for expr in node.expressions
        for load in expr.loads
        if _is_aligned(load, node)
    ]
    innermost = dict(wishes)
    changed = True
    while changed:
        changed = False
        for a, b in (*links, *reversed(links)):
            for known, other in ((a, b), (b, a)):
                if known in innermost and other not in innermost:
                    innermost[other] = innermost[known]
                    changed = True
    return innermost


def _is_aligned(load: Load, node: Node) -> bool:
    """Whether axis k of what is read follows axis k of what is written, for every k."""
    if load.value.rank != node.output.rank or load.value.rank < 3:
        return False
    if isinstance(node, Reduce) and node.store is not None:
        return False
    return all(
        position.axes & set(range(node.output.rank)) <= {number}
        for number, position in enumerate(load.index)
    )


def _halos(graph: Graph, reach: Reach) -> dict[Value, Halo]:
    """How much room of zeros each value needs, for the windows that reach beyond it."""
    halos: dict[Value, Halo] = {}
    for node in graph.nodes:
        product = contraction(node, graph.settled) if isinstance(node, Reduce) else None
        if product is None:
            continue
        value, new = product.left.value, reach(product)
        if not any(map(any, new)):
            continue
        halos[value] = _both(new, halos.get(value))
    return halos


def _both(new: Halo, old: Halo | None) -> Halo:
    """Room for two."""
    if old is None:
        return new
    return tuple((max(a, c), max(b, d)) for (a, b), (c, d) in zip(old, new, strict=True))


def _join(
    graph: Graph, fixed: set[Value], innermost: dict[Value, int], halos: dict[Value, Halo]
) -> tuple[Graph, dict[Value, Place], set[Value]]:
    """Let values lie in a whole where both have one order and can have one halo.

    Takes in what follows for the axes and the halos of all that lie in one.
    """
    made = graph.producers

    def last(value: Value) -> int:
        return value.rank - 1 if value in fixed else innermost.get(value, value.rank - 1)

    def is_free(value: Value, axis: int) -> bool:
        return value not in halos or not any(halos[value][axis])

    def may_lie(value: Value, place: Place) -> bool:
        whole, axis = place.whole, place.axis
        return (
            value not in fixed
            and isinstance(made.get(value), Map | Reduce)
            and last(value) == last(whole)
            and (axis != last(whole) or value.shape[axis] >= NARROWEST)
            and is_free(value, axis)
            and is_free(whole, axis)
            and not (whole in fixed and value in halos)
        )

    graph, places, wholes = join_parts(graph, may_lie)
    for value, place in places.items():
        if place.whole in innermost:
            innermost[value] = innermost[place.whole]
        if value in halos:
            halos[place.whole] = _both(halos[value], halos.get(place.whole))
    for value, place in places.items():
        if place.whole in halos:
            halos[value] = halos[place.whole]
    return graph, places, wholes


def _copy_given(graph: Graph, moved: set[Value], suffix: str) -> tuple[Graph, dict[Value, Value]]:
    """Let nodes read copies of some of what is given: inputs, constants, answers of regions."""
    copies = {v: replace(v, name=f"{v.name}.copy{suffix}") for v in sorted_by_name(moved)}
    made = graph.producers
    nodes: list[Node] = [_copy(v, copy) for v, copy in copies.items() if v not in made]
    for node in graph.nodes:
        nodes.append(_renamed(node, copies))
        nodes += [_copy(value, copies[value]) for value in node.outputs if value in copies]
    return replace(graph, nodes=tuple(nodes)), copies


def _copy_taken(graph: Graph, special: set[Value], suffix: str) -> tuple[Graph, dict[Value, Value]]:
    """Let nodes write copies of outputs and what regions read, of those with another layout."""
    made = graph.producers
    wanted = [value for value in sorted_by_name(special) if value in made]
    copies = {value: replace(value, name=f"{value.name}.inner{suffix}") for value in wanted}
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes.append(_renamed(node, copies))
        nodes += [_copy(copies[value], value) for value in node.outputs if value in copies]
    return replace(graph, nodes=tuple(nodes)), copies


def _renamed(node: Node, copies: Mapping[Value, Value]) -> Node:
    """A node on copies; a region has ONNX's layout, which is that of the values themselves."""
    return node if isinstance(node, Region) else rename_values(node, copies)


def _copy(source: Value, target: Value) -> Map:
    return Map(target, Load(source.dtype, source, axes_of(source.shape)), "copy")


def sorted_by_name(values: set[Value]) -> list[Value]:
    """Values in an order that does not depend on hashing."""
    return sorted(values, key=lambda value: value.name)
