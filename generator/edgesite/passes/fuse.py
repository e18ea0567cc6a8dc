"""Fusion: fewer, larger primitives, so that elements are touched once.

Each function says what it looks for and why the change is legal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgesite.ir import (
    INDEX,
    Axis,
    Binary,
    Cast,
    Const,
    DType,
    Expr,
    Graph,
    Load,
    Map,
    Node,
    Reduce,
    Result,
    Scatter,
    Select,
    Value,
    axes_of,
    const,
    flatten,
    index,
    linear,
    rewrite_node,
    simplify,
    substitute_axes,
    transform,
    unflatten,
    walk,
)
from edgesite.ir.contraction import contraction, is_affine

LARGEST_BODY = 160
"""Distinct subexpressions beyond which a body takes in no more; keeps functions small."""


ROUNDED = (DType.FLOAT16, DType.BFLOAT16)
"""Computed in float32 and rounded when stored, so arithmetic on them is stored: what a chain
of operators answers follows from every rounding on the way."""


COMPUTED = frozenset(d for d in DType if not d.is_coded and d is not DType.STRING)
"""What has numbers that an expression can name."""


def inline_scalars(graph: Graph) -> Graph:
    """Write constants of one element into the expressions that read them."""
    numbers = {
        value: const(array.reshape(()).item(), value.dtype)
        for value, array in graph.constants.items()
        if value.size == 1 and value.dtype not in ROUNDED and value.dtype in COMPUTED
    }

    def change(expr: Expr) -> Expr | None:
        return numbers.get(expr.value) if isinstance(expr, Load) else None

    return graph.with_nodes(rewrite_node(node, change) for node in graph.nodes)


def inline_maps(graph: Graph) -> Graph:
    """Compute an element where it is read instead of storing it.

    Always legal. It pays for rearranged elements, which cost an address, and for
    arithmetic whose result is read once; arithmetic read more often stays stored.
    """
    maps: dict[Value, Map] = {}
    nodes: list[Node] = []
    for original in graph.nodes:
        node = original
        for value in original.inputs:
            producer = maps.get(value)
            if producer is not None:
                node = _inlined(node, producer, graph)
        if isinstance(node, Map):
            maps[node.output] = node
        nodes.append(node)
    return graph.with_nodes(nodes)


def _inlined(node: Node, producer: Map, graph: Graph) -> Node:
    """`node` reading through `producer`, or `node` itself where that does not pay."""
    reads = {
        load for expr in node.expressions for load in expr.loads if load.value == producer.output
    }
    rearranges = is_view(producer.body)
    if not rearranges and producer.output.dtype in ROUNDED:
        return node
    if not rearranges and producer.output in graph.settled and node.output not in graph.settled:
        return node
    if not rearranges and (len(reads) > 1 or not _reads_once(node, producer, graph)):
        return node

    def change(expr: Expr) -> Expr | None:
        if isinstance(expr, Load) and expr.value == producer.output:
            return substitute_axes(producer.body, dict(enumerate(expr.index)))
        return None

    fused = rewrite_node(node, change)
    if sum(1 for expr in fused.expressions for _ in walk(expr)) > LARGEST_BODY:
        return node
    if isinstance(node, Reduce) and isinstance(fused, Reduce):
        was_product = contraction(node, graph.settled) is not None
        if was_product and contraction(fused, graph.settled) is None:
            return _apart(fused, graph) or node
        if rearranges and not was_product and not all(map(is_affine, fused.body.loads)):
            return node
    return fused


def _apart(node: Reduce, graph: Graph) -> Reduce | None:
    """A sum over a merged axis as one over the axes that were merged, or None if that is no help.

    So what a Gemm flattens is read where it lies, in whatever order its axes do: weights can
    follow. A product of more axes would ask for a layout of what it reads, and of bytes several
    neighbours are read at a time.
    """
    is_gemm = len(node.iteration) == 2 and len(node.extent) == 1
    if not is_gemm or not node.body.dtype.is_float:
        return None
    (size,), number = node.extent, len(node.iteration)
    merged = Axis(INDEX, number, size)
    units = {1}
    for expr in walk(node.body):
        match expr:
            case Binary(op="floordiv", a=a, b=Const(value=unit)) if a == merged:
                units.add(int(unit))
            case Binary(op="mod", a=a, b=Const(value=unit)) if a == merged:
                units.add(int(unit))
    ends = [*sorted(units)[1:], size]
    if any(end % unit for unit, end in zip(sorted(units), ends, strict=True)):
        return None
    steps = [*zip(sorted(units), ends, strict=True)][::-1]
    extent = tuple(end // unit for unit, end in steps)
    axes = [Axis(INDEX, number + k, size) for k, size in enumerate(extent)]
    place: Expr = index(0)
    for axis, (unit, _) in zip(axes, steps, strict=True):
        place = place + axis * unit
    body = simplify(substitute_axes(node.body, {number: place}))
    split = replace(node, body=body, extent=extent)
    product = contraction(split, graph.settled)
    return split if product is not None and product.right.value in graph.settled else None


def _reads_once(node: Node, producer: Map, graph: Graph) -> bool:
    """Whether `node` alone reads `producer`, and each element of it about once."""
    if graph.readers[producer.output] != (_original(node, graph),):
        return False
    if producer.output in graph.outputs:
        return False
    points = node.output.size
    if isinstance(node, Reduce):
        for extent in node.extent:
            points *= extent
    elif isinstance(node, Scatter):
        return False
    return points <= producer.output.size


def _original(node: Node, graph: Graph) -> Node:
    return graph.producers[node.output]


def is_view(body: Expr) -> bool:
    """Whether a body only moves elements: one read, at an index of any kind."""
    match body:
        case Load():
            return all(_is_cheap(position) for position in body.index)
        case Cast():
            return is_view(body.x)
        case Select(b=Const()):
            return not body.condition.loads and is_view(body.a)
    return isinstance(body, Const)


def _is_cheap(position: Expr) -> bool:
    return len(position.loads) <= 1


def fuse_epilogues(graph: Graph) -> Graph:
    """Let a reduction finish its own result: bias, activation, residual.

    Legal when nothing else, graph outputs included, reads the unfinished value, and
    the map reads it at its own position only, and not to find out what else to read.
    """
    producers = dict(graph.producers)
    readers = graph.readers
    gone: set[Value] = set()
    for node in graph.nodes:
        if not isinstance(node, Map):
            continue
        for value in reversed(node.inputs):
            producer = producers.get(value)
            if (
                isinstance(producer, Reduce)
                and readers[value] == (node,)
                and value not in graph.outputs
                and value.dtype not in ROUNDED
                and not producer.combine.startswith("arg")
                and _reads_in_place(node, value)
            ):
                producers[node.output] = _with_epilogue(producer, node)
                gone.add(value)
                break
    nodes = [producers[node.output] for node in graph.nodes if node.output not in gone]
    return graph.with_nodes(nodes)


def _reads_in_place(node: Map, value: Value) -> bool:
    reads = [load for load in node.body.loads if load.value == value]
    if node.output.shape != value.shape:
        return False
    indices = (position for load in node.body.loads for position in load.index)
    if any(inner.value == value for position in indices for inner in position.loads):
        return False
    own = tuple(map(simplify, axes_of(value.shape)))
    return len(reads) == 1 and reads[0].index == own


def _with_epilogue(producer: Reduce, node: Map) -> Reduce:
    so_far = producer.finish or Result(producer.body.dtype)
    at_result = substitute_axes(node.body, dict(enumerate(producer.position)))

    def change(expr: Expr) -> Expr | None:
        if isinstance(expr, Load) and expr.value == producer.output:
            return so_far
        return None

    return replace(
        producer,
        output=node.output,
        finish=simplify(transform(at_result, change)),
        origin=producer.origin,
    )


def fold_output_views(graph: Graph) -> Graph:
    """Let a reduction write its result where a reshape or transpose would put it.

    Legal when only that map reads the result, and the places are still sums of axes.
    """
    producers = dict(graph.producers)
    readers = graph.readers
    gone: set[Value] = set()
    for node in graph.nodes:
        if not isinstance(node, Map) or not isinstance(node.body, Load):
            continue
        value = node.body.value
        producer = producers.get(value)
        if not isinstance(producer, Reduce) or readers[value] != (node,) or value in graph.outputs:
            continue
        store = _store_through(node, producer)
        if store is not None:
            producers[node.output] = replace(
                producer, output=node.output, space=producer.iteration, store=store
            )
            gone.add(value)
    nodes = [producers[node.output] for node in graph.nodes if node.output not in gone]
    return graph.with_nodes(nodes)


def _store_through(view: Map, producer: Reduce) -> tuple[Expr, ...] | None:
    """Where the reduction's points end up behind a reshape or a transpose."""
    load = view.body
    if not isinstance(load, Load) or view.output.size != load.value.size:
        return None
    axes = axes_of(view.output.shape)
    position = producer.position
    if flatten(load.index, load.value.shape) == flatten(axes, view.output.shape):
        store = tuple(unflatten(flatten(position, load.value.shape), view.output.shape))
    else:
        sources = [simplify(axis) for axis in load.index]
        places = _places(sources, load.value.shape, position, view.output.shape)
        if places is None:
            return None
        store = places
    affine = all(isinstance(t, Axis) for place in store for t, _ in linear(place).terms)
    return tuple(map(simplify, store)) if affine else None


def _places(
    sources: Sequence[Expr], extents: Sequence[int], position: Sequence[Expr], shape: Sequence[int]
) -> tuple[Expr, ...] | None:
    """Where a view puts the element at a position, if each of its sources is a digit of an axis.

    Digits, as (axis // weight) % extent, tell the axis where all of them are there.
    """
    places: list[Expr] = [const(0, INDEX)] * len(shape)
    spans = [1] * len(shape)
    digits = sorted(
        (*_digit(source, extent), number)
        for number, (source, extent) in enumerate(zip(sources, extents, strict=True))
        if extent > 1
    )
    for axis, weight, number in digits:
        if axis < 0 or weight != spans[axis]:
            return None
        places[axis] = places[axis] + position[number] * weight
        spans[axis] *= extents[number]
    return tuple(places) if spans == [*shape] else None


def _digit(source: Expr, extent: int) -> tuple[int, int]:
    """The axis and the weight of a digit that has so many values; no axis is -1."""
    match source:
        case Binary(op="mod", b=Const(value=modulus)) if int(modulus) == extent:
            return _digit(source.a, extent)
        case Binary(op="floordiv", a=Axis(number=number), b=Const(value=weight)):
            return number, int(weight)
        case Axis(number=number):
            return number, 1
    return -1, 0
