"""Elements in WebAssembly's scalar types: how each dtype is read, computed with and written.

A dtype is computed in the smallest of i32, i64, f32 and f64 that holds it; float16 and
bfloat16 in f32. Narrow integers are brought back into their range after every operation
that can leave it, so that a value in a register always equals the stored one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgesite.errors import InternalError
from edgesite.ir import DType
from edgesite.targets.wasm.mathematics import Mathematics
from edgesite.wasm import F32, F64, I32, I64, Function, Operand, Type, Value

_FUNCTIONS = """
exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf sigmoid
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Unary operations that are functions of several instructions."""

_WIDE = {DType.INT64, DType.UINT64}
_PARTS = ("div", "rem")
_OTHER_KIND = {F32: I32, I32: F32, F64: I64, I64: F64}


def compute_type(dtype: DType) -> Type:
    """The wasm type a dtype is computed in."""
    if dtype is DType.FLOAT64:
        return F64
    if dtype.is_float:
        return F32
    return I64 if dtype in _WIDE else I32


@dataclass
class Scalars:
    """Emits scalar operations into one function."""

    f: Function
    mathematics: Mathematics

    def load(self, dtype: DType, address: Value, offset: int) -> Value:
        """Read one element."""
        f = self.f
        if dtype.is_coded:
            return f.load8_u(I32, address, offset)
        match dtype:
            case DType.FLOAT16:
                return self.mathematics.call(f, "float16_value", f.load16_u(I32, address, offset))
            case DType.BFLOAT16:
                return self.mathematics.call(f, "bfloat16_value", f.load16_u(I32, address, offset))
            case DType.INT8:
                return f.load8_s(I32, address, offset)
            case DType.UINT8 | DType.BOOL:
                return f.load8_u(I32, address, offset)
            case DType.INT16:
                return f.load16_s(I32, address, offset)
            case DType.UINT16:
                return f.load16_u(I32, address, offset)
        return f.load(compute_type(dtype), address, offset)

    def store(self, dtype: DType, address: Value, value: Value, offset: int) -> None:
        """Write one element."""
        f = self.f
        if dtype is DType.FLOAT16:
            f.store16(address, self.mathematics.call(f, "float16_bits", value), offset)
        elif dtype is DType.BFLOAT16:
            f.store16(address, self.mathematics.call(f, "bfloat16_bits", value), offset)
        elif dtype.size_bytes == 1:
            f.store8(address, value, offset)
        elif dtype.size_bytes == 2:
            f.store16(address, value, offset)
        else:
            f.store(address, value, offset)

    def constant(self, dtype: DType, number: float | bool) -> Value:
        """A number of a dtype."""
        wasm = compute_type(dtype)
        return self.f.const(wasm, number if wasm.is_float else int(number))

    def unary(self, op: str, dtype: DType, x: Value) -> Value:
        """One of `ir.expr.UNARY`; `dtype` is the operand's."""
        if op == "bits":
            return x.reinterpret(_OTHER_KIND[x.type])
        if dtype.is_float:
            return self._float_unary(op, x)
        match op:
            case "neg":
                return self._wrapped(dtype, -x)
            case "abs":
                x = self.f.let(x)
                return x if dtype.is_unsigned else self._wrapped(dtype, (x < 0).select(-x, x))
            case "sign":
                x = self.f.let(x)
                above = x != 0 if dtype.is_unsigned else (x > 0) - (x < 0)
                return above.extend_s() if x.type is I64 else above
            case "not":
                return x.eqz()
            case "bit_not":
                return self._wrapped(dtype, ~x)
            case "floor" | "ceil" | "round" | "trunc":
                return x
        raise InternalError(f"{op} of {dtype}")

    def _float_unary(self, op: str, x: Value) -> Value:
        f = self.f
        match op:
            case "neg":
                return -x
            case "abs":
                return x.abs()
            case "sqrt":
                return x.sqrt()
            case "floor":
                return x.floor()
            case "ceil":
                return x.ceil()
            case "trunc":
                return x.trunc()
            case "round":
                return x.nearest()
            case "sign":
                x = f.let(x)
                steps = f.let(((x > 0) - (x < 0)).convert_s(x.type))
                return (x == x).select(steps, x)
            case "isnan":
                x = f.let(x)
                return x != x
            case "isinf":
                return x.abs() == float("inf")
        return self.mathematics.call(f, op, x)

    def binary(self, op: str, dtype: DType, a: Value, b: Value) -> Value:
        """One of `ir.expr.ARITHMETIC` or `COMPARISONS`; `dtype` is the operands'."""
        if op in _SAME:
            return self._wrapped(dtype, _SAME[op](a, b))
        if op in _COMPARE:
            order = _UNSIGNED_ORDER if dtype.is_unsigned else _COMPARE
            return order.get(op, _COMPARE[op])(a, b)
        if dtype.is_float:
            return self._float_binary(op, a, b)
        return self._integer_binary(op, dtype, a, b)

    def _float_binary(self, op: str, a: Value, b: Value) -> Value:
        match op:
            case "div":
                return a / b
            case "min":
                return a.min(b)
            case "max":
                return a.max(b)
            case "copysign":
                return a.copysign(b)
            case "pow":
                return self.mathematics.call(self.f, "pow", a, b)
            case "rem":
                return self.mathematics.call(self.f, "fmod", a, b)
            case "floordiv":
                return (a / b).floor()
            case "mod":
                a, b = self.f.let(a), self.f.let(b)
                rest = self.f.let(self.mathematics.call(self.f, "fmod", a, b))
                crossed = (rest != 0.0) & ((rest < 0.0) != (b < 0.0))
                return crossed.select(rest + b, rest)
        raise InternalError(f"{op} of floats")

    def _integer_binary(self, op: str, dtype: DType, a: Value, b: Value) -> Value:
        a, b = self.f.let(a), self.f.let(b)
        unsigned = dtype.is_unsigned
        match op:
            case "min":
                return (a.lt_u(b) if unsigned else a < b).select(a, b)
            case "max":
                return (a.gt_u(b) if unsigned else a > b).select(a, b)
            case "shl":
                return self._wrapped(dtype, b.lt_u(dtype.bits).select(a << b, self._zero(a)))
            case "shr":
                fits = b.lt_u(dtype.bits)
                if unsigned:
                    return fits.select(a.shr_u(b), self._zero(a))
                return a >> fits.select(b, self.f.const(b.type, dtype.bits - 1))
            case "div" | "rem":
                # wasm traps on a zero divisor and on the overflow of MIN / -1.
                if unsigned:
                    zero = self.f.let(b.eqz())
                    safe = self.f.let(zero.select(self._one(a), b))
                    if op == "rem":
                        return a.rem_u(safe)
                    return zero.select(self._zero(a), a.div_u(safe))
                odd = self.f.let(b.eqz() | (b == -1))
                safe = self.f.let(odd.select(self._one(a), b))
                if op == "rem":
                    return odd.select(self._zero(a), a.rem_s(safe))
                flipped = self.f.let((b == -1).select(-a, self._zero(a)))
                return self._wrapped(dtype, odd.select(flipped, a.div_s(safe)))
            case "mod":
                rest = self.f.let(self._integer_binary("rem", dtype, a, b))
                if unsigned:
                    return rest
                crossed = (rest != 0) & ((rest ^ b) < 0)
                return crossed.select(rest + b, rest)
            case "floordiv":
                if unsigned:
                    return self._integer_binary("div", dtype, a, b)
                whole, rest = (self.f.let(self._integer_binary(o, dtype, a, b)) for o in _PARTS)
                crossed = (rest != 0) & ((rest ^ b) < 0)
                return whole - (crossed.extend_u() if a.type is I64 else crossed)
            case "pow":
                return self._integer_power(dtype, a, b)
        raise InternalError(f"{op} of {dtype}")

    def _integer_power(self, dtype: DType, base: Value, exponent: Value) -> Value:
        """Square and multiply; a negative exponent gives 0, or the sign of a unit base."""
        f = self.f
        result = f.local(base.type, 1)
        square, left = f.local(base.type, base), f.local(exponent.type, exponent)
        with f.block() as done, f.cycle() as again:
            f.branch_if(done, left.eqz())
            with f.if_(self._low_bit(left)):
                f.assign(result, result * square)
            f.assign(square, square * square)
            f.assign(left, left.shr_u(1))
            f.branch(again)
        if dtype.is_unsigned:
            return self._wrapped(dtype, result)
        unit = f.let((base == 1) | (base == -1))
        odd = f.let(self._low_bit(exponent) & (base == -1))
        sign = f.let(odd.select(self._minus_one(base), self._one(base)))
        inverse = f.let(unit.select(sign, self._zero(base)))
        return self._wrapped(dtype, (exponent < 0).select(inverse, result))

    def _low_bit(self, x: Value) -> Value:
        return (x & 1).wrap() if x.type is I64 else x & 1

    def _zero(self, like: Value) -> Value:
        return self.f.const(like.type, 0)

    def _one(self, like: Value) -> Value:
        return self.f.const(like.type, 1)

    def _minus_one(self, like: Value) -> Value:
        return self.f.const(like.type, -1)

    def _wrapped(self, dtype: DType, x: Value) -> Value:
        """A result brought back into the range of a narrow integer."""
        match dtype:
            case DType.INT8:
                return x.extend8_s()
            case DType.INT16:
                return x.extend16_s()
            case DType.UINT8:
                return x & 0xFF
            case DType.UINT16:
                return x & 0xFFFF
        return x

    def cast(self, x: Value, source: DType, target: DType) -> Value:
        """Convert between dtypes as ir.expr.Cast says."""
        if target is DType.BOOL:
            return x != (0.0 if source.is_float else 0)
        if source.is_float:
            return self._from_float(x, target)
        if target.is_float:
            wasm = compute_type(target)
            value = x.convert_u(wasm) if source.is_unsigned else x.convert_s(wasm)
            return self._rounded(value, target)
        if x.type is I64 and target not in _WIDE:
            return self._wrapped(target, x.wrap())
        if x.type is I32 and target in _WIDE:
            return x.extend_u() if source.is_unsigned else x.extend_s()
        return self._wrapped(target, x)

    def _from_float(self, x: Value, target: DType) -> Value:
        if target is DType.FLOAT64:
            return x.promote() if x.type is F32 else x
        if target.is_float:
            return self._rounded(x.demote() if x.type is F64 else x, target)
        match target:
            case DType.INT64:
                return x.trunc_sat_s(I64)
            case DType.UINT64:
                return x.trunc_sat_u(I64)
            case DType.UINT32:
                return x.trunc_sat_s(I64).wrap()
        return self._wrapped(target, x.trunc_sat_s(I32))

    def _rounded(self, x: Value, target: DType) -> Value:
        """An f32 with the precision of a 16-bit float."""
        if target is DType.FLOAT16:
            bits = self.mathematics.call(self.f, "float16_bits", x)
            return self.mathematics.call(self.f, "float16_value", bits)
        if target is DType.BFLOAT16:
            bits = self.mathematics.call(self.f, "bfloat16_bits", x)
            return self.mathematics.call(self.f, "bfloat16_value", bits)
        return x


Operation = Callable[[Value, Operand], Value]

_SAME: dict[str, Operation] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}
_COMPARE: dict[str, Operation] = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}
_UNSIGNED_ORDER: dict[str, Operation] = {
    "lt": lambda a, b: a.lt_u(b),
    "le": lambda a, b: a.le_u(b),
    "gt": lambda a, b: a.gt_u(b),
    "ge": lambda a, b: a.ge_u(b),
}
