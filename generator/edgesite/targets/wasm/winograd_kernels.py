"""The kernels of Winograd's minimal filtering: transforms of filters, inputs and results.

Each transform is a small matrix times a square times the matrix transposed, a vector of
channels at a time: columns first, then rows, and in the planes between, because a whole square
needs more registers than there are. Filters are an exception, since they are transformed only
once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgesite.targets.wasm.contract import PANEL
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.scalars import Scalars
from edgesite.targets.wasm.tiles import VECTOR_BYTES, Epilogue, Loop, moved
from edgesite.targets.wasm.transforms import Arithmetic, transformed, transformed_square
from edgesite.targets.wasm.whole import Finish
from edgesite.wasm import I32, Function, Local
from edgesite.wasm import Value as Wasm

LINE_BYTES = 64
"""Planes are this much longer than their contents, or caches would map them all alike."""


@dataclass(frozen=True)
class FilterKernel:
    """Transforms filters: [panel][tap][channel][8] to [plane][panel][channel][8].

    Whole ones come as bytes, with channels in pairs: [channel / 2][8][2].
    """

    arithmetic: Arithmetic
    channels: int
    panels: int
    plane: int
    """Bytes from one plane to the next."""

    @property
    def name(self) -> str:
        """The number of filters and channels."""
        return f"{self.arithmetic.name}_filters_{self.panels * PANEL}x{self.channels}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: filters, their transforms."""
        f = scalars.f
        f.keep_constants()
        source, target = pointers
        _, matrix, _ = self.arithmetic.matrices
        size = self.channels * PANEL * self.arithmetic.item_bytes
        given = size if self.arithmetic.lanes.is_float else size // 2
        with f.loop(0, self.panels) as panel:
            here = f.local(I32, source + panel * (9 * given))
            to_panel = f.let(target + panel * size)
            with f.loop(0, size, step=VECTOR_BYTES) as at:
                columns = [
                    [f.let(self._load(f, here, (3 * y + x) * given)) for y in range(3)]
                    for x in range(3)
                ]
                there = f.let(to_panel + at)
                squares = transformed_square(scalars, matrix, columns, relaxed=relaxed)
                for number, value in enumerate(squares):
                    f.store(there, value, number * self.plane)
                f.assign(here, here + VECTOR_BYTES * given // size)

    def _load(self, f: Function, address: Local, offset: int) -> Wasm:
        lanes = self.arithmetic.lanes
        load = f.load if lanes.is_float else f.load_extend_s
        return load(lanes, address, offset)


@dataclass(frozen=True)
class InputKernel:
    """Transforms tiles of the input: to [plane][tile][channel]."""

    arithmetic: Arithmetic
    rows: int
    columns: int
    channels: int
    row_step: int
    column_step: int
    plane: int

    @property
    def name(self) -> str:
        """The number of tiles and channels."""
        return f"{self.arithmetic.name}_inputs_{self.rows}x{self.columns}x{self.channels}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: the first tile's corner, the planes."""
        f = scalars.f
        f.keep_constants()
        source, target = pointers
        m, size = self.arithmetic.m, self.channels * self.arithmetic.item_bytes
        there = f.local(I32, target)
        with f.loop(0, self.rows) as row:
            line = f.let(source + row * (m * self.row_step))
            with f.loop(0, self.columns) as column:
                corner = f.let(line + column * (m * self.column_step))
                with f.loop(0, size, step=VECTOR_BYTES) as channel:
                    self._tile(scalars, f.let(corner + channel), there, relaxed=relaxed)
                    f.assign(there, there + VECTOR_BYTES)

    def _tile(self, scalars: Scalars, here: Wasm, there: Wasm, *, relaxed: bool) -> None:
        """Columns into the planes, then the rows of these where they are."""
        f, n, lanes = scalars.f, self.arithmetic.n, self.arithmetic.lanes
        matrix, _, _ = self.arithmetic.matrices
        source, target = f.local(I32, here), f.local(I32, there)
        with f.repeat(n):
            column = [f.let(f.load(lanes, source, y * self.row_step)) for y in range(n)]
            for y, value in enumerate(transformed(scalars, matrix, column, relaxed=relaxed)):
                f.store(target, value, y * n * self.plane)
            f.assign(source, source + self.column_step)
            f.assign(target, target + self.plane)
        f.assign(target, there)
        with f.repeat(n):
            row = [f.let(f.load(lanes, target, x * self.plane)) for x in range(n)]
            for x, value in enumerate(transformed(scalars, matrix, row, relaxed=relaxed)):
                f.store(target, value, x * self.plane)
            f.assign(target, target + n * self.plane)


@dataclass(frozen=True)
class OutputKernel:
    """Transforms products back and finishes them; `height` and `width` results are wanted."""

    arithmetic: Arithmetic
    height: int
    width: int
    plane: int
    y: Loop
    x: Loop
    column: Loop
    epilogue: Epilogue | Finish

    @property
    def name(self) -> str:
        """The size of the result."""
        return f"{self.arithmetic.name}_outputs_{self.height}x{self.width}x{self.column.extent}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: products, the epilogue's reads, the result."""
        f = scalars.f
        f.keep_constants()
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
        return replace(loop, steps=(0, *(self.arithmetic.m * step for step in loop.steps[1:])))

    def _runs(self, size: int) -> list[tuple[int, int, int]]:
        """Tiles along an axis, as (first, how many, results of each that are wanted)."""
        whole, rest = divmod(size, self.arithmetic.m)
        runs = [(0, whole, self.arithmetic.m), (whole, 1, rest)]
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
        f, n, view = scalars.f, self.arithmetic.n, self.arithmetic.sums
        _, _, matrix = self.arithmetic.matrices
        place = f.local(I32, source)
        with f.repeat(n):
            column = [f.let(f.load(view, place, y * n * self.plane)) for y in range(n)]
            for y, value in enumerate(transformed(scalars, matrix, column, relaxed=relaxed)):
                f.store(place, value, y * n * self.plane)
            f.assign(place, place + self.plane)
        f.assign(place, source)
        bias = f.let(self.epilogue.start(f, here, 0))
        with f.loop(0, high) as number:
            line = moved(f, here, replace(self.y, steps=(0, *self.y.steps[1:])), number)
            row = [f.let(f.load(view, place, x * self.plane)) for x in range(n)]
            results = transformed(scalars, matrix, row, relaxed=relaxed)
            for x, value in enumerate(results[:wide]):
                total = f.let(self.arithmetic.once(value))
                if self.epilogue.bias is not None:
                    total = f.let(total + bias)
                offsets = [x * step for step in self.x.steps]
                self.epilogue.store(scalars, total, line, offsets, vector=0, width=lanes)
            f.assign(place, place + n * self.plane)
