"""The kernels of Winograd's minimal filtering: transforms of filters, inputs and results.

Each transform is a small matrix times a square times the matrix transposed, a vector of
channels at a time: columns first, then rows, and in memory between, because a whole square needs
more registers than there are. Filters are an exception, since most are transformed only once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

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
    """Transforms filters: [panel][tap][channel][8] to [plane][panel][phase][channel][8].

    Planes have as many phases as are summed there; it is given a pointer for each number of
    phases, to where the planes begin. Whole ones come as bytes, with channels in pairs:
    [channel / 2][8][2].
    """

    arithmetic: Arithmetic
    channels: int
    panels: int
    planes: tuple[int, ...]
    """Where each plane begins, in bytes."""

    @property
    def name(self) -> str:
        """The number of filters and channels."""
        return f"{self.arithmetic.name}_filters_{self.panels * PANEL}x{self.channels}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: filters, their transforms."""
        f = scalars.f
        f.keep_constants()
        source, *targets = pointers
        _, matrix, _ = self.arithmetic.matrices
        size, given, taps = self.size, self.given, self.arithmetic.taps
        with f.loop(0, self.panels) as panel:
            here = f.local(I32, source + panel * (taps**2 * given))
            to_panel = {
                phases: f.let(target + panel * (phases * size))
                for phases, target in zip(self.phases, targets, strict=True)
            }
            with f.loop(0, size, step=VECTOR_BYTES) as at:
                columns = [
                    [f.let(self._load(f, here, (taps * y + x) * given)) for y in range(taps)]
                    for x in range(taps)
                ]
                there = {phases: f.let(target + at) for phases, target in to_panel.items()}
                squares = transformed_square(scalars, matrix, columns, relaxed=relaxed)
                places = product(range(self.arithmetic.span), repeat=2)
                for (row, column), value in zip(places, squares, strict=True):
                    phases, offset = self._place(row, column)
                    f.store(there[phases], value, offset)
                f.assign(here, here + VECTOR_BYTES * given // size)

    def _place(self, row: int, column: int) -> tuple[int, int]:
        """How many phases the plane of a transformed tap has, and where in it that is."""
        numbers = self.arithmetic
        (phase_y, y), (phase_x, x) = divmod(row, numbers.n), divmod(column, numbers.n)
        aside = numbers.phases_at(x)
        phase = phase_y * aside + phase_x
        return numbers.phases_at(y) * aside, self.planes[y * numbers.n + x] + phase * self.size

    @property
    def phases(self) -> tuple[int, ...]:
        """The numbers of phases that planes have."""
        return tuple(sorted(set(self.arithmetic.summed)))

    @property
    def size(self) -> int:
        """Bytes of a panel of a transformed tap."""
        return self.channels * PANEL * self.arithmetic.item_bytes

    @property
    def given(self) -> int:
        """Bytes of a panel of a tap."""
        return self.size if self.arithmetic.lanes.is_float else self.size // 2

    def _load(self, f: Function, address: Local, offset: int) -> Wasm:
        lanes = self.arithmetic.lanes
        load = f.load if lanes.is_float else f.load_extend_s
        return load(lanes, address, offset)


@dataclass(frozen=True)
class InputKernel:
    """Transforms tiles of the input: to [plane][tile][channel], phases in planes of their own.

    Tiles overlap, so each transforms the columns that the one before it did not have. Columns
    come to lie in a ring of two halves, [column][row][channel], of which a tile fills one: it
    has some at the end of the other in common with the tile before.
    """

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

    @property
    def size(self) -> int:
        """Bytes of the channels at a place."""
        return self.channels * self.arithmetic.item_bytes

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: the first tile's corner, the planes, the ring."""
        f = scalars.f
        f.keep_constants()
        source, target, ring = pointers
        advance, column_bytes = self.arithmetic.advance, self.arithmetic.span * self.size
        there = f.local(I32, target)
        with f.loop(0, self.rows) as row:
            here = f.local(I32, source + row * (advance * self.row_step))
            half = f.local(I32, ring)
            other = f.local(I32, ring + advance * column_bytes)
            fresh = f.local(I32, self.arithmetic.overlap)
            with f.loop(-1, self.columns) as tile:  # ahead of the first one what it shares
                place = f.local(I32, half + (advance - fresh) * column_bytes)
                with f.repeat(fresh, at_least_once=True):
                    self._column(scalars, here, place, relaxed=relaxed)
                    f.assign(here, here + self.column_step)
                    f.assign(place, place + column_bytes)
                with f.if_(tile >= 0):
                    shared = f.let(other + (advance - self.arithmetic.overlap) * column_bytes)
                    self._rows(scalars, shared, half, there, relaxed=relaxed)
                    f.assign(there, there + self.size)
                f.assign(fresh, advance)
                filled = f.let(half)
                f.assign(half, other)
                f.assign(other, filled)

    def _column(self, scalars: Scalars, here: Wasm, place: Wasm, *, relaxed: bool) -> None:
        """All channels of a column, into the ring."""
        f, span, lanes = scalars.f, self.arithmetic.span, self.arithmetic.lanes
        matrix, _, _ = self.arithmetic.matrices
        with f.loop(0, self.size, step=VECTOR_BYTES) as at:
            source, target = f.let(here + at), f.let(place + at)
            column = [f.let(f.load(lanes, source, y * self.row_step)) for y in range(span)]
            for y, value in enumerate(transformed(scalars, matrix, column, relaxed=relaxed)):
                f.store(target, value, y * self.size)

    def _rows(
        self, scalars: Scalars, shared: Wasm, half: Wasm, there: Wasm, *, relaxed: bool
    ) -> None:
        """All channels of a tile's rows, from the ring into the planes."""
        f, span, lanes = scalars.f, self.arithmetic.span, self.arithmetic.lanes
        matrix, _, _ = self.arithmetic.matrices
        target = f.local(I32, there)
        with f.loop(0, span * self.size, step=self.size) as line:
            with f.loop(0, self.size, step=VECTOR_BYTES) as channel:
                at = f.let(line + channel)
                sources = f.let(shared + at), f.let(half + at)
                counts = self.arithmetic.overlap, self.arithmetic.advance
                row = [
                    f.let(f.load(lanes, source, x * span * self.size))
                    for source, count in zip(sources, counts, strict=True)
                    for x in range(count)
                ]
                to = f.let(target + channel)
                for x, value in enumerate(transformed(scalars, matrix, row, relaxed=relaxed)):
                    f.store(to, value, x * self.plane)
            f.assign(target, target + span * self.plane)


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
        tiles = -(-self.height // self.arithmetic.m)
        with f.loop(0, tiles) as row:
            high = self._high(f, row == tiles - 1)
            line = moved(f, at, self._tile_step(self.y), row)
            for start, count, wide in self._runs(self.width):
                with f.loop(start, start + count) as tile:
                    corner = moved(f, line, self._tile_step(self.x), tile)
                    self._channels(scalars, source, corner, high, wide, relaxed=relaxed)

    def _high(self, f: Function, is_last: Wasm) -> Wasm | int:
        """How many rows of a tile are wanted, found when it runs: code for each would be long."""
        m = self.arithmetic.m
        rest = self.height % m
        if not rest or self.height < m:
            return rest or m
        high = f.local(I32, m)
        with f.if_(is_last):
            f.assign(high, rest)
        return high

    def _channels(
        self,
        scalars: Scalars,
        source: Local,
        corner: list[Wasm],
        high: Wasm | int,
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
        """Tiles along a row, as (first, how many, results of each that are wanted)."""
        whole, rest = divmod(size, self.arithmetic.m)
        runs = [(0, whole, self.arithmetic.m), (whole, 1, rest)]
        return [run for run in runs if run[1] and run[2]]

    def _tile(
        self,
        scalars: Scalars,
        source: Wasm,
        here: list[Wasm],
        high: Wasm | int,
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
