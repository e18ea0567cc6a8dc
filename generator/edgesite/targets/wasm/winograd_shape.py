"""Which convolutions go Winograd's way, in tiles of what size, and how far they read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgesite.ir import Axis, DType, linear
from edgesite.ir.contraction import Contraction, overhang
from edgesite.targets.wasm.contract import PANEL
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.transforms import (
    FLOATS,
    OF_FIVE_TAPS,
    OF_FOUR_TAPS,
    STRIDED,
    WHOLE,
    Arithmetic,
)

FEWEST_CHANNELS, FEWEST_FILTERS = 4, 8
"""With fewer the transforms cost more than the products save."""

FEWEST_TILES = 4
"""The matrix products have a row per tile; fewer leave the arithmetic units idle."""

LARGEST_FILTERS = 4 * 1024 * 1024
"""Bytes of transformed filters that are kept. Beyond they are made anew in every run, a part at a
time, which takes less time than to fetch them from far away, or m = 2 needs less than half."""

FEWEST_PRODUCTS = {1: 50_000, 2: 4_000_000}
"""Of a convolution of stride 1 and 2: 2 us and 0.15 ms, of which a half and a fourth can be saved
for 5 KB of code."""

MOST_WORK = 0.9
"""Of that of the definition, at a stride: the transforms come on top."""

PRODUCTS_PER_BYTE = 3
"""How many take as long as to fetch a byte of transformed filters."""

PART_BYTES = 512 * 1024
"""Of a part of the filters: they stay in the cache until they are used."""


WAYS = {
    (DType.FLOAT32, 3, 1): FLOATS,
    (DType.FLOAT32, 4, 1): OF_FOUR_TAPS,
    (DType.FLOAT32, 5, 1): OF_FIVE_TAPS,
    (DType.FLOAT32, 3, 2): STRIDED,
    (DType.INT16, 3, 1): WHOLE,
}
"""By what is multiplied, the taps along an axis and the stride; by the size of their tiles."""


@dataclass(frozen=True)
class Sliding:
    """A contraction of two windows and channels, by its axes: a convolution of an image."""

    y: int
    x: int
    stride: int
    tap_y: int
    tap_x: int
    channel: int
    image: tuple[int, ...]
    """The axes of rows other than y and x: the batch."""


@dataclass(frozen=True)
class Shape(Sliding):
    """A convolution of square filters, and in what tiles."""

    arithmetic: Arithmetic
    height: int
    width: int
    channels: int
    filters: int

    @property
    def m(self) -> int:
        """The size of a tile of results."""
        return self.arithmetic.m

    @property
    def planes(self) -> int:
        """Products for each pair of channels in a tile."""
        return self.arithmetic.span**2

    @property
    def filter_bytes(self) -> int:
        """All filters, transformed."""
        return self.planes * self.channels * self.filters * self.arithmetic.item_bytes

    @property
    def direct(self) -> int:
        """Products of the definition, for an image."""
        results = self.height * self.width * self.filters
        return self.arithmetic.taps**2 * self.channels * results

    @property
    def parts(self) -> int:
        """In how many equal parts the filters are transformed and used."""
        if self.filter_bytes <= LARGEST_FILTERS or self.filters % PANEL:
            return 1
        most = max(1, PART_BYTES * self.panels // self.filter_bytes)
        together = max(count for count in range(1, most + 1) if self.panels % count == 0)
        return self.panels // together

    @property
    def products(self) -> int:
        """Filters of a part, with those of zeros that fill the last vector."""
        return -(-self.filters // self.parts // LANES) * LANES

    @property
    def panels(self) -> int:
        """Panels of filters, the last one filled with zeros."""
        return -(-self.filters // PANEL)

    @property
    def tiles(self) -> int:
        """How many tiles an image has."""
        return self.tile_rows * self.tile_columns

    @property
    def tile_rows(self) -> int:
        """Rows of tiles in an image."""
        return -(-self.height // self.m)

    @property
    def tile_columns(self) -> int:
        """Tiles in a row."""
        return -(-self.width // self.m)


def sliding(product: Contraction) -> Sliding | None:
    """The convolution that a contraction is: undilated, of one stride, and without groups."""
    if product.batch or len(product.columns) != 1:
        return None
    windows: list[list[tuple[int, int]]] = []
    single: list[int] = []
    for position in product.left.index:
        terms = {t.number: c for t, c in linear(position).terms if isinstance(t, Axis)}
        if len(terms) == 2:
            windows.append(sorted(terms.items()))
        elif len(terms) == 1:
            single += terms
            if set(terms.values()) != {1}:
                return None
    inner, extents = set(product.inner), product.extents
    channels = [axis for axis in single if axis in inner and extents[axis] > 1]
    if len(windows) != 2 or len(channels) != 1:
        return None
    ((y, stride), (tap_y, one)), ((x, stride_x), (tap_x, one_x)) = windows
    if stride_x != stride or (one, one_x) != (1, 1):
        return None
    if not {tap_y, tap_x} <= inner or {y, x} & inner:
        return None
    if {axis for axis in inner if extents[axis] > 1} != {tap_y, tap_x, channels[0]}:
        return None
    image = tuple(axis for axis in product.rows if axis not in (y, x))
    return Sliding(y, x, stride, tap_y, tap_x, channels[0], image)


def shape_of(product: Contraction) -> Shape | None:
    """The convolution that a contraction is, or None where Winograd's way does not pay."""
    found, extents = sliding(product), product.extents
    if found is None or extents[found.tap_y] != extents[found.tap_x]:
        return None
    choice = WAYS.get((product.left.dtype, extents[found.tap_y], found.stride))
    if choice is None:
        return None
    shape = Shape(
        **vars(found), arithmetic=next(iter(choice.values())),
        height=extents[found.y], width=extents[found.x],
        channels=extents[found.channel], filters=extents[product.columns[0]],
    )  # fmt: skip
    if shape.channels < FEWEST_CHANNELS or shape.filters < FEWEST_FILTERS:
        return None
    if (
        shape.channels % shape.arithmetic.lanes.lanes
        or shape.direct < FEWEST_PRODUCTS[found.stride]
    ):
        return None
    sizes = [replace(shape, arithmetic=arithmetic) for arithmetic in choice.values()]
    enough = [size for size in sizes if size.tiles >= FEWEST_TILES]
    return _at_stride_one(enough) if found.stride == 1 else _at_stride_two(enough)


def _at_stride_one(sizes: Sequence[Shape]) -> Shape | None:
    """The largest tiles, unless their filters are too large and cannot be had in parts."""
    fit = (size for size in sizes if size.filter_bytes <= LARGEST_FILTERS or size.parts > 1)
    return next(fit, sizes[-1] if sizes else None)


def _at_stride_two(sizes: Sequence[Shape]) -> Shape | None:
    """The tiles that take the least work, where that is worth their code.

    Filters grow three times (m = 2) or nine times as large as they are, too large for the near
    caches: to fetch them is work as well.
    """
    best = min(sizes, key=_work, default=None)
    return best if best is not None and pays(best, best.direct) else None


def pays(shape: Shape, direct: int) -> bool:
    """Whether it takes less than so many products of the definition, for an image."""
    return _work(shape) < MOST_WORK * direct


def _work(shape: Shape) -> float:
    """Multiplications, and what else takes as long."""
    products = shape.tiles * shape.planes * shape.channels * shape.filters
    return products + PRODUCTS_PER_BYTE * shape.filter_bytes


def reach(product: Contraction) -> tuple[tuple[int, int], ...]:
    """How far a contraction reads outside of its left operand, whole tiles included."""
    around = list(overhang(product.left))
    shape = shape_of(product)
    if shape is None:
        return tuple(around)
    sizes = {shape.y: shape.tile_rows, shape.x: shape.tile_columns}
    for number, position in enumerate(product.left.index):
        for axis, tiles in sizes.items():
            if axis in position.axes:
                before, _ = around[number]
                numbers = shape.arithmetic
                between = (tiles - 1) * numbers.advance
                end = linear(position).constant + between + numbers.span
                around[number] = before, max(0, end - product.left.value.shape[number])
    return tuple(around)
