"""Sines and their inverses in f64.

x = n pi/2 + r with |r| <= pi/4 and r kept as a sum of two f64. Up to 2^20, pi/2 is taken in
parts of 33 bits (Cody and Waite), so that the products with n are exact; beyond, the product
of x with 2/pi is formed in fixed point from as many bits of 2/pi as matter (Payne and Hanek).
The polynomials are minimax as in `exponential`; errors were measured in the same way.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgesite.targets.wasm.mathematics.kernel import Mathematics, kernel, two_product, two_sum
from edgesite.wasm import F64, I32, I64

if TYPE_CHECKING:
    from edgesite.wasm import Function, Local, Value

_QUARTER = 1.5707963267948966
_QUARTER_LOW = 6.123233995736766e-17
_EIGHTH_LOW = 3.061616997868383e-17

# pi/2 in three parts of 33 bits and a rest
_QUARTER_PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21)
_QUARTER_REST = 8.4784276603689e-32

# (sin(r) / r - 1) / z in z = r^2 on |r| <= pi / 4, 2^-58.0
_SINE = (
    -0.16666666666666632,
    0.00833333333332237,
    -0.00019841269829771048,
    2.7557313678629857e-06,
    -2.5050755956574684e-08,
    1.5896666264895438e-10,
)

# (cos(r) - 1 + z / 2) / z^2 on |r| <= pi / 4, 2^-64.0
_COSINE = (
    0.041666666666666595,
    -0.0013888888888872975,
    2.4801587288800072e-05,
    -2.755731416398917e-07,
    2.087569871013351e-09,
    -1.1358423594388033e-11,
)

# (1 - atan(t) / t) / z in z = t^2 on |t| <= sqrt(2) - 1, 2^-64.2
_ARCTANGENT = (
    0.33333333333333326,
    -0.1999999999999767,
    0.14285714285388135,
    -0.11111111088184951,
    0.0909090814476763,
    -0.07692282763706058,
    0.06666226827150779,
    -0.05877022438628419,
    0.052184082499305645,
    -0.04503564086406566,
    0.03347477432478742,
    -0.015195451589916913,
)

# (asin(x) / x - 1) / z in z = x^2 on |x| <= 1/2, 2^-59.8
_ARCSINE = (
    0.16666666666666763,
    0.0749999999997022,
    0.04464285717516368,
    0.030381942681468935,
    0.02237221572324893,
    0.017351598919819286,
    0.013980975975387944,
    0.011397653417250032,
    0.010787236334945561,
    0.0036802958382829054,
    0.021770357953805296,
    -0.021087243954783744,
    0.03268326380288304,
)

# 2/pi behind 64 zeros, 64 bits to a word; 1216 bits reach below the smallest bit that a
# float64 of the largest exponent can turn into a fraction.
_TWO_OVER_PI = (
    0x0000000000000000,
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
)

_LIMB_BITS, _LIMBS = 30, 7
_LIMB = (1 << _LIMB_BITS) - 1


@kernel("sin", F64, x=F64)
def sin(m: Mathematics, f: Function, x: Local) -> Value:
    """The sine: 0.8 ulp."""
    return m.call(f, "circle", x, f.const(I32, 0))


@kernel("cos", F64, x=F64)
def cos(m: Mathematics, f: Function, x: Local) -> Value:
    """The cosine, a sine one quarter of a turn ahead: 1 ulp."""
    return m.call(f, "circle", x, f.const(I32, 1))


@kernel("circle", F64, x=F64, ahead=I32)
def circle(m: Mathematics, f: Function, x: Local, ahead: Local) -> Value:
    """The sine of x plus that many quarters of a turn."""
    quarters, high, low = _reduced(m, f, x)
    turned = f.let(quarters + ahead)
    value = f.local(F64)
    with f.if_(turned & 1):
        f.assign(value, m.call(f, "cosine_of_sum", high, low))
    with f.else_():
        f.assign(value, m.call(f, "sine_of_sum", high, low))
    return (turned & 2).select(-value, value)


@kernel("tan", F64, x=F64)
def tan(m: Mathematics, f: Function, x: Local) -> Value:
    """Sine over cosine, or minus cosine over sine a quarter on: 2.1 ulp."""
    quarters, high, low = _reduced(m, f, x)
    sine = f.let(m.call(f, "sine_of_sum", high, low))
    cosine = f.let(m.call(f, "cosine_of_sum", high, low))
    odd = f.let(quarters & 1)
    return odd.select(-cosine, sine) / odd.select(sine, cosine)


@kernel("sine_of_sum", F64, high=F64, low=F64)
def sine_of_sum(m: Mathematics, f: Function, high: Local, low: Local) -> Value:
    """The sine of high + low, at most pi/4 in size."""
    z = f.let(high * high)
    cube = f.let(z * high)
    first, *others = _SINE
    rest = z * (low * 0.5 - cube * m.polynomial(z, others)) - low
    return high - (rest - cube * first)


@kernel("cosine_of_sum", F64, high=F64, low=F64)
def cosine_of_sum(m: Mathematics, f: Function, high: Local, low: Local) -> Value:
    """The cosine of high + low, at most pi/4 in size; 1 - z/2 with its rounding error."""
    z = f.let(high * high)
    half = f.let(z * 0.5)
    near = f.let(1.0 - half)
    rest = z * z * m.polynomial(z, _COSINE) - high * low
    return near + (((1.0 - near) - half) + rest)


def _reduced(m: Mathematics, f: Function, x: Local) -> tuple[Local, Local, Local]:
    """Quarters of a turn, and what remains as a sum."""
    high, low, quarters = f.local(F64, x), f.local(F64, 0.0), f.local(I32, 0)
    size = f.let(x.abs())
    with f.if_(size > math.pi / 4), f.block() as done:
        with f.if_(size < 2.0**20):
            n = f.let((x * (2 / math.pi)).nearest())
            a, b, c = _QUARTER_PARTS
            first, lost = two_sum(f, f.let(x - n * a), f.let(n * -b))
            second, lost_too = two_sum(f, first, f.let(n * -c))
            tail = f.let((lost + lost_too) - n * _QUARTER_REST)
            total, error = two_sum(f, second, tail)
            f.assign(high, total)
            f.assign(low, error)
            f.assign(quarters, n.trunc_sat_s(I32))
            f.branch(done)
        for local, part in ((high, 1), (low, 2)):
            rest = f.let(m.call(f, "far_turn", size, f.const(I32, part)))
            f.assign(local, (x < 0.0).select(-rest, rest))
        turns = f.let(m.call(f, "far_turn", size, f.const(I32, 0)).trunc_sat_s(I32))
        f.assign(quarters, (x < 0.0).select(-turns, turns))
    return quarters, high, low


@kernel("far_turn", F64, size=F64, part=I32)
def far_turn(m: Mathematics, f: Function, size: Local, part: Local) -> Value:
    """Give the quarters of a turn in a number from 2^20 up, modulo 4, as part 0.

    Parts 1 and 2 are a sum, what remains in radians.

    size = M 2^e, and M 2^e 2/pi modulo 4 needs the bits of 2/pi from the one of weight
    2^(1 - e) down. 210 of them, times M, modulo 2^210, is 2 bits of quarters and 208 of
    fraction, of which the first 118 are used: no float64 comes nearer to a multiple of pi/2
    than 2^-62.
    """
    with f.if_(size == math.inf):
        f.return_(math.nan)
    bits = f.let(size.reinterpret(I64))
    start = f.let((bits >> 52).wrap() - (1075 - 62))
    mantissa = f.let((bits & ((1 << 52) - 1)) | (1 << 52))
    limbs = _product(m, f, start, mantissa)
    whole = f.local(I64, limbs[0] >> (_LIMB_BITS - 2))
    top = f.local(I64, ((limbs[0] & (_LIMB >> 2)) << _LIMB_BITS) | limbs[1])
    with f.if_(top >= 1 << 57):
        f.assign(top, top - (1 << 58))
        f.assign(whole, whole + 1)
    with f.if_(part.eqz()):
        f.return_(whole.convert_s(F64))
    high = f.let(top.convert_s(F64))
    rounded = (top - high.trunc_sat_s(I64)).convert_s(F64) * 2.0**-58
    low = f.let(((limbs[2] << _LIMB_BITS) | limbs[3]).convert_s(F64) * 2.0**-118 + rounded)
    fraction = f.let(high * 2.0**-58)
    product, error = two_product(f, fraction, f.let(f.const(F64, _QUARTER)))
    tail = f.let(error + (fraction * _QUARTER_LOW + low * _QUARTER))
    total, lost = two_sum(f, product, tail)
    return (part == 1).select(total, lost)


def _product(m: Mathematics, f: Function, start: Local, mantissa: Local) -> list[Local]:
    """The limbs of mantissa times the bits of 2/pi from `start` on, the highest first.

    The mantissa is cut at 30 bits as well; the product of its upper 23 with a limb belongs
    to the next limb, so one carry takes both.
    """
    lower, upper = f.let(mantissa & _LIMB), f.let(mantissa >> _LIMB_BITS)
    carry = f.local(I64, 0)
    limbs: list[Local] = []
    for limb in reversed(range(_LIMBS)):
        bits = f.let(m.call(f, "two_over_pi", start + limb * _LIMB_BITS))
        total = f.let(lower * bits + carry)
        limbs.insert(0, f.let(total & _LIMB))
        f.assign(carry, total.shr_u(_LIMB_BITS) + upper * bits)
    return limbs


@kernel("two_over_pi", I64, start=I32)
def two_over_pi(m: Mathematics, f: Function, start: Local) -> Value:
    """Thirty bits of 2/pi, from that bit on."""
    word = f.let(start >> 6)
    shift = f.let((start & 63).extend_u())
    first = m.call(f, "two_over_pi_word", word)
    second = m.call(f, "two_over_pi_word", word + 1)
    # In two shifts, because a shift by 64 is one by 0.
    joined = (first << shift) | (second.shr_u(1).shr_u(63 - shift))
    return joined.shr_u(64 - _LIMB_BITS)


@kernel("two_over_pi_word", I64, index=I32)
def two_over_pi_word(m: Mathematics, f: Function, index: Local) -> Value:
    """A word of the table, found by a tree of comparisons."""
    del m
    return _chosen(f, index, _TWO_OVER_PI, 0)


def _chosen(f: Function, index: Local, words: tuple[int, ...], first: int) -> Value:
    if len(words) == 1:
        return f.const(I64, words[0])
    middle = len(words) // 2
    lower = _chosen(f, index, words[:middle], first)
    upper = _chosen(f, index, words[middle:], first + middle)
    return (index < first + middle).select(lower, upper)


@kernel("atan", F64, x=F64)
def atan(m: Mathematics, f: Function, x: Local) -> Value:
    """0, pi/4 or pi/2 plus a series in |x|, (|x| - 1) / (|x| + 1) or -1 / |x|: 1.7 ulp."""
    size = f.let(x.abs())
    t, base, base_low = f.local(F64, size), f.local(F64, 0.0), f.local(F64, 0.0)
    with f.if_(size > math.sqrt(2) - 1):
        steep = f.let(size > math.sqrt(2) + 1)
        f.assign(t, steep.select(-1.0, size - 1.0) / steep.select(size, size + 1.0))
        f.assign(base, steep.select(f.const(F64, _QUARTER), _QUARTER / 2))
        f.assign(base_low, steep.select(f.const(F64, _QUARTER_LOW), _EIGHTH_LOW))
    z = f.let(t * t)
    series = t * z * m.polynomial(z, _ARCTANGENT)
    return (base - ((series - base_low) - t)).copysign(x)


@kernel("arcsine_series", F64, z=F64)
def arcsine_series(m: Mathematics, f: Function, z: Local) -> Value:
    """asin(x) / x - 1 from z = x^2 up to 1/4."""
    del f
    return z * m.polynomial(z, _ARCSINE)


def _half_angle(m: Mathematics, f: Function, size: Local) -> tuple[Local, Local, Local]:
    """Half of the arc cosine is the arc sine of s = sqrt((1 - size) / 2): s in two parts, series.

    The upper part of s has 21 bits, so its square is exact and gives the error of the root.
    """
    z = f.let((1.0 - size) * 0.5)
    root = f.let(z.sqrt())
    upper = f.let((root.reinterpret(I64) & -(1 << 32)).reinterpret(F64))
    # A root of zero has no error; the maximum keeps it from being divided by zero.
    lower = f.let((z - upper * upper) / (root + upper).max(1e-300))
    return upper, lower, f.let(root * m.call(f, "arcsine_series", z))


@kernel("asin", F64, x=F64)
def asin(m: Mathematics, f: Function, x: Local) -> Value:
    """The series up to 1/2, then pi/2 less twice that of half the angle: 0.8 ulp."""
    size = f.let(x.abs())
    with f.if_(size <= 0.5):
        f.return_(x + x * m.call(f, "arcsine_series", x * x))
    upper, lower, series = _half_angle(m, f, size)
    rest = (series + series) - (_QUARTER_LOW - (lower + lower))
    near = _QUARTER / 2 - (upper + upper)
    return (_QUARTER / 2 - (rest - near)).copysign(x)


@kernel("acos", F64, x=F64)
def acos(m: Mathematics, f: Function, x: Local) -> Value:
    """Pi/2 less the series up to 1/2, then twice that of half the angle: 1 ulp."""
    size = f.let(x.abs())
    with f.if_(size <= 0.5):
        rest = x * m.call(f, "arcsine_series", x * x)
        f.return_(_QUARTER - (x - (_QUARTER_LOW - rest)))
    upper, lower, series = _half_angle(m, f, size)
    angle = f.let(upper + (series + lower))
    opposite = 2.0 * (_QUARTER - (angle - _QUARTER_LOW))
    return (x < 0.0).select(opposite, angle + angle)
