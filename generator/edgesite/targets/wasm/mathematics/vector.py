"""Functions of four float32 lanes, without branches except for the circle's far arguments.

Those without branches are written where they are used: a call would cost as much as they do.
The methods are those of the scalar functions, with minimax polynomials of the length float32
needs ("2^-n": their relative error on the reduced interval). Errors in ulp are the largest
found among four million bit patterns of float32, with the plain and with the relaxed multiply-add.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgesite.targets.wasm.mathematics.kernel import Mathematics, kernel
from edgesite.wasm import F32X4, I32X4, constant

if TYPE_CHECKING:
    from edgesite.wasm import Function, Local, Value

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693145751953125  # 15 bits: times an exponent it is exact
_LN2_LOW = 1.4286068203094173e-06
_SQRT_HALF_BITS = 0x3F3504F3

_BIAS = 127  # of the exponents of float32

# Adding it rounds to an integer, which then is in the low bits.
_ROUNDER = 1.5 * 2.0**23
_ROUNDER_F64 = 1.5 * 2.0**52

# 2 e^r on |r| <= ln 2 / 2, 2^-28.3
_TWICE_EXPONENTIAL = (
    2.0,
    2.0,
    0.99999986100044846,
    0.3333302957932996,
    0.08333691304584366,
    0.016738837998861746,
    0.0027626316455335976,
)

# r / tanh(r / 2) in z = r^2 on |r| <= ln 2 / 2; 2^-30.8 of the e^r that follows
_COTANGENT = (2.0, 0.1666661672791428, -0.0027658696572674508)

# The same over log 2 for r log 2: 2^r = (c + r) / (c - r) with the polynomial c
_COTANGENT_OF_TWO = tuple(c * math.log(2) ** (2 * k - 1) for k, c in enumerate(_COTANGENT))

# (log(1 + f) - f + f^2 / 2) / f^3 for 1 + f in [sqrt(1/2), sqrt(2)], 2^-27.4
_LOGARITHM = (
    0.33333331707664166,
    -0.2500082103361669,
    0.2000122688517928,
    -0.16623357374891637,
    0.1420175777943616,
    -0.13160181858611672,
    0.1276157847347096,
    -0.07634499810449801,
)

# (tanh(x) / x - 1) / z in z = x^2 on |x| <= 0.625, 2^-27.9
_TANH = (
    -0.3333328392507807,
    0.1333149127867499,
    -0.05374349735451156,
    0.020650585015456267,
    -0.005717042658610205,
)

# erf(x) / x - 1 in z = x^2 on |x| <= 1, 2^-29.6
_ERF = (
    0.12837916572674365,
    -0.3761262582444518,
    0.11283585150605395,
    -0.026853812010871437,
    0.005188327818734632,
    -0.0008010194700896585,
    7.853864582514756e-05,
)

# -log(1 - erf(x)) on 1 <= x <= 4; 2^-29.9 of erf(x)
_LOG_ERFC = (
    0.0003537199795935616,
    1.1270400339605482,
    0.6382256807780458,
    0.10303736560953809,
    -0.021805316788218936,
    0.002939606909989698,
    -0.0001855739688936131,
)

# log2(1 - erf(x / sqrt(2))) / x on 0 <= x <= 8.4; 2^-25.9 of 1
_LOG2_TAILS = (
    -1.1511052053016055,
    -0.4592081966718222,
    -0.05249617831790107,
    0.007063420087372156,
    -0.00013693634122505184,
    -0.00018618025175707765,
    3.9377693187428884e-05,
    -2.8349129407985146e-06,
)

# 2^r on |r| <= 1 / 2, 2^-23.4
_POWER_OF_TWO = (
    1.0,
    0.6931469775989924,
    0.24022242085262324,
    0.05550733743497327,
    0.009671512644820168,
    0.0013264727123376188,
)

# (sin(r) / r - 1) / z in z = r^2 on |r| <= pi / 4, 2^-28.0
_SINE = (-0.1666665487341672, 0.008332173540074886, -0.00019516655435695203)

# (cos(r) - 1 + z / 2) / z^2 on |r| <= pi / 4, 2^-33.0
_COSINE = (0.0416666455544818, -0.0013887309867123274, 2.4432413031518122e-05)


@kernel("exp", F32X4, inline=True, x=F32X4)
def exp(m: Mathematics, f: Function, x: Local) -> Value:
    """2^(k - 1) times 2 e^r, which overflows no earlier than it must: 1.2 ulp, 0 below 1.7e-38."""
    return _exp_of_normal(m, f, f.let(x.pmin(89.0).pmax(-87.5)))


def _exp_of_normal(m: Mathematics, f: Function, x: Local) -> Value:
    """e^x for x from -87.6 to 89."""
    scale, r = _powers(m, f, x, 1, _BIAS - 1)
    return m.polynomial(r, _TWICE_EXPONENTIAL) * scale


def _powers(m: Mathematics, f: Function, x: Local, sign: int, bias: int) -> tuple[Value, Local]:
    """For x = sign k log 2 + r, 2^(k + bias - 127), whose exponent must be one, and r."""
    shifted = f.let(m.multiply_add(x, sign * _LOG2_E, _ROUNDER + bias))
    k = f.let(shifted - (_ROUNDER + bias))
    high = f.let(m.multiply_add(k, -sign * _LN2_HIGH, x))
    r = f.let(m.multiply_add(k, -sign * _LN2_LOW, high))
    return _power(shifted), r


def _powers_of_two(f: Function, x: Local) -> tuple[Value, Local]:
    """For x = k + r with |r| <= 1 / 2, 2^k, whose exponent must be one, and r."""
    shifted = f.let(x + (_ROUNDER + _BIAS))
    r = f.let(x - (shifted - (_ROUNDER + _BIAS)))
    return _power(shifted), r


def _power(shifted: Local) -> Value:
    """2^(k + bias - 127) for the sum of k, the rounder and a bias."""
    # The rounder's own bits leave at the top.
    return (shifted.as_(I32X4) << 23).as_(F32X4)


@kernel("sigmoid", F32X4, inline=True, x=F32X4)
def sigmoid(m: Mathematics, f: Function, x: Local) -> Value:
    """1 / (1 + e^-x): 2.5 ulp, and 0 where that is no normal number.

    With c = r / tanh(r / 2), e^-r is (c - r) / (c + r).
    """
    scale, r = _powers(m, f, f.let(x.pmax(-89.0).pmin(87.0)), -1, _BIAS)
    c = f.let(m.polynomial(f.let(r * r), _COTANGENT))
    upper = f.let(c + r)
    return upper / m.multiply_add(c - r, scale, upper)


@kernel("times_sigmoid", F32X4, inline=True, x=F32X4, factor=F32X4)
def times_sigmoid(m: Mathematics, f: Function, x: Local, factor: Local) -> Value:
    """A factor times the sigmoid of x: no further off than 2 ulp of the factor.

    The same fraction in powers of two. The rounding of x / log 2 counts in e^-x alone, and so
    where the result is small beside the factor.
    """
    scale, r = _powers_of_two(f, f.let(x.pmax(-89.0).pmin(87.0) * -_LOG2_E))
    c = f.let(m.polynomial(f.let(r * r), _COTANGENT_OF_TWO))
    lower = f.let(c - r)
    return factor * (lower / m.multiply_add(c + r, scale, lower))


@kernel("tanh", F32X4, inline=True, x=F32X4)
def tanh(m: Mathematics, f: Function, x: Local) -> Value:
    """An odd polynomial up to 0.625, then 1 - 2 / (e^2|x| + 1): 1.4 ulp."""
    size = f.let(x.abs())
    z = f.let(x * x)
    near = m.multiply_add(size * z, m.polynomial(z, _TANH), size)
    far = 1.0 - 2.0 / (_exp_of_normal(m, f, f.let((size + size).pmin(89.0))) + 1.0)
    return _signed((size < 0.625).select(near, far), x)


@kernel("erf", F32X4, inline=True, x=F32X4)
def erf(m: Mathematics, f: Function, x: Local) -> Value:
    """An odd polynomial up to 1, then 1 - e^-p(|x|) with a polynomial p: 1.3 ulp."""
    size = f.let(x.abs())
    z = f.let(x * x)
    near = m.multiply_add(size, m.polynomial(z, _ERF), size)
    clipped = f.let(size.pmin(4.0))
    far = 1.0 - _exp_of_normal(m, f, f.let(-m.polynomial(clipped, _LOG_ERFC)))
    return _signed((size < 1.0).select(near, far), x)


@kernel("twice_gelu", F32X4, inline=True, x=F32X4)
def twice_gelu(m: Mathematics, f: Function, x: Local) -> Value:
    """x (1 + erf(x / sqrt(2))), which is x + |x| less |x| times the tails beyond |x|.

    No further off than 2 ulp of x, and 0 for large negative x.
    """
    size = f.let(x.abs())
    near = f.let(size.pmin(8.4))
    scale, r = _powers_of_two(f, f.let(near * m.polynomial(near, _LOG2_TAILS)))
    tails = m.polynomial(r, _POWER_OF_TWO) * scale
    return (x + size) - near * tails


def _signed(size: Value, x: Local) -> Value:
    """Give a size that has no sign that of x."""
    return size | (x & constant(F32X4, -0.0))


@kernel("log", F32X4, inline=True, x=F32X4)
def log(m: Mathematics, f: Function, x: Local) -> Value:
    """k log 2 plus a polynomial, for x = 2^k (1 + rest): 0.9 ulp."""
    tiny = f.let(x < 2.0**-126)
    bits = f.let(tiny.select(x * 2.0**23, x).as_(I32X4))
    exponent = f.let((bits - _SQRT_HALF_BITS) >> 23)
    rest = f.let((bits - (exponent << 23)).as_(F32X4) - 1.0)
    k = f.let((exponent - (tiny & f.const(I32X4, 23))).convert_s(F32X4))
    square = f.let(rest * rest)
    half = f.let(square * 0.5)
    cubic = (square * rest) * m.polynomial(rest, _LOGARITHM)
    low = m.multiply_add(k, _LN2_LOW, cubic)
    value = m.multiply_add(k, _LN2_HIGH, rest - (half - low))
    # Infinity and nan are kept, zero is -inf, what is negative has no logarithm.
    value = (x < math.inf).select(value, x)
    value = (x == 0.0).select(-math.inf, value)
    return (x < 0.0).select(math.nan, value)


@kernel("sin", F32X4, x=F32X4)
def sin(m: Mathematics, f: Function, x: Local) -> Value:
    """The sine: 1.6 ulp."""
    return _circle(m, f, x, "sin", 0)


@kernel("cos", F32X4, x=F32X4)
def cos(m: Mathematics, f: Function, x: Local) -> Value:
    """The cosine: 1.6 ulp."""
    return _circle(m, f, x, "cos", 1)


_FAR = 2.0**20
_QUARTER_HIGH, _QUARTER_LOW = 1.5707963267341256, 6.077100506506192e-11  # 33 bits, 53 bits


def _circle(m: Mathematics, f: Function, x: Local, name: str, ahead: int) -> Value:
    """The sine `ahead` quarters of a turn on; a vector with a far lane goes lane by lane."""
    with f.if_((x.abs() > _FAR).any_true()):
        lanes = f.local(F32X4, x)
        for lane in range(4):
            alone = m.call(f, name, x.extract_lane(lane).promote()).demote()
            f.assign(lanes, lanes.replace_lane(lane, alone))
        f.return_(lanes)
    quarters, r = _reduced(f, x)
    turned = f.let(quarters + ahead)
    z = f.let(r * r)
    # The sign is put back because a zero loses it in the sum.
    sine = m.multiply_add(r * z, m.polynomial(z, _SINE), r) | (r & constant(F32X4, -0.0))
    cosine = m.multiply_add(z * z, m.polynomial(z, _COSINE), m.multiply_add(z, -0.5, 1.0))
    odd = (turned << 31) >> 31
    return odd.select(cosine, sine) ^ ((turned & 2) << 30)


def _reduced(f: Function, x: Local) -> tuple[Local, Local]:
    """Quarters of a turn (modulo 4 they are right), and the rest, at most pi / 4, in float64."""
    pairs = [x.promote(), x.shuffle(x, [2, 3, 2, 3]).promote()]
    quarters, rests = [], []
    for pair in pairs:
        wide = f.let(pair)
        shifted = f.let(wide * (2 / math.pi) + _ROUNDER_F64)
        k = f.let(shifted - _ROUNDER_F64)
        quarters.append(shifted.as_(I32X4))
        rests.append(f.let(((wide - k * _QUARTER_HIGH) - k * _QUARTER_LOW).demote()))
    turns = f.let(quarters[0].shuffle(quarters[1], [0, 2, 4, 6]))
    return turns, f.let(rests[0].shuffle(rests[1], [0, 1, 4, 5]))
