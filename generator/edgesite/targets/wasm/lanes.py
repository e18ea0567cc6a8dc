"""Four elements at a time: expressions whose lanes run along one axis.

An expression has lanes if everything in it that follows the axis is arithmetic in float32
or int32 on elements that lie side by side; what does not follow the axis is computed once
and spread. Narrow integers are read into lanes of 32 bits, and written after rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose, isnan, sqrt

from edgesite.errors import InternalError
from edgesite.ir import Binary, Cast, Const, DType, Expr, Load, Result, Select, Unary, const, walk
from edgesite.ir.expr import UNARY
from edgesite.ir.quantized import ROUNDED, Fused, Rounding, fused, rounding
from edgesite.targets.wasm.mathematics import Mathematics
from edgesite.targets.wasm.nest import Nest
from edgesite.wasm import F32X4, F64X2, I8X16, I32X4, I64X2, Function, Type
from edgesite.wasm import Value as Wasm

LANES = 4

VECTOR_FUNCTIONS = frozenset(op for op in UNARY if Mathematics.has_vector(op))

_ARITHMETIC = frozenset({"add", "sub", "mul", "div", "min", "max"})
_WHOLE_ARITHMETIC = frozenset({"add", "sub", "mul", "min", "max"})
_COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_DIRECT = frozenset({"neg", "abs", "floor", "ceil", "round", "trunc", "sqrt"})

WIDE = frozenset({DType.FLOAT32, DType.INT32})
STORED = WIDE | ROUNDED
"""What can be read and written four elements at a time."""

_ROUNDER = 12582912.0
"""1.5 * 2**23: a float32 near it has no fraction, so that adding rounds, halves to even."""
_ROUNDER_BITS = 0x4B400000

LIMITED_LAST = 8388608.0
"""2**23: of numbers so far from zero, and no further, what `Lanes.unlimited` gives is right within
16 bits and stays beyond them, on its side, without."""


def _upper(vector: Wasm) -> Wasm:
    """The upper two lanes in the place of the lower."""
    return vector.shuffle(vector, [2, 3, 2, 3])


def limits_ahead(rounded: Rounding) -> tuple[Const, Const]:
    """The limits ahead of rounding in lanes."""
    low, high = (float(end - rounded.zero) for end in (rounded.low, rounded.high))
    return const(low, DType.FLOAT32), const(high, DType.FLOAT32)


def rounders(rounded: Rounding) -> tuple[Const, Const]:
    """Numbers that rounding in lanes works with: one to add, and one to subtract from the bits."""
    return const(_ROUNDER, DType.FLOAT32), const(_ROUNDER_BITS - rounded.zero, DType.INT32)


def lane_type(dtype: DType) -> Type:
    """What four elements of a dtype are computed in; two, of float64."""
    if dtype is DType.FLOAT64:
        return F64X2
    return F32X4 if dtype is DType.FLOAT32 else I32X4


def load_lanes(f: Function, dtype: DType, address: Wasm, offset: int) -> Wasm:
    """Four neighbouring elements."""
    if dtype in WIDE:
        return f.load(lane_type(dtype), address, offset)
    if dtype is DType.INT16:
        return f.load_extend_s(I32X4, address, offset)
    packed = f.load_zero(I32X4, address, offset).as_(I8X16)
    if dtype is DType.UINT8:
        return packed.extend_low_u().extend_low_u()
    return packed.extend_low_s().extend_low_s()


def store_lanes(
    f: Function, dtype: DType, address: Wasm, vector: Wasm, offset: int, step: int = 1
) -> None:
    """Write four elements, `step` elements apart; narrow ones must be in their range."""
    packed = f.let(_packed(f, dtype, vector))
    size = dtype.size_bytes
    if step != 1:
        for lane in range(LANES):
            f.store_lane(address, packed, lane, offset + lane * step * size)
    elif dtype in WIDE:
        f.store(address, packed, offset)
    else:
        f.store_lane(address, packed.as_(I64X2 if size == 2 else I32X4), 0, offset)


def turned(f: Function, rows: Sequence[Wasm]) -> list[Wasm]:
    """The columns of a square of four vectors, of which each lies in a local."""
    a, b, c, d = rows
    upper, lower = ([0, 4, 1, 5], [2, 6, 3, 7])
    first, third = f.let(a.shuffle(c, upper)), f.let(a.shuffle(c, lower))
    second, fourth = f.let(b.shuffle(d, upper)), f.let(b.shuffle(d, lower))
    pairs = ((first, second), (third, fourth))
    return [f.let(x.shuffle(y, half)) for x, y in pairs for half in (upper, lower)]


def _packed(f: Function, dtype: DType, vector: Wasm) -> Wasm:
    """Four elements side by side, as they are stored."""
    if dtype in WIDE:
        return vector
    vector = f.let(vector)
    halves = vector.narrow_s(vector)
    if dtype is DType.INT16:
        return halves
    halves = f.let(halves)
    return halves.narrow_s(halves) if dtype is DType.INT8 else halves.narrow_u(halves)


@dataclass(frozen=True)
class Lanes:
    """Emits vectors whose lanes are neighbours along an axis of a nest."""

    nest: Nest
    axis: int
    given: frozenset[Load] = frozenset()
    """Reads whose vectors the nest knows, however they move along the axis."""

    def can(self, expr: Expr) -> bool:
        """Whether an expression can be computed in lanes."""
        if self._is_even(expr):
            return expr.dtype in WIDE
        rounded = rounding(expr)
        if rounded is not None:
            return self.can(rounded.x)
        product = fused(expr)
        if product is not None:
            return self.can(product.whole) and self.can(product.addend)
        match expr:
            case Load() if expr in self.given:
                return True
            case Load(dtype=DType.FLOAT32):
                return self.nest.stride(expr.value, expr.index, self.axis) in (0, 1, 2)
            case Load(dtype=dtype) if dtype in STORED:
                return self.nest.stride(expr.value, expr.index, self.axis) == 1
            case Cast(dtype=DType.FLOAT32, x=x) if x.dtype in STORED:
                return self.can(x)
            case Cast(dtype=DType.INT32, x=x) if x.dtype in ROUNDED:
                return self.can(x)
            case Binary(dtype=DType.INT32, op=op):
                return op in _WHOLE_ARITHMETIC and self.can(expr.a) and self.can(expr.b)
            case Select(condition=condition) if expr.dtype in STORED - {DType.FLOAT32}:
                return self._is_even(condition) and self.can(expr.a) and self.can(expr.b)
            case Result(dtype=DType.INT32):
                return True
            case Unary(dtype=DType.FLOAT32, op=op):
                known = op in _DIRECT or op in VECTOR_FUNCTIONS
                return known and self.can(expr.x)
            case Binary(dtype=DType.FLOAT32, op=op):
                return op in _ARITHMETIC and self.can(expr.a) and self.can(expr.b)
            case Select(dtype=DType.FLOAT32, condition=condition):
                if not (self.can(expr.a) and self.can(expr.b)):
                    return False
                return self._is_even(condition) or self._can_mask(condition)
            case Result(dtype=DType.FLOAT32):
                return True
        return False

    def _can_mask(self, condition: Expr) -> bool:
        match condition:
            case Binary(op="and" | "or", dtype=DType.BOOL):
                return self._can_mask(condition.a) and self._can_mask(condition.b)
            case Binary(op=op) if op in _COMPARISONS and condition.a.dtype is DType.FLOAT32:
                return self.can(condition.a) and self.can(condition.b)
        return False

    def _is_even(self, expr: Expr) -> bool:
        """Whether an expression is the same in all lanes."""
        return self.axis not in expr.axes and not _follows_result(expr)

    def vector(self, expr: Expr) -> Wasm:
        """Four neighbouring values of an expression, starting at the current point."""
        nest = self.nest
        key = in_lanes(expr)
        found = nest.known.get(key)
        if found is not None:
            return found
        made = self._vector(expr)
        if expr in nest.shared or (self._is_even(expr) and not isinstance(expr, Const)):
            made = nest.known[key] = nest.scalars.f.let(made)
        return made

    def _vector(self, expr: Expr) -> Wasm:
        f = self.nest.scalars.f
        view = lane_type(expr.dtype)
        if isinstance(expr, Const):
            return f.const(view, expr.value)
        if self._is_even(expr):
            if isinstance(expr, Load) and expr not in self.nest.known and expr.dtype in WIDE:
                return f.load_splat(view, *self._splat_address(expr))
            return self.nest.scalar(expr).splat(view)
        rounded = rounding(expr)
        if rounded is not None:
            return self._rounded(rounded)
        product = fused(expr)
        if product is not None:
            low, high = self._halves(product)
            return low.demote().shuffle(high.demote(), [0, 1, 4, 5])
        match expr:
            case Load():
                address, offset = self.nest.address(expr.value, expr.index)
                if self.nest.stride(expr.value, expr.index, self.axis) == 2:
                    both = [
                        f.load(view, address, offset + at)
                        for at in (0, LANES * expr.dtype.size_bytes)
                    ]
                    return both[0].shuffle(both[1], [0, 2, 4, 6])
                return load_lanes(f, expr.dtype, address, offset)
            case Cast(dtype=DType.FLOAT32):
                return self.vector(expr.x).convert_s(F32X4)
            case Cast():
                return self.vector(expr.x)
            case Unary():
                return self._unary(expr.op, self.vector(expr.x))
            case Binary():
                return self._binary(expr)
            case Select() if self._is_even(expr.condition):
                return self.nest.choose(
                    expr, view, lambda nest, side: Lanes(nest, self.axis).vector(side)
                )
            case Select():
                mask = f.let(self._mask(expr.condition))
                return mask.select(self.vector(expr.a), self.vector(expr.b))
        raise InternalError(f"no lanes for {expr}")

    def _rounded(self, rounded: Rounding) -> Wasm:
        """Limits, which are whole, may come before the rounding: the results are the same."""
        low, high = map(self.vector, limits_ahead(rounded))
        # A nan is not greater than the lower limit, which comes first, and so becomes it.
        return self._nearest(low.pmax(self.vector(rounded.x)).pmin(high), rounded)

    def unlimited(self, rounded: Rounding) -> Wasm:
        """A rounding but for its limits, for numbers up to LIMITED_LAST."""
        return self._nearest(self.vector(rounded.x), rounded)

    def _nearest(self, x: Wasm, rounded: Rounding) -> Wasm:
        rounder, bits = map(self.vector, rounders(rounded))
        return (x + rounder).as_(I32X4) - bits

    def _halves(self, product: Fused) -> tuple[Wasm, Wasm]:
        """A product and a sum in float64, two lanes in each vector."""
        f = self.nest.scalars.f
        whole = f.let(self.vector(product.whole))
        inner = fused(product.addend)
        if isinstance(product.addend, Const):
            addends = [self._double(product.addend.value) for _ in range(2)]
        elif inner is not None:
            addends = [half.demote().promote() for half in self._halves(inner)]
        else:
            addend = f.let(self.vector(product.addend))
            addends = [addend.promote(), _upper(addend).promote()]
        low, high = (
            f.let(half.convert_low_s(F64X2) * self._double(product.factor) + addend)
            for half, addend in zip((whole, _upper(whole)), addends, strict=True)
        )
        return low, high

    def _double(self, number: float) -> Wasm:
        known = self.nest.known.get(in_lanes(const(number, DType.FLOAT64)))
        return self.nest.scalars.f.const(F64X2, number) if known is None else known

    def _splat_address(self, expr: Load) -> tuple[Wasm, int]:
        """An address without an offset: engines load and spread best so (ENGINES.md, 1b)."""
        pointer, offset = self.nest.address(expr.value, expr.index)
        return (pointer + offset if offset else pointer), 0

    def _unary(self, op: str, x: Wasm) -> Wasm:
        match op:
            case "neg":
                return -x
            case "abs":
                return x.abs()
            case "floor":
                return x.floor()
            case "ceil":
                return x.ceil()
            case "round":
                return x.nearest()
            case "trunc":
                return x.trunc()
            case "sqrt":
                return x.sqrt()
        return self.nest.scalars.mathematics.call_vector(self.nest.scalars.f, op, x)

    def _binary(self, expr: Binary) -> Wasm:
        for first, second in ((expr.a, expr.b), (expr.b, expr.a)):
            together = self._together(expr.op, first, second)
            if together is not None:
                return together
        a, b = self.vector(expr.a), self.vector(expr.b)
        if expr.op in ("min", "max") and expr.dtype is DType.INT32:
            return a.min_s(b) if expr.op == "min" else a.max_s(b)
        if expr.op in ("min", "max"):
            return self._extremum(expr, a, b)
        match expr.op:
            case "add":
                return a + b
            case "sub":
                return a - b
            case "mul":
                return a * b
        return a / b

    def _together(self, op: str, a: Expr, b: Expr) -> Wasm | None:
        """A function and the arithmetic behind it, where both in one take less."""
        if b in self.nest.shared:
            return None
        f, call = self.nest.scalars.f, self.nest.scalars.mathematics.call_vector
        match op, a, b:
            case "mul", _, Unary(op="sigmoid"):
                return call(f, "times_sigmoid", self.vector(b.x), self.vector(a))
            case "mul", _, _ if _makes_gelu(a, b):
                return call(f, "twice_gelu", self.vector(a))
        return None

    def _extremum(self, expr: Binary, a: Wasm, b: Wasm) -> Wasm:
        """The smaller or larger; a nan must win.

        pmin and pmax are five times as fast as min and max (KERNELS.md, 4) and give their
        first operand when the comparison fails, so a constant number goes second.
        """
        if _is_number(expr.a):
            a, b = b, a
        elif not _is_number(expr.b):
            return a.min(b) if expr.op == "min" else a.max(b)
        return a.pmin(b) if expr.op == "min" else a.pmax(b)

    def _mask(self, condition: Expr) -> Wasm:
        if not isinstance(condition, Binary):
            raise InternalError(f"no mask for {condition}")
        if condition.op == "and":
            return self._mask(condition.a) & self._mask(condition.b)
        if condition.op == "or":
            return self._mask(condition.a) | self._mask(condition.b)
        a, b = self.vector(condition.a), self.vector(condition.b)
        match condition.op:
            case "eq":
                return a == b
            case "ne":
                return a != b
            case "lt":
                return a < b
            case "le":
                return a <= b
            case "gt":
                return a > b
        return a >= b


def can_in_lanes(finish: Expr) -> bool:
    """Whether an epilogue is arithmetic that has lanes, wherever its reads may lie."""
    match finish:
        case Load():
            return finish.dtype is DType.FLOAT32
        case Result() | Const():
            return finish.dtype is DType.FLOAT32
        case Unary(dtype=DType.FLOAT32, op=op):
            return (op in _DIRECT or op in VECTOR_FUNCTIONS) and can_in_lanes(finish.x)
        case Binary(dtype=DType.FLOAT32, op=op):
            return op in _ARITHMETIC and all(map(can_in_lanes, finish.operands))
        case Binary(dtype=DType.BOOL, op=op) if op in _COMPARISONS:
            return all(map(can_in_lanes, finish.operands))
        case Binary(dtype=DType.BOOL, op="and" | "or"):
            return all(map(can_in_lanes, finish.operands))
        case Select(dtype=DType.FLOAT32):
            return all(map(can_in_lanes, finish.operands))
    return False


@dataclass(frozen=True)
class _InLanes(Expr):
    expr: Expr


def in_lanes(expr: Expr) -> Expr:
    """The key under which a nest remembers the vector of an expression."""
    return _InLanes(expr.dtype, expr)


def _makes_gelu(x: Expr, factor: Expr) -> bool:
    """Whether a factor of x is 1 + erf(x / sqrt(2))."""
    match factor:
        case (
            Binary(op="add", a=Unary(op="erf", x=inner), b=Const(value=1.0))
            | Binary(op="add", a=Const(value=1.0), b=Unary(op="erf", x=inner))
        ):
            pass
        case _:
            return False
    match inner:
        case Binary(op="div", b=Const(value=by)):
            return inner.a == x and isclose(by, sqrt(2), rel_tol=1e-6)
        case Binary(op="mul", b=Const(value=by)):
            return inner.a == x and isclose(by, sqrt(0.5), rel_tol=1e-6)
    return False


def _is_number(expr: Expr) -> bool:
    return isinstance(expr, Const) and not isnan(expr.value)


def _follows_result(expr: Expr) -> bool:
    return any(isinstance(e, Result) for e in walk(expr))
