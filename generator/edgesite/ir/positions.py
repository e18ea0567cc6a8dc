"""Where an element is: positions, their row-major indices, and shapes that go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgesite.errors import UnsupportedShapeError
from edgesite.ir.dtypes import INDEX
from edgesite.ir.expr import Axis, Expr, Operand, all_of, index, select
from edgesite.ir.simplify import simplify

Position = Expr | int
"""A coordinate along one axis."""


def coordinate(position: Position) -> Expr:
    """A position as an expression of dtype INDEX."""
    if not isinstance(position, Expr):
        return index(position)
    return position.cast(INDEX)


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape numpy broadcasts `shapes` to.

    Raises UnsupportedShapeError when they do not fit together.
    """
    try:
        return np.broadcast_shapes(*(tuple(shape) for shape in shapes))
    except ValueError:
        listed = " and ".join(str(list(shape)) for shape in shapes)
        raise UnsupportedShapeError(f"shapes {listed} do not broadcast together") from None


def axes_of(shape: Sequence[int]) -> tuple[Expr, ...]:
    """The position of an element itself: one axis for each size of `shape`, numbered from 0."""
    return tuple(Axis(INDEX, number, int(extent)) for number, extent in enumerate(shape))


def flatten(position: Sequence[Position], shape: Sequence[int]) -> Expr:
    """The row-major index of a position in `shape`."""
    flat: Expr = index(0)
    for p, extent in zip(position, shape, strict=True):
        flat = flat * int(extent) + coordinate(p)
    return simplify(flat)


def unflatten(flat: Position, shape: Sequence[int]) -> list[Expr]:
    """The position in `shape` of a row-major index."""
    rest = coordinate(flat)
    position: list[Expr] = []
    stride = int(np.prod(shape, dtype=np.int64))
    for extent in shape:
        stride //= max(int(extent), 1)
        position.append(simplify(rest // max(stride, 1)))
        rest = simplify(rest % max(stride, 1))
    return position


def within(element: Expr, position: Sequence[Expr], shape: Sequence[int], fill: Operand) -> Expr:
    """What is read at a position where that lies inside of `shape`, and `fill` elsewhere."""
    tests = [t for p, n in zip(position, shape, strict=True) for t in (p >= 0, p < n)]
    inside = all_of(tests)
    return element if inside is None else select(inside, element, fill)
