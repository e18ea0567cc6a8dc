"""float16 and bfloat16: their bits to float32 and back, rounded to nearest even.

Scalars take and give the 16 bits in an i32; vectors do so in the four lanes of an i32x4.
Both forms are the same text: only the constants' types differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite.targets.wasm.mathematics.kernel import Mathematics, kernel
from edgesite.wasm import F32, F32X4, I32, I32X4, Type

if TYPE_CHECKING:
    from edgesite.wasm import Function, Local, Value

_INFINITY = 0x7F800000
_FLOAT16_INFINITY = 0x7C00
_SMALLEST_NORMAL = 0x38800000  # 2^-14, the smallest normal float16, as float32
_HALF = 0x3F000000  # 0.5, whose last bit is that of a subnormal float16


def _as(x: Value, view: Type) -> Value:
    return x.as_(view) if view.is_vector else x.reinterpret(view)


@kernel("float16_value", F32, bits=I32)
@kernel("float16_value", F32X4, bits=I32X4)
def float16_value(m: Mathematics, f: Function, bits: Local) -> Value:
    """Bits of a float16 as float32: exact.

    Ten bits of fraction are moved to where float32 has them; the exponent, 15 in excess,
    becomes 127 in excess by a multiplication, which makes subnormals normal.
    """
    del m
    view = F32X4 if bits.type.is_vector else F32
    size = f.let((bits & 0x7FFF) << 13)
    scaled = _as(_as(size, view) * 2.0**112, bits.type)
    special = (size >= _FLOAT16_INFINITY << 13).select(f.const(bits.type, _INFINITY), 0)
    return _as(scaled | special | ((bits & 0x8000) << 16), view)


@kernel("float16_bits", I32, x=F32)
@kernel("float16_bits", I32X4, x=F32X4)
def float16_bits(m: Mathematics, f: Function, x: Local) -> Value:
    """Bits of the nearest float16; what is too large becomes infinite, any nan one nan."""
    del m
    view = I32X4 if x.type.is_vector else I32
    bits = f.let(_as(x, view))
    size = f.let(bits & 0x7FFFFFFF)
    # Half of the last bit that stays, less one where that bit is even; a carry is right.
    rounded = (size + (((size >> 13) & 1) + 0xFFF)) >> 13
    normal = f.let(rounded - (112 << 10))
    finite = (normal > _FLOAT16_INFINITY).select(f.const(view, _FLOAT16_INFINITY), normal)
    # Adding 0.5 lets the addition round to the last bit of a subnormal.
    subnormal = _as(_as(size, x.type) + 0.5, view) - _HALF
    number = f.let((size < _SMALLEST_NORMAL).select(subnormal, finite))
    nan = (size > _INFINITY).select(f.const(view, 0x7E00), number)
    return nan | (bits.shr_u(16) & 0x8000)


@kernel("bfloat16_value", F32, bits=I32)
@kernel("bfloat16_value", F32X4, bits=I32X4)
def bfloat16_value(m: Mathematics, f: Function, bits: Local) -> Value:
    """Bits of a bfloat16 as float32: the upper half of its bits."""
    del m, f
    return _as(bits << 16, F32X4 if bits.type.is_vector else F32)


@kernel("bfloat16_bits", I32, x=F32)
@kernel("bfloat16_bits", I32X4, x=F32X4)
def bfloat16_bits(m: Mathematics, f: Function, x: Local) -> Value:
    """Bits of the nearest bfloat16; a nan stays one, with its sign."""
    del m
    view = I32X4 if x.type.is_vector else I32
    bits = f.let(_as(x, view))
    upper = f.let(bits.shr_u(16))
    rounded = (bits + ((upper & 1) + 0x7FFF)).shr_u(16)
    nan = (bits & 0x7FFFFFFF) > _INFINITY
    return nan.select(upper | 0x40, rounded)
