"""Numbers as integers with a scale and a zero point."""

from __future__ import annotations

from collections.abc import Sequence

from edgesite.ir import DType, Expr, Tensor, elementwise, equal, maximum, minimum, select, unary
from edgesite.ir.codecs import encoded, is_coded_integer, limits
from edgesite.ops.axes import resolve_axis
from edgesite.ops.casting import dtype_of
from edgesite.ops.precision import HALVES, widened
from edgesite.ops.reduce import largest, smallest
from edgesite.ops.registry import operator


def spread(parameter: Tensor, shape: Sequence[int], axis: int, block_size: int) -> Tensor:
    """A scale or zero point in a shape that broadcasts to `shape`.

    It holds one number for everything, one per index of an axis, or, if `block_size`,
    one per block of that many indices.
    """
    if parameter.size == 1 and parameter.rank <= 1:
        return parameter.reshape(())
    along = resolve_axis(axis, len(shape))
    if not block_size:
        return parameter.reshape([parameter.size, *[1] * (len(shape) - along - 1)])
    return parameter.view(
        shape, lambda *axes: [*axes[:along], axes[along] // block_size, *axes[along + 1 :]]
    )


def quantized(x: Expr, zero_point: Expr, dtype: DType | None = None) -> Expr:
    """x rounded to even, moved by the zero point and limited to a dtype, that of the zero point."""
    least, most = limits(dtype or zero_point.dtype)
    moved = unary("round", x) + zero_point.cast(x.dtype)
    return minimum(maximum(moved, least), most).cast(zero_point.dtype)


def widest(precision: DType) -> DType:
    """What numbers of a precision are computed in."""
    return DType.FLOAT32 if precision in HALVES else precision


def quotient(x: Expr, scale: Expr, precision: DType) -> Expr:
    """x / scale, rounded to a precision; by way of float32, halves round as if they divided."""
    wide = widest(precision)
    dividend, divisor = (side.cast(precision).cast(wide) for side in (x, scale))
    return (dividend / divisor).cast(precision).cast(wide)


@operator("QuantizeLinear")
def quantize_linear(
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    """x / scale + zero_point in integers, or in floats of 8 bits and fewer."""
    if zero_point is None:
        zero_point = x.like(0, dtype_of(output_dtype) if output_dtype else DType.UINT8)
    accuracy = dtype_of(precision) if precision else scale.dtype
    factors = spread(scale, x.shape, axis, block_size)
    zeros = spread(zero_point, x.shape, axis, block_size)
    dtype = zero_point.dtype
    if dtype.is_coded and not is_coded_integer(dtype):
        zeros = zeros.cast(DType.FLOAT32)
        moved = elementwise(
            lambda e, s, z: quotient(e, s, accuracy) + z.cast(widest(accuracy)), x, factors, zeros
        )
        return encoded(moved, dtype, saturate=bool(saturate))
    if dtype.is_coded:
        zeros = zeros.cast(DType.INT32)
    whole = elementwise(
        lambda e, s, z: quantized(quotient(e, s, accuracy), z, dtype), x, factors, zeros
    )
    return whole.cast(dtype)


@operator("DequantizeLinear")
def dequantize_linear(
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    """(x - zero_point) * scale."""
    factor = widened(spread(scale, x.shape, axis, block_size))
    is_float = x.dtype.is_coded and not is_coded_integer(x.dtype)
    exact = factor.dtype if is_float else DType.INT32
    whole = x.cast(exact)
    if zero_point is not None:
        whole = whole - spread(zero_point, x.shape, axis, block_size).cast(exact)
    y = whole.cast(factor.dtype) * factor
    return y.cast(dtype_of(output_dtype) if output_dtype else scale.dtype)


@operator("DynamicQuantizeLinear")
def dynamic_quantize_linear(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x in 8 bits with the scale and zero point that fit its range, which includes 0."""
    axes = range(x.rank)
    low = elementwise(lambda e: minimum(e, 0), smallest(x, axes, False))
    high = elementwise(lambda e: maximum(e, 0), largest(x, axes, False))
    scale = elementwise(lambda a, b: select(equal(a, b), 1, (b - a) / 255), low, high)
    zero = x.like(0, DType.UINT8)
    zero_point = elementwise(lambda a, s, z: quantized(-a / s, z), low, scale, zero)
    return quantize_linear(x, scale, zero_point), scale, zero_point
