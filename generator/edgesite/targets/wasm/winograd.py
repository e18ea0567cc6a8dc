"""Winograd's minimal filtering for 3x3 convolutions of stride 1.

A tile of m x m results is computed from n x n inputs, n = m + 2, with n * n products for
each pair of channels instead of 9 * m * m: a quarter of them for m = 4, 4/9 for m = 2.
Inputs and filters are transformed by matrices that follow from interpolation points, the
products are n * n matrix products over the channels, and another matrix transforms back
(Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016; the matrices by
the Cook-Toom construction; points after Barabasz et al., 2020, measured in KERNELS.md, 3).

Three kernels in turn work through an image, a few rows of tiles at a time so that what lies
between them stays in the cache. The filters are transformed once, when the model is loaded.

Quantised convolutions go the same way in whole numbers, exactly: see `transforms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product as every

import numpy as np

from edgesite.ir import Array, Axis, DType, Reduce, Result, Value, linear
from edgesite.ir.contraction import Contraction, overhang
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.contract import PANEL, ContractKernel
from edgesite.targets.wasm.int8 import GROUP, Int8Kernel
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
from edgesite.targets.wasm.transforms import FLOATS, WHOLE, Arithmetic
from edgesite.targets.wasm.whole import Finish, finish_of, is_quantised
from edgesite.targets.wasm.winograd_kernels import (
    LINE_BYTES,
    FilterKernel,
    InputKernel,
    OutputKernel,
)
from edgesite.wasm import F32X4, I16X8, I32X4, Type

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
    if shape.filter_bytes > LARGEST_FILTERS:
        shape = replace(shape, arithmetic=choice[2])
    return shape if shape.tile_rows * shape.tile_columns >= FEWEST_TILES else None


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
    if shape is None or product.right.value not in constants:
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
    if channel.steps[0] != shape.arithmetic.item_bytes:
        return None
    if column.steps[1] != node.output.dtype.size_bytes:
        return None
    epilogue: Epilogue | Finish | None = None
    if node.body.dtype is DType.FLOAT32:
        if node.finish is None or epilogue_fits(node.finish):
            epilogue = plan.epilogue(column)
    elif is_quantised(node, product, layouts, constants):
        shape = _exact(shape, product, constants)
        epilogue = finish_of(plan, column)
    if epilogue is None or shape is None:
        return None
    return _Steps(node, product, shape, plan, epilogue, y, x, column).all(layouts, constants)


def _exact(shape: Shape, product: Contraction, constants: Mapping[Value, Array]) -> Shape | None:
    """The convolution in tiles that are large, but leave its sums enough bits to be exact."""
    if product.limits is None:
        return None
    low, high = min(product.limits[0], 0), max(product.limits[1], 0)  # what is padded is zero
    axes = (product.columns[0], shape.tap_y, shape.tap_x, shape.channel)
    filters = along(product, constants[product.right.value], axes).reshape(shape.filters, -1)
    up, down = np.maximum(filters, 0).sum(1, dtype=int), np.minimum(filters, 0).sum(1, dtype=int)
    sums = np.stack([up * high + down * low, -(up * low + down * high)])
    sizes = max(-low, high), int(np.abs(filters.astype(int)).max()), int(sums.max())
    for m in sorted(WHOLE, reverse=True):
        if m <= shape.m and WHOLE[m].fits(*sizes):
            return replace(shape, arithmetic=WHOLE[m])
    return None


@dataclass(frozen=True)
class _Steps:
    node: Reduce
    product: Contraction
    shape: Shape
    plan: Plan
    epilogue: Epilogue | Finish
    y: Loop
    x: Loop
    column: Loop

    def all(self, layouts: dict[Value, Layout], constants: dict[Value, Array]) -> list[Step]:
        """The filters' transform, then three calls for each block of tiles."""
        shape, node, numbers = self.shape, self.node, self.shape.arithmetic
        plain = self._filters(constants)
        size = shape.channels * shape.panels * PANEL
        spectrum = self._value("spectrum", size, numbers.lanes)
        plane = _plane_bytes(size, numbers.lanes)
        filters = FilterKernel(numbers, shape.channels, shape.panels, plane)
        made = [Step(filters, (plain,), (spectrum,))]
        layouts[plain] = Layout.row_major(plain.shape)
        blocks = list(self._blocks())
        most = max(block.tiles for block in blocks)
        inputs = self._value("tiles", most * shape.channels, numbers.lanes)
        products = self._value("products", most * shape.products, numbers.sums)
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
                calls = self._block(block, bases, spectrum, inputs, products)
                made += [replace(call, block=(node.output, len(made))) for call in calls]
        first = made[1]
        effort = shape.planes / (3 * shape.m) ** 2
        made[1] = replace(first, macs=self.product.macs, effort=effort, origin=node.origin)
        return made

    def _value(self, role: str, size: int, lanes: Type) -> Value:
        """Room for so many numbers in every plane."""
        dtype = _STORED[lanes]
        whole = self.shape.planes * _plane_bytes(size, lanes) // dtype.size_bytes
        return Value(f"{self.node.output.name}.{role}", (whole,), dtype)

    def _blocks(self) -> Iterator[Block]:
        """The tiles that are worked on together: whole rows of them, or parts of one row."""
        shape = self.shape
        tile_bytes = shape.planes * (
            shape.channels * shape.arithmetic.item_bytes + shape.products * BYTES
        )
        fewest = 6
        if shape.filter_bytes > NEAR_BYTES:
            fewest = ENOUGH_TILES
        most = max(BLOCK_BYTES // tile_bytes, fewest)
        for row, rows in _pieces(shape.tile_rows, max(1, most // shape.tile_columns)):
            for column, columns in _pieces(
                shape.tile_columns, most if rows == 1 else shape.tile_columns
            ):
                yield Block(row, column, rows, columns)

    def _filters(self, constants: dict[Value, Array]) -> Value:
        """The filters as [panel][tap][channel][8], a constant; bytes in pairs of channels."""
        shape = self.shape
        axes = (self.product.columns[0], shape.tap_y, shape.tap_x, shape.channel)
        view = along(self.product, constants[self.product.right.value], axes)
        rest = shape.panels * PANEL - shape.filters
        filled = np.pad(view, [(0, rest), (0, 0), (0, 0), (0, 0)]) if rest else view
        together = 1 if shape.arithmetic.lanes.is_float else GROUP
        split = filled.reshape(shape.panels, PANEL, 9, shape.channels // together, together)
        array = np.ascontiguousarray(np.moveaxis(split, 1, -2))
        value = Value(f"{self.node.output.name}.filters", array.shape, DType.of(array.dtype))
        constants[value] = array
        return value

    def _block(
        self, block: Block, bases: list[int], spectrum: Value, inputs: Value, products: Value
    ) -> list[Step]:
        """Transform tiles, multiply, transform back."""
        shape, numbers = self.shape, self.shape.arithmetic
        plane = (
            _plane_bytes(block.tiles * shape.channels, numbers.lanes),
            _plane_bytes(block.tiles * shape.products, numbers.sums),
        )
        row, column = block.row * shape.m, block.column * shape.m
        at = [
            base + start + row * y + column * x
            for base, start, y, x in zip(
                bases, self.plan.starts, self.y.steps, self.x.steps, strict=True
            )
        ]
        forward = InputKernel(
            numbers, block.rows, block.columns, shape.channels,
            self.y.steps[0], self.x.steps[0], plane[0],
        )  # fmt: skip
        high = min(block.rows * shape.m, shape.height - row)
        wide = min(block.columns * shape.m, shape.width - column)
        backward = OutputKernel(
            numbers, high, wide, plane[1], self.y, self.x, self.column, self.epilogue
        )
        reads = tuple(load.value for load in self.plan.loads)
        return [
            Step(forward, (self.product.left.value,), (inputs,), offsets=(at[0], 0)),
            Step(self._multiply(block, plane), (inputs, spectrum), (products,)),
            Step(
                backward,
                (products, *reads),
                (self.node.output,),
                offsets=(0, *at[2:], at[1]),
                origin=self.node.origin,
            ),
        ]

    def _multiply(self, block: Block, plane: tuple[int, int]) -> ContractKernel | Int8Kernel:
        """A matrix product per plane."""
        shape, size = self.shape, self.shape.arithmetic.item_bytes
        planes = Loop(shape.planes, plane, ())
        columns = Loop(shape.products, (0, BYTES), ())
        rows = Loop(block.tiles, (shape.channels * size, shape.products * BYTES), ())
        starts = (0, 0)
        if isinstance(self.epilogue, Finish):
            plain = Finish(Result(DType.INT32), None, ())
            return Int8Kernel(
                (planes,), columns, (rows,), (), shape.channels, starts, plain, LINE_BYTES
            )
        inner = Loop(shape.channels, (size, 0), ())
        bare = Epilogue(Result(DType.FLOAT32), None, ())
        return ContractKernel(
            (planes,), columns, (rows,), (inner,), starts, bare, PANEL, LINE_BYTES
        )


_STORED = {F32X4: DType.FLOAT32, I16X8: DType.INT16, I32X4: DType.INT32}


def _plane_bytes(size: int, lanes: Type) -> int:
    """From one plane of so many numbers to the next."""
    return size * (lanes.lane_bits // 8) + LINE_BYTES


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
