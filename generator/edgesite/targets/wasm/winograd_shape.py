"""Which convolutions go Winograd's way, in tiles of what size, and how far they read for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgesite.ir import Axis, DType, linear
from edgesite.ir.contraction import Contraction, overhang
from edgesite.targets.wasm.contract import PANEL
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.transforms import FLOATS, WHOLE, Arithmetic

FEWEST_CHANNELS, FEWEST_FILTERS = 16, 8
"""With fewer the transforms cost more than the products save."""

FEWEST_TILES = 4
"""The matrix products have a row per tile; fewer leave the arithmetic units idle."""

LARGEST_FILTERS = 4 * 1024 * 1024
"""Bytes of transformed filters that are kept. Beyond they are made anew in every run, a part at a
time, which takes less time than to fetch them from far away, or m = 2 needs less than half."""

PART_BYTES = 512 * 1024
"""Of a part of the filters: they stay in the cache until they are used."""


_CHOICES = {DType.FLOAT32: FLOATS, DType.INT16: WHOLE}


@dataclass(frozen=True)
class Shape:
    """A 3x3 convolution of stride 1, by the axes of its contraction."""

    arithmetic: Arithmetic
    y: int
    x: int
    image: tuple[int, ...]
    """The axes of rows other than y and x: the batch."""
    channel: int
    tap_y: int
    tap_x: int
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
        return self.arithmetic.n**2

    @property
    def filter_bytes(self) -> int:
        """All filters, transformed."""
        return self.planes * self.channels * self.filters * self.arithmetic.item_bytes

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


def shape_of(product: Contraction) -> Shape | None:
    """The convolution that a contraction is, or None where Winograd's way does not pay."""
    extents = product.extents
    choice = _CHOICES.get(product.left.dtype)
    if choice is None or product.batch or len(product.columns) != 1:
        return None
    windows, single = [], []
    for position in product.left.index:
        terms = linear(position).terms
        numbers = [t.number for t, _ in terms if isinstance(t, Axis)]
        if any(coefficient != 1 for _, coefficient in terms):
            return None
        if len(numbers) == 2:
            windows.append(tuple(sorted(numbers)))
        elif len(numbers) == 1:
            single.append(numbers[0])
    inner = set(product.inner)
    channels = [axis for axis in single if axis in inner and extents[axis] > 1]
    if len(windows) != 2 or len(channels) != 1:
        return None
    (y, tap_y), (x, tap_x) = windows
    if not {tap_y, tap_x} <= inner or {y, x} & inner or extents[tap_y] != 3 or extents[tap_x] != 3:
        return None
    if {axis for axis in inner if extents[axis] > 1} != {tap_y, tap_x, channels[0]}:
        return None
    image = tuple(axis for axis in product.rows if axis not in (y, x))
    shape = Shape(
        choice[4], y, x, image, channels[0], tap_y, tap_x, extents[y], extents[x],
        extents[channels[0]], extents[product.columns[0]],
    )  # fmt: skip
    if shape.channels < FEWEST_CHANNELS or shape.filters < FEWEST_FILTERS:
        return None
    if shape.channels % shape.arithmetic.lanes.lanes:
        return None
    if shape.tiles < FEWEST_TILES or (shape.filter_bytes > LARGEST_FILTERS and shape.parts == 1):
        shape = replace(shape, arithmetic=choice[2])
    return shape if shape.tiles >= FEWEST_TILES else None


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
                end = linear(position).constant + tiles * shape.m + 2
                around[number] = before, max(0, end - product.left.value.shape[number])
    return tuple(around)
