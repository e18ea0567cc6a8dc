"""Exponentials and logarithms of f64 and what is made of them.

The reductions are the classical ones: x = k ln 2 + r with a polynomial in r, and
x = 2^k (1 + f) with log(1 + f) as a series in s = f / (2 + f), where log((1 + s) / (1 - s))
is odd. The polynomials are minimax, found by the Remez exchange in 250 bits on the reduced
interval; "2^-n" is their relative error before the coefficients were rounded. Errors in ulp
were measured on dense grids and random arguments against numpy's long double.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgesite.targets.wasm.mathematics.kernel import Mathematics, kernel, power_of_two
from edgesite.wasm import F64, I32, I64

if TYPE_CHECKING:
    from edgesite.wasm import Function, Local, Value

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471805598903  # 42 bits: times an exponent it is exact
LN2_LOW = 5.497923018708371e-14

# (e^r - 1 - r) / r^2 on |r| <= ln 2 / 2, 2^-61.7 relative to e^r - 1
_EXPONENTIAL = (
    0.5,
    0.16666666666666677,
    0.041666666666666505,
    0.008333333333321608,
    0.0013888888888962901,
    0.000198412698862079,
    2.4801587171841082e-05,
    2.755724410423595e-06,
    2.755740294263389e-07,
    2.5109081382673927e-08,
    2.087532767451823e-09,
)

# (log((1 + s) / (1 - s)) / s - 2) / z with z = s^2, for 1 + f in [sqrt(1/2), sqrt(2)], 2^-59.5
_LOGARITHM = (
    0.6666666666666735,
    0.39999999999411084,
    0.2857142874326436,
    0.22222198475822416,
    0.18183569747426304,
    0.15313903076627092,
    0.14797509176815352,
)

_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_SMALLEST_NORMAL = 2.0**-1022


@kernel("exp_of_sum", F64, high=F64, low=F64)
def exp_of_sum(m: Mathematics, f: Function, high: Local, low: Local) -> Value:
    """e^(high + low), |low| far below |high|: 1 ulp.

    The scale is applied in two steps, so that subnormal results are rounded once.
    """
    clipped = f.let(high.max(-746.0).min(710.0))
    k = f.let((clipped * LOG2_E).nearest())
    r = f.let((clipped - k * LN2_HIGH) - (k * LN2_LOW - low))
    whole = f.let(k.trunc_sat_s(I32))
    half = f.let(whole >> 1)
    value = (r + r * r * m.polynomial(r, _EXPONENTIAL)) + 1.0
    return value * power_of_two(half) * power_of_two(whole - half)


@kernel("exp", F64, x=F64)
def exp(m: Mathematics, f: Function, x: Local) -> Value:
    """e^x: 1 ulp."""
    return m.call(f, "exp_of_sum", x, f.const(F64, 0.0))


@kernel("expm1", F64, x=F64)
def expm1(m: Mathematics, f: Function, x: Local) -> Value:
    """e^x - 1 as 2^k ((e^r - 1) + (1 - 2^-k)), which cancels nothing: 1.5 ulp."""
    clipped = f.let(x.max(-40.0).min(710.0))
    k = f.let((clipped * LOG2_E).nearest())
    high, low = f.let(clipped - k * LN2_HIGH), f.let(k * LN2_LOW)
    r = f.let(high - low)
    lost = (high - r) - low
    rest = r + (r * r * m.polynomial(r, _EXPONENTIAL) + lost)
    whole = f.let(k.trunc_sat_s(I32))
    half = f.let(whole >> 1)
    # Beyond 2^60 the one is lost in rounding; more would not be a normal number.
    one = power_of_two(-(whole < 60).select(whole, 60))
    value = rest + (1.0 - one)
    return (value * power_of_two(half) * power_of_two(whole - half)).copysign(x)


@kernel("sinh", F64, x=F64)
def sinh(m: Mathematics, f: Function, x: Local) -> Value:
    """(t + t / (t + 1)) / 2 with t = e^|x| - 1, or e^|x| / 2 where that is all: 2.1 ulp."""
    size = f.let(x.abs())
    with f.if_(size < 22.0):
        t = f.let(m.call(f, "expm1", size))
        f.return_(((t + t / (t + 1.0)) * 0.5).copysign(x))
    with f.if_(size < 700.0):
        f.return_((m.call(f, "exp", size) * 0.5).copysign(x))
    return _large(m, f, size).copysign(x)


@kernel("cosh", F64, x=F64)
def cosh(m: Mathematics, f: Function, x: Local) -> Value:
    """(e^|x| + e^-|x|) / 2: 1.4 ulp."""
    size = f.let(x.abs())
    with f.if_(size < 22.0):
        t = f.let(m.call(f, "exp", size))
        f.return_(t * 0.5 + 0.5 / t)
    with f.if_(size < 700.0):
        f.return_(m.call(f, "exp", size) * 0.5)
    return _large(m, f, size)


def _large(m: Mathematics, f: Function, size: Local) -> Value:
    """e^x / 2 from 700 up, which is finite a little longer than e^x: (2^-513 e^x) 2^512."""
    # The difference is exact up to 711, where all becomes infinite.
    high = size.min(1000.0) - 513.0 * LN2_HIGH
    return m.call(f, "exp_of_sum", high, f.const(F64, -513.0 * LN2_LOW)) * 2.0**512


@kernel("tanh", F64, x=F64)
def tanh(m: Mathematics, f: Function, x: Local) -> Value:
    """Divide t = e^2|x| - 1 by t + 2; from 0.55 up 1 - 2 / (t + 2): 2.1 ulp."""
    size = f.let(x.abs())
    t = f.let(m.call(f, "expm1", size + size))
    ratio = f.let((size < 0.55).select(t, 2.0) / (t + 2.0))
    return (size < 0.55).select(ratio, 1.0 - ratio).copysign(x)


@kernel("log_of_parts", F64, rest=F64, k=F64, low=F64)
def log_of_parts(m: Mathematics, f: Function, rest: Local, k: Local, low: Local) -> Value:
    """log(2^k (1 + rest)) + low, for 1 + rest between sqrt(1/2) and sqrt(2): 0.8 ulp."""
    s = f.let(rest / (rest + 2.0))
    z = f.let(s * s)
    half_square = f.let(rest * rest * 0.5)
    series = z * m.polynomial(z, _LOGARITHM)
    small = s * (half_square + series) + (k * LN2_LOW + low)
    return k * LN2_HIGH + (rest - (half_square - small))


def parts(f: Function, x: Local) -> tuple[Local, Local]:
    """Split a positive normal f64 into 2^k (1 + rest): rest, and k as f64."""
    bits = f.let(x.reinterpret(I64))
    k = f.let((bits - _SQRT_HALF_BITS) >> 52)
    rest = f.let((bits - (k << 52)).reinterpret(F64) - 1.0)
    return rest, f.let(k.convert_s(F64))


@kernel("log", F64, x=F64)
def log(m: Mathematics, f: Function, x: Local) -> Value:
    """The natural logarithm: 0.8 ulp."""
    with f.if_((x > 0.0) & (x < math.inf)):
        tiny = f.let(x < _SMALLEST_NORMAL)
        rest, k = parts(f, f.let(tiny.select(x * 2.0**54, x)))
        shifted = k - tiny.select(f.const(F64, 54.0), 0.0)
        f.return_(m.call(f, "log_of_parts", rest, shifted, f.const(F64, 0.0)))
    return _logarithm_of_the_rest(f, x, x)


def _logarithm_of_the_rest(f: Function, x: Local, shifted: Value) -> Value:
    """-inf for zero, inf and nan for themselves, nan for what is negative."""
    zero = shifted == 0.0
    kept = (x > 0.0).select(x, f.const(F64, math.nan))
    return zero.select(f.const(F64, -math.inf), kept)


@kernel("log1p", F64, x=F64)
def log1p(m: Mathematics, f: Function, x: Local) -> Value:
    """log(1 + x), with the rounding error e of u = 1 + x added as e / u: 1 ulp."""
    zero = f.const(F64, 0.0)
    with f.if_((x > -0.2928) & (x < 0.4142)):
        f.return_(m.call(f, "log_of_parts", x, zero, zero).copysign(x))
    with f.if_((x > -1.0) & (x < math.inf)):
        u = f.let(x + 1.0)
        back = f.let(u - 1.0)
        lost = (1.0 - (u - back)) + (x - back)
        rest, k = parts(f, u)
        f.return_(m.call(f, "log_of_parts", rest, k, lost / u))
    return _logarithm_of_the_rest(f, x, x + 1.0)


@kernel("asinh", F64, x=F64)
def asinh(m: Mathematics, f: Function, x: Local) -> Value:
    """log(|x| + sqrt(x^2 + 1)), by log1p; log(2|x|) for large x: 1.6 ulp."""
    size = f.let(x.abs())
    with f.if_(size < 2.0**28):
        square = f.let(size * size)
        rest = size + square / ((square + 1.0).sqrt() + 1.0)
        f.return_(m.call(f, "log1p", rest).copysign(x))
    return (m.call(f, "log", size) + math.log(2)).copysign(x)


@kernel("acosh", F64, x=F64)
def acosh(m: Mathematics, f: Function, x: Local) -> Value:
    """log(x + sqrt(x^2 - 1)), by log1p of t + sqrt(t (t + 2)) with t = x - 1: 2.4 ulp."""
    with f.if_(x < 1.0):
        f.return_(math.nan)
    with f.if_(x < 2.0**28):
        t = f.let(x - 1.0)
        f.return_(m.call(f, "log1p", t + (t * (t + 2.0)).sqrt()))
    return m.call(f, "log", x) + math.log(2)


@kernel("atanh", F64, x=F64)
def atanh(m: Mathematics, f: Function, x: Local) -> Value:
    """log((1 + |x|) / (1 - |x|)) / 2, by log1p: 1.6 ulp."""
    size = f.let(x.abs())
    double = f.let(size + size)
    rest = f.let(double / (1.0 - size))
    exact = double + double * size / (1.0 - size)
    return (m.call(f, "log1p", (size < 0.5).select(exact, rest)) * 0.5).copysign(x)


@kernel("sigmoid", F64, x=F64)
def sigmoid(m: Mathematics, f: Function, x: Local) -> Value:
    """1 / (1 + e^-x), and e^x / (1 + e^x) for negative x: 2.3 ulp."""
    small = f.let(m.call(f, "exp", -x.abs()))
    return (x < 0.0).select(small, 1.0) / (small + 1.0)


# erf(x) / x - 1 in z = x^2 on |x| <= 1, 2^-62.7
_ERF = (
    0.1283791670955126,
    -0.3761263890318375,
    0.11283791670954857,
    -0.026866170645072896,
    0.0052239776247808714,
    -0.0008548326978742416,
    0.00012055331036905614,
    -1.4925593507003892e-05,
    1.6460972818467634e-06,
    -1.6350025234635507e-07,
    1.4657879903773826e-08,
    -1.1365666134545276e-09,
    5.94526194050209e-11,
)

# e^(x^2) (1 - erf(x)) in u = 1 / (x + 3) on 1 <= x <= 6; 2^-57.1 of erf(x)
_ERFC = (
    0.0001259650852397487,
    0.556932533054559,
    1.8831034773001858,
    1.7860785935576606,
    44.46167929132867,
    -204.18825517089203,
    1308.8374379685108,
    -4531.027894162091,
    12173.578745227038,
    -19571.838640939597,
    16337.24792002414,
    -5515.713520275919,
)


@kernel("erf", F64, x=F64)
def erf(m: Mathematics, f: Function, x: Local) -> Value:
    """The error function: a polynomial up to 1, then 1 - e^(-x^2) times another: 1.5 ulp."""
    size = f.let(x.abs())
    with f.if_(size < 1.0):
        z = f.let(x * x)
        f.return_(x + x * m.polynomial(z, _ERF))
    clipped = f.let(size.min(6.0))
    u = f.let(1.0 / (clipped + 3.0))
    tail = m.call(f, "exp", -(clipped * clipped)) * m.polynomial(u, _ERFC)
    return (1.0 - tail).copysign(x)
