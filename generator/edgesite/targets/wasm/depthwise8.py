"""Quantised depthwise convolutions: every channel has a filter of its own.

Four channels are the lanes of a vector of sums, for a tile of several results along a row.
Two elements of each channel are interleaved, so that `i32x4.dot_i16x8_s` adds the products of
both: of two rows of the input, int16, in the same column, or, in the row that an odd number of
them leaves, of two columns. What is interleaved once is used by all results of the tile that
it belongs to. The filters are packed alike: [outer axes][channels / 4][pairs of taps][4][2],
with zeros for the column that an odd number of them lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod

import numpy as np

from edgesite.ir import Array, DType, Reduce, Value
from edgesite.ir.contraction import Contraction
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.lanes import LANES
from edgesite.targets.wasm.scalars import Scalars
from edgesite.targets.wasm.tiles import Loop, Plan, along, begun, even_tiles, moved
from edgesite.targets.wasm.whole import (
    Finish,
    finish_of,
    finish_tile,
    is_quantised,
)
from edgesite.wasm import I16X8, I32, I32X4, I64X2, Function, Local
from edgesite.wasm import Value as Wasm

PAIR_BYTES = 2 * LANES
"""Two taps of the filters of four channels."""

LEFT_BYTES = 2

REGISTERS = 13
"""Sums, a row of taps and what is interleaved share so many."""

MOST_RESULTS = 8

MOST_TAPS = 64
"""Taps of a filter up to which they are written out."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of taps whose second elements lie equally far behind the first, in bytes."""

    start: int
    """Where the first pair begins in the left operand."""
    apart: int
    count: int
    step: int
    """From pair to pair."""
    last: int
    """Where the last element lies that a pair has."""


@dataclass(frozen=True)
class Depthwise8Kernel:
    """A contraction of bytes whose lanes run along an axis that both operands follow."""

    outer: tuple[Loop, ...]
    lanes: Loop
    rows: tuple[Loop, ...]
    lines: tuple[int, ...]
    """Where every row of taps begins in the left operand, in bytes."""
    taps: Loop
    """Along a row of taps."""
    starts: tuple[int, ...]
    finish: Finish

    @property
    def name(self) -> str:
        """Results, channels and taps."""
        rows = prod(loop.extent for loop in self.rows)
        return f"depthwise8_{rows}x{self.lanes.extent}x{len(self.lines) * self.taps.extent}"

    @property
    def blocks(self) -> int:
        """Blocks of four channels."""
        return -(-self.lanes.extent // LANES)

    @property
    def pairs(self) -> list[Pairs]:
        """All taps: two rows at a time, and of a row that is left two columns at a time."""
        lines, taps, step = self.lines, self.taps.extent, self.taps.steps[0]
        end = (taps - 1) * step
        made = [
            Pairs(first, second - first, taps, step, second + end)
            for first, second in zip(lines[::2], lines[1::2], strict=False)
        ]
        if len(lines) % 2:
            made.append(Pairs(lines[-1], step, -(-taps // 2), 2 * step, lines[-1] + end))
        return made

    @property
    def block_bytes(self) -> int:
        """The length of the filters of a block."""
        return sum(pairs.count for pairs in self.pairs) * PAIR_BYTES

    @property
    def most_results(self) -> int:
        """Of a tile: as many as there are registers for."""
        return max(1, min(MOST_RESULTS, REGISTERS - 1 - self.taps.extent))

    def tile(self, *, relaxed: bool) -> tuple[int, int]:
        """Results and channels of its largest tile, with and without relaxed instructions."""
        del relaxed
        results = even_tiles(self.rows[-1].extent, self.most_results)[0][2]
        return results, min(LANES, self.lanes.extent)

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: left, filters, the epilogue's reads, result."""
        del relaxed
        _Emission(self, scalars).everything(pointers)


def steps(
    node: Reduce,
    product: Contraction,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> list[Step] | None:
    """The call that computes a depthwise convolution, or None where this kernel does not fit.

    Adds the rearranged filters to `layouts` and `constants`.
    """
    if product.columns or not is_quantised(node, product, layouts, constants):
        return None
    plan = Plan(node, product, layouts)
    kernel = _kernel(plan, constants)
    if kernel is None:
        return None
    inner = [axis for loop in plan.loops(product.inner, access=0) for axis in loop.axes]
    array = _filters(product, kernel, inner, constants[product.right.value])
    filters = Value(f"{node.output.name}.filters", array.shape, DType.INT8)
    layouts[filters], constants[filters] = Layout.row_major(array.shape), array
    reads = (product.left.value, filters, *(load.value for load in plan.loads))
    return [Step(kernel, reads, (node.output,), macs=product.macs, origin=node.origin)]


def _kernel(plan: Plan, constants: Mapping[Value, Array]) -> Depthwise8Kernel | None:
    product = plan.product
    batch = plan.loops(product.batch, access=1)
    rows = plan.loops(product.rows, access=1)
    stored = plan.finish.dtype.size_bytes
    if (
        not batch
        or batch[-1].steps[:2] != (LEFT_BYTES, stored)
        or product.size(product.inner) > MOST_TAPS
    ):
        return None
    finish = finish_of(plan, batch[-1], constants)
    if finish is None:
        return None
    none = Loop(1, (0,) * len(batch[-1].steps), ())
    *around, last = plan.loops(product.inner, access=0) or [none]
    lines = tuple(
        sum(p * loop.steps[0] for p, loop in zip(place, around, strict=True))
        for place in np.ndindex(*(loop.extent for loop in around))
    )
    return Depthwise8Kernel(
        tuple(batch[:-1]),
        batch[-1],
        tuple(rows) or (none,),
        lines,
        last,
        plan.starts,
        finish,
    )


def _filters(
    product: Contraction, kernel: Depthwise8Kernel, inner: Sequence[int], array: Array
) -> Array:
    """The filters as the kernel reads them."""
    outer = [loop.extent for loop in kernel.outer]
    axes = [axis for loop in (*kernel.outer, kernel.lanes) for axis in loop.axes]
    view = along(product, array, [*axes, *inner])
    merged = view.reshape(prod(outer), kernel.lanes.extent, len(kernel.lines), kernel.taps.extent)
    lines, taps = merged.shape[2:]
    padded = np.pad(merged, [(0, 0), (0, -kernel.lanes.extent % LANES), (0, 0), (0, taps % 2)])
    blocks = padded.reshape(prod(outer), kernel.blocks, LANES, lines, -1)
    rows, row = blocks[..., : lines // 2 * 2, :taps], blocks[..., lines // 2 * 2 :, :]
    of_rows = rows.reshape(*rows.shape[:3], -1, 2, taps).transpose(0, 1, 3, 5, 2, 4)
    of_columns = row.reshape(*row.shape[:3], -1, 2).transpose(0, 1, 3, 2, 4)
    flat = (*rows.shape[:2], -1)
    return np.concatenate([of_rows.reshape(flat), of_columns.reshape(flat)], axis=-1)


@dataclass(frozen=True)
class _Emission:
    """Writes one depthwise convolution into a function."""

    kernel: Depthwise8Kernel
    scalars: Scalars

    @property
    def f(self) -> Function:
        """The function that is written."""
        return self.scalars.f

    def everything(self, pointers: tuple[Wasm, ...]) -> None:
        """All loops around the tiles."""
        kernel, f = self.kernel, self.f
        left, filters, *reads, result = pointers
        at = begun(f, (left, result, *reads), kernel.starts)
        with ExitStack() as stack:
            for number, loop in enumerate(kernel.outer):
                position = stack.enter_context(f.loop(0, loop.extent))
                blocks = kernel.blocks * prod(o.extent for o in kernel.outer[number + 1 :])
                at = moved(f, at, loop, position)
                filters = f.let(filters + position * (blocks * kernel.block_bytes))
            for loop in kernel.rows[:-1]:
                position = stack.enter_context(f.loop(0, loop.extent))
                at = moved(f, at, loop, position)
            row = kernel.rows[-1]
            for start, tiles, results in even_tiles(row.extent, kernel.most_results):
                with f.loop(start, start + tiles * results, step=results) as place:
                    self._channels(moved(f, at, row, place), filters, results)

    def _channels(self, at: list[Wasm], filters: Wasm, results: int) -> None:
        kernel, f = self.kernel, self.f
        whole, rest = divmod(kernel.lanes.extent, LANES)
        with f.loop(0, whole) as block:
            self._block(at, filters, results, block, LANES)
        if rest:
            self._block(at, filters, results, f.const(I32, whole), rest)

    def _block(self, at: list[Wasm], filters: Wasm, results: int, block: Wasm, width: int) -> None:
        kernel, f = self.kernel, self.f
        block = f.let(block)
        here = moved(f, at, kernel.lanes, f.let(block * LANES))
        taps = f.let(filters + block * kernel.block_bytes)
        self._tile(here, taps, results, width)

    def _tile(self, at: list[Wasm], filters: Wasm, results: int, width: int) -> None:
        """One tile. Registers: a sum per result, a row of pairs of taps, what is interleaved."""
        kernel, f = self.kernel, self.f
        sums = [kernel.finish.start(f, at, 0) for _ in range(results)]
        first = 0
        for pairs in kernel.pairs:
            self._add(sums, at[0], filters, first, pairs)
            first += pairs.count
        lines = [[total] for total in sums]
        steps = kernel.rows[-1].steps
        finish_tile(self.scalars, kernel.finish, lines, at, steps, None, width)

    def _add(self, sums: list[Local], left: Wasm, filters: Wasm, first: int, pairs: Pairs) -> None:
        """Pairs of taps: what is interleaved goes to every result it belongs to."""
        f, step = self.f, self.kernel.rows[-1].steps[0]
        held = [
            f.let(f.load_extend_s(I16X8, filters, (first + number) * PAIR_BYTES))
            for number in range(pairs.count)
        ]
        uses: dict[int, list[tuple[int, int]]] = {}
        for result in range(len(sums)):
            for number in range(pairs.count):
                place = pairs.start + result * step + number * pairs.step
                uses.setdefault(place, []).append((result, number))
        last = pairs.last + (len(sums) - 1) * step
        loaded: dict[int, Local] = {}
        for place in sorted(uses):
            # Behind the last element comes what a tap of zeros is multiplied with: anything.
            elements = place, min(place + pairs.apart, last)
            for element in elements:
                if element not in loaded:
                    loaded[element] = f.let(f.load_zero(I64X2, left, element).as_(I16X8))
            a, b = (loaded[element] for element in elements)
            both = f.let(a.shuffle(b, [0, 8, 1, 9, 2, 10, 3, 11]))
            for result, number in uses[place]:
                total = sums[result]
                f.assign(total, total + both.dot_i16x8(held[number]).as_(I32X4))
