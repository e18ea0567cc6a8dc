"""Operators of the domain com.microsoft that optimisers write for several of ONNX's own."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import INDEX, DType, Expr, Tensor, elementwise, select, unary
from edgesite.ops.activation import clamp, gelu
from edgesite.ops.conv import conv
from edgesite.ops.gather import gather
from edgesite.ops.matmul import gemm, matmul, scaled
from edgesite.ops.normalize import inverse_root, layer_normalization, mean_square
from edgesite.ops.precision import in_float32, widened
from edgesite.ops.reduce import total
from edgesite.ops.registry import Outputs, operator

MICROSOFT = "com.microsoft"


def swapped(x: Tensor, axes: bool, batch: bool) -> Tensor:
    """x with its last two axes swapped, or with the first moved ahead of the last."""
    perm = list(range(x.rank))
    if batch:
        perm = [*perm[1:-1], 0, perm[-1]]
    if axes:
        perm[-2:] = perm[:-3:-1]
    return x.transpose(perm)


@operator("FusedMatMul", "TransposeMatMul", domain=MICROSOFT)
def fused_matmul(
    a: Tensor,
    b: Tensor,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: int = 0,
    transBatchB: int = 0,
) -> Tensor:
    """alpha times the product of matrices, either transposed on demand."""
    left = swapped(a, bool(transA), bool(transBatchA)) if a.rank > 1 else a
    right = swapped(b, bool(transB), bool(transBatchB)) if b.rank > 1 else b
    return scaled(matmul(left, right), alpha)


ACTIVATIONS: dict[str, Callable[[Expr, tuple[float, ...]], Expr]] = {
    "": lambda e, _: e,
    "Relu": lambda e, _: select(e < 0, 0, e),
    "Sigmoid": lambda e, _: unary("sigmoid", e),
    "Tanh": lambda e, _: unary("tanh", e),
    "LeakyRelu": lambda e, p: select(e < 0, e * p[0], e),
    "Clip": lambda e, p: clamp(e, p[0], p[1]),
    "HardSigmoid": lambda e, p: clamp(e * p[0] + p[1], 0, 1),
}
"""What fused operators do to their result."""


def activated(x: Tensor, activation: str, parameters: tuple[float, ...]) -> Tensor:
    """x through one of ACTIVATIONS."""
    if activation not in ACTIVATIONS:
        raise UnsupportedOperatorError(
            f"activation {activation}; supported are {', '.join(filter(None, ACTIVATIONS))}"
        )
    return elementwise(lambda e: ACTIVATIONS[activation](e, parameters), x)


@operator("FusedConv", domain=MICROSOFT)
def fused_conv(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    addend: Tensor | None = None,
    *,
    activation: str = "",
    activation_params: tuple[float, ...] = (),
    **attributes: object,
) -> Tensor:
    """A convolution, another tensor added on demand, and an activation."""
    y = conv(x, weights, bias, **attributes)  # type: ignore[arg-type]
    return activated(y if addend is None else y + addend, activation, tuple(activation_params))


@operator("FusedGemm", domain=MICROSOFT)
def fused_gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    activation: str = "",
    activation_alpha: float = 0.0,
    activation_beta: float = 0.0,
    **attributes: object,
) -> Tensor:
    """Gemm and an activation."""
    y = gemm(a, b, c, **attributes)  # type: ignore[arg-type]
    return activated(y, activation, (activation_alpha, activation_beta))


@operator("Gelu", domain=MICROSOFT)
@in_float32
def plain_gelu(x: Tensor) -> Tensor:
    """x times the normal distribution's probability to be below x."""
    return gelu(x)


@operator("BiasGelu", domain=MICROSOFT)
@in_float32
def bias_gelu(x: Tensor, bias: Tensor) -> Tensor:
    """Gelu of x + bias."""
    return gelu(x + bias)


@operator("FastGelu", domain=MICROSOFT)
@in_float32
def fast_gelu(x: Tensor, bias: Tensor | None = None) -> Tensor:
    """The tanh approximation of Gelu of x + bias."""
    moved = x if bias is None else x + bias
    scale = 2 * sqrt(2 / pi)
    return elementwise(lambda e: e * unary("sigmoid", (e * e * e * 0.044715 + e) * scale), moved)


@operator("QuickGelu", domain=MICROSOFT)
@in_float32
def quick_gelu(x: Tensor, *, alpha: float = 1.702) -> Tensor:
    """x times the sigmoid of alpha x."""
    return elementwise(lambda e: e * unary("sigmoid", e * alpha), x)


@operator("SkipLayerNormalization", domain=MICROSOFT)
def skip_layer_normalization(
    x: Tensor,
    skip: Tensor,
    gamma: Tensor,
    beta: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    epsilon: float = 1e-12,
) -> Outputs:
    """x + skip + bias standardised along the last axis; its mean and deviation; the sum itself."""
    sum_ = summed(x, skip, bias)
    y, average, inverse = layer_normalization(sum_, gamma, beta, epsilon=epsilon)
    return y, average, inverse, sum_


def summed(x: Tensor, skip: Tensor, bias: Tensor | None) -> Tensor:
    """x + skip + bias."""
    sum_ = widened(x) + widened(skip)
    return (sum_ if bias is None else sum_ + widened(bias)).cast(x.dtype)


@operator("SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skip_simplified_layer_normalization(
    x: Tensor, skip: Tensor, gamma: Tensor, bias: Tensor | None = None, *, epsilon: float = 1e-12
) -> Outputs:
    """x + skip + bias divided by its root mean square; two outputs unused; the sum itself."""
    sum_ = summed(x, skip, bias)
    inverse = inverse_root(mean_square(widened(sum_), [sum_.rank - 1]), epsilon)
    y = (widened(sum_) * inverse * widened(gamma)).cast(x.dtype)
    return y, inverse, inverse, sum_


@operator("SimplifiedLayerNormalization")
def simplified_layer_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Outputs:
    """x divided by its root mean square along the last axis, and what it was multiplied by."""
    if axis not in (-1, x.rank - 1):
        raise UnsupportedOperatorError(f"axis {axis}; only the last is supported")
    inverse = inverse_root(mean_square(widened(x), [x.rank - 1]), epsilon)
    return (widened(x) * inverse * widened(scale)).cast(x.dtype), inverse


@operator("EmbedLayerNormalization", domain=MICROSOFT)
def embed_layer_normalization(
    input_ids: Tensor,
    segment_ids: Tensor | None,
    words: Tensor,
    positions: Tensor,
    segments: Tensor | None,
    gamma: Tensor,
    beta: Tensor,
    mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    *,
    epsilon: float = 1e-12,
    mask_index_type: int = 0,
) -> Outputs:
    """Embeddings of words, positions and segments summed and standardised.

    Then the number of words that the mask of every row leaves, and the sum of embeddings.
    """
    batch, length = input_ids.shape
    if position_ids is None:
        position_ids = input_ids.like(np.arange(length, dtype=np.int32)[None])
    sum_ = gather(words, input_ids) + gather(positions, position_ids)
    if segments is not None and segment_ids is not None:
        sum_ = sum_ + gather(segments, segment_ids)
    y = layer_normalization(sum_, gamma, beta, epsilon=epsilon)[0]
    if mask is None:
        count = input_ids.like(np.zeros(batch, np.int32))
    else:
        count = total(mask.cast(DType.INT32), [1], False)
    return y, count, sum_


@operator("RotaryEmbedding", domain=MICROSOFT)
def rotary_embedding(
    x: Tensor,
    position_ids: Tensor,
    cosines: Tensor,
    sines: Tensor,
    *,
    interleaved: int = 0,
    is_packed_batching: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    scale: float = 1.0,
) -> Tensor:
    """Pairs of elements of every head [B, S, H * D] or [B, H, S, D] turned by their position.

    `position_ids` are of every word [B, S], or that of the first [1].
    """
    if is_packed_batching:
        raise UnsupportedOperatorError("packed batches are not supported; export without them")
    width = rotary_embedding_dim or 2 * cosines.shape[1]
    size = x.shape[-1]
    heads = x.shape[1] if x.rank == 4 else num_heads or x.shape[2] // width
    if x.rank == 3 and x.shape[2] % heads:
        raise ModelError(f"{x.shape[2]} elements in {heads} heads; the heads must be equal")
    size = size if x.rank == 4 else size // heads
    half = width // 2

    def body(b: Expr, *at: Expr) -> Expr:
        head, s, k = at if x.rank == 4 else (at[1] // size, at[0], at[1] % size)
        first = position_ids.size == 1
        place = position_ids.at(*[0] * position_ids.rank) if first else position_ids.at(b, s)
        row = place.cast(INDEX) + s if first else place.cast(INDEX)
        pair = k // 2 if interleaved else k % half
        other = k + 1 - k % 2 * 2 if interleaved else select(k < half, k + half, k - half)
        is_first = k % 2 < 1 if interleaved else k < half
        turned = x.at(b, head, s, other) if x.rank == 4 else x.at(b, s, head * size + other)
        sine = sines.at(row, pair)
        own = x.at(b, *at)
        result = own * cosines.at(row, pair) + turned * select(is_first, -sine, sine)
        return select(k < width, result, own) if width < size else result

    return x.compute(x.shape, body)
