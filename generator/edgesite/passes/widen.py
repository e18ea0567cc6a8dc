"""Keeps quantised elements as int16 between the operators that compute with them.

Kernels multiply 16 bits at a time. Less its zero point every byte fits, signed or not, and
padding is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgesite.errors import InternalError
from edgesite.ir import (
    Binary,
    Cast,
    DType,
    Expr,
    Graph,
    Load,
    Map,
    Node,
    Reduce,
    Select,
    Value,
    axes_of,
    maximum,
    minimum,
    rewrite_node,
    simplify,
    unary,
    walk,
)
from edgesite.ir.quantized import BYTES, centred, rounding


def widen_bytes(graph: Graph) -> Graph:
    """Keep bytes as int16, less their zero point.

    Legal where every reader makes them int32 first: it gets the zero point added back, which
    cancels against the one it takes away.
    """
    zeros = _zeros(graph)
    wide = {v: replace(v, name=f"{v.name}.centred", dtype=DType.INT16) for v in zeros}

    def read(expr: Expr) -> Expr | None:
        if isinstance(expr, Cast) and isinstance(expr.x, Load) and expr.x.value in wide:
            value = expr.x.value
            centre = Load(DType.INT16, wide[value], expr.x.index)
            return centre.cast(DType.INT32) + zeros[value]
        return None

    nodes: list[Node] = []
    made: dict[tuple[Value, int], Value] = {}
    for node in graph.nodes:
        if node.output in wide:
            nodes.append(_centred_map(rewrite_node(node, read), zeros, wide))
        else:
            changed = rewrite_node(node, read)
            nodes += _with_centred_factors(changed, made)
    return graph.with_nodes(nodes)


def _centred_map(node: Node, zeros: Mapping[Value, int], wide: Mapping[Value, Value]) -> Node:
    """The Map that makes a value as int16: by rounding, or by moving what is int16 as well."""
    value = node.output
    rounded = rounding(node.body)
    if rounded is None:
        return replace(node, output=wide[value], body=_moved(node.body, wide))
    zero = zeros[value]
    moved = unary("round", rounded.x) + float(rounded.zero - zero)
    limited = minimum(maximum(moved, rounded.low - zero), rounded.high - zero)
    return replace(node, output=wide[value], body=limited.cast(DType.INT16))


def _moved(expr: Expr, wide: Mapping[Value, Value]) -> Expr:
    if isinstance(expr, Select):
        a, b = _moved(expr.a, wide), _moved(expr.b, wide)
        return replace(expr, dtype=DType.INT16, a=a, b=b)
    if not isinstance(expr, Load):
        raise InternalError(f"{expr} does not only move")
    return Load(DType.INT16, wide[expr.value], expr.index)


def _with_centred_factors(node: Node, made: dict[tuple[Value, int], Value]) -> list[Node]:
    """A product of bytes that are kept as they are reads a centred copy of them."""
    body = node.body
    if not isinstance(node, Reduce) or not isinstance(body, Binary):
        return [node]
    if body.dtype is not DType.INT32 or body.op != "mul":
        return [node]
    element = body.a.a if isinstance(body.a, Select) else body.a
    whole = centred(element)
    if whole is None:
        return [node]
    value, key = whole.read.value, (whole.read.value, whole.zero)
    nodes: list[Node] = []
    if key not in made:
        copy = replace(value, name=f"{value.name}.less{whole.zero}", dtype=DType.INT16)
        own = Load(value.dtype, value, axes_of(value.shape)).cast(DType.INT32) - whole.zero
        nodes.append(Map(copy, simplify(own.cast(DType.INT16)), node.origin))
        made[key] = copy
    left: Expr = Load(DType.INT16, made[key], whole.read.index).cast(DType.INT32)
    if isinstance(body.a, Select):
        left = replace(body.a, a=left)
    return [*nodes, replace(node, body=replace(body, a=left))]


def _zeros(graph: Graph) -> dict[Value, int]:
    """The zero points of byte values that may be centred where they are made.

    They are rounded, or moved from such that have the same zero point, and readers only
    move them or make them int32.
    """
    found: dict[Value, int] = {}
    taken = _taken_away(graph)
    sources: dict[Value, tuple[Value, ...]] = {}
    for node in graph.nodes:
        rounded = rounding(node.body) if isinstance(node, Map) else None
        if rounded is not None and rounded.dtype in BYTES:
            found[node.output] = taken.get(node.output, rounded.zero)
        elif isinstance(node, Map) and node.output.dtype in BYTES and _only_moves(node.body):
            zeros = {found.get(value) for value in node.inputs}
            if len(zeros) == 1 and None not in zeros:
                found[node.output] = found[node.inputs[0]]
                sources[node.output] = node.inputs
    spoiled = _spoiled(graph, sources)
    while True:
        lost = {v for v in found if v in spoiled or spoiled.intersection(sources.get(v, ()))}
        lost |= {source for v in lost for source in sources.get(v, ())}
        if not lost - spoiled:
            return {value: zero for value, zero in found.items() if value not in spoiled}
        spoiled |= lost


def _taken_away(graph: Graph) -> dict[Value, int]:
    """The zero points that readers take from bytes."""
    wholes = (
        centred(e) for node in graph.nodes for expr in node.expressions for e in walk(expr)
        if isinstance(e, Binary)
    )  # fmt: skip
    return {whole.read.value: whole.zero for whole in wholes if whole is not None}


def _only_moves(expr: Expr) -> bool:
    if isinstance(expr, Select):
        return not expr.condition.loads and _only_moves(expr.a) and _only_moves(expr.b)
    return isinstance(expr, Load) and all(not position.loads for position in expr.index)


def _spoiled(graph: Graph, moved: Mapping[Value, tuple[Value, ...]]) -> set[Value]:
    """Values that someone reads as bytes."""
    spoiled = set(graph.outputs)
    for node in graph.nodes:
        if node.output in moved:
            continue
        for expr in node.expressions:
            if isinstance(expr, Load):
                spoiled.add(expr.value)
            for e in walk(expr):
                if not (isinstance(e, Cast) and e.dtype is DType.INT32):
                    spoiled.update(x.value for x in e.operands if isinstance(x, Load))
    return spoiled
