"""Products of quantised integers: convolutions and matrix products that sum in int32."""

from __future__ import annotations

from collections.abc import Sequence

from edgesite.ir import DType, Tensor, elementwise
from edgesite.ops.conv import conv
from edgesite.ops.matmul import matmul
from edgesite.ops.quantize import quantized
from edgesite.ops.registry import operator


def centred(x: Tensor, zero_point: Tensor | None, axis: int | None = None) -> Tensor:
    """x less its zero point in int32; a vector of zero points runs along `axis`."""
    whole = x.cast(DType.INT32)
    return (
        whole if zero_point is None else whole - along(zero_point, x.rank, axis).cast(DType.INT32)
    )


def along(parameter: Tensor, rank: int, axis: int | None) -> Tensor:
    """A parameter as it broadcasts to `rank` axes: a single one, or a vector along `axis`."""
    if parameter.size == 1:
        return parameter.reshape(())
    if parameter.rank > 1 or axis is None:
        return parameter
    return parameter.reshape([parameter.size, *[1] * (rank - axis % rank - 1)])


def requantized(sums: Tensor, factor: Tensor, zero_point: Tensor) -> Tensor:
    """int32 sums times a factor, rounded, in the dtype of the zero point."""
    return elementwise(
        lambda e, f, z: quantized(e.cast(f.dtype) * f, z), sums, factor, zero_point.reshape(())
    )


@operator("MatMulInteger")
def matmul_integer(
    a: Tensor,
    b: Tensor,
    a_zero_point: Tensor | None = None,
    b_zero_point: Tensor | None = None,
) -> Tensor:
    """MatMul of integers less their zero points; one per row of a, one per column of b."""
    return matmul(centred(a, a_zero_point, -2), centred(b, b_zero_point, -1))


@operator("QLinearMatMul")
def quantized_matmul(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
) -> Tensor:
    """MatMul of quantised matrices, quantised again."""
    sums = matmul_integer(a, b, a_zero_point, b_zero_point)
    factor = along(a_scale, a.rank, -2) * along(b_scale, b.rank, -1) / y_scale.reshape(())
    return requantized(sums, factor, y_zero_point)


@operator("ConvInteger")
def conv_integer(
    x: Tensor,
    w: Tensor,
    x_zero_point: Tensor | None = None,
    w_zero_point: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Conv of integers less their zero points; what pads x counts as its zero point."""
    return conv(
        centred(x, x_zero_point),
        centred(w, w_zero_point, 0),
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )


@operator("QLinearConv")
def quantized_conv(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor,
    w: Tensor,
    w_scale: Tensor,
    w_zero_point: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Conv of quantised integers plus b, which has the scale of their products, quantised again."""
    sums = conv(
        centred(x, x_zero_point),
        centred(w, w_zero_point, 0),
        b,
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        kernel_shape=kernel_shape,
        pads=pads,
        strides=strides,
    )
    factor = x_scale.reshape(()) * along(w_scale, x.rank, 1) / y_scale.reshape(())
    return requantized(sums, factor, y_zero_point)
