"""The kernels of Winograd's minimal filtering: transforms of filters, inputs and results.

Each transform is a small matrix times a square times the matrix transposed, four channels at
a time: columns first, then rows, and in the planes between, because a whole square needs more
registers than there are. Filters are an exception, since they are transformed only once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from edgesite.targets.wasm.contract import PANEL
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.scalars import Scalars
from edgesite.targets.wasm.tiles import BYTES, VECTOR_BYTES, Epilogue, Loop, moved
from edgesite.wasm import F32X4, I32, Local
from edgesite.wasm import Value as Wasm

POINTS = {4: (Fraction(11, 16), Fraction(3, 2)), 2: (Fraction(1),)}
"""By m: beside 0 and infinity, each of these with both signs."""

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
    panels: int

    @property
    def name(self) -> str:
        """The number of filters and channels."""
        return f"winograd{self.m}_filters_{self.panels * PANEL}x{self.channels}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: filters, their transforms."""
        f = scalars.f
        source, target = pointers
        _, matrix, _ = matrices(self.m)
        tap = self.channels * PANEL * BYTES
        plane = self.panels * tap + LINE_BYTES
        with f.loop(0, self.panels) as panel:
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
        f = scalars.f
        source, target = pointers
        there = f.local(I32, target)
        with f.loop(0, self.rows) as row:
            line = f.let(source + row * (self.m * self.row_step))
            with f.loop(0, self.columns) as column:
                corner = f.let(line + column * (self.m * self.column_step))
                with f.loop(0, self.channels * BYTES, step=VECTOR_BYTES) as channel:
                    self._tile(scalars, f.let(corner + channel), there, relaxed=relaxed)
                    f.assign(there, there + VECTOR_BYTES)

    def _tile(self, scalars: Scalars, here: Wasm, there: Wasm, *, relaxed: bool) -> None:
        """Columns into the planes, then the rows of these where they are."""
        f, n = scalars.f, self.m + 2
        matrix, _, _ = matrices(self.m)
        source, target = f.local(I32, here), f.local(I32, there)
        with f.repeat(n):
            column = [f.let(f.load(F32X4, source, y * self.row_step)) for y in range(n)]
            for y, value in enumerate(_transformed(scalars, matrix, column, relaxed=relaxed)):
                f.store(target, value, y * n * self.plane)
            f.assign(source, source + self.column_step)
            f.assign(target, target + self.plane)
        f.assign(target, there)
        with f.repeat(n):
            row = [f.let(f.load(F32X4, target, x * self.plane)) for x in range(n)]
            for x, value in enumerate(_transformed(scalars, matrix, row, relaxed=relaxed)):
                f.store(target, value, x * self.plane)
            f.assign(target, target + n * self.plane)


@dataclass(frozen=True)
class OutputKernel:
    """Transforms products back and finishes them; `height` and `width` results are wanted."""

    m: int
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
                        self._channels(scalars, source, corner, high, wide, relaxed=relaxed)

    def _channels(
        self,
        scalars: Scalars,
        source: Local,
        corner: list[Wasm],
        high: int,
        wide: int,
        *,
        relaxed: bool,
    ) -> None:
        """All channels of a tile, four at a time, and what is left of them."""
        f = scalars.f
        whole, rest = divmod(self.column.extent, LANES)
        with f.loop(0, whole * LANES, step=LANES) as channel:
            here = moved(f, corner, self.column, channel)
            self._tile(scalars, source, here, high, wide, LANES, relaxed=relaxed)
            f.assign(source, source + VECTOR_BYTES)
        if rest:
            here = moved(f, corner, self.column, f.const(I32, whole * LANES))
            self._tile(scalars, source, here, high, wide, rest, relaxed=relaxed)
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
        lanes: int,
        *,
        relaxed: bool,
    ) -> None:
        """Columns where they are in the planes, then rows from there to the result."""
        f, n = scalars.f, self.m + 2
        _, _, matrix = matrices(self.m)
        place = f.local(I32, source)
        with f.repeat(n):
            column = [f.let(f.load(F32X4, place, y * n * self.plane)) for y in range(n)]
            for y, value in enumerate(_transformed(scalars, matrix, column, relaxed=relaxed)):
                f.store(place, value, y * n * self.plane)
            f.assign(place, place + self.plane)
        f.assign(place, source)
        bias = f.let(self.epilogue.start(f, here, 0))
        with f.loop(0, high) as number:
            line = moved(f, here, replace(self.y, steps=(0, *self.y.steps[1:])), number)
            row = [f.let(f.load(F32X4, place, x * self.plane)) for x in range(n)]
            results = _transformed(scalars, matrix, row, relaxed=relaxed)
            for x, value in enumerate(results[:wide]):
                total = f.local(F32X4, value if self.epilogue.bias is None else value + bias)
                offsets = [x * step for step in self.x.steps]
                self.epilogue.store(scalars, total, line, offsets, vector=0, width=lanes)
            f.assign(place, place + n * self.plane)
