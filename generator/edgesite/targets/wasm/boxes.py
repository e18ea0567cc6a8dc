"""Cuts iteration spaces along the conditions of what is computed in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from edgesite.ir import INDEX, Axis, Binary, Const, Expr, Select, linear, walk

MOST_BOXES = 12
"""A Map is cut into at most so many boxes along the conditions in it."""


def boxes(body: Expr, shape: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Cut an iteration space where conditions on single axes change: start and extents.

    Inside of a box such a condition is decided: a concatenation becomes copies, a padded
    read a read without a test.
    """
    cuts: dict[int, set[int]] = {}
    for e in walk(body):
        if isinstance(e, Select):
            for axis, at in _thresholds(e.condition):
                if axis < len(shape) and 0 < at < shape[axis]:
                    cuts.setdefault(axis, set()).add(at)
    segments: list[list[tuple[int, int]]] = []
    count = 1
    for axis, extent in enumerate(shape):
        ends = [0, *sorted(cuts.get(axis, ())), extent]
        if count * (len(ends) - 1) > MOST_BOXES:
            ends = [0, extent]
        count *= len(ends) - 1
        segments.append([(a, b - a) for a, b in pairwise(ends)])
    for box in product(*segments):
        yield tuple(start for start, _ in box), tuple(extent for _, extent in box)


def _thresholds(condition: Expr) -> Iterator[tuple[int, int]]:
    """Axes and positions from which on comparisons in a condition have another outcome."""
    for e in walk(condition):
        match e:
            case Binary(op="lt" | "ge", a=a, b=Const(value=limit)) if not a.loads:
                pass
            case Binary(op="le" | "gt", a=a, b=Const(value=limit)) if not a.loads:
                limit = limit + 1
            case _:
                continue
        if a.dtype is not INDEX:
            continue
        sum_ = linear(a)
        if len(sum_.terms) == 1 and isinstance(sum_.terms[0][0], Axis) and sum_.terms[0][1] == 1:
            yield sum_.terms[0][0].number, int(limit) - sum_.constant
