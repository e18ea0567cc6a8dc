"""Normalisations: softmax and its kin, and elements brought to zero mean and unit variance."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import DType, Expr, Tensor, apply, binary, elementwise, equal, select, unary
from edgesite.ops.axes import resolve_axes, resolve_axis
from edgesite.ops.casting import dtype_of
from edgesite.ops.precision import HALVES, in_float32, widened
from edgesite.ops.reduce import (
    largest,
    mean,
    norm,
    position_of_extreme,
    sum_of_magnitudes,
    sum_of_squares,
    total,
)
from edgesite.ops.registry import operator


def axes_from(axis: int, rank: int) -> list[int]:
    """An axis and all behind it; `rank` itself, which old operators allow, means none."""
    return list(range(rank if axis == rank else resolve_axis(axis, rank), rank))


def shares(x: Tensor, axes: Sequence[int]) -> Tensor:
    """exp(x) divided by its sum over axes; subtracting the maximum keeps it from overflowing.

    Every step rounds to the type of x, halves included, as ONNX defines it in steps.
    """
    exponentials = apply("exp", x - largest(x, axes, True))
    return exponentials / total(exponentials, axes, True)


def log_shares(x: Tensor, axes: Sequence[int]) -> Tensor:
    """The logarithm of `shares`, computed without their quotient."""
    shifted = x - largest(x, axes, True)
    return shifted - apply("log", total(apply("exp", shifted), axes, True))


@operator("Softmax", since=13)
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """exp(x) divided by its sum along an axis."""
    return shares(x, [resolve_axis(axis, x.rank)])


@operator("Softmax")
def softmax_from_axis(x: Tensor, *, axis: int = 1) -> Tensor:
    """exp(x) divided by its sum over an axis and all behind it."""
    return shares(x, axes_from(axis, x.rank))


@operator("LogSoftmax", since=13)
@in_float32
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """The logarithm of softmax along an axis."""
    return log_shares(x, [resolve_axis(axis, x.rank)])


@operator("LogSoftmax")
@in_float32
def log_softmax_from_axis(x: Tensor, *, axis: int = 1) -> Tensor:
    """The logarithm of softmax over an axis and all behind it."""
    return log_shares(x, axes_from(axis, x.rank))


@operator("Hardmax", since=13)
def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """1 at the first maximum along an axis, 0 elsewhere."""
    along = resolve_axis(axis, x.rank)
    first = position_of_extreme(x, "argmax", along)

    def body(*axes: Expr) -> Expr:
        hit = equal(first.at(*axes[:along], *axes[along + 1 :]), axes[along].cast(DType.INT64))
        return hit.cast(x.dtype)

    return x.compute(x.shape, body)


@operator("Hardmax")
def hardmax_from_axis(x: Tensor, *, axis: int = 1) -> Tensor:
    """1 at the first maximum over an axis and all behind it, 0 elsewhere."""
    behind = axes_from(axis, x.rank)
    split = x.rank - len(behind)
    flat = x.reshape([prod(x.shape[:split]), prod(x.shape[split:])])
    return hardmax(flat).reshape(x.shape)


def standardized(x: Tensor, axes: Sequence[int], epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """x with zero mean and unit variance over axes, the mean, and the inverse deviation."""
    average = mean(x, axes, True)
    centred = x - average
    inverse = inverse_root(mean_square(centred, axes), epsilon)
    return centred * inverse, average, inverse


def mean_square(x: Tensor, axes: Sequence[int]) -> Tensor:
    """The mean over axes of every element times itself."""
    if any(x.count(axis) for axis in axes):
        return mean(x * x, axes, True)
    count = prod(x.shape[axis] for axis in axes)
    return sum_of_squares(x, axes, True) * (1 / max(count, 1))


def inverse_root(variance: Tensor, epsilon: float) -> Tensor:
    """1 / sqrt(variance + epsilon)."""
    return elementwise(lambda v: 1 / unary("sqrt", v + epsilon), variance)


def by_channel(parameter: Tensor, rank: int) -> Tensor:
    """A vector over the channels, which are axis 1, in a shape that broadcasts."""
    return parameter.reshape([parameter.size, *[1] * (rank - 2)])


@operator("BatchNormalization")
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    average: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    outputs: int = 1,
) -> Tensor:
    """x scaled and shifted per channel, or per element of a sample unless `spatial`."""
    if outputs > 1:
        raise UnsupportedOperatorError(
            "BatchNormalization has the outputs of training; export the model for inference"
        )
    shape = [x.shape[1], *[1] * (x.rank - 2)] if x.rank > 1 else [1]
    if not spatial:
        shape = list(x.shape[1:])
    wide = DType.FLOAT64 if x.dtype is DType.FLOAT64 else DType.FLOAT32
    gain, offset, centre, spread = (
        parameter.cast(wide).reshape(shape) for parameter in (scale, bias, average, variance)
    )
    factor = gain * inverse_root(spread, epsilon)
    return (x.cast(wide) * factor + (offset - centre * factor)).cast(x.dtype)


@operator("BatchNormalization", since=14)
def batch_normalization_or_training(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean_so_far: Tensor,
    variance_so_far: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> tuple[Tensor, ...]:
    """x scaled and shifted per channel, in training by its own mean and variance.

    Then the running mean and variance follow as further outputs.
    """
    if not training_mode:
        return (batch_normalization(x, scale, bias, mean_so_far, variance_so_far, epsilon=epsilon),)
    axes = [axis for axis in range(x.rank) if axis != 1]
    wide = widened(x)
    average = mean(wide, axes, True)
    variance = mean_square(wide - average, axes)
    now = [statistic.reshape([statistic.size]) for statistic in (average, variance)]
    y = batch_normalization(x, scale, bias, *now, epsilon=epsilon)
    running = [
        (widened(old) * momentum + new.cast(widened(old).dtype) * (1 - momentum)).cast(old.dtype)
        for old, new in zip((mean_so_far, variance_so_far), now, strict=True)
    ]
    return (y, *running)


@operator("InstanceNormalization")
@in_float32
def instance_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float = 1e-5
) -> Tensor:
    """Every channel of every sample brought to the mean `bias` and the deviation `scale`."""
    normalized, _, _ = standardized(x, range(2, x.rank), epsilon)
    return normalized * by_channel(scale, x.rank) + by_channel(bias, x.rank)


def stage_one(x: Tensor, stash_type: int) -> Tensor:
    """x in the precision that statistics are computed in, never in less than its own."""
    stash = dtype_of(stash_type)
    return x if x.dtype is DType.FLOAT64 else x.cast(DType.FLOAT32 if stash in HALVES else stash)


@operator("LayerNormalization")
def layer_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """x standardised from an axis on, scaled and shifted; its mean; its inverse deviation."""
    axes = axes_from(axis, x.rank)
    normalized, average, inverse = standardized(stage_one(x, stash_type), axes, epsilon)
    y = normalized.cast(x.dtype) * scale
    stash = dtype_of(stash_type)
    return y if bias is None else y + bias, average.cast(stash), inverse.cast(stash)


@operator("RMSNormalization")
def rms_normalization(
    x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """x divided by its root mean square over an axis and all behind it, then scaled."""
    wide = stage_one(x, stash_type)
    inverse = inverse_root(mean_square(wide, axes_from(axis, x.rank)), epsilon)
    return (wide * inverse).cast(x.dtype).cast(scale.dtype) * scale


def standardized_groups(x: Tensor, groups: int, epsilon: float) -> Tensor:
    """x as [N, G, C / G, ...spatial], every group of channels standardised."""
    batch, channels, *spatial = x.shape
    if channels % groups:
        raise ModelError(f"{channels} channels in {groups} groups; the groups must be equal")
    grouped = x.reshape([batch, groups, channels // groups, *spatial])
    return standardized(grouped, range(2, grouped.rank), epsilon)[0]


@operator("GroupNormalization", since=18)
@in_float32
def group_normalization_scaled_by_group(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5
) -> Tensor:
    """Every group of channels standardised, then scaled and shifted per group."""
    normalized = standardized_groups(x, num_groups, epsilon)
    per_group = [num_groups, *[1] * (x.rank - 1)]
    return (normalized * scale.reshape(per_group) + bias.reshape(per_group)).reshape(x.shape)


@operator("GroupNormalization", since=21)
def group_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Tensor:
    """Every group of channels standardised, then scaled and shifted per channel."""
    normalized = standardized_groups(stage_one(x, stash_type), num_groups, epsilon)
    same = normalized.cast(x.dtype).reshape(x.shape)
    return same * by_channel(scale, x.rank) + by_channel(bias, x.rank)


@operator("MeanVarianceNormalization")
@in_float32
def mean_variance_normalization(x: Tensor, *, axes: Sequence[int] = (0, 2, 3)) -> Tensor:
    """x with zero mean and unit variance over axes."""
    over = resolve_axes(axes, x.rank)
    centred = x - mean(x, over, True)
    # 1e-9: what the operator's definition in ONNX adds to the deviation.
    return elementwise(
        lambda e, v: e / (unary("sqrt", v) + 1e-9), centred, mean_square(centred, over)
    )


@operator("LpNormalization")
@in_float32
def lp_normalization(x: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """x divided by its norm of order p along an axis; 0 where the norm is 0."""
    length = {1: sum_of_magnitudes, 2: norm}[p](x, [resolve_axis(axis, x.rank)], True)
    return elementwise(lambda e, n: select(equal(n, 0), 0, e / n), x, length)


@operator("LRN")
@in_float32
def local_response_normalization(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """x divided by a power of the sum of squares over the `size` channels around its own."""
    before = (size - 1) // 2
    squares = x * x

    def neighbour(n: Expr, c: Expr, *rest: Expr) -> Expr:
        *spatial, k = rest
        return squares.at_or(0, n, c + k - before, *spatial)

    around = x.reduce(x.shape, [size], neighbour)
    return elementwise(lambda e, s: e / root_power(s * (alpha / size) + bias, beta), x, around)


def root_power(e: Expr, exponent: float) -> Expr:
    """A positive number to a power; to 3/4, the usual one, by two square roots."""
    if exponent != 0.75:
        return binary("pow", e, exponent)
    root = unary("sqrt", e)
    return root * unary("sqrt", root)
