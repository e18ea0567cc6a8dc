"""Where the elements of a value lie in memory: the order of its axes, and room around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edgesite.ir.expr import Expr, index
from edgesite.ir.graph import Array
from edgesite.ir.simplify import simplify


@dataclass(frozen=True)
class Layout:
    """An arrangement of a shape.

    `order` lists the axes from the outermost to the innermost. `before` and `after`
    are the halo: so many elements of zero lie ahead of and behind each axis, where a
    padded window may read. `room` is for other values, whose elements lie between these:
    so many along each axis, none where it is left out.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    room: tuple[int, ...] = ()

    @classmethod
    def row_major(cls, shape: Sequence[int]) -> Layout:
        """ONNX's own layout, without a halo."""
        none = (0,) * len(shape)
        return cls(tuple(shape), tuple(range(len(shape))), none, none)

    @property
    def has_halo(self) -> bool:
        """Whether there is room around the elements."""
        return any(self.before) or any(self.after)

    @cached_property
    def extents(self) -> tuple[int, ...]:
        """The size of every axis with its halo and its room."""
        room = self.room or (0,) * len(self.shape)
        sizes = zip(self.before, self.shape, self.after, room, strict=True)
        return tuple(sum(parts) for parts in sizes)

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """The distance between neighbours along every axis, in elements."""
        strides = [0] * len(self.shape)
        step = 1
        for axis in reversed(self.order):
            strides[axis] = step
            step *= self.extents[axis]
        return tuple(strides)

    @property
    def offset(self) -> int:
        """Where the first element lies, in elements from the start."""
        return sum(b * s for b, s in zip(self.before, self.strides, strict=True))

    @property
    def size(self) -> int:
        """All elements, the halo's and the room's included."""
        return int(np.prod(self.extents, dtype=np.int64))

    def address(self, position: Sequence[Expr]) -> Expr:
        """Where the element at a position lies, in elements from the start."""
        total: Expr = index(self.offset)
        for p, stride in zip(position, self.strides, strict=True):
            total = total + p * stride
        return simplify(total)

    def arrange(self, array: Array) -> Array:
        """The bytes of `array` in this layout, as a flat array."""
        halo = list(zip(self.before, self.after, strict=True))
        padded = np.pad(array, halo) if self.has_halo else array
        return np.ascontiguousarray(padded.transpose(self.order)).reshape(-1)
