"""Winograd's minimal filtering for convolutions of 3x3 to 5x5 taps, and of 3x3 at stride 2.

A tile of m x m results is computed from n x n inputs, n = m + taps - 1, with n * n products for
each pair of channels instead of (taps * m)^2: for 3x3 a quarter of them if m = 4, 4/9 if m = 2.
Inputs and filters are transformed by matrices that follow from interpolation points, the
products are n * n matrix products over the channels, and another matrix transforms back
(Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016; the matrices by
the Cook-Toom construction; points after Barabasz et al., 2020, measured in KERNELS.md, 3).

Three kernels in turn work through an image, a few rows of tiles at a time so that what lies
between them stays in the cache. The filters are transformed once, when the model is loaded.

At stride 2 even and odd taps are filters of two taps and of one, for inputs that are even and
odd. Both have products at the same points, but for infinity, so these are summed there and
transformed back together: (2m + 1)^2 products instead of 9 * m * m, 9/16 of them for m = 4.

Quantised convolutions go the same way in whole numbers, exactly: see `transforms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from itertools import product as every

import numpy as np

from edgesite.ir import Array, DType, Reduce, Result, Value
from edgesite.ir.contraction import Contraction
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.contract import PANEL, ContractKernel
from edgesite.targets.wasm.int8 import GROUP, Int8Kernel
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.rounds import AnyStep, Rounds, Row
from edgesite.targets.wasm.tiles import (
    BYTES,
    Epilogue,
    Loop,
    Plan,
    along,
    epilogue_fits,
    even_tiles,
    merged,
)
from edgesite.targets.wasm.transforms import WHOLE
from edgesite.targets.wasm.whole import Finish, finish_of, is_quantised
from edgesite.targets.wasm.winograd_kernels import (
    LINE_BYTES,
    FilterKernel,
    InputKernel,
    OutputKernel,
)
from edgesite.targets.wasm.winograd_shape import Shape, reach, shape_of
from edgesite.wasm import F32X4, I16X8, I32X4, Type

BLOCK_BYTES = 384 * 1024
"""Inputs and products of the tiles that are worked on at a time."""

ENOUGH_TILES = 24
"""So many tiles share one pass over the filters even if they take more, where these are large."""

NEAR_BYTES = 1024 * 1024
"""Filters that are larger come from far away at every pass."""


def steps(
    node: Reduce,
    product: Contraction,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> list[AnyStep] | None:
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
        epilogue = finish_of(plan, column, constants)
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
class Rooms:
    """The filters, what lies between the kernels, and the number of a part of the filters."""

    filters: Value
    spectrum: Value
    ring: Value
    tiles: Value
    products: Value
    part: Value


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

    def all(self, layouts: dict[Value, Layout], constants: dict[Value, Array]) -> list[AnyStep]:
        """The calls, block after block."""
        shape, numbers = self.shape, self.shape.arithmetic
        plain = self._filters(constants)
        blocks = list(self._blocks())
        most = max(block.tiles for block in blocks)
        inputs = shape.planes * _plane_bytes(most * shape.channels, numbers.lanes)
        ring = 2 * numbers.advance * numbers.span * shape.channels * numbers.item_bytes
        products = numbers.n**2 * _plane_bytes(most * shape.products, numbers.sums)
        rooms = Rooms(
            plain,
            self._room("spectrum", self._planes[-1], numbers.lanes),
            self._room("ring", ring, numbers.lanes),
            self._room("tiles", inputs, numbers.lanes),
            self._room("products", products, numbers.sums),
            Value(f"{self.node.output.name}.part", (), DType.INT64),
        )
        for value in (plain, rooms.spectrum, rooms.ring, rooms.tiles, rooms.products, rooms.part):
            layouts[value] = Layout.row_major(value.shape)
        made: list[AnyStep] = []
        images = [range(self.product.extents[axis]) for axis in shape.image]
        loops = [self.plan.loops([axis], access=0) for axis in shape.image]
        for place in every(*images):
            bases = [0] * len(self.plan.starts)
            for position, found in zip(place, loops, strict=True):
                for loop in found:
                    bases = [b + position * s for b, s in zip(bases, loop.steps, strict=True)]
            for block in blocks:
                calls = self._block(block, bases, rooms)
                made += [
                    replace(call, block=(self.node.output, len(made)))
                    if isinstance(call, Step) and shape.parts == 1
                    else call
                    for call in calls
                ]
        first = made[0]
        if isinstance(first, Step):
            effort = shape.planes / (numbers.taps * shape.m) ** 2
            made[0] = replace(first, macs=self.product.macs, effort=effort, origin=self.node.origin)
        return made if shape.parts > 1 else [self._spectrum(rooms.filters, rooms), *made]

    def _room(self, role: str, size_bytes: int, lanes: Type) -> Value:
        """Room for numbers of a type."""
        dtype = _STORED[lanes]
        return Value(f"{self.node.output.name}.{role}", (size_bytes // dtype.size_bytes,), dtype)

    @cached_property
    def _planes(self) -> tuple[int, ...]:
        """Where each plane of a part of the transformed filters begins, and where the last ends."""
        shape, numbers = self.shape, self.shape.arithmetic
        size = shape.channels * shape.panels // shape.parts * PANEL
        sizes = (_plane_bytes(phases * size, numbers.lanes) for phases in numbers.summed)
        return tuple(accumulate(sizes, initial=0))

    def _blocks(self) -> Iterator[Block]:
        """The tiles that are worked on together: whole rows of them, or parts of one row."""
        shape = self.shape
        inputs = shape.planes * shape.channels * shape.arithmetic.item_bytes
        tile_bytes = inputs + shape.arithmetic.n**2 * shape.products * BYTES
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
        split = filled.reshape(shape.panels, PANEL, -1, shape.channels // together, together)
        array = np.ascontiguousarray(np.moveaxis(split, 1, -2))
        value = Value(f"{self.node.output.name}.filters", array.shape, DType.of(array.dtype))
        constants[value] = array
        return value

    def _spectrum(self, filters: Value, rooms: Rooms) -> Step:
        """The transform of the filters, or of a part of them."""
        shape, numbers = self.shape, self.shape.arithmetic
        panels = shape.panels // shape.parts
        kernel = FilterKernel(numbers, shape.channels, panels, self._planes[:-1])
        return Step(kernel, (filters,), (rooms.spectrum,) * len(kernel.phases))

    def _block(self, block: Block, bases: list[int], rooms: Rooms) -> list[AnyStep]:
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
            self.y.steps[0] // numbers.stride, self.x.steps[0] // numbers.stride, plane[0],
        )  # fmt: skip
        high = min(block.rows * shape.m, shape.height - row)
        wide = min(block.columns * shape.m, shape.width - column)
        backward = OutputKernel(
            numbers, high, wide, plane[1], self.y, self.x,
            replace(self.column, extent=self.column.extent // shape.parts), self.epilogue,
        )  # fmt: skip
        first = Step(
            forward,
            (self.product.left.value,),
            (rooms.tiles, rooms.ring),
            offsets=(at[0], 0, 0),
            scratch=(rooms.ring,),
        )
        multiply = Step(
            self._multiply(block, plane), (rooms.tiles, rooms.spectrum), (rooms.products,)
        )
        reads = tuple(load.value for load in self.plan.loads)
        last = Step(
            backward,
            (rooms.products, *reads),
            (self.node.output,),
            offsets=(0, *at[2:], at[1]),
            origin=self.node.origin,
        )
        if shape.parts == 1:
            return [first, multiply, last]
        return [first, self._in_parts(multiply, last, rooms)]

    def _in_parts(self, multiply: Step, last: Step, rooms: Rooms) -> Rounds:
        """Transform a part of the filters, multiply by it, transform back: part after part."""
        parts = self.shape.parts
        _, result, *moves = (step * self.column.extent // parts for step in self.column.steps)
        filters = _row(rooms.filters, rooms.filters.size * rooms.filters.dtype.size_bytes // parts)
        reads = [
            _row(value, move, number)
            for number, (value, move) in enumerate(zip(last.reads[1:], moves, strict=True))
        ]
        written = _row(self.node.output, result)
        last = replace(
            last, reads=(rooms.products, *(row.part for row in reads)), writes=(written.part,)
        )
        steps = (self._spectrum(filters.part, rooms), multiply, last)
        rows = (filters, *reads)
        return Rounds(steps, parts, rooms.part, None, (), (), rows, (written,), apart=True)

    def _multiply(self, block: Block, plane: tuple[int, int]) -> ContractKernel | Int8Kernel:
        """A matrix product per plane, which sums over the phases that there are at its point.

        The last point has a phase less along its axis.
        """
        shape, numbers = self.shape, self.shape.arithmetic
        size, starts = numbers.item_bytes, (0, 0)
        columns = Loop(shape.products, (0, BYTES), ())
        rows = Loop(block.tiles, (shape.channels * size, shape.products * BYTES), ())
        down = numbers.span * plane[0], numbers.n * plane[1]
        points = Loop(numbers.n, down, ()), Loop(numbers.n, plane, ())
        if isinstance(self.epilogue, Finish):
            plain = Finish(Result(DType.INT32), None, ())
            planes = tuple(merged(points))
            return Int8Kernel(
                planes, columns, (rows,), (), shape.channels, starts, plain, LINE_BYTES
            )
        inner = Loop(shape.channels, (size, 0), ())
        bare = Epilogue(Result(DType.FLOAT32), None, ())
        if numbers.stride == 1:
            planes = tuple(merged(points))
            return ContractKernel(
                planes, columns, (rows,), (inner,), starts, bare, PANEL, LINE_BYTES
            )
        phases = (
            Loop(numbers.stride, (numbers.n * down[0], 0), ()),
            Loop(numbers.stride, (numbers.n * plane[0], 0), ()),
        )
        return ContractKernel(
            points, columns, (rows,), (*phases, inner), starts, bare, PANEL, LINE_BYTES,
            shorter=((0, 0), (1, 1)),
        )  # fmt: skip


def _row(whole: Value, size_bytes: int, number: int = 0) -> Row:
    """What a part of the filters reads or writes of a value; `number` tells reads apart."""
    return Row(replace(whole, name=f"{whole.name}.part{number}"), whole, size_bytes, reverse=False)


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
