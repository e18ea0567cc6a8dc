"""Typed expressions: trees of instructions that are emitted where they are used.

An expression means what it meant when it was written. Constants and locals may be used any
number of times; every other expression once, or it would be computed twice: `f.let` keeps
its value. Whatever an expression reads, a local or memory, must not change between the
line that writes the expression and the line that uses it; both mistakes raise.
"""

from __future__ import annotations

import operator
from numbers import Real
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm.literals import fits, vector_bytes, wrapped
from edgesite.wasm.nodes import Node, Number, Tree, opcode_of
from edgesite.wasm.opcodes import OPCODES, Opcode
from edgesite.wasm.types import I32, I64, V128, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgesite.wasm.state import Variable


def _mnemonic(name: str, view: Type) -> str:
    """Complete the name of an instruction of that type; "{0}" in a full name is the type."""
    return name.format(view) if "." in name else f"{view}.{name}"


def _one(name: str) -> Callable[[Value], Value]:
    return lambda self: instruction(_mnemonic(name, self.type), self)


def _two(name: str) -> Callable[[Value, Operand], Value]:
    return lambda self, other: instruction(_mnemonic(name, self.type), self, other)


def _three(name: str) -> Callable[[Value, Operand, Operand], Value]:
    return lambda self, *others: instruction(_mnemonic(name, self.type), self, *others)


def _swapped(name: str) -> Callable[[Value, Operand], Value]:
    return lambda self, other: instruction(
        _mnemonic(name, self.type), constant(self.type, other), self
    )


def _bitwise(name: str) -> Callable[[Value, Operand], Value]:
    return lambda self, other: instruction(f"{self.type.bits}.{name}", self, other)


def _signed(name: str) -> Callable[[Value, Operand], Value]:
    """Python's operator on integers is the signed instruction."""
    return lambda self, other: instruction(
        f"{self.type}.{name}{'' if self.type.is_float else '_s'}", self, other
    )


def _to(name: str) -> Callable[[Value, Type], Value]:
    """A conversion named after the type it gives and the type it takes."""
    return lambda self, target: instruction(f"{target}.{name.format(self.type)}", self)


def _truncated(name: str) -> Callable[[Value, Type], Value]:
    """To an integer; two f64 lanes give two lanes, and two that are zero."""
    return lambda self, target: instruction(
        f"{target}.{name.format(self.type)}{'_zero' if self.type.lanes == 2 else ''}", self
    )


def _lane(name: str) -> Callable[[Value, int], Value]:
    return lambda self, lane: instruction(
        f"{self.type}.{name}", self, immediates=(self.type.checked_lane(lane),)
    )


class Value:
    """Something with a type that instructions can take."""

    __hash__ = object.__hash__

    def __init__(self, view: Type, node: Node) -> None:
        self.type, self._node = view, node

    @property
    def node(self) -> Node:
        """What computes it, from the state on this line."""
        return self._node

    def as_(self, view: Type) -> Value:
        """The same bits, seen in other lanes; costs nothing."""
        return Value(_vectors(self.type, view), self._node)

    def __repr__(self) -> str:
        return f"{self.type} ({self._node.opcode.mnemonic})"

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

    # Between widths of lanes.
    extend_low_s = _one("{0.wider}.extend_low_{0}_s")
    extend_low_u = _one("{0.wider}.extend_low_{0}_u")
    extend_high_s = _one("{0.wider}.extend_high_{0}_s")
    extend_high_u = _one("{0.wider}.extend_high_{0}_u")
    extadd_pairwise_s = _one("{0.wider}.extadd_pairwise_{0}_s")
    extadd_pairwise_u = _one("{0.wider}.extadd_pairwise_{0}_u")
    extmul_low_s = _two("{0.wider}.extmul_low_{0}_s")
    extmul_low_u = _two("{0.wider}.extmul_low_{0}_u")
    extmul_high_s = _two("{0.wider}.extmul_high_{0}_s")
    extmul_high_u = _two("{0.wider}.extmul_high_{0}_u")
    narrow_s, narrow_u = _two("{0.narrower}.narrow_{0}_s"), _two("{0.narrower}.narrow_{0}_u")
    dot_i16x8 = _two("i32x4.dot_i16x8_s")

    # Conversions: x.convert_s(F32), x.trunc_sat_s(I32X4). trunc_s traps on what does not fit,
    # trunc_sat_s clamps it and makes nan 0, relaxed_trunc_s leaves it to the engine.
    convert_s, convert_u = _to("convert_{}_s"), _to("convert_{}_u")
    convert_low_s, convert_low_u = _to("convert_low_{}_s"), _to("convert_low_{}_u")
    trunc_s, trunc_u = _to("trunc_{}_s"), _to("trunc_{}_u")
    trunc_sat_s, trunc_sat_u = _truncated("trunc_sat_{}_s"), _truncated("trunc_sat_{}_u")
    relaxed_trunc_s = _truncated("relaxed_trunc_{}_s")
    relaxed_trunc_u = _truncated("relaxed_trunc_{}_u")
    reinterpret = _to("reinterpret_{}")
    extend_s, extend_u, wrap = (
        _one("i64.extend_i32_s"),
        _one("i64.extend_i32_u"),
        _one("i32.wrap_i64"),
    )

    # Lanes.
    any_true, all_true, bitmask = _one("v128.any_true"), _one("all_true"), _one("bitmask")
    extract_lane = _lane("extract_lane")  # of 32 or 64 bits
    extract_lane_s, extract_lane_u = _lane("extract_lane_s"), _lane("extract_lane_u")  # of 8 or 16
    swizzle = _two("swizzle")

    # Relaxed: the engine chooses among the results the specification allows.
    relaxed_madd = _three("relaxed_madd")  # self * a + b, rounded once or twice
    relaxed_nmadd = _three("relaxed_nmadd")  # b - self * a
    relaxed_min, relaxed_max = _two("relaxed_min"), _two("relaxed_max")
    relaxed_swizzle, relaxed_q15mulr_s = _two("relaxed_swizzle"), _two("relaxed_q15mulr_s")
    # Sums of two or four products of neighbours; the other operand must be in 0..127.
    relaxed_dot_i8x16_i7x16 = _two("i16x8.relaxed_dot_i8x16_i7x16_s")
    relaxed_dot_i8x16_i7x16_add = _three("i32x4.relaxed_dot_i8x16_i7x16_add_s")

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
        operands = _taken("select", (*pair, self), (view, view, I32))
        return Value(view, Tree(OPCODES["select"], operands))

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

    def replace_lane(self, lane: int, scalar: Operand) -> Value:
        """The same vector with another scalar in one lane."""
        at = self.type.checked_lane(lane)
        return instruction(f"{self.type}.replace_lane", self, scalar, immediates=(at,))

    def shuffle(self, other: Value, lanes: Sequence[int]) -> Value:
        """Lanes of self (from 0 up) and other (behind those of self), as many as the type has."""
        count, width = self.type.lanes, self.type.lane_bits // 8
        if len(lanes) != count or not all(0 <= lane < 2 * count for lane in lanes):
            raise InternalError(
                f"wasm shuffle {list(lanes)}: wants {count} lanes below {2 * count}"
            )
        chosen = bytes(lane * width + byte for lane in lanes for byte in range(width))
        pair = _taken("shuffle", (self, other), (self.type, self.type))
        return Value(self.type, Tree(OPCODES["i8x16.shuffle"], pair, (chosen,)))

    def relaxed_laneselect(self, if_true: Value, if_false: Value) -> Value:
        """As `select`, when each lane of the mask is all ones or all zeros."""
        _typed(if_false, if_true.type, "relaxed_laneselect")
        lanes = if_true.as_(self.type), if_false.as_(self.type)
        return instruction(f"{self.type}.relaxed_laneselect", *lanes, self).as_(if_true.type)


Operand = Value | int | float


class Constant(Value):
    """A value that is known now."""

    def __init__(self, view: Type, number: int | float | bytes) -> None:
        super().__init__(view, Number(view, number))
        self.number = number

    def as_(self, view: Type) -> Constant:
        """The same bytes in other lanes."""
        return Constant(_vectors(self.type, view), self.number)

    def __repr__(self) -> str:
        return f"{self.type}({self.number!r})"


class Local(Value):
    """A variable of the function; two locals may be views of the same one."""

    def __init__(self, view: Type, variable: Variable) -> None:
        self.type, self.variable = view, variable

    @property
    def node(self) -> Tree:
        """A reading of the value it has on this line."""
        return Tree(OPCODES["local.get"], (), (self.variable,), (self.variable.read(),))

    def as_(self, view: Type) -> Local:
        """The same variable in other lanes."""
        return Local(_vectors(self.type, view), self.variable)

    def read(self) -> Value:
        """The value it has on this line; using it where it has another is an error."""
        return Value(self.type, self.node)

    def __repr__(self) -> str:
        return f"{self.type} {self.variable}"


def constant(view: Type, number: Operand | Sequence[float]) -> Value:
    """A number of that type, in every lane of a vector; or one number per lane.

    Integers may be given signed or unsigned. A value passes through when its type fits.
    """
    if isinstance(number, Value):
        return _typed(number, view, "operand")
    if view.is_vector:
        return Constant(view, vector_bytes(view, number))
    if view.is_float and isinstance(number, Real):
        return Constant(view, float(number))
    if fits(view, number):
        return Constant(view, wrapped(view, int(number)))  # type: ignore[arg-type]
    raise InternalError(f"wasm constant {number!r}: is no number of type {view}")


def instruction(mnemonic: str, *operands: Operand, immediates: tuple[Any, ...] = ()) -> Value:
    """The expression of one instruction; numbers become constants of the type it wants."""
    opcode = opcode_of(mnemonic)
    values = _values(opcode, operands)
    folded = _folded(opcode, values)
    if folded is not None:
        return folded
    view = opcode.result
    if view is V128:
        view = next((value.type for value in values if value.type.is_vector), V128)
    if view is None:
        raise InternalError(f"wasm {mnemonic}: has no value; it is a statement")
    return Value(view, Tree(opcode, _taken(mnemonic, values, opcode.operands), immediates))


def taken(mnemonic: str, *operands: Operand) -> tuple[Node, ...]:
    """Check the operands of a statement and take them."""
    opcode = opcode_of(mnemonic)
    return _taken(mnemonic, _values(opcode, operands), opcode.operands)


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


def _taken(mnemonic: str, values: Sequence[Value], wanted: Sequence[Type]) -> tuple[Node, ...]:
    return tuple(
        _typed(value, kind, mnemonic).node.taken()
        for value, kind in zip(values, wanted, strict=True)
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


_FOLDABLE: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
}


def _folded(opcode: Opcode, values: tuple[Value, ...]) -> Value | None:
    """Integer arithmetic that is known now: 2 + 3, x + 0, x * 1, (x + 2) + 3."""
    view, name = opcode.result, opcode.mnemonic[4:]
    if view not in (I32, I64) or name not in _FOLDABLE or any(v.type is not view for v in values):
        return None
    assert view is not None
    left, right = values
    if isinstance(left, Constant) and name != "sub":
        left, right = right, left
    if not isinstance(right, Constant):
        return None
    fold, number = _FOLDABLE[name], int(right.number)
    if isinstance(left, Constant):
        return Constant(view, wrapped(view, fold(int(left.number), number)))
    if number == (1 if name == "mul" else 0):
        return left
    inner = left.node
    if name == "mul" or not isinstance(inner, Tree) or inner.opcode is not OPCODES[f"{view}.add"]:
        return None
    start, addend = inner.operands
    if not isinstance(addend, Number):
        return None
    inner.taken()
    total = Number(view, wrapped(view, fold(int(addend.number), number)))
    return Value(view, Tree(inner.opcode, (start, total)))
