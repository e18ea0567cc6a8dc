"""Depthwise convolutions: every channel has a filter of its own.

Four channels are the lanes of a vector, and a tile of several results along a row is held
in registers (KERNELS.md, 4). A column of the input is loaded once and used by all results
of the tile whose window covers it; the filter's row is held meanwhile.
"""

from __future__ import annotations

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
from edgesite.targets.wasm.tiles import (
    BYTES,
    VECTOR_BYTES,
    Epilogue,
    Loop,
    Plan,
    along,
    begun,
    epilogue_fits,
    even_tiles,
    halo_covers,
    moved,
)
from edgesite.wasm import F32X4, I32, Function, Local
from edgesite.wasm import Value as Wasm

REGISTERS = 14
"""Sums, the held row of the filter and one column of the input share so many."""

MOST_RESULTS = 8
UNROLLED_TAPS = 5
"""Outer taps of a filter are written out up to this number, looped over beyond."""


@dataclass(frozen=True)
class DepthwiseKernel:
    """A contraction whose lanes run along an axis that both operands follow."""

    outer: tuple[Loop, ...]
    lanes: Loop
    rows: tuple[Loop, ...]
    taps: tuple[Loop, ...]
    starts: tuple[int, ...]
    epilogue: Epilogue

    @property
    def name(self) -> str:
        """Results, channels and taps."""
        rows, taps = (prod(loop.extent for loop in loops) for loops in (self.rows, self.taps))
        return f"depthwise_{rows}x{self.lanes.extent}x{taps}"

    @property
    def most_results(self) -> int:
        """Of a tile: as many as there are registers for."""
        held = self.taps[-1].extent if self.taps else 1
        return max(2, min(MOST_RESULTS, REGISTERS - 1 - held))

    def tile(self, *, relaxed: bool) -> tuple[int, int]:
        """Results and channels of its largest tile, with and without relaxed instructions."""
        del relaxed
        results = even_tiles(self.rows[-1].extent, self.most_results)[0][2]
        return results, min(LANES, self.lanes.extent)

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: left, filters, the epilogue's reads, result."""
        _Emission(self, scalars, relaxed).everything(pointers)


def steps(
    node: Reduce,
    product: Contraction,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> list[Step] | None:
    """The call that computes a depthwise convolution, or None where this kernel does not fit.

    Adds the rearranged filters to `layouts` and `constants`.
    """
    if product.columns or node.body.dtype is not DType.FLOAT32:
        return None
    if not product.macs or product.right.value not in constants:
        return None
    if not halo_covers(product, layouts):
        return None
    if node.finish is not None and not epilogue_fits(node.finish):
        return None
    plan = Plan(node, product, layouts)
    kernel = _kernel(plan)
    if kernel is None:
        return None
    filters = _filters(product, kernel, constants[product.right.value])
    packed = Value(f"{node.output.name}.filters", filters.shape, DType.FLOAT32)
    layouts[packed], constants[packed] = Layout.row_major(filters.shape), filters
    reads = (product.left.value, packed, *(load.value for load in plan.loads))
    return [Step(kernel, reads, (node.output,), macs=product.macs, origin=node.origin)]


def _kernel(plan: Plan) -> DepthwiseKernel | None:
    product = plan.product
    batch = plan.loops(product.batch, access=1)
    rows = plan.loops(product.rows, access=1)
    if not batch or batch[-1].steps[:2] != (BYTES, BYTES) or not rows:
        return None
    epilogue = plan.epilogue(batch[-1])
    if epilogue is None:
        return None
    taps = tuple(plan.loops(product.inner, access=0))
    return DepthwiseKernel(tuple(batch[:-1]), batch[-1], tuple(rows), taps, plan.starts, epilogue)


def _filters(product: Contraction, kernel: DepthwiseKernel, array: Array) -> Array:
    """The filters as [outer axes][taps][channels], channels padded to whole vectors."""
    loops = [*kernel.outer, *kernel.taps, kernel.lanes]
    view = along(product, array, [axis for loop in loops for axis in loop.axes])
    merged = view.reshape([loop.extent for loop in loops])
    padding = [(0, 0)] * (merged.ndim - 1) + [(0, -kernel.lanes.extent % LANES)]
    return np.pad(merged, padding)


@dataclass(frozen=True)
class _Emission:
    """Writes one depthwise convolution into a function."""

    kernel: DepthwiseKernel
    scalars: Scalars
    relaxed: bool

    @property
    def f(self) -> Function:
        """The function that is written."""
        return self.scalars.f

    @property
    def channel_bytes(self) -> int:
        """The length of one tap of all filters."""
        return -(-self.kernel.lanes.extent // LANES) * VECTOR_BYTES

    def everything(self, pointers: tuple[Wasm, ...]) -> None:
        """All loops around the tiles."""
        kernel, f = self.kernel, self.f
        left, filters, *reads, result = pointers
        at = begun(f, (left, result, *reads), kernel.starts)
        filter_bytes = prod(loop.extent for loop in kernel.taps) * self.channel_bytes
        with ExitStack() as stack:
            for number, loop in enumerate(kernel.outer):
                position = stack.enter_context(f.loop(0, loop.extent))
                rounds = prod(inside.extent for inside in kernel.outer[number + 1 :])
                at = moved(f, at, loop, position)
                filters = f.let(filters + position * (filter_bytes * rounds))
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
        with f.loop(0, whole * LANES, step=LANES) as channel:
            here = moved(f, at, kernel.lanes, channel)
            self._tile(here, f.let(filters + channel * BYTES), results, LANES)
        if rest:
            channel = f.const(I32, whole * LANES)
            here = moved(f, at, kernel.lanes, channel)
            self._tile(here, f.let(filters + whole * VECTOR_BYTES), results, rest)

    def _tile(self, at: list[Wasm], filters: Wasm, results: int, width: int) -> None:
        """One tile. Registers: a sum per result, a row of the filter, one input column."""
        kernel, f = self.kernel, self.f
        step = kernel.rows[-1].steps
        sums = [kernel.epilogue.start(f, at, 0) for _ in range(results)]
        *around, last = kernel.taps or (Loop(1, (0,), ()),)
        row_bytes = last.extent * self.channel_bytes
        if prod(loop.extent for loop in around) <= UNROLLED_TAPS:
            for number, place in enumerate(np.ndindex(*(loop.extent for loop in around))):
                offset = sum(p * loop.steps[0] for p, loop in zip(place, around, strict=True))
                self._line(sums, at[0], filters, last, offset, number * row_bytes)
        else:
            row = f.local(filters.type, filters)
            with ExitStack() as stack:
                left: Wasm = at[0]
                for loop in around:
                    position = stack.enter_context(f.loop(0, loop.extent))
                    left = f.let(left + position * loop.steps[0])
                self._line(sums, left, row, last, 0, 0)
                f.assign(row, row + row_bytes)
        for result, total in enumerate(sums):
            offsets = [result * s for s in step]
            kernel.epilogue.store(self.scalars, total, at, offsets, vector=0, width=width)

    def _line(
        self,
        sums: list[Local],
        left: Wasm,
        filters: Wasm,
        taps: Loop,
        left_offset: int,
        filter_offset: int,
    ) -> None:
        """One row of the filter: each column of the input goes to every result it belongs to."""
        f = self.f
        held = [
            f.let(f.load(F32X4, filters, filter_offset + tap * self.channel_bytes))
            for tap in range(taps.extent)
        ]
        step = self.kernel.rows[-1].steps[0]
        uses: dict[int, list[tuple[int, int]]] = {}
        for result in range(len(sums)):
            for tap in range(taps.extent):
                column = left_offset + result * step + tap * taps.steps[0]
                uses.setdefault(column, []).append((result, tap))
        for column in sorted(uses):
            loaded = f.let(f.load(F32X4, left, column))
            for result, tap in uses[column]:
                total = sums[result]
                if self.relaxed:
                    f.assign(total, loaded.relaxed_madd(held[tap], total))
                else:
                    f.assign(total, total + loaded * held[tap])
