"""Operators on quantised tensors, of the domain com.microsoft, that quantisers write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import DType, Expr, Tensor, apply, binary, elementwise
from edgesite.ops.activation import leaky_relu
from edgesite.ops.fused import MICROSOFT
from edgesite.ops.integer import along, centred, requantized
from edgesite.ops.matmul import matmul
from edgesite.ops.normalize import shares
from edgesite.ops.pool import average_pool, global_average_pool
from edgesite.ops.quantize import dequantize_linear, dynamic_quantize_linear, quantize_linear
from edgesite.ops.registry import operator
from edgesite.ops.slices import concat

operator("QuantizeLinear", domain=MICROSOFT)(quantize_linear)
operator("DequantizeLinear", domain=MICROSOFT)(dequantize_linear)


def requantised(y: Tensor, scale: Tensor, zero_point: Tensor | None, like: Tensor) -> Tensor:
    """Floats quantised to the dtype of the zero point, or of a tensor."""
    zero = zero_point if zero_point is not None else y.like(0, like.dtype)
    return quantize_linear(y, scale, zero)


def register_quantised(name: str, function: Callable[..., Tensor]) -> None:
    """Enter a row of a table: a function of one tensor, from quantised to quantised."""

    @operator(name, domain=MICROSOFT)
    def quantised(
        x: Tensor,
        x_scale: Tensor,
        x_zero_point: Tensor | None,
        y_scale: Tensor,
        y_zero_point: Tensor | None = None,
        **attributes: Any,
    ) -> Tensor:
        y = function(dequantize_linear(x, x_scale, x_zero_point), **attributes)
        return requantised(y, y_scale, y_zero_point, x)

    quantised.__doc__ = f"{name.removeprefix('QLinear')} of a quantised tensor, quantised again."


def last_channels(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of images that may have their channels last."""

    def either(x: Tensor, *, channels_last: int = 0, **attributes: Any) -> Tensor:
        if not channels_last:
            return function(x, **attributes)
        axes = list(range(x.rank))
        y = function(x.transpose([0, axes[-1], *axes[1:-1]]), **attributes)
        return y.transpose([0, *axes[2:], 1])

    return either


def softmax_of_version(x: Tensor, *, axis: int = -1, opset: int = 13) -> Tensor:
    """Softmax along an axis, or before opset 13 over an axis and all behind it."""
    first = axis % x.rank
    return shares(x, [first] if opset >= 13 else list(range(first, x.rank)))


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "QLinearAveragePool": last_channels(average_pool),
    "QLinearGlobalAveragePool": last_channels(global_average_pool),
    "QLinearLeakyRelu": leaky_relu,
    "QLinearSigmoid": partial(apply, "sigmoid"),
    "QLinearSoftmax": softmax_of_version,
}
for _name, _function in _FUNCTIONS.items():
    register_quantised(_name, _function)


def register_quantised_pair(name: str, op: str) -> None:
    """Enter a row of a table: arithmetic of two quantised tensors."""

    @operator(name, domain=MICROSOFT)
    def quantised(
        a: Tensor,
        a_scale: Tensor,
        a_zero_point: Tensor | None,
        b: Tensor,
        b_scale: Tensor,
        b_zero_point: Tensor | None,
        c_scale: Tensor,
        c_zero_point: Tensor | None = None,
    ) -> Tensor:
        left = dequantize_linear(a, a_scale, a_zero_point)
        right = dequantize_linear(b, b_scale, b_zero_point)
        y = elementwise(lambda e, f: binary(op, e, f), left, right)
        return requantised(y, c_scale, c_zero_point, a)

    quantised.__doc__ = f"{op} of two quantised tensors that broadcast, quantised again."


for _name, _op in {"QLinearAdd": "add", "QLinearMul": "mul"}.items():
    register_quantised_pair(_name, _op)


@operator("QLinearConcat", domain=MICROSOFT)
def quantised_concat(
    y_scale: Tensor, y_zero_point: Tensor, *parts: Tensor, axis: int = 1
) -> Tensor:
    """Quantised tensors, each with its scale and zero point, one after the other."""
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return concat(
        *(
            quantize_linear(dequantize_linear(x, scale, zero), y_scale, y_zero_point)
            for x, scale, zero in triples
        ),
        axis=axis,
    )


@operator("QGemm", domain=MICROSOFT)
def quantised_gemm(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor,
    c: Tensor | None = None,
    y_scale: Tensor | None = None,
    y_zero_point: Tensor | None = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """alpha A B + C of quantised matrices, quantised again unless there is no scale for it."""
    left, right = centred(a, a_zero_point), b.cast(DType.INT32)
    if transB:
        right = right.transpose([1, 0])
    right = right - along(b_zero_point, 2, -1).cast(DType.INT32)
    sums = matmul(left.transpose([1, 0]) if transA else left, right)
    if c is not None:
        sums = sums + c.cast(DType.INT32)
    factor = a_scale.reshape(()) * along(b_scale, 2, -1) * alpha
    if y_scale is None:
        return sums.cast(factor.dtype) * factor
    zero = y_zero_point if y_zero_point is not None else a.like(0)
    return requantized(sums, factor / y_scale.reshape(()), zero)


@operator("MatMulIntegerToFloat", domain=MICROSOFT)
def matmul_integer_to_float(
    a: Tensor,
    b: Tensor,
    a_scale: Tensor,
    b_scale: Tensor,
    a_zero_point: Tensor | None = None,
    b_zero_point: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """The product of quantised matrices, in floats, plus a bias."""
    sums = matmul(centred(a, a_zero_point), centred(b, b_zero_point, -1))
    y = sums.cast(a_scale.dtype) * (a_scale.reshape(()) * along(b_scale, b.rank, -1))
    return y if bias is None else y + bias


@operator("DynamicQuantizeMatMul", domain=MICROSOFT)
def dynamic_quantize_matmul(
    a: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """The product of floats, quantised on the way, and of quantised weights, in floats."""
    whole, scale, zero = dynamic_quantize_linear(a)
    return matmul_integer_to_float(whole, b, scale, b_scale, zero, b_zero_point, bias)


@operator("MatMulNBits", domain=MICROSOFT)
def matmul_of_few_bits(
    a: Tensor,
    b: Tensor,
    scales: Tensor,
    zero_points: Tensor | None = None,
    groups: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    K: int,
    N: int,
    block_size: int,
    bits: int = 4,
    accuracy_level: int = 0,
    weight_prepacked: int = 0,
) -> Tensor:
    """a times the transpose of weights [N, K] of few bits, with a scale per row and block.

    The codes of a block lie side by side in bytes, the first in the lowest bits; zero points
    likewise by row, or as floats. Without them zero is in the middle.
    """
    if groups is not None or weight_prepacked or bits not in (2, 4, 8):
        raise UnsupportedOperatorError(
            "MatMulNBits with g_idx, prepacked weights or bits other than 2, 4 and 8 is not "
            "supported; export without these"
        )
    blocks, each = -(-K // block_size), 8 // bits
    if b.size * each < N * blocks * block_size:
        raise ModelError(f"{b.size} bytes of weights for {N} rows of {K}; export the model again")
    codes, factors = b.reshape([b.size]), scales.reshape([N, blocks])
    row_bytes, zero_bytes = blocks * block_size // each, -(-blocks // each)
    zeros = None if zero_points is None else zero_points.reshape([zero_points.size])

    def code(bytes_: Tensor, start: Expr, k: Expr) -> Expr:
        byte = bytes_.at(start + k // each).cast(DType.INT32)
        return binary("shr", byte, k % each * bits) & ((1 << bits) - 1)

    def weight(n: Expr, k: Expr) -> Expr:
        block = k // block_size
        number = code(codes, n * row_bytes, k).cast(factors.dtype)
        if zeros is None:
            return (number - 2.0 ** (bits - 1)) * factors.at(n, block)
        if zeros.dtype.is_float:
            return (number - zeros.at(n * blocks + block)) * factors.at(n, block)
        zero = code(zeros, n * zero_bytes, block).cast(factors.dtype)
        return (number - zero) * factors.at(n, block)

    weights = a.compute([N, K], weight)
    y = matmul(a, weights.cast(a.dtype).transpose([1, 0]))
    return y if bias is None else y + bias
