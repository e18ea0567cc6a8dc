"""Powers and remainders of f64, with the special cases of C."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgesite.targets.wasm.mathematics.exponential import LN2_HIGH, LN2_LOW, parts
from edgesite.targets.wasm.mathematics.kernel import Mathematics, kernel, two_product, two_sum
from edgesite.wasm import F64, I64

if TYPE_CHECKING:
    from edgesite.wasm import Function, Local, Value

_TWO_THIRDS = 0.6666666666666666
_TWO_THIRDS_LOW = 3.700743415417188e-17

# ((log((1 + s) / (1 - s)) / s - 2) / z - 2/3) / z with z = s^2, 2^-73.5 of the logarithm
_LOGARITHM = (
    0.3999999999999998,
    0.2857142857144522,
    0.222222222175106,
    0.18181818873491823,
    0.15384556653948522,
    0.1333632578187333,
    0.11674648483463544,
    0.11990431417438,
)

_INFINITY_BITS = 0x7FF << 52
_FRACTION = (1 << 52) - 1


@kernel("pow", F64, x=F64, y=F64)
def pow(m: Mathematics, f: Function, x: Local, y: Local) -> Value:  # noqa: A001, the name in C
    """e^(y log|x|) with a sign, and the special cases of C: 1 ulp."""
    with f.if_((y == 0.0) | (x == 1.0)):
        f.return_(1.0)
    with f.if_((x != x) | (y != y)):
        f.return_(x + y)
    size = f.let(x.abs())
    half = f.let(y * 0.5)
    is_odd = f.let((y.trunc() == y) & (half.trunc() != half))
    negative = f.let(f.const(F64, 1.0).copysign(x) < 0.0)
    value = f.local(F64)
    with f.if_((size == 0.0) | (size == math.inf)):
        grows = (size == 0.0) == (y < 0.0)
        f.assign(value, grows.select(f.const(F64, math.inf), 0.0))
    with f.else_():
        f.assign(value, _power(m, f, size, y))
        with f.if_(negative & (y.trunc() != y)):
            f.return_(math.nan)
    return (negative & is_odd).select(-value, value)


def _power(m: Mathematics, f: Function, size: Local, y: Local) -> Value:
    """e^(y log(size)) for a positive finite size; the logarithm has 70 bits or more."""
    high, low = _logarithm(m, f, size)
    # Beyond 2^65 everything but 1 overflows or vanishes, as it must.
    clipped = f.let(y.max(-(2.0**65)).min(2.0**65))
    product, error = two_product(f, clipped, high)
    rest = (product.abs() < 1024.0).select(error + clipped * low, 0.0)
    return m.call(f, "exp_of_sum", product, rest)


def _logarithm(m: Mathematics, f: Function, size: Local) -> tuple[Local, Local]:
    """log(size) as a sum: k ln 2 + 2 s + s^3 (2/3 + ...), with s = rest / (2 + rest)."""
    tiny = f.let(size < 2.0**-1022)
    rest, exponent = parts(f, f.let(tiny.select(size * 2.0**54, size)))
    k = f.let(exponent - tiny.select(f.const(F64, 54.0), 0.0))
    # s in two parts: the remainder of the division, divided once more.
    below = f.let(rest + 2.0)
    below_low = f.let(rest - (below - 2.0))
    s = f.let(rest / below)
    product, error = two_product(f, s, below)
    s_low = f.let((((rest - product) - error) - s * below_low) / below)

    square, square_error = two_product(f, s, s)
    square_low = f.let(square_error + 2.0 * s * s_low)
    higher = f.let(square * m.polynomial(square, _LOGARITHM))
    series, lost = two_sum(f, f.let(f.const(F64, _TWO_THIRDS)), higher)
    series_low = lost + _TWO_THIRDS_LOW
    term, term_error = two_product(f, square, series)
    term_low = f.let(term_error + (square * series_low + square_low * series))
    cubic, cubic_error = two_product(f, s, term)
    cubic_low = cubic_error + (s * term_low + s_low * term)

    first, first_lost = two_sum(f, f.let(k * LN2_HIGH), f.let(s + s))
    second, second_lost = two_sum(f, first, cubic)
    low = (first_lost + second_lost) + ((s_low + s_low) + cubic_low + k * LN2_LOW)
    return two_sum(f, second, f.let(low))


@kernel("fmod", F64, x=F64, y=F64)
def fmod(m: Mathematics, f: Function, x: Local, y: Local) -> Value:
    """The rest of a division, x - n y with n = x / y toward zero: exact, with the sign of x.

    A long division of the mantissas as integers, eleven bits at a time.
    """
    del m
    a = f.let(x.abs().reinterpret(I64))
    b = f.let(y.abs().reinterpret(I64))
    with f.if_((a >= _INFINITY_BITS) | (b > _INFINITY_BITS) | b.eqz()):
        f.return_((x * y) / (x * y))
    with f.if_(a < b):
        f.return_(x)
    exponent, rest = _unpacked(f, a)
    other, divisor = _unpacked(f, b)
    f.assign(rest, rest.rem_u(divisor))
    with f.while_loop(exponent > other):
        step = f.let((exponent - other < 11).select(exponent - other, 11))
        f.assign(rest, (rest << step).rem_u(divisor))
        f.assign(exponent, exponent - step)
    with f.if_(rest.eqz()):
        f.return_(f.const(F64, 0.0).copysign(x))
    shift = f.let(rest.clz() - 11)
    f.assign(rest, rest << shift)
    f.assign(exponent, other - shift)
    normal = (rest & _FRACTION) | (exponent << 52)
    subnormal = rest.shr_u(1 - exponent)
    return (exponent > 0).select(normal, subnormal).reinterpret(F64).copysign(x)


def _unpacked(f: Function, bits: Local) -> tuple[Local, Local]:
    """The exponent, and the fraction with its leading one; subnormals are brought to that."""
    exponent = f.local(I64, bits >> 52)
    fraction = f.local(I64, bits & _FRACTION)
    with f.if_(exponent.eqz()):
        shift = f.let(fraction.clz() - 11)
        f.assign(fraction, fraction << shift)
        f.assign(exponent, 1 - shift)
    with f.else_():
        f.assign(fraction, fraction | (1 << 52))
    return exponent, fraction
