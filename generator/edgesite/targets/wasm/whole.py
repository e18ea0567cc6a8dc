"""What the kernels of quantised contractions have in common: epilogues of int32 sums.

The left operand is int16, bytes less their zero point; the right is constant int8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgesite.ir import (
    INDEX,
    Array,
    Axis,
    Binary,
    Cast,
    Const,
    DType,
    Expr,
    Load,
    Reduce,
    Result,
    Select,
    Unary,
    Value,
    transform,
    walk,
)
from edgesite.ir.contraction import Contraction, is_affine
from edgesite.ir.layout import Layout
from edgesite.ir.quantized import BYTES, Rounding, fused, magnitude, rounding
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.lanes import (
    LANES,
    LIMITED_LAST,
    STORED,
    WIDE,
    Lanes,
    in_lanes,
    lane_type,
    limits_ahead,
    load_lanes,
    rounders,
)
from edgesite.targets.wasm.nest import Nest, shared_in
from edgesite.targets.wasm.scalars import Scalars
from edgesite.targets.wasm.tiles import VECTOR_BYTES, Loop, Plan, halo_covers
from edgesite.wasm import I16X8, I32, I32X4, I64X2, Function, Local
from edgesite.wasm import Value as Wasm

_SUM = Result(DType.INT32)

WIDE_BYTES = DType.INT16.size_bytes


@dataclass(frozen=True)
class Finish:
    """What happens to int32 sums before they are stored.

    Its reads are named by their numbers; where they read is in the steps of the loops.
    Those that follow the lanes have an index, the others none.
    """

    expr: Expr
    bias: Load | None
    """A read that only follows the lanes and is added first: sums start from it."""
    loads: tuple[Load, ...]
    limited_last: bool = False
    """Whether what is rounded at the end is limited after that, when it is narrow."""

    @property
    def _last(self) -> Rounding | None:
        """The rounding that is limited last, if there is one."""
        return rounding(self.expr) if self.limited_last else None

    @property
    def is_plain(self) -> bool:
        """Whether sums are stored as they are."""
        return self.expr == _SUM and self.bias is None

    def start(self, f: Function, at: Sequence[Wasm], number: int) -> Local:
        """Fresh sums, of the vector of that number along the lanes."""
        if self.bias is None:
            return f.local(I32X4, 0)
        pointer = at[2 + self.loads.index(self.bias)]
        return f.local(I32X4, f.load(I32X4, pointer, number * VECTOR_BYTES))

    def kept(self, f: Function) -> dict[Expr, Wasm]:
        """The constants of the epilogue in locals, for `store`."""
        numbers: dict[Const, None] = {}
        for e in walk(self.expr):
            rounded = rounding(e)
            if rounded is not None:
                ahead = () if rounded == self._last else limits_ahead(rounded)
                numbers |= dict.fromkeys((*ahead, *rounders(rounded)))
            if isinstance(e, Binary) and e.dtype.is_float and e.op in ("mul", "div"):
                numbers |= {x: None for x in e.operands if isinstance(x, Const)}
        return {
            in_lanes(number): f.let(f.const(lane_type(number.dtype), number.value))
            for number in numbers
        }

    def store(
        self,
        scalars: Scalars,
        total: Local,
        at: Sequence[Wasm],
        offsets: Sequence[int],
        *,
        vector: int,
        width: int,
    ) -> None:
        """Finish the sums of one vector; as `Epilogue.store`."""
        self.store_line(scalars, {}, [total], at, width, offsets, vector)

    def store_line(
        self,
        scalars: Scalars,
        kept: Mapping[Expr, Wasm],
        totals: Sequence[Wasm],
        at: Sequence[Wasm],
        width: int,
        offsets: Sequence[int] = (),
        first: int = 0,
    ) -> None:
        """Finish sums that lie side by side, four in each of one or two vectors; write `width`.

        `at` and `offsets` say where each access begins: the second the result, the reads
        behind it. `first` counts the vectors along the lanes ahead of these.
        """
        f, dtype = scalars.f, self.expr.dtype
        offsets = offsets or (0,) * len(at)
        vectors = [
            self._finished(scalars, kept, total, at, offsets, number)
            for number, total in enumerate(totals, start=first)
        ]
        place = offsets[1] + first * LANES * dtype.size_bytes
        if dtype in WIDE:
            for number, vector in enumerate(vectors):
                _store(f, at[1], vector, place, min(LANES, width - number * LANES))
                place += VECTOR_BYTES
            return
        _store(f, at[1], self._narrowed(f, vectors[0], vectors[-1]), place, width)

    def _narrowed(self, f: Function, first: Wasm, second: Wasm) -> Wasm:
        """Two vectors side by side, as they are stored, within the limits."""
        dtype, last = self.expr.dtype, self._last
        if last is not None and last.low == 0:
            halves = first.narrow_u(second).min_u(f.const(I16X8, last.high))
        else:
            halves = first.narrow_s(second)
            if last is not None:
                halves = halves.max_s(f.const(I16X8, last.low)).min_s(f.const(I16X8, last.high))
        halves = f.let(halves)
        if dtype not in BYTES:
            return halves
        return f.let(halves.narrow_s(halves) if dtype is DType.INT8 else halves.narrow_u(halves))

    def _finished(
        self,
        scalars: Scalars,
        kept: Mapping[Expr, Wasm],
        total: Wasm,
        at: Sequence[Wasm],
        offsets: Sequence[int],
        number: int,
    ) -> Wasm:
        f = scalars.f
        nest = Nest(scalars, {}, {}, shared=shared_in(self.expr))
        nest.known |= kept
        nest.known[in_lanes(_SUM)] = total
        for access, load in enumerate(self.loads, start=2):
            if load not in self.expr.loads:
                continue
            if load.index:
                place = offsets[access] + number * LANES * load.dtype.size_bytes
                nest.known[in_lanes(load)] = f.let(load_lanes(f, load.dtype, at[access], place))
            else:
                nest.known[load] = f.let(scalars.load(load.dtype, at[access], offsets[access]))
        lanes, last = Lanes(nest, 0), self._last
        return f.let(lanes.vector(self.expr) if last is None else lanes.unlimited(last))


def _store(f: Function, address: Wasm, vector: Wasm, offset: int, width: int) -> None:
    """Write the first lanes of a vector."""
    size = vector.type.lane_bits // 8 * width
    if size == VECTOR_BYTES:
        f.store(address, vector, offset)
    elif size == VECTOR_BYTES // 2:
        f.store_lane(address, vector.as_(I64X2), 0, offset)
    else:
        for lane in range(width):
            f.store_lane(address, vector, lane, offset + lane * (vector.type.lane_bits // 8))


@dataclass(frozen=True)
class WidenKernel:
    """Makes int16 of bytes."""

    name = "widen"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loop; pointers: bytes, a multiple of eight of them, int16 and their end."""
        del relaxed
        f = scalars.f
        source, target, end = pointers
        size = f.let(end - target)
        with f.loop(0, size, step=VECTOR_BYTES) as at:
            f.store(target + at, f.load_extend_s(I16X8, source + at.shr_u(1)))


def widened(packed: Value, layouts: dict[Value, Layout]) -> tuple[Value, list[Step]]:
    """Constant bytes as int16, and the step that makes them."""
    wide = replace(packed, name=f"{packed.name}.wide", dtype=DType.INT16)
    layouts[packed] = layouts[wide] = Layout.row_major(packed.shape)
    end = packed.size * WIDE_BYTES
    return wide, [Step(WidenKernel(), (packed,), (wide, wide), offsets=(0, 0, end))]


def is_quantised(
    node: Reduce,
    product: Contraction,
    layouts: Mapping[Value, Layout],
    constants: Mapping[Value, Array],
) -> bool:
    """Whether a contraction multiplies int16 with constant int8 and is finished in lanes."""
    return (
        node.body.dtype is DType.INT32
        and product.left.dtype is DType.INT16
        and product.right.dtype is DType.INT8
        and product.right.value in constants
        and product.macs > 0
        and halo_covers(product, layouts)
        and (node.finish is None or _fits(node.finish))
    )


def _fits(expr: Expr) -> bool:
    """Whether an epilogue is arithmetic that has lanes, wherever its reads may lie."""
    rounded = rounding(expr)
    if rounded is not None:
        return _fits(rounded.x)
    product = fused(expr)
    if product is not None:
        return _fits(product.whole) and _fits(product.addend)
    match expr:
        case Load():
            return expr.dtype in STORED and is_affine(expr)
        case Const() | Result():
            return expr.dtype in STORED
        case Cast(dtype=DType.FLOAT32 | DType.INT32, x=x):
            return x.dtype in STORED and x.dtype is not DType.FLOAT32 and _fits(x)
        case Unary(dtype=DType.FLOAT32) | Binary(dtype=DType.FLOAT32) | Select(dtype=DType.FLOAT32):
            return _has_lanes(expr) and all(map(_fits, expr.operands))
        case Binary(dtype=DType.INT32, op="add" | "sub" | "mul" | "min" | "max"):
            return all(map(_fits, expr.operands))
    return False


def _has_lanes(expr: Expr) -> bool:
    match expr:
        case Unary():
            return expr.op in ("neg", "abs", "floor", "ceil", "round", "trunc", "sqrt")
        case Binary():
            return expr.op in ("add", "sub", "mul", "div", "min", "max")
    return False


def finish_of(plan: Plan, lanes: Loop, constants: Mapping[Value, Array]) -> Finish | None:
    """The epilogue with lanes along a loop, or None if a read does not follow it evenly."""
    names: dict[Load, Load] = {}
    for number, load in enumerate(plan.loads):
        step = lanes.steps[2 + number]
        if step not in (0, load.dtype.size_bytes):
            return None
        names[load] = _anonymous(load.dtype, number, follows=step != 0)
    bias, rest = _bias(plan.finish, lanes.axes)
    named = transform(rest, lambda e: names.get(e) if isinstance(e, Load) else None)
    return Finish(
        named,
        None if bias is None else names[bias],
        tuple(names.values()),
        _can_be_limited_last(plan, constants),
    )


def _can_be_limited_last(plan: Plan, constants: Mapping[Value, Array]) -> bool:
    """Whether an epilogue ends with the rounding of numbers that are never too large."""
    last, left = rounding(plan.finish), plan.product.limits
    if last is None or left is None:
        return False
    right = constants[plan.product.right.value].astype(int)
    largest = max(map(abs, left)) * int(np.abs(right).max()) * plan.product.size(plan.product.inner)
    return magnitude(last.x, largest, constants) <= LIMITED_LAST


def _anonymous(dtype: DType, number: int, *, follows: bool) -> Load:
    shape, position = ((LANES,), (Axis(INDEX, 0, LANES),)) if follows else ((), ())
    return Load(dtype, Value(f"e{number}", shape, dtype), position)


def _bias(finish: Expr, lanes: tuple[int, ...]) -> tuple[Load | None, Expr]:
    """A read along the lanes that is added to the plain sums, and the epilogue without it."""
    uses = [e for e in walk(finish) if _SUM in e.operands]
    if len(uses) == 1 and isinstance(uses[0], Binary) and uses[0].op == "add":
        biased = uses[0]
        bias = biased.a if biased.b == _SUM else biased.b
        if isinstance(bias, Load) and bias.axes and bias.axes <= set(lanes):
            return bias, transform(finish, lambda e: _SUM if e == biased else None)
    return None, finish


def finish_tile(
    scalars: Scalars,
    finish: Finish,
    sums: Sequence[Sequence[Local]],
    at: Sequence[Wasm],
    steps: Sequence[int],
    scratch: Wasm | None,
    width: int,
) -> None:
    """Finish and write all lines of a tile.

    `steps` is how far apart the lines are for each access. With `scratch`, which has room for
    all sums, that is done in a loop for the sake of code size.
    """
    f = scalars.f
    kept = finish.kept(f)
    if len(sums) == 1 or scratch is None:
        for number, line in enumerate(sums):
            offsets = [number * step for step in steps]
            finish.store_line(scalars, kept, line, at, width, offsets)
        return
    line_bytes = len(sums[0]) * VECTOR_BYTES
    for number, line in enumerate(sums):
        for vector, total in enumerate(line):
            f.store(scratch, total, number * line_bytes + vector * VECTOR_BYTES)
    cursors = {k: f.local(I32, at[k]) for k, step in enumerate(steps) if step and k}
    place = f.local(I32, scratch)
    with f.repeat(len(sums)):
        line = [
            f.let(f.load(I32X4, place, vector * VECTOR_BYTES)) for vector in range(len(sums[0]))
        ]
        here = [cursors.get(k, pointer) for k, pointer in enumerate(at)]
        finish.store_line(scalars, kept, line, here, width)
        f.assign(place, place + line_bytes)
        for k, cursor in cursors.items():
            f.assign(cursor, cursor + steps[k])


def scratch_for(name: str, lines: int) -> Value:
    """Room for the sums of a tile of two vectors a line."""
    return Value(f"{name}.tile", (lines * 2 * LANES,), DType.INT32)
