"""Element types of eight bits and fewer, which are bytes whose meaning is in a table.

Programs move such elements as codes. What a code stands for is looked up; the code of a
number is the count of thresholds that it reaches, which lie between neighbouring numbers.
Tables follow from the definitions in ml_dtypes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import ml_dtypes
import numpy as np

from edgesite.ir.dtypes import DType
from edgesite.ir.expr import Expr, binary, const, equal, index, select, unary

if TYPE_CHECKING:
    from edgesite.ir.tensor import Tensor

Array = np.ndarray[Any, np.dtype[Any]]
RoundMode = Literal["up", "down", "nearest"]

BITS = {
    DType.INT2: 2,
    DType.UINT2: 2,
    DType.INT4: 4,
    DType.UINT4: 4,
    DType.FLOAT4E2M1: 4,
    DType.FLOAT6E2M3: 6,
    DType.FLOAT6E3M2: 6,
}
"""The bits of a code; other coded types have eight."""

_INTEGERS = (DType.INT2, DType.UINT2, DType.INT4, DType.UINT4)
_ONE_ZERO = (DType.FLOAT8E4M3FNUZ, DType.FLOAT8E5M2FNUZ)
"""Types in which the code of -0 stands for NaN."""


def meanings(dtype: DType) -> Array:
    """What every code stands for, in float64; element k is that of code k."""
    codes = np.arange(1 << BITS.get(dtype, 8), dtype=np.uint8)
    values: Array = codes.view(dtype.numpy).astype(np.float64)
    return values


def limits(dtype: DType) -> tuple[int, int]:
    """The least and greatest integer, of any integer type, coded or not."""
    found = ml_dtypes.iinfo(dtype.numpy)  # type: ignore[no-untyped-call]
    return int(found.min), int(found.max)


def is_coded_integer(dtype: DType) -> bool:
    """Whether codes stand for integers."""
    return dtype in _INTEGERS


def decoded(x: Tensor, dtype: DType) -> Tensor:
    """The numbers that codes stand for, in a dtype that is none of codes."""
    wide = DType.INT32 if x.dtype in _INTEGERS else DType.FLOAT32
    if dtype is DType.FLOAT64:
        wide = dtype
    table = x.like(meanings(x.dtype).astype(wide.numpy))
    return x.compute(x.shape, lambda *at: table.at(x.at(*at).cast(DType.UINT8)).cast(dtype))


def encoded(
    x: Tensor, dtype: DType, *, saturate: bool = True, round_mode: RoundMode = "up"
) -> Tensor:
    """The codes of numbers: integers wrap around, floats round to nearest even as float32.

    With `saturate`, floats out of range become the greatest number, otherwise infinite or
    NaN; `round_mode` is that of FLOAT8E8M0, which has powers of two alone.
    """
    if dtype in _INTEGERS:
        mask = (1 << BITS[dtype]) - 1
        return x.compute(x.shape, lambda *at: _code(x.at(*at).cast(DType.INT32) & mask, dtype))
    numbers = x.cast(DType.FLOAT32)
    steps = numbers.like(_thresholds(dtype, round_mode, saturate))

    def reached(*at: Expr) -> Expr:
        return (unary("abs", numbers.at(*at[:-1])) >= steps.at(at[-1])).cast(DType.INT32)

    counts = x.reduce(x.shape, [steps.size], reached)
    return x.compute(x.shape, lambda *at: _signed(numbers.at(*at), counts.at(*at), dtype))


def _code(number: Expr, dtype: DType) -> Expr:
    return number.cast(DType.UINT8).cast(dtype)


def _signed(number: Expr, count: Expr, dtype: DType) -> Expr:
    """The code of a number whose magnitude reaches so many thresholds."""
    if dtype is DType.FLOAT8E8M0:
        return _code(select(unary("isnan", number), 255, count), dtype)
    sign = 1 << (BITS.get(dtype, 8) - 1)
    negative = binary("copysign", const(1, number.dtype), number) < 0
    code = select(negative, count + sign, count)
    if dtype in _ONE_ZERO:  # and where the magnitude has no code, that is NaN's
        top = int(np.isfinite(meanings(dtype)[:sign]).sum())
        code = select(equal(count, 0), 0, select(equal(count, top), sign, code))
    with np.errstate(invalid="ignore"):
        nan = int(np.array(np.nan, np.float32).astype(dtype.numpy).view(np.uint8))
    return _code(select(unary("isnan", number), nan, code), dtype)


def _thresholds(dtype: DType, round_mode: RoundMode, saturate: bool) -> Array:
    """The least float32 of each code from 1 on.

    Without `saturate` the last is that from which on a magnitude is out of range.
    """
    values = meanings(dtype)
    values = values[: len(values) // (1 if dtype is DType.FLOAT8E8M0 else 2)]
    values = values[np.isfinite(values)]
    beyond = 2 * values[-1] - values[-2] if dtype is not DType.FLOAT8E8M0 else 2 * values[-1]
    values = np.append(values, beyond)
    halfway = (values[:-1] + values[1:]) / 2
    if dtype is not DType.FLOAT8E8M0:
        least, above = halfway, np.arange(1, len(values)) % 2 == 1
    else:
        least = {"up": values[:-1], "down": values[1:], "nearest": halfway}[round_mode]
        above = np.full(least.shape, round_mode == "up")
    with np.errstate(over="ignore"):
        least = least.astype(np.float32)
    least = np.where(above, np.nextafter(least, np.float32(np.inf)), least)
    has_overflow = not saturate and dtype not in BITS
    thresholds: Array = least if has_overflow else least[:-1]
    return thresholds


def packed(array: Array) -> Array | None:
    """Codes side by side in bytes, the first in the lowest bits, as a uint8 array of one axis.

    None where they do not share bytes.
    """
    bits = BITS.get(DType.of(array.dtype), 8)
    if bits == 8 or 8 % bits:
        return None
    each = 8 // bits
    codes = array.reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    rows = np.append(codes, np.zeros(-len(codes) % each, np.uint8)).reshape(-1, each)
    joined: Array = np.bitwise_or.reduce(rows << (bits * np.arange(each, dtype=np.uint8)), axis=1)
    return joined


def unpacked(packed: Tensor, dtype: DType, shape: tuple[int, ...]) -> Tensor:
    """What `packed` has put side by side, in its dtype and shape."""
    bits = BITS[dtype]
    each, mask = 8 // bits, (1 << bits) - 1

    def code(*at: Expr) -> Expr:
        flat = _flat(at, shape)
        byte = packed.at(flat // each).cast(DType.INT32)
        return _code(binary("shr", byte, flat % each * bits) & mask, dtype)

    return packed.compute(shape, code)


def _flat(at: tuple[Expr, ...], shape: tuple[int, ...]) -> Expr:
    flat: Expr = index(0)
    for position, extent in zip(at, shape, strict=True):
        flat = flat * extent + position
    return flat
