"""Axes whose size follows from data: so many positions of a fixed capacity count.

A counted axis has a capacity, which is its size in the program, and a count, an INT64 scalar
that the program computes. Positions from the count on hold anything. What reads them is
checked when it is written: elements that move along with the axis carry its count on, what
is combined over it is combined up to the count, and anything else is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from edgesite.errors import UnsupportedShapeError
from edgesite.ir.dtypes import DType
from edgesite.ir.expr import Axis, Const, Expr, Load, Value, const, select
from edgesite.ir.graph import Map, Node, Reduce, Region, Scan, Scatter

Counts = Mapping[int, Value]
"""The counts of a value's axes that have one."""


def counted(node: Node, counts: Mapping[Value, Counts]) -> tuple[Node, dict[int, Value]]:
    """The node, told to stay within counts, and the counts of its output's axes.

    Raises UnsupportedShapeError where it reads a counted axis in a way that has no meaning
    but for all positions.
    """
    if isinstance(node, Region):
        _refuse_counted(node, counts)
        return node, {}
    along = _along(node.body, counts)
    made = dict(along)
    match node:
        case Reduce():
            rank = node.output.rank
            over = {axis: count for axis, count in along.items() if axis >= rank}
            made = {axis: count for axis, count in along.items() if axis < rank}
            fill = identity(node.combine, node.body.dtype)
            node = replace(node, body=_guarded(node.body, over, node, fill))
        case Scan() if node.reverse and node.axis in along:
            raise _refusal("scanned from its end")
        case Scatter() if node.base is not None:
            for place in node.where:
                along |= _along(place, counts)
            made = _along(node.base, counts)
            first = _guarded(node.where[0], along, node, -1) if along else node.where[0]
            node = replace(node, where=(first, *node.where[1:]))
    if (
        made
        and isinstance(node, Map | Reduce)
        and any(i.loads for r in node.body.loads for i in r.index)
    ):
        # Behind the count, an index may be anything; there, nothing is read.
        node = replace(node, body=_guarded(node.body, made, node, 0))
    return node, made


def identity(combine: str, dtype: DType) -> float:
    """What changes nothing when it is combined."""
    if combine in ("sum", "prod"):
        return int(combine == "prod")
    lowest = combine in ("max", "argmax")
    if dtype.is_float:
        return -np.inf if lowest else np.inf
    if dtype is DType.BOOL:
        return int(not lowest)
    limits = np.iinfo(dtype.numpy)  # type: ignore[type-var]
    return int(limits.min if lowest else limits.max)


def _along(expr: Expr, counts: Mapping[Value, Counts]) -> dict[int, Value]:
    """The counts of the axes of an iteration space, by what an expression reads along them."""
    found: dict[int, Value] = {}
    for load in expr.loads:
        for axis, count in counts.get(load.value, {}).items():
            number = _followed(load, axis, count)
            if number is not None and found.setdefault(number, count) != count:
                raise _refusal("combined with another such axis")
    return found


def _followed(load: Load, axis: int, count: Value) -> int | None:
    """The axis of the iteration space that a read's counted axis follows, if any."""
    place = load.index[axis]
    match place:
        case Axis(extent=extent) if extent == load.value.shape[axis]:
            return place.number
        case Const(value=0):
            return None
    if any(inner.value == count for inner in place.loads):
        return None  # whoever wrote the index has looked at the count
    raise _refusal("read at other places than its own")


def _guarded(body: Expr, over: Counts, node: Node, fill: float) -> Expr:
    """The body within the counts of some axes, and elsewhere a number."""
    for condition in _within(over, node):
        body = select(condition, body, const(fill, body.dtype))
    return body


def _within(over: Counts, node: Node) -> Iterator[Expr]:
    sizes = node.extent if isinstance(node, Scatter) else node.output.shape
    if isinstance(node, Reduce):
        sizes = (*node.output.shape, *node.extent)
    for axis, count in over.items():
        place = Axis(DType.INT32, axis, sizes[axis]).cast(DType.INT64)
        yield place < Load(count.dtype, count, ())


def _refuse_counted(region: Region, counts: Mapping[Value, Counts]) -> None:
    given = [s.start for s in region.states] + [s.whole for s in region.read]
    ends = [s.after for s in region.states] + [s.part for s in region.written]
    if any(value in counts for value in (*given, *ends) if value is not None):
        raise _refusal("carried or cut by a loop, or made by a branch")


def _refusal(what: str) -> UnsupportedShapeError:
    return UnsupportedShapeError(
        f"an axis whose size follows from the data is {what}; end the model ahead of this, or "
        "fix the input that decides the size with compile(..., constants={name: value})"
    )
