"""Where the elements of a resized axis come from, and what their neighbours weigh.

Everything here is known when the model is compiled. Coordinates are computed in float32
by the formulas of the ONNX operator, so that the nearest neighbour is the same one as in
other runtimes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
HALF = np.float32(0.5)
TIE = 1e-6
"""What onnxruntime takes for halfway between two neighbours: float32 rarely hits it."""


@dataclass(frozen=True)
class Stretch:
    """One axis on its way to another size."""

    extent: int
    size: int
    scale: np.float32
    width: np.float32
    """The size before it was rounded down."""
    start: float = 0.0
    """The beginning of the region of interest, in which 1 is the last element."""
    end: float = 1.0

    @property
    def is_identity(self) -> bool:
        """Whether nothing happens, whatever the mode."""
        return self.size == self.extent and self.scale == 1 and (self.start, self.end) == (0, 1)


def half_pixel(at: Array, axis: Stretch) -> Array:
    """The centre of a pixel lies half a pixel behind its beginning."""
    return (at + HALF) / axis.scale - HALF


def half_pixel_symmetric(at: Array, axis: Stretch) -> Array:
    """Like half_pixel, with what rounding cut off the size taken from both ends."""
    adjustment = np.float32(axis.size) / (axis.scale * np.float32(axis.extent))
    offset = np.float32(axis.extent / 2) * (1 - adjustment)
    return offset + (at + HALF) / axis.scale - HALF


def pytorch_half_pixel(at: Array, axis: Stretch) -> Array:
    """Like half_pixel, but a single pixel is the first one."""
    return half_pixel(at, axis) if axis.size > 1 else at


def align_corners(at: Array, axis: Stretch) -> Array:
    """The first and last pixels of both sides are the same.

    The last of the result need not be a whole one: where onnxruntime takes the rounded
    size, the operator's own tests take the size before rounding.
    """
    return at * np.float32(axis.extent - 1) / (axis.width - 1) if axis.size > 1 else at


def crop_and_resize(at: Array, axis: Stretch) -> Array:
    """The first and last pixels are those of the region of interest."""
    start, end, last = np.float32(axis.start), np.float32(axis.end), np.float32(axis.extent - 1)
    if axis.size > 1:
        return start * last + at * (end - start) * last / np.float32(axis.size - 1)
    return at + HALF * (start + end) * last


COORDINATES: dict[str, Callable[[Array, Stretch], Array]] = {
    "half_pixel": half_pixel,
    "half_pixel_symmetric": half_pixel_symmetric,
    "pytorch_half_pixel": pytorch_half_pixel,
    "align_corners": align_corners,
    "asymmetric": lambda at, axis: at / axis.scale,
    "tf_half_pixel_for_nn": lambda at, axis: (at + HALF) / axis.scale,
    "tf_crop_and_resize": crop_and_resize,
}
"""Where in the source a position of the result lies, by coordinate_transformation_mode."""

NEAREST: dict[str, Callable[[Array, Stretch], Array]] = {
    "round_prefer_floor": lambda x, _: np.ceil(x - 0.5 - TIE),
    "round_prefer_ceil": lambda x, _: np.floor(x + 0.5 + TIE),
    "floor": lambda x, _: np.floor(x),
    "ceil": lambda x, _: np.ceil(x),
    "simple": lambda x, axis: np.ceil(x) if axis.scale < 1 else np.floor(x),
}
"""The nearest of two neighbours, by nearest_mode; "simple" is what versions before 11 do."""


def sources(axis: Stretch, coordinates: str) -> Array:
    """Where in the source every position of the result lies."""
    at = COORDINATES[coordinates](np.arange(axis.size, dtype=np.float32), axis)
    return at.astype(np.float64)


def nearest(axis: Stretch, coordinates: str, mode: str) -> Array:
    """The nearest neighbour of every position of the result."""
    if axis.is_identity:
        return np.arange(axis.size)
    place = NEAREST[mode](sources(axis, coordinates), axis)
    return np.clip(place, 0, max(axis.extent - 1, 0)).astype(np.int64)


@dataclass(frozen=True)
class Filter:
    """A way to weigh neighbours by their distance."""

    weight: Callable[[Array], Array]
    reach: int
    """The distance from which on a neighbour weighs nothing."""
    antialias: bool = False
    """Whether the filter widens as an axis shrinks."""
    exclude_outside: bool = False
    """Whether neighbours outside of the axis weigh nothing, rather than repeat its ends."""

    def taps(self, axis: Stretch, coordinates: str) -> tuple[Array, Array]:
        """The neighbours of every position of the result, and their weights: [size, taps]."""
        x = sources(axis, coordinates)[:, None]
        shrink = min(float(axis.scale), 1.0) if self.antialias else 1.0
        first = np.floor(x - self.reach / shrink).astype(np.int64) + 1
        places = first + np.arange(ceil(2 * self.reach / shrink) + 1)
        weights = self.weight((places - x) * shrink)
        if self.exclude_outside:
            weights = np.where((places < 0) | (places >= axis.extent), 0, weights)
        if self.exclude_outside or self.antialias:
            total = weights.sum(axis=1, keepdims=True)
            weights = weights / np.where(total == 0, 1, total)
        used = np.abs(weights).max(axis=0, initial=0) > 0
        return np.clip(places, 0, max(axis.extent - 1, 0))[:, used], weights[:, used]


def triangle(distance: Array) -> Array:
    """The weights of linear interpolation."""
    return np.asarray(np.maximum(1 - np.abs(distance), 0))


def cubic(distance: Array, a: float) -> Array:
    """The weights of cubic convolution (R. Keys, 1981)."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))
