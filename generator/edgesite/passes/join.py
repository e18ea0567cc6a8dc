"""Lets parts of a whole be written where it has them, so that joining them copies nothing.

A Map that chooses by the position along one axis, as a concatenation does, is done already once
each of its parts lies where the whole has it. Where a part is a value with no place of its own to
keep, it is computed there; what else there is becomes a Map of its own, which writes there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgesite.ir import (
    Axis,
    Binary,
    Const,
    Expr,
    Graph,
    Load,
    Map,
    Node,
    Select,
    Value,
    axes_of,
    linear,
    select,
    simplify,
    substitute_axes,
)


@dataclass(frozen=True)
class Place:
    """Where a value lies: from a position of one axis of a whole on, and everywhere else alike.

    The whole lies in no other: what is in a whole in a whole has its place in the outer one.
    """

    whole: Value
    axis: int
    start: int


@dataclass(frozen=True)
class _Part:
    """What a whole has from `start` to `end` of its axis."""

    start: int
    end: int
    body: Expr


MayLie = Callable[[Value, Place], bool]


def join_parts(graph: Graph, may_lie: MayLie) -> tuple[Graph, dict[Value, Place], set[Value]]:
    """The graph with a node for each part, where parts lie, and the wholes; these may be parts too.

    Wholes keep their nodes, which have nothing left to do. `may_lie` is asked for every value that
    makes up a part, of outer wholes first, and says which may get a place.
    """
    places: dict[Value, Place] = {}
    wholes: set[Value] = set()
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        joined = _joined(node, may_lie, places) if isinstance(node, Map) else None
        if joined:
            wholes.add(node.output)
        nodes += reversed(joined or [node])
    return replace(graph, nodes=tuple(reversed(nodes))), places, wholes


def _joined(node: Map, may_lie: MayLie, places: dict[Value, Place]) -> list[Node] | None:
    """A node behind those of its parts, or None if none of them may be computed in place."""
    axis = _axis(node.body)
    if axis is None:
        return None
    whole, parts = node.output, _merged(_parts(node.body, axis, 0, node.output.shape[axis]))
    own = places.get(whole, Place(whole, axis, 0))
    if own.axis != axis or len(parts) < 2 or not all(part.body.loads for part in parts):
        return None
    values: dict[int, Value] = {}
    for part in parts:
        value, place = _value_of(part, axis, whole), replace(own, start=own.start + part.start)
        if value and value not in places and may_lie(value, place):
            values[part.start], places[value] = value, place
    if not values:
        return None
    copies: list[Node] = []
    for part in parts:
        if part.start not in values:
            value = values[part.start] = _copy_of(part, axis, whole)
            places[value] = replace(own, start=own.start + part.start)
            copies.append(Map(value, _moved(part.body, axis, part.start, value), node.origin))
    return [*copies, replace(node, body=_choice(parts, values, axis, whole))]


def _choice(parts: list[_Part], values: dict[int, Value], axis: int, whole: Value) -> Expr:
    """The body of a whole of such values."""
    axes = axes_of(whole.shape)
    chosen: Expr | None = None
    for part in reversed(parts):
        at = (*axes[:axis], axes[axis] - part.start, *axes[axis + 1 :])
        load = Load(whole.dtype, values[part.start], at)
        chosen = load if chosen is None else select(axes[axis] < part.end, load, chosen)
    assert chosen is not None
    return simplify(chosen)


def _axis(body: Expr) -> int | None:
    match body:
        case Select(condition=Binary(op="lt", a=Axis(number=axis), b=Const())):
            return axis
    return None


def _parts(body: Expr, axis: int, start: int, end: int) -> list[_Part]:
    """What a body chooses between by the position along an axis."""
    match body:
        case Select(
            condition=Binary(op="lt", a=Axis(number=number), b=Const(value=limit)), a=a, b=b
        ) if number == axis and start < int(limit) < end:
            at = int(limit)
            return [*_parts(a, axis, start, at), *_parts(b, axis, at, end)]
    return [_Part(start, end, body)]


def _merged(parts: list[_Part]) -> list[_Part]:
    """Neighbours that are neighbours in what they read as well, as one part."""
    made: list[_Part] = []
    for part in parts:
        if made and made[-1].body == part.body:
            made[-1] = replace(made[-1], end=part.end)
        else:
            made.append(part)
    return made


def _value_of(part: _Part, axis: int, whole: Value) -> Value | None:
    """The value that a part is, all of it and as it is."""
    load = part.body
    if not isinstance(load, Load) or load.dtype is not whole.dtype:
        return None
    shape = tuple(
        part.end - part.start if k == axis else extent for k, extent in enumerate(whole.shape)
    )
    if load.value.shape != shape:
        return None
    own = [*axes_of(whole.shape)]
    own[axis] = own[axis] - part.start
    same = all(
        extent == 1 or linear(index) == linear(mine)
        for index, mine, extent in zip(load.index, own, shape, strict=True)
    )
    return load.value if same else None


def _copy_of(part: _Part, axis: int, whole: Value) -> Value:
    shape = [*whole.shape]
    shape[axis] = part.end - part.start
    return Value(f"{whole.name}.{part.start}", tuple(shape), whole.dtype)


def _moved(body: Expr, axis: int, start: int, value: Value) -> Expr:
    """The body of a part, counted from where it begins."""
    axes = dict(enumerate(axes_of(value.shape)))
    axes[axis] = axes[axis] + start
    return simplify(substitute_axes(body, axes))
