"""Simplification of index arithmetic from the extents of the axes.

A reshape is written as division and remainder of a flat index; composed with its
neighbours most of that cancels. The rules are those of quasi-affine arithmetic:
an expression is a sum of terms with integer coefficients, and a division or
remainder of such a sum loses every part whose range decides it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from edgesite.ir.dtypes import INDEX, DType
from edgesite.ir.expr import (
    Axis,
    Binary,
    Const,
    Expr,
    Select,
    Unary,
    const,
    index,
    transform,
)

Bounds = tuple[int, int]
_UNKNOWN: Bounds = (-(2**31), 2**31 - 1)


@dataclass(frozen=True)
class Linear:
    """A sum of `coefficient * term`, plus a constant; terms are not linear themselves."""

    terms: tuple[tuple[Expr, int], ...]
    constant: int

    @property
    def bounds(self) -> Bounds:
        """The least and greatest value."""
        low = high = self.constant
        for term, coefficient in self.terms:
            ends = [coefficient * end for end in bounds(term)]
            low, high = low + min(ends), high + max(ends)
        return low, high

    def scaled(self, factor: int) -> Linear:
        """Every coefficient and the constant times a factor."""
        if factor == 0:
            return Linear((), 0)
        return Linear(tuple((t, c * factor) for t, c in self.terms), self.constant * factor)

    def plus(self, other: Linear) -> Linear:
        """The sum of both."""
        sums = dict(self.terms)
        for term, coefficient in other.terms:
            sums[term] = sums.get(term, 0) + coefficient
        kept = tuple((term, coefficient) for term, coefficient in sums.items() if coefficient)
        return Linear(kept, self.constant + other.constant)

    def expression(self) -> Expr:
        """The sum as an expression: axes first, in their order, so that equal sums are equal.

        Its numbers are brought into the range of INDEX, where arithmetic wraps around.
        """
        result: Expr | None = None
        for term, coefficient in sorted(self.terms, key=_term_order):
            factor = _wrapped(coefficient)
            if factor:
                part = term if factor == 1 else term * factor
                result = part if result is None else result + part
        constant = _wrapped(self.constant)
        if result is None:
            return index(constant)
        return result + constant if constant else result


def _wrapped(number: int) -> int:
    low, high = _UNKNOWN
    return (number - low) % (high - low + 1) + low


def _term_order(item: tuple[Expr, int]) -> tuple[int, int, str]:
    term, _ = item
    if isinstance(term, Axis):
        return 0, term.number, ""
    return 1, 0, term.digest


def linear(expr: Expr) -> Linear:
    """`expr` as a sum of terms; an expression that is no sum is one term."""
    match expr:
        case Const():
            return Linear((), int(expr.value))
        case Binary(op="add"):
            return linear(expr.a).plus(linear(expr.b))
        case Binary(op="sub"):
            return linear(expr.a).plus(linear(expr.b).scaled(-1))
        case Binary(op="mul", b=Const(value=factor)):
            return linear(expr.a).scaled(int(factor))
        case Binary(op="mul", a=Const(value=factor)):
            return linear(expr.b).scaled(int(factor))
        case Unary(op="neg"):
            return linear(expr.x).scaled(-1)
        case Axis(extent=1):
            return Linear((), 0)
    return Linear(((expr, 1),), 0)


def bounds(expr: Expr) -> Bounds:
    """The least and greatest value of an index expression, as far as its axes tell."""
    match expr:
        case Const():
            return int(expr.value), int(expr.value)
        case Axis():
            return 0, max(expr.extent - 1, 0)
        case Binary(op="add" | "sub" | "mul") | Unary(op="neg"):
            sum_ = linear(expr)
            return _UNKNOWN if sum_.terms == ((expr, 1),) else sum_.bounds
        case Binary(op="floordiv", a=a, b=Const(value=divisor)) if divisor > 0:
            low, high = bounds(a)
            return int(low // divisor), int(high // divisor)
        case Binary(op="mod", a=a, b=Const(value=divisor)) if divisor > 0:
            low, high = bounds(a)
            return (low, high) if low >= 0 and high < divisor else (0, int(divisor) - 1)
        case Binary(op="min", a=a, b=b):
            (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
            return min(a_low, b_low), min(a_high, b_high)
        case Binary(op="max", a=a, b=b):
            (a_low, a_high), (b_low, b_high) = bounds(a), bounds(b)
            return max(a_low, b_low), max(a_high, b_high)
        case Select():
            (a_low, a_high), (b_low, b_high) = bounds(expr.a), bounds(expr.b)
            return min(a_low, b_low), max(a_high, b_high)
    return _UNKNOWN


def _divide(a: Expr, divisor: int) -> Expr:
    """floor(a / divisor), what divides evenly taken out of the division."""
    if divisor == 1:
        return a
    whole, rest = _split(linear(a), divisor)
    low, high = rest.bounds
    if low // divisor == high // divisor:
        return whole.plus(Linear((), low // divisor)).expression()
    for unit, coarse, _ in _scales(rest, divisor):
        return whole.plus(linear(_divide(coarse.expression(), divisor // unit))).expression()
    inner = rest.expression()
    match inner:
        case Binary(op="floordiv", a=x, b=Const(value=first)) if not (
            whole.terms or whole.constant
        ):
            return _divide(x, int(first) * divisor)
    return whole.plus(Linear(((inner // divisor, 1),), 0)).expression()


def _remainder(a: Expr, divisor: int) -> Expr:
    """A modulo divisor, without the part that divides evenly."""
    _, rest = _split(linear(a), divisor)
    low, high = rest.bounds
    if low // divisor == high // divisor:
        return rest.plus(Linear((), -(low // divisor) * divisor)).expression()
    for unit, coarse, fine in _scales(rest, divisor):
        reduced = linear(_remainder(coarse.expression(), divisor // unit)).scaled(unit)
        return reduced.plus(fine).expression()
    inner = rest.expression()
    match inner:
        case Binary(op="mod", a=x, b=Const(value=first)) if first % divisor == 0:
            return _remainder(x, divisor)
    return inner % divisor


def _scales(sum_: Linear, divisor: int) -> Iterator[tuple[int, Linear, Linear]]:
    """Ways to read `sum_` as `unit * coarse + fine` with fine in [0, unit), unit | divisor."""
    units = {gcd(abs(coefficient), divisor) for _, coefficient in sum_.terms}
    for unit in sorted(units - {1}, reverse=True):
        coarse, fine = _split(sum_, unit)
        low, high = fine.bounds
        if coarse.terms and low >= 0 and high < unit:
            yield unit, coarse, fine


def _rejoined(sum_: Linear) -> Linear:
    """The sum with x for every pair of d * (x // d) and x % d, whatever both are multiplied by."""
    found = dict(sum_.terms)
    for term, coefficient in sum_.terms:
        match term:
            case Binary(op="mod", a=x, b=Const(value=divisor) as by):
                whole = x // by
                if found.get(whole) == coefficient * divisor:
                    halves = Linear(((term, coefficient), (whole, coefficient * int(divisor))), 0)
                    both = sum_.plus(halves.scaled(-1)).plus(linear(x).scaled(coefficient))
                    return _rejoined(both)
    return sum_


def _split(sum_: Linear, divisor: int) -> tuple[Linear, Linear]:
    """`sum_` as `whole * divisor + rest`; the constant's remainder stays in the rest."""
    whole = tuple((t, c // divisor) for t, c in sum_.terms if c % divisor == 0)
    rest = tuple((t, c) for t, c in sum_.terms if c % divisor != 0)
    quotient, remainder = divmod(sum_.constant, divisor)
    return Linear(whole, quotient), Linear(rest, remainder)


_COMPARE = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}


def _compare(op: str, a: Expr, b: Expr) -> Expr | None:
    """A comparison that the ranges of its sides decide."""
    if a.loads or b.loads:  # values of tensors may wrap around; axes never do
        return None
    low, high = linear(a).plus(linear(b).scaled(-1)).bounds
    outcomes = {_COMPARE[op](value, 0) for value in (low, high)}
    if op in ("eq", "ne"):
        decided = low > 0 or high < 0 or low == high
        return const(outcomes.pop(), DType.BOOL) if decided and len(outcomes) == 1 else None
    return const(outcomes.pop(), DType.BOOL) if len(outcomes) == 1 else None


def _rule(e: Expr) -> Expr | None:
    match e:
        case Axis(extent=1):
            return index(0)
        case (
            Binary(dtype=DType.INT32, op="add" | "sub" | "mul") | Unary(dtype=DType.INT32, op="neg")
        ):
            return _rejoined(linear(e)).expression()
        case Binary(dtype=DType.INT32, op="floordiv", b=Const(value=divisor)) if divisor > 0:
            return _divide(e.a, int(divisor))
        case Binary(dtype=DType.INT32, op="mod", b=Const(value=divisor)) if divisor > 0:
            return _remainder(e.a, int(divisor))
        case Binary(dtype=DType.INT32, op="min" | "max"):
            (a_low, a_high), (b_low, b_high) = bounds(e.a), bounds(e.b)
            if a_high <= b_low:
                return e.a if e.op == "min" else e.b
            if b_high <= a_low:
                return e.b if e.op == "min" else e.a
        case Binary(op="lt" | "le" | "gt" | "ge" | "eq" | "ne") if e.a.dtype is INDEX:
            return _compare(e.op, e.a, e.b)
        case Binary(op="and", dtype=DType.BOOL, a=a, b=b):
            for known, other in ((a, b), (b, a)):
                if isinstance(known, Const):
                    return other if known.value else known
        case Binary(op="or", dtype=DType.BOOL, a=a, b=b):
            for known, other in ((a, b), (b, a)):
                if isinstance(known, Const):
                    return known if known.value else other
        case Unary(op="not", x=Const(value=value)):
            return const(not value, DType.BOOL)
        case Select(condition=Const(value=value)):
            return e.a if value else e.b
        case Select() if e.a == e.b and not e.a.loads:
            return e.a
    return None


def simplify(expr: Expr) -> Expr:
    """An equal expression with less index arithmetic in it."""
    return transform(expr, _rule)
