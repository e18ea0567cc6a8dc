"""Winograd's minimal filtering for 3x3 convolutions of stride 1.

A tile of m x m results is computed from n x n inputs, n = m + 2, with n * n products for
each pair of channels instead of 9 * m * m: a quarter of them for m = 4, 4/9 for m = 2.
Inputs and filters are transformed by matrices that follow from interpolation points, the
products are n * n matrix products over the channels, and another matrix transforms back
(Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016; the matrices by
the Cook-Toom construction; points after Barabasz et al., 2020, measured in KERNELS.md, 3).

Three kernels in turn work through an image, a few rows of tiles at a time so that what lies
between them stays in the cache. The filters are transformed once, when the model is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product as every

import numpy as np

from edgesite.ir import Array, Axis, DType, Reduce, Result, Value, linear
from edgesite.ir.contraction import Contraction, overhang
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.contract import PANEL, ContractKernel
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.tiles import (
    BYTES,
    Epilogue,
    Loop,
    Plan,
    along,
    epilogue_fits,
    even_tiles,
)
from edgesite.targets.wasm.winograd_kernels import (
    LINE_BYTES,
    FilterKernel,
    InputKernel,
    OutputKernel,
)

FEWEST_CHANNELS, FEWEST_FILTERS = 16, 8
"""With fewer the transforms cost more than the products save."""

FEWEST_TILES = 4
"""The matrix products have a row per tile; fewer leave the arithmetic units idle."""

BLOCK_BYTES = 384 * 1024
"""Inputs and products of the tiles that are worked on at a time."""

ENOUGH_TILES = 24
"""So many tiles share one pass over the filters even if they take more, where these are large."""

NEAR_BYTES = 1024 * 1024
"""Filters that are larger come from far away at every pass."""

LARGEST_FILTERS = 4 * 1024 * 1024
"""Bytes of transformed filters up to which m is 4; beyond, m = 2 needs less than half."""


@dataclass(frozen=True)
class Shape:
    """A 3x3 convolution of stride 1, by the axes of its contraction."""

    m: int
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
    def n(self) -> int:
        """The size of an input tile."""
        return self.m + 2

    @property
    def products(self) -> int:
        """Filters, with those of zeros that fill the last vector."""
        return -(-self.filters // LANES) * LANES

    @property
    def panels(self) -> int:
        """Panels of filters, the last one filled with zeros."""
        return -(-self.filters // PANEL)

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
    if product.batch or len(product.columns) != 1:
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
        4, y, x, image, channels[0], tap_y, tap_x, extents[y], extents[x],
        extents[channels[0]], extents[product.columns[0]],
    )  # fmt: skip
    if shape.channels < FEWEST_CHANNELS or shape.filters < FEWEST_FILTERS:
        return None
    if shape.channels % LANES:
        return None
    if 36 * shape.channels * shape.filters * BYTES > LARGEST_FILTERS:
        shape = replace(shape, m=2)
    return shape if shape.tile_rows * shape.tile_columns >= FEWEST_TILES else None


def reach(product: Contraction) -> tuple[tuple[int, int], ...]:
    """How far a contraction reads outside of its left operand, whole tiles included."""
    around = list(overhang(product.left))
    shape = shape_of(product)
    if shape is None or product.left.dtype is not DType.FLOAT32:
        return tuple(around)
    sizes = {shape.y: shape.tile_rows, shape.x: shape.tile_columns}
    for number, position in enumerate(product.left.index):
        for axis, tiles in sizes.items():
            if axis in position.axes:
                before, _ = around[number]
                end = linear(position).constant + tiles * shape.m + 2
                around[number] = before, max(0, end - product.left.value.shape[number])
    return tuple(around)


def steps(
    node: Reduce,
    product: Contraction,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> list[Step] | None:
    """The calls that compute a convolution, or None where this way does not fit.

    Adds the filters and what lies between the kernels to `layouts` and `constants`.
    """
    shape = shape_of(product)
    if shape is None or node.body.dtype is not DType.FLOAT32:
        return None
    if product.right.value not in constants:
        return None
    if node.finish is not None and not epilogue_fits(node.finish):
        return None
    halo = layouts[product.left.value]
    for axis, (before, after) in enumerate(reach(product)):
        if before > halo.before[axis] or after > halo.after[axis]:
            return None
    plan = Plan(node, product, layouts)
    y, x, channel, column = (
        plan.loops([axis], access=0)[0]
        for axis in (shape.y, shape.x, shape.channel, product.columns[0])
    )
    epilogue = plan.epilogue(column)
    if epilogue is None or channel.steps[0] != BYTES or column.steps[1] != BYTES:
        return None
    return _Steps(node, product, shape, plan, epilogue, y, x, column).all(layouts, constants)


@dataclass(frozen=True)
class _Steps:
    node: Reduce
    product: Contraction
    shape: Shape
    plan: Plan
    epilogue: Epilogue
    y: Loop
    x: Loop
    column: Loop

    def all(self, layouts: dict[Value, Layout], constants: dict[Value, Array]) -> list[Step]:
        """The filters' transform, then three calls for each block of tiles."""
        shape, node = self.shape, self.node
        planes = shape.n * shape.n
        plain = self._filters(constants)
        size = shape.channels * shape.panels * PANEL
        spectrum = self._value("spectrum", planes * self._plane(size))
        made = [Step(FilterKernel(shape.m, shape.channels, shape.panels), (plain,), (spectrum,))]
        layouts[plain] = Layout.row_major(plain.shape)
        blocks = list(self._blocks())
        most = max(block.tiles for block in blocks)
        inputs = self._value("tiles", planes * self._plane(most * shape.channels))
        products = self._value("products", planes * self._plane(most * shape.products))
        for value in (spectrum, inputs, products):
            layouts[value] = Layout.row_major(value.shape)
        images = [range(self.product.extents[axis]) for axis in shape.image]
        loops = [self.plan.loops([axis], access=0) for axis in shape.image]
        for place in every(*images):
            bases = [0] * len(self.plan.starts)
            for position, found in zip(place, loops, strict=True):
                for loop in found:
                    bases = [b + position * s for b, s in zip(bases, loop.steps, strict=True)]
            for block in blocks:
                made += self._block(block, bases, spectrum, inputs, products)
        first = made[1]
        effort = shape.n**2 / (3 * shape.m) ** 2
        made[1] = replace(first, macs=self.product.macs, effort=effort, origin=node.origin)
        return made

    def _value(self, role: str, size: int) -> Value:
        return Value(f"{self.node.output.name}.{role}", (size,), DType.FLOAT32)

    def _plane(self, size: int) -> int:
        """Elements from one plane to the next."""
        return size + LINE_BYTES // BYTES

    def _blocks(self) -> Iterator[Block]:
        """The tiles that are worked on together: whole rows of them, or parts of one row."""
        shape = self.shape
        tile_bytes = shape.n**2 * (shape.channels + shape.products) * BYTES
        fewest = 6
        if shape.n**2 * shape.channels * shape.filters * BYTES > NEAR_BYTES:
            fewest = ENOUGH_TILES
        most = max(BLOCK_BYTES // tile_bytes, fewest)
        for row, rows in _pieces(shape.tile_rows, max(1, most // shape.tile_columns)):
            for column, columns in _pieces(
                shape.tile_columns, most if rows == 1 else shape.tile_columns
            ):
                yield Block(row, column, rows, columns)

    def _filters(self, constants: dict[Value, Array]) -> Value:
        """The filters as [panel][tap][channel][8], a constant."""
        shape = self.shape
        axes = (self.product.columns[0], shape.tap_y, shape.tap_x, shape.channel)
        view = along(self.product, constants[self.product.right.value], axes)
        rest = shape.panels * PANEL - shape.filters
        filled = np.pad(view, [(0, rest), (0, 0), (0, 0), (0, 0)]) if rest else view
        split = filled.reshape(shape.panels, PANEL, 9, shape.channels)
        array = np.ascontiguousarray(np.moveaxis(split, 1, -1))
        value = Value(f"{self.node.output.name}.filters", array.shape, DType.FLOAT32)
        constants[value] = array
        return value

    def _block(
        self, block: Block, bases: list[int], spectrum: Value, inputs: Value, products: Value
    ) -> list[Step]:
        """Transform tiles, multiply, transform back."""
        shape = self.shape
        plane = [
            self._plane(block.tiles * size) * BYTES for size in (shape.channels, shape.products)
        ]
        row, column = block.row * shape.m, block.column * shape.m
        at = [
            base + start + row * y + column * x
            for base, start, y, x in zip(
                bases, self.plan.starts, self.y.steps, self.x.steps, strict=True
            )
        ]
        forward = InputKernel(
            shape.m, block.rows, block.columns, shape.channels,
            self.y.steps[0], self.x.steps[0], plane[0],
        )  # fmt: skip
        multiply = ContractKernel(
            (Loop(shape.n**2, (plane[0], plane[1]), ()),),
            Loop(shape.products, (0, BYTES), ()),
            (Loop(block.tiles, (shape.channels * BYTES, shape.products * BYTES), ()),),
            (Loop(shape.channels, (BYTES, 0), ()),),
            (0, 0),
            Epilogue(Result(DType.FLOAT32), None, ()),
            PANEL,
            LINE_BYTES,
        )
        high = min(block.rows * shape.m, shape.height - row)
        wide = min(block.columns * shape.m, shape.width - column)
        backward = OutputKernel(
            shape.m, high, wide, plane[1], self.y, self.x, self.column, self.epilogue
        )
        reads = tuple(load.value for load in self.plan.loads)
        return [
            Step(forward, (self.product.left.value,), (inputs,), offsets=(at[0], 0)),
            Step(multiply, (inputs, spectrum), (products,)),
            Step(
                backward,
                (products, *reads),
                (self.node.output,),
                offsets=(0, *at[2:], at[1]),
                origin=self.node.origin,
            ),
        ]


@dataclass(frozen=True)
class Block:
    """A rectangle of tiles."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def tiles(self) -> int:
        """How many there are."""
        return self.rows * self.columns


def _pieces(extent: int, most: int) -> Iterator[tuple[int, int]]:
    """Cut an extent into even pieces of at most so many: (start, size) of each."""
    for start, count, size in even_tiles(extent, most):
        yield from ((start + number * size, size) for number in range(count))
