"""Typed expressions: trees of instructions that are emitted where they are used.

An expression means what it meant when it was written. Constants and locals may be used any
number of times; every other expression once, or it would be computed twice: `f.let` keeps
its value. Whatever an expression reads, a local or memory, must not change between the
line that writes the expression and the line that uses it; both mistakes raise.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm.encode import float32, float64
from edgesite.wasm.opcodes import OPCODES, Opcode
from edgesite.wasm.types import F32, I32, I64, TYPES, V128, VECTOR_BYTES, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgesite.wasm.state import Read, Variable


def _one(name: str) -> Callable[[Value], Value]:
    def method(self: Value) -> Value:
        return instruction(f"{self.type}.{name}", self)

    return method


def _two(name: str) -> Callable[[Value, Operand], Value]:
    def method(self: Value, other: Operand) -> Value:
        return instruction(f"{self.type}.{name}", self, other)

    return method


def _swapped(name: str) -> Callable[[Value, Operand], Value]:
    def method(self: Value, other: Operand) -> Value:
        return instruction(f"{self.type}.{name}", constant(self.type, other), self)

    return method


def _bitwise(name: str) -> Callable[[Value, Operand], Value]:
    def method(self: Value, other: Operand) -> Value:
        view = V128 if self.type.is_vector else self.type
        return instruction(f"{view}.{name}", self, other)

    return method


def _signed(name: str) -> Callable[[Value, Operand], Value]:
    """Python's operator on integers is the signed instruction."""

    def method(self: Value, other: Operand) -> Value:
        suffix = "" if self.type.is_float else "_s"
        return instruction(f"{self.type}.{name}{suffix}", self, other)

    return method


def _from_wide(name: str) -> Callable[[Value], Value]:
    """An instruction named after the integer lanes of half the width, which it takes."""

    def method(self: Value) -> Value:
        return instruction(f"{self.type.wider}.{name.format(self.type)}", self)

    return method


def _from_wide_two(name: str) -> Callable[[Value, Operand], Value]:
    def method(self: Value, other: Operand) -> Value:
        return instruction(f"{self.type.wider}.{name.format(self.type)}", self, other)

    return method


def _to(name: str) -> Callable[[Value, Type], Value]:
    """A conversion named after the type it gives and the type it takes."""

    def method(self: Value, target: Type) -> Value:
        return instruction(f"{target}.{name.format(self.type)}", self)

    return method


class Value:
    """Something with a type that instructions can take."""

    type: Type
    __hash__ = object.__hash__

    def taken(self) -> Tree | Constant:
        """This value as the operand of one instruction."""
        raise NotImplementedError

    def as_(self, view: Type) -> Value:
        """The same bits, seen in other lanes; costs nothing."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise InternalError(
            f"wasm expression {self}: has no truth value before the code runs; use select or if_"
        )

    # Operators. Comparisons give i32, or a mask of lanes.
    __add__ = __radd__ = _two("add")
    __sub__, __rsub__ = _two("sub"), _swapped("sub")
    __mul__ = __rmul__ = _two("mul")
    __truediv__, __rtruediv__ = _two("div"), _swapped("div")
    __and__ = __rand__ = _bitwise("and")
    __or__ = __ror__ = _bitwise("or")
    __xor__ = __rxor__ = _bitwise("xor")
    __lshift__ = _two("shl")
    __rshift__ = _two("shr_s")
    __lt__, __le__ = _signed("lt"), _signed("le")
    __gt__, __ge__ = _signed("gt"), _signed("ge")
    __eq__ = _two("eq")  # type: ignore[assignment]
    __ne__ = _two("ne")  # type: ignore[assignment]

    # Numbers, in scalars and lanes, as far as the type has the instruction.
    abs, sqrt = _one("abs"), _one("sqrt")
    ceil, floor, trunc, nearest = _one("ceil"), _one("floor"), _one("trunc"), _one("nearest")
    min, max, pmin, pmax = _two("min"), _two("max"), _two("pmin"), _two("pmax")
    min_s, min_u, max_s, max_u = _two("min_s"), _two("min_u"), _two("max_s"), _two("max_u")
    copysign = _two("copysign")
    div_s, div_u, rem_s, rem_u = _two("div_s"), _two("div_u"), _two("rem_s"), _two("rem_u")
    shr_s, shr_u, rotl, rotr = _two("shr_s"), _two("shr_u"), _two("rotl"), _two("rotr")
    lt_u, gt_u, le_u, ge_u = _two("lt_u"), _two("gt_u"), _two("le_u"), _two("ge_u")
    clz, ctz, popcnt, eqz = _one("clz"), _one("ctz"), _one("popcnt"), _one("eqz")
    extend8_s, extend16_s, extend32_s = _one("extend8_s"), _one("extend16_s"), _one("extend32_s")
    add_sat_s, add_sat_u = _two("add_sat_s"), _two("add_sat_u")
    sub_sat_s, sub_sat_u = _two("sub_sat_s"), _two("sub_sat_u")
    avgr_u, q15mulr_sat_s = _two("avgr_u"), _two("q15mulr_sat_s")
    andnot = _bitwise("andnot")  # a & ~b

    # Between widths of lanes; the receiver has the narrow ones.
    extend_low_s, extend_low_u = _from_wide("extend_low_{}_s"), _from_wide("extend_low_{}_u")
    extend_high_s, extend_high_u = _from_wide("extend_high_{}_s"), _from_wide("extend_high_{}_u")
    extadd_pairwise_s = _from_wide("extadd_pairwise_{}_s")
    extadd_pairwise_u = _from_wide("extadd_pairwise_{}_u")
    extmul_low_s, extmul_low_u = (
        _from_wide_two("extmul_low_{}_s"),
        _from_wide_two("extmul_low_{}_u"),
    )
    extmul_high_s = _from_wide_two("extmul_high_{}_s")
    extmul_high_u = _from_wide_two("extmul_high_{}_u")
    dot_i16x8 = _from_wide_two("dot_{}_s")

    # Conversions: x.convert_s(F32), x.trunc_sat_s(I32X4).
    convert_s, convert_u = _to("convert_{}_s"), _to("convert_{}_u")
    convert_low_s, convert_low_u = _to("convert_low_{}_s"), _to("convert_low_{}_u")
    trunc_s, trunc_u = _to("trunc_{}_s"), _to("trunc_{}_u")
    reinterpret = _to("reinterpret_{}")

    # Lanes.
    all_true, bitmask = _one("all_true"), _one("bitmask")
    swizzle = _two("swizzle")

    # Relaxed: the engine chooses among the results the specification allows.
    relaxed_min, relaxed_max = _two("relaxed_min"), _two("relaxed_max")
    relaxed_swizzle, relaxed_q15mulr_s = _two("relaxed_swizzle"), _two("relaxed_q15mulr_s")

    def __neg__(self) -> Value:
        if self.type in (I32, I64):
            return instruction(f"{self.type}.sub", constant(self.type, 0), self)
        return instruction(f"{self.type}.neg", self)

    def __invert__(self) -> Value:
        return instruction("v128.not", self) if self.type.is_vector else self ^ -1

    def select(self, if_true: Operand, if_false: Operand) -> Value:
        """One of two values, both computed: by an i32, or bit by bit by a mask of lanes."""
        if self.type.is_vector:
            return instruction("v128.bitselect", if_true, if_false, self)
        view = next((each.type for each in (if_true, if_false) if isinstance(each, Value)), None)
        if view is None:
            raise InternalError(
                f"wasm select({if_true}, {if_false}): wrap one number in constant()"
            )
        pair = constant(view, if_true), constant(view, if_false)
        return Tree(OPCODES["select"], view, _checked("select", (*pair, self), (view, view, I32)))

    def trunc_sat_s(self, target: Type) -> Value:
        """To a signed integer, nan to 0, the rest clamped; two f64 lanes leave two lanes zero."""
        return self._truncated(target, "trunc_sat", "s")

    def trunc_sat_u(self, target: Type) -> Value:
        """To an unsigned integer, as `trunc_sat_s`."""
        return self._truncated(target, "trunc_sat", "u")

    def relaxed_trunc_s(self, target: Type) -> Value:
        """As `trunc_sat_s` where the value fits; otherwise the engine's choice."""
        return self._truncated(target, "relaxed_trunc", "s")

    def relaxed_trunc_u(self, target: Type) -> Value:
        """As `trunc_sat_u` where the value fits; otherwise the engine's choice."""
        return self._truncated(target, "relaxed_trunc", "u")

    def _truncated(self, target: Type, verb: str, sign: str) -> Value:
        zero = "_zero" if self.type.lanes == 2 else ""
        return instruction(f"{target}.{verb}_{self.type}_{sign}{zero}", self)

    def extend_s(self) -> Value:
        """I32 to i64, keeping the sign."""
        return instruction("i64.extend_i32_s", self)

    def extend_u(self) -> Value:
        """I32 to i64, without sign."""
        return instruction("i64.extend_i32_u", self)

    def wrap(self) -> Value:
        """The low half of an i64."""
        return instruction("i32.wrap_i64", self)

    def promote(self) -> Value:
        """F32 to f64, or the two low f32 lanes."""
        vector = self.type.is_vector
        return instruction("f64x2.promote_low_f32x4" if vector else "f64.promote_f32", self)

    def demote(self) -> Value:
        """F64 to f32, or two f64 lanes to two f32 lanes and two zeros."""
        vector = self.type.is_vector
        return instruction("f32x4.demote_f64x2_zero" if vector else "f32.demote_f64", self)

    def splat(self, view: Type) -> Value:
        """This scalar in every lane."""
        return instruction(f"{view}.splat", self)

    def extract_lane(self, lane: int) -> Value:
        """A lane of 32 or 64 bits as a scalar."""
        return instruction(f"{self.type}.extract_lane", self, immediates=(self._lane(lane),))

    def extract_lane_s(self, lane: int) -> Value:
        """A lane of 8 or 16 bits with its sign."""
        return instruction(f"{self.type}.extract_lane_s", self, immediates=(self._lane(lane),))

    def extract_lane_u(self, lane: int) -> Value:
        """A lane of 8 or 16 bits without sign."""
        return instruction(f"{self.type}.extract_lane_u", self, immediates=(self._lane(lane),))

    def replace_lane(self, lane: int, scalar: Operand) -> Value:
        """The same vector with another scalar in one lane."""
        return instruction(
            f"{self.type}.replace_lane", self, scalar, immediates=(self._lane(lane),)
        )

    def _lane(self, lane: int) -> int:
        if not 0 <= lane < self.type.lanes:
            raise InternalError(f"wasm lane {lane} of {self.type}: it has {self.type.lanes}")
        return lane

    def shuffle(self, other: Value, lanes: Sequence[int]) -> Value:
        """Lanes of self (from 0 up) and other (behind those of self), as many as the type has."""
        count, width = self.type.lanes, self.type.lane_bits // 8
        if len(lanes) != count or not all(0 <= lane < 2 * count for lane in lanes):
            raise InternalError(
                f"wasm shuffle {list(lanes)}: wants {count} lanes below {2 * count}"
            )
        chosen = bytes(lane * width + byte for lane in lanes for byte in range(width))
        other = self if other is self else _typed(other, self.type, "shuffle")
        pair = tuple(each.taken() for each in (self, other))
        return Tree(OPCODES["i8x16.shuffle"], self.type, pair, (chosen,))

    def narrow_s(self, other: Operand) -> Value:
        """The lanes of both in half the width, clamped to the signed range."""
        return instruction(f"{self.type.narrower}.narrow_{self.type}_s", self, other)

    def narrow_u(self, other: Operand) -> Value:
        """The lanes of both in half the width, clamped to the unsigned range."""
        return instruction(f"{self.type.narrower}.narrow_{self.type}_u", self, other)

    def any_true(self) -> Value:
        """Whether any bit is set, as i32."""
        return instruction("v128.any_true", self)

    def relaxed_madd(self, factor: Operand, addend: Operand) -> Value:
        """Self * factor + addend, rounded once or twice."""
        return instruction(f"{self.type}.relaxed_madd", self, factor, addend)

    def relaxed_nmadd(self, factor: Operand, addend: Operand) -> Value:
        """Addend - self * factor, rounded once or twice."""
        return instruction(f"{self.type}.relaxed_nmadd", self, factor, addend)

    def relaxed_laneselect(self, if_true: Value, if_false: Value) -> Value:
        """As `select`, when each lane of the mask is all ones or all zeros."""
        _typed(if_false, if_true.type, "relaxed_laneselect")
        lanes = if_true.as_(self.type), if_false.as_(self.type)
        return instruction(f"{self.type}.relaxed_laneselect", *lanes, self).as_(if_true.type)

    def relaxed_dot_i8x16_i7x16(self, other: Operand) -> Value:
        """Sums of two products each in i16x8; the other operand must be in 0..127."""
        return instruction("i16x8.relaxed_dot_i8x16_i7x16_s", self, other)

    def relaxed_dot_i8x16_i7x16_add(self, other: Operand, addend: Operand) -> Value:
        """Sums of four products each plus i32x4; the other operand must be in 0..127."""
        return instruction("i32x4.relaxed_dot_i8x16_i7x16_add_s", self, other, addend)


Operand = Value | int | float


class Constant(Value):
    """A number, or the bytes of a vector."""

    def __init__(self, view: Type, number: int | float | bytes) -> None:
        self.type, self.number = view, number

    def taken(self) -> Constant:
        """Itself: constants are free."""
        return self

    def as_(self, view: Type) -> Constant:
        """The same bytes in other lanes."""
        return Constant(_vectors(self.type, view), self.number)

    def __repr__(self) -> str:
        return f"{self.type}({self.number!r})"


class Local(Value):
    """A variable of the function; two locals may be views of the same one."""

    def __init__(self, view: Type, variable: Variable) -> None:
        self.type, self.variable = view, variable

    def taken(self) -> Tree:
        """Its value now."""
        read = self.read()
        read.used = True
        return read

    def read(self) -> Tree:
        """An expression for the value it has on this line."""
        reads = (self.variable.read(),)
        return Tree(OPCODES["local.get"], self.type, (), (self.variable,), reads)

    def as_(self, view: Type) -> Local:
        """The same variable in other lanes."""
        return Local(_vectors(self.type, view), self.variable)

    def __repr__(self) -> str:
        return f"{self.type} {self.variable}"


@dataclass(eq=False)
class Tree(Value):
    """One instruction and the trees it takes."""

    opcode: Opcode
    type: Type
    operands: tuple[Tree | Constant, ...]
    immediates: tuple[Any, ...] = ()
    reads: tuple[Read, ...] = ()
    used: bool = False

    def taken(self) -> Tree:
        """Itself, once."""
        if self.used:
            raise InternalError(
                f"wasm expression {self}: is used twice, which would compute it twice;"
                " keep its value with f.let"
            )
        self.used = True
        return self

    def as_(self, view: Type) -> Tree:
        """The same instruction, its result seen in other lanes."""
        self.taken()
        view = _vectors(self.type, view)
        return Tree(self.opcode, view, self.operands, self.immediates, self.reads)

    def __repr__(self) -> str:
        return f"{self.type} ({self.opcode.mnemonic})"


def constant(view: Type, number: Operand | Sequence[float]) -> Value:
    """A number of that type, in every lane of a vector; or one number per lane.

    Integers may be given signed or unsigned. A value passes through when its type fits.
    """
    if isinstance(number, Value):
        return _typed(number, view, "operand")
    if view.is_vector:
        return Constant(view, _vector_bytes(view, number))
    if view.is_float and isinstance(number, Real):
        return Constant(view, float(number))
    if _fits(view, number):
        return Constant(view, _wrapped(view, int(number)))  # type: ignore[arg-type]
    raise InternalError(f"wasm constant {number!r}: is no number of type {view}")


def instruction(mnemonic: str, *operands: Operand, immediates: tuple[Any, ...] = ()) -> Value:
    """The expression of one instruction; numbers become constants of the type it wants."""
    opcode = _opcode(mnemonic)
    values = _values(opcode, operands)
    folded = _folded(mnemonic, values)
    if folded is not None:
        return folded
    view = opcode.result
    if view is V128:
        view = next((value.type for value in values if value.type.is_vector), V128)
    if view is None:
        raise InternalError(f"wasm {mnemonic}: has no value; it is a statement")
    return Tree(opcode, view, _checked(mnemonic, values, opcode.operands), immediates)


def taken(mnemonic: str, *operands: Operand) -> tuple[Tree | Constant, ...]:
    """The operands of a statement, checked and ready to be emitted."""
    opcode = _opcode(mnemonic)
    return _checked(mnemonic, _values(opcode, operands), opcode.operands)


def _opcode(mnemonic: str) -> Opcode:
    opcode = OPCODES.get(mnemonic)
    if opcode is None:
        raise InternalError(f"wasm instruction {mnemonic}: does not exist for this type")
    return opcode


def _values(opcode: Opcode, operands: Sequence[Operand]) -> tuple[Value, ...]:
    """Numbers among the operands become constants of the type the instruction wants there."""
    wanted = opcode.operands
    if len(wanted) != len(operands):
        count = f"{len(wanted)} operands, got {len(operands)}"
        raise InternalError(f"wasm {opcode.mnemonic}: takes {count}")
    vectors = (each.type for each in operands if isinstance(each, Value) and each.type.is_vector)
    view = next(vectors, V128)
    return tuple(
        each if isinstance(each, Value) else constant(view if kind is V128 else kind, each)
        for kind, each in zip(wanted, operands, strict=True)
    )


def _checked(
    mnemonic: str, values: Sequence[Value], wanted: Sequence[Type]
) -> tuple[Tree | Constant, ...]:
    return tuple(
        _typed(value, kind, mnemonic).taken() for value, kind in zip(values, wanted, strict=True)
    )


def _typed(value: Value, wanted: Type, where: str) -> Value:
    if not isinstance(value, Value):
        raise InternalError(f"wasm {where}: got {value!r}; wants an expression of type {wanted}")
    if value.type is wanted or (wanted is V128 and value.type.is_vector):
        return value
    advice = "view it with as_()" if value.type.is_vector and wanted.is_vector else "convert it"
    raise InternalError(f"wasm {where}: got {value}, wants {wanted}; {advice}")


def _vectors(view: Type, other: Type) -> Type:
    if not (view.is_vector and other.is_vector):
        raise InternalError(f"wasm as_: from {view} to {other}; only vectors have views")
    return other


def _wrapped(view: Type, number: int) -> int:
    half = 1 << view.lane_bits - 1
    return (number + half) % (2 * half) - half


def _vector_bytes(view: Type, number: Any) -> bytes:
    if isinstance(number, bytes) and len(number) == VECTOR_BYTES:
        return number
    numbers: list[Any] = [number] * view.lanes if isinstance(number, Real) else list(number)
    if len(numbers) != view.lanes or view is V128:
        raise InternalError(f"wasm constant {number!r}: wants {view.lanes} lanes of {view}")
    if view.is_float:
        return b"".join(map(float32 if view.lane is F32 else float64, map(float, numbers)))
    if not all(_fits(view, each) for each in numbers):
        raise InternalError(f"wasm constant {number!r}: has a lane that is no {view}")
    bits, size_bytes = view.lane_bits, view.lane_bits // 8
    return b"".join((int(each) % (1 << bits)).to_bytes(size_bytes, "little") for each in numbers)


def _fits(view: Type, number: Any) -> bool:
    """Whether it is an integer that the type can hold, with sign or without."""
    bits = view.lane_bits
    return isinstance(number, Integral) and -(1 << bits - 1) <= int(number) < 1 << bits


_FOLDABLE: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
}


def _folded(mnemonic: str, values: tuple[Value, ...]) -> Value | None:
    """Integer arithmetic that is known now: 2 + 3, x + 0, x * 1, (x + 2) + 3."""
    prefix, _, name = mnemonic.partition(".")
    view = TYPES.get(prefix)
    if view not in (I32, I64) or name not in _FOLDABLE or any(v.type is not view for v in values):
        return None
    left, right = values
    if isinstance(left, Constant) and name != "sub":
        left, right = right, left
    if not isinstance(right, Constant):
        return None
    number = right.number
    assert isinstance(number, int)
    if isinstance(left, Constant):
        assert isinstance(left.number, int)
        return Constant(view, _wrapped(view, _FOLDABLE[name](left.number, number)))
    if number == (1 if name == "mul" else 0):
        return left
    if name == "mul" or not isinstance(left, Tree) or left.opcode.mnemonic != f"{view}.add":
        return None
    inner = left.operands[1]
    if not isinstance(inner, Constant):
        return None
    assert isinstance(inner.number, int)
    left.taken()
    total = _wrapped(view, _FOLDABLE[name](inner.number, number))
    return Tree(left.opcode, view, (left.operands[0], Constant(view, total)))
