"""Contractions by register tiles: the kernel of convolutions, Gemm and MatMul.

An implicit GEMM (KERNELS.md, 2 and 3): a tile of a few rows by eight columns of the result
is held in registers while the loop over the inner axes spreads one element of the left
operand at a time over a row of the right. The left operand is read where it lies, so a
convolution needs no im2col; the right is packed beforehand into panels of eight columns,
[outer axes][panel][inner axes][8], in the order in which it is read. The epilogue runs on
the accumulators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from edgesite.ir import (
    Array,
    DType,
    Expr,
    Load,
    Map,
    Reduce,
    Result,
    Value,
    axes_of,
    const,
    index,
    select,
    simplify,
    substitute_axes,
    transform,
)
from edgesite.ir.contraction import Contraction
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.kernels import Step, loop_step
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

PANEL = 8
"""Columns of a tile: two vectors."""

ROWS = {"simd": 5, "relaxed": 6}
"""Rows of a tile; more would not fit the fifteen registers an engine has (KERNELS.md, 1)."""

FULL_ROWS = 4.5
"""Fewer rows than this in a tile leave sums waiting for one another (KERNELS.md, 1)."""

ROWS_OF_ONE_VECTOR = 8
"""Rows of a tile that is one vector wide."""

FAR_BYTES = 64 * 1024
"""A constant operand that is larger has left the near caches since the last prediction."""

AHEAD_BYTES = 64 * 1024
"""Of panels that are fetched at a time: they stay near until they are used."""

FEWEST_ROWS_AHEAD = 12
"""Fewer rows take no longer than the panels take to arrive, whoever asks for them."""

LINE_BYTES = 64
"""What comes into a cache at a time."""

WIDE_PANELS = (40, 36, 32, 28, 24)
"""Columns of the tiles of a single row: enough sums under way to hide the latency of one."""


@dataclass(frozen=True)
class ContractKernel:
    """A contraction of operands at given strides."""

    outer: tuple[Loop, ...]
    columns: Loop
    rows: tuple[Loop, ...]
    inner: tuple[Loop, ...]
    starts: tuple[int, ...]
    """Where each access begins, in bytes behind its pointer."""
    epilogue: Epilogue
    panel: int
    gap: int = 0
    """Bytes between the panels of one round of the innermost outer loop and the next."""
    ahead: bool = False
    """Whether panels are fetched before they are used."""
    shorter: tuple[tuple[int, int], ...] = ()
    """Outer and inner loops, by their numbers: in the last round of the one the other, which is
    not the innermost, has a round less, and the panels are that much shorter."""

    @property
    def name(self) -> str:
        """Rows, columns and inner size."""
        rows, inner = (prod(loop.extent for loop in loops) for loops in (self.rows, self.inner))
        return f"contract_{rows}x{self.columns.extent}x{inner}"

    def tile(self, *, relaxed: bool) -> tuple[int, int]:
        """Rows and columns of its largest tile."""
        columns = min(self.panel, self.columns.extent)
        if not self.rows:
            return 1, columns
        most = _most_rows(columns, relaxed=relaxed)
        *around, loop = self.rows
        crosses = around and _are_short(loop.extent, most)
        extent = loop.extent * (around[-1].extent if crosses else 1)
        return even_tiles(extent, most)[0][2], columns

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; pointers: left, right, the epilogue's reads, result."""
        rounds = tuple(loop.extent for loop in self.inner)
        _Emission(self, scalars, relaxed, rounds).everything(pointers)


def steps(
    node: Reduce,
    product: Contraction,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> list[Step] | None:
    """The calls that compute a contraction by tiles, or None where this kernel does not fit.

    Adds the packed right operand to `layouts`, and to `constants` if it is known now.
    """
    if node.body.dtype is not DType.FLOAT32 or not product.macs:
        return None
    if not halo_covers(product, layouts):
        return None
    if not product.columns and (product.right.value not in constants or product.batch):
        return None
    if node.finish is not None and not epilogue_fits(node.finish):
        return _with_late_epilogue(node, product, layouts, constants)
    plan = Plan(node, product, layouts)
    kernel = _kernel(plan)
    if kernel is None:
        return None
    if product.right.value in constants and _comes_from_far(kernel):
        kernel = replace(kernel, ahead=True)
    packed, packing = _pack(node, product, kernel, layouts, constants)
    reads = (product.left.value, packed, *(load.value for load in plan.loads))
    step = Step(kernel, reads, (node.output,), macs=product.macs, origin=node.origin)
    return [*packing, step]


def _kernel(plan: Plan) -> ContractKernel | None:
    """The kernel, or None if the columns of the result do not lie side by side."""
    product = plan.product
    columns = plan.loops(product.columns, access=1) or _single_column(plan)
    if not columns or columns[-1].steps[1] != BYTES:
        return None
    epilogue = plan.epilogue(columns[-1])
    if epilogue is None:
        return None
    rows = plan.loops(product.rows, access=1)
    width = columns[-1].extent
    panel = PANEL
    if not rows:
        panel = min(WIDE_PANELS, key=lambda wide: (-(-width // wide) * wide, -wide))
    return ContractKernel(
        (*plan.loops(product.batch, access=1), *columns[:-1]),
        columns[-1],
        tuple(rows),
        tuple(plan.loops(product.inner, access=0)),
        plan.starts,
        epilogue,
        min(panel, -(-width // LANES) * LANES),
    )


def _single_column(plan: Plan) -> list[Loop]:
    """The only column of a result, where vectors along the rows would have to be gathered.

    A tile computes four of them and keeps one, which beats sums of one number at a time.
    """
    rows, inner = (plan.loops(axes, access=0) for axes in (plan.product.rows, plan.product.inner))
    if not rows or any(loop.steps[0] == BYTES for loop in rows):
        return []
    if not inner or inner[-1].steps[0] != BYTES:
        return []
    return [Loop(1, (0, BYTES, *(0 for _ in plan.loads)), ())]


def _comes_from_far(kernel: ContractKernel) -> bool:
    """Whether a constant right operand is worth fetching before its panels are used."""
    rows = prod(loop.extent for loop in kernel.rows)
    size = prod(loop.extent for loop in (*kernel.outer, kernel.columns, *kernel.inner))
    return rows >= FEWEST_ROWS_AHEAD and size * BYTES > FAR_BYTES


def _with_late_epilogue(
    node: Reduce, product: Contraction, layouts: dict[Value, Layout], constants: dict[Value, Array]
) -> list[Step] | None:
    """The contraction alone, and its epilogue as a loop of its own."""
    if node.finish is None or node.store is not None:
        return None
    raw = replace(node.output, name=f"{node.output.name}.raw", dtype=DType.FLOAT32)
    layouts[raw] = layouts[node.output]
    bare = steps(replace(node, output=raw, finish=None), product, layouts, constants)
    if bare is None:
        return None
    place = tuple(simplify(position) for position in node.position)

    def read(expr: Expr) -> Expr | None:
        return Load(DType.FLOAT32, raw, place) if isinstance(expr, Result) else None

    late = Map(node.output, simplify(transform(node.finish, read)), node.origin)
    return [*bare, loop_step(late, layouts)]


# The right operand


def _pack(
    node: Reduce,
    product: Contraction,
    kernel: ContractKernel,
    layouts: dict[Value, Layout],
    constants: dict[Value, Array],
) -> tuple[Value, list[Step]]:
    """The right operand in panels, and the step that packs it if it is not known now."""
    right = product.right
    width, panel = kernel.columns.extent, kernel.panel
    panels = -(-width // panel)
    outer = [loop.extent for loop in kernel.outer]
    inner = [loop.extent for loop in kernel.inner]
    shape = (*outer, panels, *inner, panel)
    packed = Value(f"{node.output.name}.panels", shape, DType.FLOAT32)
    layouts[packed] = Layout.row_major(shape)
    if right.value in constants:
        constants[packed] = _packed(product, kernel, constants[right.value])
        return packed, []
    axes = axes_of(shape)
    column = axes[len(outer)] * panel + axes[-1]
    places = {
        **_split(kernel.outer, axes[: len(outer)], product.extents),
        **_split([kernel.columns], [column], product.extents),
        **_split(kernel.inner, axes[len(outer) + 1 : -1], product.extents),
    }
    zeros: dict[int, Expr] = {
        axis: index(0) for axis, extent in enumerate(product.extents) if extent == 1
    }
    element: Expr = simplify(substitute_axes(right, {**zeros, **places}))
    if width % panel:
        element = select(column < width, element, const(0.0, DType.FLOAT32))
    return packed, [loop_step(Map(packed, simplify(element), "pack"), layouts)]


def _split(
    loops: Sequence[Loop], positions: Sequence[Expr], extents: Sequence[int]
) -> dict[int, Expr]:
    """The original axes of merged loops, from positions along the loops."""
    places: dict[int, Expr] = {}
    for loop, position in zip(loops, positions, strict=True):
        rest = position
        for axis in reversed(loop.axes):
            last = axis == loop.axes[0]
            places[axis] = rest if last else rest % extents[axis]
            rest = rest // extents[axis]
    return places


def _packed(product: Contraction, kernel: ContractKernel, array: Array) -> Array:
    """Panels of a constant."""
    loops = [*kernel.outer, kernel.columns, *kernel.inner]
    view = along(product, array, [axis for loop in loops for axis in loop.axes])
    merged = view.reshape([loop.extent for loop in loops])
    count = len(kernel.outer)
    panels = -(-kernel.columns.extent // kernel.panel)
    padding = [(0, 0)] * merged.ndim
    padding[count] = (0, panels * kernel.panel - kernel.columns.extent)
    padded = np.pad(merged, padding) if any(padding[count]) else merged
    split = padded.reshape(*merged.shape[:count], panels, kernel.panel, *merged.shape[count + 1 :])
    return np.ascontiguousarray(np.moveaxis(split, count + 1, -1))


# The code


@dataclass(frozen=True)
class _Emission:
    """Writes one contraction into a function."""

    kernel: ContractKernel
    scalars: Scalars
    relaxed: bool
    rounds: tuple[int | Wasm, ...]
    """Of the inner loops."""

    @property
    def f(self) -> Function:
        """The function that is written."""
        return self.scalars.f

    def everything(self, pointers: tuple[Wasm, ...]) -> None:
        """All loops around the panels."""
        kernel, f = self.kernel, self.f
        left, right, *reads, result = pointers
        at = begun(f, (left, result, *reads), kernel.starts)
        panels = -(-kernel.columns.extent // kernel.panel)
        here = f.local(I32, right) if kernel.outer else right
        positions: list[Wasm] = []
        with ExitStack() as stack:
            for loop in kernel.outer:
                positions.append(stack.enter_context(f.loop(0, loop.extent)))
                at = moved(f, at, loop, positions[-1])
            rounds = list(self.rounds)
            for outer, inner in kernel.shorter:
                is_last = positions[outer] == kernel.outer[outer].extent - 1
                rounds[inner] = f.let(rounds[inner] - is_last)
            size = prod(rounds, start=kernel.panel * BYTES)
            panel_bytes = size if isinstance(size, int) else f.let(size)
            replace(self, rounds=tuple(rounds))._panels(at, here, panel_bytes)
            if isinstance(here, Local):
                f.assign(here, here + (panel_bytes * panels + kernel.gap))

    def _panels(self, at: list[Wasm], right: Wasm, panel_bytes: int | Wasm) -> None:
        """The whole panels, and the narrower one that may be left."""
        kernel, f = self.kernel, self.f
        whole, rest = divmod(kernel.columns.extent, kernel.panel)
        if whole:
            with f.loop(0, whole) as number:
                column = f.let(number * kernel.panel)
                panel = f.let(right + number * panel_bytes)
                if kernel.ahead and isinstance(panel_bytes, int):
                    self._fetch(number, panel, whole, panel_bytes)
                self._rows(moved(f, at, kernel.columns, column), panel, kernel.panel)
        if rest:
            behind = f.const(I32, whole * kernel.panel)
            panel = f.let(right + panel_bytes * whole)
            self._rows(moved(f, at, kernel.columns, behind), panel, rest)

    def _fetch(self, number: Wasm, panel: Wasm, panels: int, panel_bytes: int) -> None:
        """Read a line of memory after the other of the next few panels.

        Nothing waits for what is read, so many lines are under way at a time. The tile that met
        them first would have two or three: the arithmetic between is all a processor looks ahead.
        """
        f = self.f
        most = max(1, AHEAD_BYTES // panel_bytes)
        together = max(count for count in range(1, most + 1) if panels % count == 0)
        with ExitStack() as stack:
            if together > 1:
                stack.enter_context(f.if_(number.rem_u(together).eqz()))
            with f.loop(0, together * panel_bytes, step=LINE_BYTES) as at:
                f.drop(f.load(I32, panel + at))

    def _rows(self, at: list[Wasm], panel: Wasm, columns: int) -> None:
        """All rows of a panel, tile by tile."""
        kernel, f = self.kernel, self.f
        if not kernel.rows:
            self._tile(at[0], panel, columns, [0], lambda _: (at, [0] * len(at)))
            return
        most = _most_rows(columns, relaxed=self.relaxed)
        *around, loop = kernel.rows
        crossed = around.pop() if around and _are_short(loop.extent, most) else None
        with ExitStack() as stack:
            for outer in around:
                position = stack.enter_context(f.loop(0, outer.extent))
                at = moved(f, at, outer, position)
            if crossed is not None:
                self._crossing(at, panel, columns, crossed, loop, most)
                return
            for start, tiles, rows in even_tiles(loop.extent, most):
                with f.loop(start, start + tiles * rows, step=rows) as row:
                    here = moved(f, at, loop, row)
                    offsets = [[row * step for step in loop.steps] for row in range(rows)]
                    starts = [each[0] for each in offsets]
                    self._tile(here[0], panel, columns, starts, _in(here, offsets))

    def _crossing(
        self, at: list[Wasm], panel: Wasm, columns: int, outer: Loop, inner: Loop, most: int
    ) -> None:
        """Tiles that run on from one line of an image into the next, where lines are short."""
        f = self.f

        def place(number: Wasm, access: int) -> Wasm:
            line, step = outer.steps[access], inner.steps[access]
            if line == inner.extent * step:
                return at[access] + number * step if step else at[access]
            y = f.let(number.div_u(inner.extent))
            return at[access] + y * line + (number - y * inner.extent) * step

        for start, tiles, rows in even_tiles(outer.extent * inner.extent, most):
            with f.loop(start, start + tiles * rows, step=rows) as position:
                first = f.let(position)
                left = f.let(place(first, 0))
                starts: list[int | Wasm] = [row * inner.steps[0] for row in range(rows)]
                if outer.steps[0] != inner.extent * inner.steps[0]:
                    starts[1:] = [
                        f.let(place(f.let(first + row), 0) - left) for row in range(1, rows)
                    ]

                def of(row: int, first: Wasm = first) -> tuple[list[Wasm], list[int]]:
                    number = f.let(first + row)
                    pointers = [f.let(place(number, access)) for access in range(1, len(at))]
                    return [at[0], *pointers], [0] * len(at)

                self._tile(left, panel, columns, starts, of)

    def _tile(
        self,
        left: Wasm,
        panel: Wasm,
        columns: int,
        starts: Sequence[int | Wasm],
        of: Callable[[int], tuple[list[Wasm], list[int]]],
    ) -> None:
        """One tile. Registers: rows x vectors sums, a row of the panel, one spread element.

        `starts` says where its rows begin, behind `left`; `of` gives the pointers of all
        accesses and the bytes behind them, for a row.
        """
        kernel, f = self.kernel, self.f
        vectors = -(-columns // LANES)
        at, _ = of(0) if kernel.epilogue.bias is not None else ([], [])
        sums = [[kernel.epilogue.start(f, at, vector) for vector in range(vectors)] for _ in starts]
        right = f.local(I32, panel)
        *around, last = kernel.inner or (Loop(1, (0,), ()),)
        with ExitStack() as stack:
            for loop, rounds in zip(around, self.rounds, strict=False):
                position = stack.enter_context(f.loop(0, rounds))
                left = f.let(left + position * loop.steps[0])
            cursor = f.local(I32, left)
            with f.repeat(last.extent):
                self._multiply(sums, cursor, right, starts)
                f.assign(cursor, cursor + last.steps[0])
                f.assign(right, right + kernel.panel * BYTES)
        for row, line in enumerate(sums):
            at, offsets = of(row)
            for vector, total in enumerate(line):
                width = min(LANES, columns - vector * LANES)
                kernel.epilogue.store(self.scalars, total, at, offsets, vector=vector, width=width)

    def _multiply(
        self,
        sums: list[list[Local]],
        left: Wasm,
        right: Wasm,
        starts: Sequence[int | Wasm],
    ) -> None:
        """One step along the inner axes: an outer product added to the tile."""
        f = self.f
        panel = [f.load(F32X4, right, vector * VECTOR_BYTES) for vector in range(len(sums[0]))]
        if len(sums) > 1:  # a wide panel has more vectors than there are registers
            panel = [f.let(vector) for vector in panel]
        for start, line in zip(starts, sums, strict=True):
            # The address is added, not put into the instruction: see ENGINES.md, 1b.
            behind = isinstance(start, Wasm) or start
            spread = f.let(f.load_splat(F32X4, left + start if behind else left))
            for total, factor in zip(line, panel, strict=True):
                if self.relaxed:
                    f.assign(total, spread.relaxed_madd(factor, total))
                else:
                    f.assign(total, total + spread * factor)


def _in(at: list[Wasm], offsets: list[list[int]]) -> Callable[[int], tuple[list[Wasm], list[int]]]:
    """The same pointers for every row, and what each row adds to them."""
    return lambda row: (at, offsets[row])


def _most_rows(columns: int, *, relaxed: bool) -> int:
    """Of a tile of so many columns."""
    return ROWS_OF_ONE_VECTOR if columns <= LANES else ROWS["relaxed" if relaxed else "simd"]


def _are_short(extent: int, most: int) -> bool:
    """Whether lines of so many rows leave tiles too small for the arithmetic units.

    These are busy with the sums of at least `FULL_ROWS` rows; fewer take as long.
    """
    tiles = sum(
        count * max(rows, min(FULL_ROWS, most)) for _, count, rows in even_tiles(extent, most)
    )
    return tiles > 1.08 * extent
