"""Quantised contractions by register tiles: convolutions, Gemm and MatMul of whole numbers.

An implicit GEMM as in `contract`, two elements of the inner axes at a time: two int16 of the
left operand are spread over a vector, and `i32x4.dot_i16x8_s` multiplies them with two
elements of each of four columns. The right operand is packed into panels
[outer axes][panel][inner axes / 2][8][2] of int8, which become int16 when the model is loaded:
read as bytes they would take a third more time at every prediction. For a single row, which
reads all of them once, they stay bytes: there it is memory that takes the time.

`i32x4.relaxed_dot_i8x16_i7x16_add_s` would take bytes as they are, but is exact for 7 bits
alone. What the highest bit does is left to the engine, and where the processor has no
instruction for it (x86 without AVX-VNNI) sums saturate; each operand split in two takes six
instructions and more there for what takes four this way.
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
    WIDE_BYTES,
    Finish,
    finish_of,
    finish_tile,
    is_quantised,
    scratch_for,
    widened,
)
from edgesite.wasm import I16X8, I32, I32X4, Function, Local
from edgesite.wasm import Value as Wasm

PANEL = 8
"""Columns of a tile: two vectors."""

GROUP = 2
"""Elements of the inner axes that one instruction sums."""

ROWS = 5
ROWS_OF_ONE_VECTOR = 10
"""Rows of a tile: ten sums, a row of the panel, one spread pair and one product."""

FEW_STEPS = 24
"""After so few steps along the inner axes it counts to finish sums where they are; after more,
the code that this takes is better saved."""


@dataclass(frozen=True)
class Int8Kernel:
    """A contraction of int16 with packed constants, at given strides."""

    outer: tuple[Loop, ...]
    columns: Loop
    rows: tuple[Loop, ...]
    around: tuple[Loop, ...]
    """The inner axes but for the last."""
    depth: int
    """The extent of the last inner axis, along which the left operand is contiguous."""
    starts: tuple[int, ...]
    finish: Finish
    gap: int = 0
    """Bytes between the panels of one round of the innermost outer loop and the next."""

    @property
    def name(self) -> str:
        """Rows, columns and inner size."""
        rows, around = (prod(loop.extent for loop in loops) for loops in (self.rows, self.around))
        return f"int8_{rows}x{self.columns.extent}x{around * self.depth}"

    @property
    def groups(self) -> int:
        """Steps along the last inner axis."""
        return -(-self.depth // GROUP)

    @property
    def is_wide(self) -> bool:
        """Whether the right operand is int16 when it is read."""
        return bool(self.rows)

    @property
    def step_bytes(self) -> int:
        """A step along the inner axes in a panel."""
        return GROUP * PANEL * (WIDE_BYTES if self.is_wide else 1)

    @property
    def sets_aside(self) -> bool:
        """Whether the sums of a tile go through memory, to be finished in a loop."""
        steps = self.groups * prod(loop.extent for loop in self.around)
        return not self.finish.is_plain and steps > FEW_STEPS

    @property
    def panels(self) -> int:
        """Panels of the right operand."""
        return -(-self.columns.extent // PANEL)

    @property
    def panel_bytes(self) -> int:
        """The length of a panel."""
        return prod(loop.extent for loop in self.around) * self.groups * self.step_bytes

    def tile(self, *, relaxed: bool) -> tuple[int, int]:
        """Rows and columns of its largest tile, with and without relaxed instructions."""
        del relaxed
        columns = min(PANEL, self.columns.extent)
        rows = even_tiles(self.rows[-1].extent, _most_rows(columns))[0][2] if self.rows else 1
        return rows, columns

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: left, right, the epilogue's reads, result, scratch if any."""
        del relaxed
        if self.sets_aside:
            _Emission(self, scalars, pointers[-1]).everything(pointers[:-1])
        else:
            _Emission(self, scalars, None).everything(pointers)


def steps(
    node: Reduce,
    product: Contraction,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> list[Step] | None:
    """The call that computes a quantised contraction, or None where this kernel does not fit.

    Adds the packed right operand to `layouts` and `constants`.
    """
    if not product.columns or not is_quantised(node, product, layouts, constants):
        return None
    plan = Plan(node, product, layouts)
    kernel = _kernel(plan, constants)
    if kernel is None:
        return None
    inner = [axis for loop in plan.loops(product.inner, access=0) for axis in loop.axes]
    array = _packed(product, kernel, inner, constants[product.right.value])
    packed = Value(f"{node.output.name}.panels", array.shape, DType.INT8)
    constants[packed] = array
    right, widening = widened(packed, layouts) if kernel.is_wide else (packed, [])
    reads = (product.left.value, right, *(load.value for load in plan.loads))
    scratch: tuple[Value, ...] = ()
    if kernel.sets_aside:
        scratch = (scratch_for(node.output.name, ROWS),)
        layouts[scratch[0]] = Layout.row_major(scratch[0].shape)
    step = Step(
        kernel,
        reads,
        (node.output, *scratch),
        macs=product.macs,
        origin=node.origin,
        scratch=scratch,
    )
    return [*widening, step]


def _kernel(plan: Plan, constants: Mapping[Value, Array]) -> Int8Kernel | None:
    """The kernel, or None if columns or inner elements do not lie side by side."""
    product = plan.product
    columns = plan.loops(product.columns, access=1)
    if not columns or columns[-1].steps[1] != plan.finish.dtype.size_bytes:
        return None
    finish = finish_of(plan, columns[-1], constants)
    inner = plan.loops(product.inner, access=0)
    if finish is None or (inner and inner[-1].steps[0] != WIDE_BYTES):
        return None
    *around, last = inner or [Loop(1, (WIDE_BYTES,), ())]
    return Int8Kernel(
        (*plan.loops(product.batch, access=1), *columns[:-1]),
        columns[-1],
        tuple(plan.loops(product.rows, access=1)),
        tuple(around),
        last.extent,
        plan.starts,
        finish,
    )


def _packed(product: Contraction, kernel: Int8Kernel, inner: Sequence[int], array: Array) -> Array:
    """Panels of the constant."""
    loops = [*kernel.outer, kernel.columns]
    view = along(product, array, [*(axis for loop in loops for axis in loop.axes), *inner])
    around = [loop.extent for loop in kernel.around]
    outer = [loop.extent for loop in kernel.outer]
    merged = view.reshape([*outer, kernel.columns.extent, *around, kernel.depth])
    padding = [(0, 0)] * merged.ndim
    padding[len(outer)] = (0, -kernel.columns.extent % PANEL)
    padding[-1] = (0, -kernel.depth % GROUP)
    padded = np.pad(merged, padding)
    split = padded.reshape(*outer, kernel.panels, PANEL, *around, kernel.groups, GROUP)
    return np.ascontiguousarray(np.moveaxis(split, len(outer) + 1, -2))


def _most_rows(columns: int) -> int:
    """Of a tile of so many columns."""
    return ROWS if columns > LANES else ROWS_OF_ONE_VECTOR


@dataclass(frozen=True)
class _Emission:
    """Writes one contraction into a function."""

    kernel: Int8Kernel
    scalars: Scalars
    scratch: Wasm | None

    @property
    def f(self) -> Function:
        """The function that is written."""
        return self.scalars.f

    def everything(self, pointers: tuple[Wasm, ...]) -> None:
        """All loops around the panels."""
        kernel, f = self.kernel, self.f
        left, right, *reads, result = pointers
        at = begun(f, (left, result, *reads), kernel.starts)
        round_bytes = kernel.panels * kernel.panel_bytes + kernel.gap
        with ExitStack() as stack:
            for number, loop in enumerate(kernel.outer):
                position = stack.enter_context(f.loop(0, loop.extent))
                rounds = prod(inside.extent for inside in kernel.outer[number + 1 :])
                at = moved(f, at, loop, position)
                right = f.let(right + position * (round_bytes * rounds))
            self._panels(at, right)

    def _panels(self, at: list[Wasm], right: Wasm) -> None:
        """The whole panels, and the narrower one that may be left."""
        kernel, f = self.kernel, self.f
        whole, rest = divmod(kernel.columns.extent, PANEL)
        if whole:
            with f.loop(0, whole) as number:
                panel = f.let(right + number * kernel.panel_bytes)
                self._rows(moved(f, at, kernel.columns, f.let(number * PANEL)), panel, PANEL)
        if rest:
            behind = f.const(I32, whole * PANEL)
            panel = f.let(right + whole * kernel.panel_bytes)
            self._rows(moved(f, at, kernel.columns, behind), panel, rest)

    def _rows(self, at: list[Wasm], panel: Wasm, columns: int) -> None:
        """All rows of a panel, tile by tile."""
        kernel, f = self.kernel, self.f
        if not kernel.rows:
            self._tile(at, panel, columns, 1, (0,) * len(at))
            return
        most = _most_rows(columns)
        with ExitStack() as stack:
            for loop in kernel.rows[:-1]:
                position = stack.enter_context(f.loop(0, loop.extent))
                at = moved(f, at, loop, position)
            loop = kernel.rows[-1]
            for start, tiles, rows in even_tiles(loop.extent, most):
                with f.loop(start, start + tiles * rows, step=rows) as row:
                    self._tile(moved(f, at, loop, row), panel, columns, rows, loop.steps)

    def _tile(
        self, at: list[Wasm], panel: Wasm, columns: int, rows: int, steps: tuple[int, ...]
    ) -> None:
        """One tile. Registers: rows x vectors sums, a row of the panel, a pair, a product."""
        kernel, f = self.kernel, self.f
        vectors = -(-columns // LANES)
        sums = [[kernel.finish.start(f, at, v) for v in range(vectors)] for _ in range(rows)]
        right = f.local(I32, panel)
        with ExitStack() as stack:
            left: Wasm = at[0]
            for loop in kernel.around:
                position = stack.enter_context(f.loop(0, loop.extent))
                left = f.let(left + position * loop.steps[0])
            cursor = f.local(I32, left)
            with f.repeat(kernel.groups):
                self._multiply(sums, cursor, right, steps[0])
                f.assign(cursor, cursor + GROUP * WIDE_BYTES)
                f.assign(right, right + kernel.step_bytes)
        finish_tile(self.scalars, kernel.finish, sums, at, steps, self.scratch, columns)

    def _multiply(self, sums: list[list[Local]], left: Wasm, right: Wasm, step: int) -> None:
        """Two steps along the inner axes: outer products added to the tile."""
        f, kernel = self.f, self.kernel
        load, apart = f.load if kernel.is_wide else f.load_extend_s, kernel.step_bytes // 2
        weights = [f.let(load(I16X8, right, v * apart)) for v in range(len(sums[0]))]
        for row, line in enumerate(sums):
            # The address is added, not put into the instruction: see ENGINES.md, 1b.
            place = left + row * step if row * step else left
            pair = f.let(f.load_splat(I32X4, place).as_(I16X8))
            for total, factor in zip(line, weights, strict=True):
                f.assign(total, total + pair.dot_i16x8(factor).as_(I32X4))
