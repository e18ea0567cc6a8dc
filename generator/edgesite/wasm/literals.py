"""Python numbers as numbers of a type, in scalars and in the lanes of a vector."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from edgesite.errors import InternalError
from edgesite.wasm.encode import float32, float64
from edgesite.wasm.types import F32, V128, VECTOR_BYTES, Type


def wrapped(view: Type, number: int) -> int:
    """Give the signed number that has the same bits in that type."""
    half = 1 << view.lane_bits - 1
    return (number + half) % (2 * half) - half


def vector_bytes(view: Type, number: Any) -> bytes:
    """Give the bytes of a vector: those given, one number in every lane, or a number per lane."""
    if isinstance(number, bytes) and len(number) == VECTOR_BYTES:
        return number
    numbers: list[Any] = [number] * view.lanes if isinstance(number, Real) else list(number)
    if len(numbers) != view.lanes or view is V128:
        raise InternalError(f"wasm constant {number!r}: wants {view.lanes} lanes of {view}")
    if view.is_float:
        return b"".join(map(float32 if view.lane is F32 else float64, map(float, numbers)))
    if not all(fits(view, each) for each in numbers):
        raise InternalError(f"wasm constant {number!r}: has a lane that is no {view}")
    bits, size_bytes = view.lane_bits, view.lane_bits // 8
    return b"".join((int(each) % (1 << bits)).to_bytes(size_bytes, "little") for each in numbers)


def fits(view: Type, number: Any) -> bool:
    """Whether it is an integer that the type can hold, with sign or without."""
    bits = view.lane_bits
    return isinstance(number, Integral) and -(1 << bits - 1) <= int(number) < 1 << bits
