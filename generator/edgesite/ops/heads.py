"""Attention as the domain com.microsoft has it: heads of [B, S, H * D] that optimisers write."""

from __future__ import annotations

from math import sqrt

import numpy as np

from edgesite.errors import UnsupportedOperatorError
from edgesite.ir import DType, Expr, Tensor, const, elementwise, select
from edgesite.ops.fused import MICROSOFT, rotary_embedding
from edgesite.ops.matmul import matmul
from edgesite.ops.normalize import shares
from edgesite.ops.precision import in_float32, widened
from edgesite.ops.registry import Outputs, operator
from edgesite.ops.slices import concat


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, S, H * D] as [B, H, S, D]."""
    if x.rank == 4:
        return x
    batch, length, width = x.shape
    return x.reshape([batch, length, heads, width // heads]).transpose([0, 2, 1, 3])


def joined_heads(x: Tensor) -> Tensor:
    """[B, H, S, D] as [B, S, H * D]."""
    batch, heads, length, size = x.shape
    return x.transpose([0, 2, 1, 3]).reshape([batch, length, heads * size])


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    masks: list[Tensor],
    *,
    causal: bool = False,
    lowest: float = -10000.0,
) -> Tensor:
    """Values [B, H, T, D] weighed by how alike queries [B, H, S, D] and keys are.

    Masks are added to the likenesses; `causal` hides keys behind the query's own place.
    """
    scores = matmul(query, key.transpose([0, 1, 3, 2])) * (scale or 1 / sqrt(query.shape[3]))
    for mask in masks:
        scores = scores + mask.cast(scores.dtype)
    if causal:
        ahead = key.shape[2] - query.shape[2]
        scores = scores.compute(
            scores.shape, lambda *at: select(at[3] <= at[2] + ahead, scores.at(*at), lowest)
        )
    return matmul(shares(scores, [3]), value)


def visible(mask: Tensor, batch: int, keys: int, lowest: float) -> Tensor:
    """What to add to scores [B, H, S, T] for a mask of keys: [B], [B, T] or [B, S, T]."""
    x = mask.cast(DType.INT32)
    if x.shape == (batch,) and x.rank == 1:
        shape = [batch, 1, 1, keys]
        return x.compute(shape, lambda *at: hidden(at[3] < x.at(at[0]), lowest))
    if x.rank not in (2, 3) or x.shape[-1] != keys:
        raise UnsupportedOperatorError(
            f"a mask of shape {list(x.shape)} for {keys} keys; supported are [B], [B, T], [B, S, T]"
        )
    wide = x.reshape([x.shape[0], 1, 1 if x.rank == 2 else x.shape[1], keys])
    return elementwise(lambda e: hidden(e > 0, lowest), wide)


def hidden(shown: Expr, lowest: float) -> Expr:
    """0 where something is shown, else a number that hides it."""
    return select(shown, const(0, DType.FLOAT32), lowest)


@operator("MultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(
    query: Tensor,
    key: Tensor | None = None,
    value: Tensor | None = None,
    bias: Tensor | None = None,
    key_padding_mask: Tensor | None = None,
    attention_bias: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    past_sequence_length: Tensor | None = None,
    cache_indirection: Tensor | None = None,
    *,
    num_heads: int,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    unidirectional: int = 0,
) -> Outputs:
    """Attention [B, S, H * D]; keys and values with those of the past ahead of them."""
    dtype = query.dtype
    if past_sequence_length is not None or cache_indirection is not None or query.rank != 3:
        raise UnsupportedOperatorError(
            "MultiHeadAttention with packed tensors or shared buffers is not supported; "
            "export it with query, key and value apart"
        )
    if key is None or value is None:
        raise UnsupportedOperatorError("MultiHeadAttention of packed tensors; export them apart")
    width = query.shape[2]
    parts = [query, key, value]
    if bias is not None:
        sizes = [width, width, bias.size - 2 * width]
        starts = [0, width, 2 * width]
        parts = [
            part if part.rank == 4 else part + bias.view([n], lambda k, s=start: [k + s])
            for part, n, start in zip(parts, sizes, starts, strict=True)
        ]
    q, k, v = (widened(split_heads(part, num_heads)) for part in parts)
    if past_key is not None and past_value is not None:
        k = concat(widened(past_key), k, axis=2)
        v = concat(widened(past_value), v, axis=2)
    masks = [attention_bias] if attention_bias is not None else []
    if key_padding_mask is not None:
        masks.append(visible(key_padding_mask, q.shape[0], k.shape[2], mask_filter_value))
    y = attend(q, k, v, scale, masks, causal=bool(unidirectional), lowest=mask_filter_value)
    return tuple(made.cast(dtype) for made in (joined_heads(y), k, v))


@operator("Attention", domain=MICROSOFT)
@in_float32
def attention(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    mask_index: Tensor | None = None,
    past: Tensor | None = None,
    attention_bias: Tensor | None = None,
    *,
    num_heads: int,
    mask_filter_value: float = -10000.0,
    scale: float = 0.0,
    unidirectional: int = 0,
    do_rotary: int = 0,
    past_present_share_buffer: int = 0,
    qkv_hidden_sizes: tuple[int, ...] = (),
    rotary_embedding_dim: int = 0,
) -> Tensor:
    """Attention [B, S, H * D] of what x, multiplied by weights, has in its three parts."""
    if past is not None or do_rotary or past_present_share_buffer:
        raise UnsupportedOperatorError(
            "Attention with a past or rotary embeddings is not supported; use MultiHeadAttention"
        )
    third = weights.shape[1] // 3
    sizes = list(qkv_hidden_sizes) or [third] * 3
    starts = np.cumsum([0, *sizes]).tolist()
    product = matmul(x, weights)
    product = product if bias is None else product + bias
    q, k, v = (
        split_heads(
            product.view([*x.shape[:2], size], lambda b, s, k, at=start: [b, s, k + at]), num_heads
        )
        for size, start in zip(sizes, starts, strict=False)
    )
    masks = [attention_bias] if attention_bias is not None else []
    if mask_index is not None:
        masks.append(visible(mask_index, q.shape[0], k.shape[2], mask_filter_value))
    y = attend(q, k, v, scale, masks, causal=bool(unidirectional), lowest=mask_filter_value)
    return joined_heads(y)


@operator("GroupQueryAttention", domain=MICROSOFT)
def group_query_attention(
    query: Tensor,
    key: Tensor | None,
    value: Tensor | None,
    past_key: Tensor | None,
    past_value: Tensor | None,
    seqlens_k: Tensor,
    total_sequence_length: Tensor,
    cosines: Tensor | None = None,
    sines: Tensor | None = None,
    *,
    num_heads: int,
    kv_num_heads: int,
    do_rotary: int = 0,
    rotary_interleaved: int = 0,
    scale: float = 0.0,
    local_window_size: int = -1,
    softcap: float = 0.0,
    smooth_softmax: int = 0,
) -> Outputs:
    """Causal attention in which several heads of queries share keys and values.

    The past fills all places ahead of the words given: nothing is padded.
    """
    dtype = query.dtype
    if key is None or value is None or local_window_size != -1 or softcap or smooth_softmax:
        raise UnsupportedOperatorError(
            "GroupQueryAttention with packed tensors, a local window, a soft cap or a smooth "
            "softmax is not supported; export it without these"
        )
    ahead = 0 if past_key is None else past_key.shape[2]
    if seqlens_k.constant is None or (seqlens_k.constant != ahead + query.shape[1] - 1).any():
        raise UnsupportedOperatorError(
            "GroupQueryAttention whose seqlens_k is not that of full sequences; fix it with "
            f"compile(..., constants={{name: {ahead + query.shape[1] - 1}}}) for these shapes"
        )
    q, k, v = (
        widened(split_heads(part, heads))
        for part, heads in ((query, num_heads), (key, kv_num_heads), (value, kv_num_heads))
    )
    if do_rotary:
        if cosines is None or sines is None:
            raise UnsupportedOperatorError("rotary embeddings without their tables; export again")
        first = query.like(np.array([ahead], np.int64))
        q, k = (
            rotary_embedding(
                part, first, widened(cosines), widened(sines), interleaved=rotary_interleaved
            )
            for part in (q, k)
        )
    if past_key is not None and past_value is not None:
        k = concat(widened(past_key), k, axis=2)
        v = concat(widened(past_value), v, axis=2)
    repeats = num_heads // kv_num_heads

    def repeated(x: Tensor) -> Tensor:
        shape = [x.shape[0], num_heads, *x.shape[2:]]
        return x.view(shape, lambda b, h, t, d: [b, h // repeats, t, d])

    y = attend(q, repeated(k), repeated(v), scale, [], causal=True, lowest=-1e30)
    return tuple(made.cast(dtype) for made in (joined_heads(y), k, v))
