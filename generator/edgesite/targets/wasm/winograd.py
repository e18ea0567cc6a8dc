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

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product as every
from math import prod

import numpy as np

from edgesite.ir import Array, Axis, DType, Reduce, Result, Value, linear
from edgesite.ir.contraction import Contraction, overhang
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.contract import PANEL, ContractKernel
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.scalars import Scalars
from edgesite.targets.wasm.tiles import (
    BYTES,
    VECTOR_BYTES,
    Epilogue,
    Loop,
    Plan,
    along,
    epilogue_fits,
    even_tiles,
    moved,
)
from edgesite.wasm import F32X4, I32
from edgesite.wasm import Value as Wasm

POINTS = {4: (Fraction(11, 16), Fraction(3, 2)), 2: (Fraction(1),)}
"""By m: beside 0 and infinity, each of these with both signs."""

FEWEST_CHANNELS = 16
"""With fewer the transforms cost more than the products save."""

FEWEST_TILES = 4
"""The matrix products have a row per tile; fewer leave the arithmetic units idle."""

BLOCK_BYTES = 384 * 1024
"""Inputs and products of the tiles that are worked on at a time."""

LARGEST_FILTERS = 4 * 1024 * 1024
"""Bytes of transformed filters up to which m is 4; beyond, m = 2 needs less than half."""

LINE_BYTES = 64
"""Planes are this much longer than their contents, or caches would map them all alike."""


Matrix = tuple[tuple[Fraction, ...], ...]


def matrices(m: int) -> tuple[Matrix, Matrix, Matrix]:
    """The transforms of inputs (n x n), filters (n x 3) and results (m x n)."""
    finite = [Fraction(0)]
    for point in POINTS[m]:
        finite += [point, -point]
    back = [[point**power for point in finite] + [Fraction(power == m - 1)] for power in range(m)]
    filters, inputs = [], []
    for k, point in enumerate(finite):
        others = [other for j, other in enumerate(finite) if j != k]
        scale = prod((point - other for other in others), start=Fraction(1))
        filters.append([point**power / scale for power in range(3)])
        inputs.append([*_with_roots(others), Fraction(0)])
    filters.append([Fraction(0), Fraction(0), Fraction(1)])
    inputs.append(_with_roots(finite))
    return _matrix(inputs), _matrix(filters), _matrix(back)


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients of the polynomial with these roots, the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [*(-root * c for c in coefficients), Fraction(0)]
        coefficients = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def _matrix(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple(tuple(row) for row in rows)


# Which convolutions


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
    if min(shape.channels, shape.filters) < FEWEST_CHANNELS or shape.filters % PANEL:
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
        spectrum = self._value("spectrum", planes * self._plane(shape.channels * shape.filters))
        made = [Step(FilterKernel(shape.m, shape.channels, shape.filters), (plain,), (spectrum,))]
        layouts[plain] = Layout.row_major(plain.shape)
        blocks = self._blocks()
        most = max(rows for _, _, rows in blocks) * shape.tile_columns
        inputs = self._value("tiles", planes * self._plane(most * shape.channels))
        products = self._value("products", planes * self._plane(most * shape.filters))
        for value in (spectrum, inputs, products):
            layouts[value] = Layout.row_major(value.shape)
        images = [range(self.product.extents[axis]) for axis in shape.image]
        loops = [self.plan.loops([axis], access=0) for axis in shape.image]
        for place in every(*images):
            bases = [0] * len(self.plan.starts)
            for position, found in zip(place, loops, strict=True):
                for loop in found:
                    bases = [b + position * s for b, s in zip(bases, loop.steps, strict=True)]
            for start, count, rows in blocks:
                for number in range(count):
                    row = (start + number * rows) * shape.m
                    made += self._block(row, rows, bases, spectrum, inputs, products)
        first = made[1]
        made[1] = replace(first, macs=self.product.macs, origin=node.origin)
        return made

    def _value(self, role: str, size: int) -> Value:
        return Value(f"{self.node.output.name}.{role}", (size,), DType.FLOAT32)

    def _plane(self, size: int) -> int:
        """Elements from one plane to the next."""
        return size + LINE_BYTES // BYTES

    def _blocks(self) -> list[tuple[int, int, int]]:
        """Rows of tiles that are worked on together: (start, how many blocks, rows of each)."""
        shape = self.shape
        row_bytes = shape.n**2 * shape.tile_columns * (shape.channels + shape.filters) * BYTES
        most = max(1, BLOCK_BYTES // row_bytes, -(-6 // shape.tile_columns))
        return even_tiles(shape.tile_rows, most)

    def _filters(self, constants: dict[Value, Array]) -> Value:
        """The filters as [panel][tap][channel][8], a constant."""
        shape = self.shape
        axes = (self.product.columns[0], shape.tap_y, shape.tap_x, shape.channel)
        view = along(self.product, constants[self.product.right.value], axes)
        split = view.reshape(shape.filters // PANEL, PANEL, 9, shape.channels)
        array = np.ascontiguousarray(np.moveaxis(split, 1, -1))
        value = Value(f"{self.node.output.name}.filters", array.shape, DType.FLOAT32)
        constants[value] = array
        return value

    def _block(
        self,
        row: int,
        rows: int,
        bases: list[int],
        spectrum: Value,
        inputs: Value,
        products: Value,
    ) -> list[Step]:
        """Transform tiles, multiply, transform back."""
        shape = self.shape
        tiles = rows * shape.tile_columns
        plane = [self._plane(tiles * size) * BYTES for size in (shape.channels, shape.filters)]
        at = [
            base + start + row * step
            for base, start, step in zip(bases, self.plan.starts, self.y.steps, strict=True)
        ]
        forward = InputKernel(
            shape.m, rows, shape.tile_columns, shape.channels,
            self.y.steps[0], self.x.steps[0], plane[0],
        )  # fmt: skip
        multiply = ContractKernel(
            (Loop(shape.n**2, (plane[0], plane[1]), ()),),
            Loop(shape.filters, (0, BYTES), ()),
            (Loop(tiles, (shape.channels * BYTES, shape.filters * BYTES), ()),),
            (Loop(shape.channels, (BYTES, 0), ()),),
            (0, 0),
            Epilogue(Result(DType.FLOAT32), None, ()),
            PANEL,
            LINE_BYTES,
        )
        valid = min(rows * shape.m, shape.height - row)
        backward = OutputKernel(
            shape.m, rows, shape.tile_columns, valid, shape.width, plane[1],
            self.y, self.x, self.column, self.epilogue,
        )  # fmt: skip
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


# The code


def _transformed(
    scalars: Scalars, matrix: Matrix, vectors: Sequence[Wasm], *, relaxed: bool
) -> list[Wasm]:
    """A matrix times a column of vectors.

    Two rows that differ in the signs of some entries share what they have in common.
    """
    f = scalars.f
    results: list[Wasm | None] = [None] * len(matrix)
    for k, row in enumerate(matrix):
        if results[k] is not None:
            continue
        twin = next((j for j in range(k + 1, len(matrix)) if _is_twin(row, matrix[j])), None)
        if twin is None:
            results[k] = f.let(_sum(scalars, row, vectors, relaxed=relaxed))
            continue
        same = tuple(a if a == b else Fraction(0) for a, b in zip(row, matrix[twin], strict=True))
        odd = tuple(a if a != b else Fraction(0) for a, b in zip(row, matrix[twin], strict=True))
        scale = odd[max(i for i, entry in enumerate(odd) if entry)]
        even = f.let(_sum(scalars, same, vectors, relaxed=relaxed))
        part = tuple(entry / scale for entry in odd)
        rest = f.let(_sum(scalars, part, vectors, relaxed=relaxed))
        results[k] = f.let(_added(even, rest, scale, relaxed=relaxed))
        results[twin] = f.let(_added(even, rest, -scale, relaxed=relaxed))
    return [result for result in results if result is not None]


def _is_twin(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
    differs = [x != y for x, y in zip(a, b, strict=True)]
    return (
        all(abs(x) == abs(y) for x, y in zip(a, b, strict=True))
        and any(differs)
        and not all(d or not x for d, x in zip(differs, a, strict=True))
    )


def _sum(
    scalars: Scalars, row: Sequence[Fraction], vectors: Sequence[Wasm], *, relaxed: bool
) -> Wasm:
    """A weighted sum of vectors; entries of one first, so that fewer are multiplied."""
    terms = [(entry, v) for entry, v in zip(row, vectors, strict=True) if entry]
    terms.sort(key=lambda term: abs(term[0]) != 1)
    terms.sort(key=lambda term: term[0] != 1)
    entry, first = terms[0]
    total = first if entry == 1 else first * float(entry)
    for entry, vector in terms[1:]:
        total = _added(total, vector, entry, relaxed=relaxed)
    return scalars.f.let(total) if total is first else total


def _added(total: Wasm, vector: Wasm, entry: Fraction, *, relaxed: bool) -> Wasm:
    if entry == 1:
        return total + vector
    if entry == -1:
        return total - vector
    if relaxed:
        factor = float(abs(entry))
        multiply_add = vector.relaxed_madd if entry > 0 else vector.relaxed_nmadd
        return multiply_add(factor, total)
    return total + vector * float(entry)


def _transformed_square(
    scalars: Scalars,
    matrix: Matrix,
    square: Sequence[Sequence[Wasm]],
    *,
    relaxed: bool,
) -> list[list[Wasm]]:
    """Matrix * square * matrix transposed; a square is a list of its columns."""
    columns = [_transformed(scalars, matrix, column, relaxed=relaxed) for column in square]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [_transformed(scalars, matrix, row, relaxed=relaxed) for row in rows]


@dataclass(frozen=True)
class FilterKernel:
    """Transforms filters: [panel][tap][channel][8] to [plane][panel][channel][8]."""

    m: int
    channels: int
    filters: int

    @property
    def name(self) -> str:
        """The number of filters and channels."""
        return f"winograd{self.m}_filters_{self.filters}x{self.channels}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: filters, their transforms."""
        f = scalars.f
        source, target = pointers
        _, matrix, _ = matrices(self.m)
        tap = self.channels * PANEL * BYTES
        plane = self.channels * self.filters * BYTES + LINE_BYTES
        with f.loop(0, self.filters // PANEL) as panel:
            from_panel = f.let(source + panel * (9 * tap))
            to_panel = f.let(target + panel * tap)
            with f.loop(0, tap, step=VECTOR_BYTES) as at:
                here, there = f.let(from_panel + at), f.let(to_panel + at)
                columns = [
                    [f.let(f.load(F32X4, here, (3 * y + x) * tap)) for y in range(3)]
                    for x in range(3)
                ]
                rows = _transformed_square(scalars, matrix, columns, relaxed=relaxed)
                for number, value in enumerate(value for row in rows for value in row):
                    f.store(f.let(there + number * plane), value)


@dataclass(frozen=True)
class InputKernel:
    """Transforms tiles of the input: to [plane][tile][channel]."""

    m: int
    rows: int
    columns: int
    channels: int
    row_step: int
    column_step: int
    plane: int

    @property
    def name(self) -> str:
        """The number of tiles and channels."""
        return f"winograd{self.m}_inputs_{self.rows}x{self.columns}x{self.channels}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: the first tile's corner, the planes."""
        f, n = scalars.f, self.m + 2
        source, target = pointers
        matrix, _, _ = matrices(self.m)
        there = f.local(I32, target)
        with f.loop(0, self.rows) as row:
            line = f.let(source + row * (self.m * self.row_step))
            with f.loop(0, self.columns) as column:
                corner = f.let(line + column * (self.m * self.column_step))
                with f.loop(0, self.channels * BYTES, step=VECTOR_BYTES) as channel:
                    here = f.let(corner + channel)
                    square = [
                        [
                            f.let(f.load(F32X4, here, y * self.row_step + x * self.column_step))
                            for y in range(n)
                        ]
                        for x in range(n)
                    ]
                    rows = _transformed_square(scalars, matrix, square, relaxed=relaxed)
                    for number, value in enumerate(value for line_ in rows for value in line_):
                        f.store(there, value, number * self.plane)
                    f.assign(there, there + VECTOR_BYTES)


@dataclass(frozen=True)
class OutputKernel:
    """Transforms products back and finishes them; `height` and `width` results are wanted."""

    m: int
    rows: int
    columns: int
    height: int
    width: int
    plane: int
    y: Loop
    x: Loop
    column: Loop
    epilogue: Epilogue

    @property
    def name(self) -> str:
        """The size of the result."""
        return f"winograd{self.m}_outputs_{self.height}x{self.width}x{self.column.extent}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: products, the epilogue's reads, the result."""
        f = scalars.f
        products, *reads, result = pointers
        at = [products, result, *reads]
        source = f.local(I32, products)
        for first, many, high in self._runs(self.height):
            with f.loop(first, first + many) as row:
                line = moved(f, at, self._tile_step(self.y), row)
                for start, count, wide in self._runs(self.width):
                    with f.loop(start, start + count) as tile:
                        corner = moved(f, line, self._tile_step(self.x), tile)
                        with f.loop(0, self.column.extent, step=LANES) as channel:
                            here = moved(f, corner, self.column, channel)
                            self._tile(scalars, source, here, high, wide, relaxed=relaxed)
                            f.assign(source, source + VECTOR_BYTES)

    def _tile_step(self, loop: Loop) -> Loop:
        """A step of a whole tile; the products are not moved, they have their own cursor."""
        return replace(loop, steps=(0, *(self.m * step for step in loop.steps[1:])))

    def _runs(self, size: int) -> list[tuple[int, int, int]]:
        """Tiles along an axis, as (first, how many, results of each that are wanted)."""
        whole, rest = divmod(size, self.m)
        runs = [(0, whole, self.m), (whole, 1, rest)]
        return [run for run in runs if run[1] and run[2]]

    def _tile(
        self,
        scalars: Scalars,
        source: Wasm,
        here: list[Wasm],
        high: int,
        wide: int,
        *,
        relaxed: bool,
    ) -> None:
        f, n = scalars.f, self.m + 2
        _, _, matrix = matrices(self.m)
        square = [
            [f.let(f.load(F32X4, source, (y * n + x) * self.plane)) for y in range(n)]
            for x in range(n)
        ]
        rows = _transformed_square(scalars, matrix, square, relaxed=relaxed)
        bias = f.let(self.epilogue.start(f, here, 0))
        for y, x in every(range(high), range(wide)):
            total = f.local(F32X4, rows[y][x] if self.epilogue.bias is None else rows[y][x] + bias)
            offsets = [y * a + x * b for a, b in zip(self.y.steps, self.x.steps, strict=True)]
            self.epilogue.store(scalars, total, here, offsets, vector=0, width=LANES)
