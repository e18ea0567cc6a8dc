"""Splits the axes of a loop nest into the digits that indices take of them.

Behind a reshape or a shuffle of pixels, indices divide: axis // 3 and axis % 3. Where a loop
runs over each digit instead, they are axes themselves, and addresses grow evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgesite.ir import INDEX, Axis, Binary, Const, Expr, index, simplify, substitute_axes, walk


@dataclass(frozen=True)
class Digits:
    """The digits of every axis, the largest first; an axis nothing is taken of has itself."""

    extents: tuple[tuple[int, ...], ...]

    @property
    def flat(self) -> tuple[int, ...]:
        """The extents of all digits, in the order of their new axes."""
        return tuple(extent for digits in self.extents for extent in digits)

    def first(self, axis: int) -> int:
        """The number that the first digit of an axis has as an axis itself."""
        return sum(map(len, self.extents[:axis]))

    def rewritten(self, expr: Expr) -> Expr:
        """An expression of the axes as one of the digits."""
        if all(len(digits) == 1 for digits in self.extents):
            return expr
        sums: dict[int, Expr] = {}
        for axis, digits in enumerate(self.extents):
            place: Expr = index(0)
            for number, extent in enumerate(digits, self.first(axis)):
                place = place * extent + Axis(INDEX, number, extent)
            sums[axis] = place
        return simplify(substitute_axes(expr, sums))


def digits_in(bodies: Sequence[Expr], extents: Sequence[int], whole: int = -1) -> Digits:
    """The digits that expressions take of axes, of which `whole` shall stay as it is."""
    return Digits(
        tuple(
            (extent,) if axis == whole else _digits(bodies, axis, extent)
            for axis, extent in enumerate(extents)
        )
    )


def _digits(bodies: Sequence[Expr], axis: int, extent: int) -> tuple[int, ...]:
    weights = {1, extent}
    for body in bodies:
        for e in walk(body):
            match e:
                case Binary(op="floordiv" | "mod", a=a, b=Const(value=by)) if axis in e.axes:
                    weight = _weight(a, axis)
                    if weight is None:
                        return (extent,)
                    weights.add(min(weight * int(by), extent))
    steps = [*pairwise(sorted(weights))]
    if any(above % below for below, above in steps):
        return (extent,)
    return tuple(above // below for below, above in reversed(steps)) or (extent,)


def _weight(e: Expr, axis: int) -> int | None:
    """What one more of an index means in steps of an axis; None if it is no digit of that."""
    match e:
        case Axis(number=number) if number == axis:
            return 1
        case Binary(op="floordiv", a=a, b=Const(value=by)):
            weight = _weight(a, axis)
            return None if weight is None else weight * int(by)
        case Binary(op="mod", a=a, b=Const()):
            return _weight(a, axis)
    return None
