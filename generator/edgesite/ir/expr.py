"""Scalar expressions: what one element of a tensor is computed from.

Expressions are immutable trees. Python's operators build them; comparisons that
Python needs for itself (`==`) stay structural, so equality of two expressions is
`equal(a, b)`. Everything about index arithmetic that can be decided from the
extents of the axes is decided in `edgesite.ir.simplify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from edgesite.errors import InternalError, UnsupportedTypeError
from edgesite.ir.dtypes import INDEX, DType

_UNARY = """
neg abs sign not bit_not floor ceil round trunc sqrt exp expm1 log log1p sin cos tan asin acos
atan sinh cosh tanh asinh acosh atanh erf isnan isinf sigmoid bits
"""
_ARITHMETIC = "add sub mul div floordiv mod rem pow min max and or xor shl shr copysign"

UNARY = frozenset(_UNARY.split())
ARITHMETIC = frozenset(_ARITHMETIC.split())
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


@dataclass(frozen=True)
class Value:
    """A tensor of the program: its name, shape and dtype; identity is the name."""

    name: str
    shape: tuple[int, ...]
    dtype: DType

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @cached_property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Expr:
    """A scalar computed at every point of an iteration space."""

    dtype: DType

    def __add__(self, other: Operand) -> Expr:
        return binary("add", self, other)

    def __radd__(self, other: Operand) -> Expr:
        return binary("add", other, self)

    def __sub__(self, other: Operand) -> Expr:
        return binary("sub", self, other)

    def __rsub__(self, other: Operand) -> Expr:
        return binary("sub", other, self)

    def __mul__(self, other: Operand) -> Expr:
        return binary("mul", self, other)

    def __rmul__(self, other: Operand) -> Expr:
        return binary("mul", other, self)

    def __truediv__(self, other: Operand) -> Expr:
        return binary("div", self, other)

    def __rtruediv__(self, other: Operand) -> Expr:
        return binary("div", other, self)

    def __floordiv__(self, other: Operand) -> Expr:
        return binary("floordiv", self, other)

    def __mod__(self, other: Operand) -> Expr:
        return binary("mod", self, other)

    def __and__(self, other: Operand) -> Expr:
        return binary("and", self, other)

    def __or__(self, other: Operand) -> Expr:
        return binary("or", self, other)

    def __xor__(self, other: Operand) -> Expr:
        return binary("xor", self, other)

    def __lt__(self, other: Operand) -> Expr:
        return binary("lt", self, other)

    def __le__(self, other: Operand) -> Expr:
        return binary("le", self, other)

    def __gt__(self, other: Operand) -> Expr:
        return binary("gt", self, other)

    def __ge__(self, other: Operand) -> Expr:
        return binary("ge", self, other)

    def __neg__(self) -> Expr:
        return unary("neg", self)

    def __invert__(self) -> Expr:
        return unary("not" if self.dtype is DType.BOOL else "bit_not", self)

    def cast(self, dtype: DType) -> Expr:
        """This value in another dtype; codes as uint8, and the other way round, as they are."""
        if dtype is self.dtype:
            return self
        if DType.UINT8 not in (dtype, self.dtype):
            _computable("cast", dtype)
            _computable("cast", self.dtype)
        return Cast(dtype, self)

    @cached_property
    def operands(self) -> tuple[Expr, ...]:
        """The expressions this one is directly made of."""
        return ()

    @cached_property
    def axes(self) -> frozenset[int]:
        """The numbers of the axes this expression depends on."""
        return frozenset(axis for operand in self.operands for axis in operand.axes)

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """The loads in this expression, nested ones included, without repetition."""
        return tuple(dict.fromkeys(load for operand in self.operands for load in operand.loads))

    @cached_property
    def digest(self) -> str:
        """A short name of the structure, by which expressions have an order in every run."""
        own = [getattr(self, field.name) for field in fields(self)]
        facts = [str(fact) for fact in own if not isinstance(fact, Expr | tuple)]
        parts = [type(self).__name__, *facts, *(operand.digest for operand in self.operands)]
        return sha256("\n".join(parts).encode()).hexdigest()


Operand = Expr | int | float | bool


def _cached_hash(cls: type[Any]) -> type[Any]:
    """Let instances remember their hash: trees are hashed often and never change."""
    structural: Any = cls.__hash__

    def remembered(self: Any) -> int:
        found = self.__dict__.get("_hash")
        if found is None:
            found = self.__dict__["_hash"] = structural(self)
        return int(found)

    cls.__hash__ = remembered  # type: ignore[assignment]
    return cls


@_cached_hash
@dataclass(frozen=True)
class Const(Expr):
    """A number."""

    value: int | float | bool

    def __eq__(self, other: object) -> bool:
        # 0.0 and -0.0 differ, a nan equals itself, 1 and True differ by dtype.
        return (
            isinstance(other, Const)
            and self.dtype is other.dtype
            and repr(self.value) == repr(other.value)
        )

    def __hash__(self) -> int:
        return hash((self.dtype, repr(self.value)))


@_cached_hash
@dataclass(frozen=True)
class Axis(Expr):
    """The position along one axis of the iteration space, from 0 to extent - 1."""

    number: int
    extent: int

    @cached_property
    def axes(self) -> frozenset[int]:
        """The axis itself."""
        return frozenset({self.number})


@_cached_hash
@dataclass(frozen=True)
class Load(Expr):
    """The element of `value` at `index`, one INDEX expression per axis of the value."""

    value: Value
    index: tuple[Expr, ...]

    @cached_property
    def operands(self) -> tuple[Expr, ...]:
        """The indices."""
        return self.index

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """The read itself, and those in its indices."""
        inner = [load for expr in self.index for load in expr.loads]
        return tuple(dict.fromkeys([self, *inner]))


@_cached_hash
@dataclass(frozen=True)
class Unary(Expr):
    """One of UNARY applied to an expression."""

    op: str
    x: Expr

    @cached_property
    def operands(self) -> tuple[Expr, ...]:
        """What it is made of."""
        return (self.x,)


@_cached_hash
@dataclass(frozen=True)
class Binary(Expr):
    """One of ARITHMETIC or COMPARISONS applied to two expressions of one dtype."""

    op: str
    a: Expr
    b: Expr

    @cached_property
    def operands(self) -> tuple[Expr, ...]:
        """What it is made of."""
        return (self.a, self.b)


@_cached_hash
@dataclass(frozen=True)
class Select(Expr):
    """`a` where the condition holds, else `b`; the side not chosen is never read from memory."""

    condition: Expr
    a: Expr
    b: Expr

    @cached_property
    def operands(self) -> tuple[Expr, ...]:
        """What it is made of."""
        return (self.condition, self.a, self.b)


@_cached_hash
@dataclass(frozen=True)
class Cast(Expr):
    """A value in another dtype: integers wrap, floats truncate.

    A float that does not fit saturates at 32 bits (64 for uint32 and wider) and then wraps.
    """

    x: Expr

    @cached_property
    def operands(self) -> tuple[Expr, ...]:
        """What it is made of."""
        return (self.x,)


@_cached_hash
@dataclass(frozen=True)
class Result(Expr):
    """What a reduction has combined, seen from its epilogue."""


def const(value: float | bool, dtype: DType) -> Const:
    """A number of a dtype; of those that are codes, only 0."""
    if value:
        _computable("constant", dtype)
    if dtype is DType.BOOL:
        return Const(dtype, bool(value))
    return Const(dtype, float(value) if dtype.is_float else int(value))


def index(value: int) -> Const:
    """A constant of index arithmetic."""
    return Const(INDEX, int(value))


def _computable(op: str, dtype: DType) -> None:
    if dtype is DType.STRING and op not in ("eq", "ne"):
        raise UnsupportedTypeError(f"{op} of {dtype}: text is moved and compared, and nothing else")
    if dtype.is_coded:
        raise UnsupportedTypeError(f"{op} of {dtype}: it has no arithmetic; cast to float32 first")


def unary(op: str, x: Expr) -> Expr:
    """Apply one of UNARY."""
    _computable(op, x.dtype)
    if op not in UNARY:
        raise InternalError(f"unknown unary operation {op}")
    dtype = DType.BOOL if op in ("isnan", "isinf", "not") else x.dtype
    return Unary(dtype, op, x)


BITS = {
    DType.FLOAT32: (DType.INT32, DType.UINT32),
    DType.FLOAT64: (DType.INT64, DType.UINT64),
}
"""The integers that have the bits of a float."""


def reinterpreted(x: Expr, dtype: DType) -> Expr:
    """The bits of a scalar as another dtype of as many.

    Raises UnsupportedTypeError for halves, whose bits are lost as they are read.
    """
    if x.dtype.value.startswith("float8"):
        return reinterpreted(x.cast(DType.UINT8), dtype)
    if dtype.value.startswith("float8"):
        return reinterpreted(x, DType.UINT8).cast(dtype)
    are_whole = not (x.dtype.is_float or dtype.is_float or x.dtype.is_coded or dtype.is_coded)
    if are_whole and x.dtype.size_bytes == dtype.size_bytes:
        return x.cast(dtype)
    if dtype in BITS.get(x.dtype, ()) or x.dtype in BITS.get(dtype, ()):
        return Unary(dtype, "bits", x)
    raise UnsupportedTypeError(f"the bits of {x.dtype} as {dtype}: not supported")


def binary(op: str, a: Operand, b: Operand) -> Expr:
    """Apply one of ARITHMETIC or COMPARISONS; a Python number takes the other side's dtype."""
    like = a if isinstance(a, Expr) else b
    if not isinstance(like, Expr):
        raise InternalError(f"{op} needs an expression on one side")
    left = a if isinstance(a, Expr) else const(a, like.dtype)
    right = b if isinstance(b, Expr) else const(b, like.dtype)
    _computable(op, left.dtype)
    if left.dtype is not right.dtype:
        raise InternalError(f"{op} of {left.dtype} and {right.dtype}; cast one of them")
    if op in COMPARISONS:
        return Binary(DType.BOOL, op, left, right)
    if op not in ARITHMETIC:
        raise InternalError(f"unknown binary operation {op}")
    return Binary(left.dtype, op, left, right)


def equal(a: Expr, b: Operand) -> Expr:
    """Whether two scalars are equal, as an expression."""
    return binary("eq", a, b)


def minimum(a: Expr, b: Operand) -> Expr:
    """The smaller of two; a nan wins."""
    return binary("min", a, b)


def maximum(a: Expr, b: Operand) -> Expr:
    """The larger of two; a nan wins."""
    return binary("max", a, b)


def select(condition: Expr, a: Operand, b: Operand) -> Expr:
    """Choose `a` where the condition holds, else `b`."""
    like = a if isinstance(a, Expr) else b
    if not isinstance(like, Expr):
        raise InternalError("select needs an expression on one side")
    left = a if isinstance(a, Expr) else const(a, like.dtype)
    right = b if isinstance(b, Expr) else const(b, like.dtype)
    if condition.dtype is not DType.BOOL or left.dtype is not right.dtype:
        raise InternalError(f"select of {condition.dtype}, {left.dtype} and {right.dtype}")
    return Select(left.dtype, condition, left, right)


def all_of(conditions: list[Expr]) -> Expr | None:
    """The conjunction, or None of no conditions."""
    result: Expr | None = None
    for condition in conditions:
        result = condition if result is None else result & condition
    return result


def rebuild(expr: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The same operation on other operands."""
    if operands == expr.operands:
        return expr
    match expr:
        case Load():
            return replace(expr, index=operands)
        case Unary() | Cast():
            return replace(expr, x=operands[0])
        case Binary():
            return replace(expr, a=operands[0], b=operands[1])
        case Select():
            return replace(expr, condition=operands[0], a=operands[1], b=operands[2])
    return expr


def transform(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """Rewrite from the leaves up; `change` returns None to keep what it is shown."""
    known: dict[Expr, Expr] = {}

    def visit(e: Expr) -> Expr:
        found = known.get(e)
        if found is None:
            rebuilt = rebuild(e, tuple(visit(operand) for operand in e.operands))
            changed = change(rebuilt)
            found = known[e] = rebuilt if changed is None else changed
        return found

    return visit(expr)


def substitute_axes(expr: Expr, axes: dict[int, Expr]) -> Expr:
    """Replace axes by expressions, by number."""
    return transform(expr, lambda e: axes.get(e.number) if isinstance(e, Axis) else None)


def walk(expr: Expr) -> Iterator[Expr]:
    """Every distinct subexpression, parents first."""
    seen: set[Expr] = set()
    stack = [expr]
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            yield e
            stack.extend(reversed(e.operands))
