from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError, UnsupportedOperatorError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

SOFTMAXES = ["Softmax", "LogSoftmax", "Hardmax"]
SHAPES_AND_AXES = [
    (shape, axis)
    for shape in [(5,), (2, 3), (2, 1, 4), (2, 3, 4, 2), (1, 2, 3, 2, 2), (0, 3)]
    for axis in range(-len(shape), len(shape))
]


def _parameters(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [rng.uniform(0.5, 2, shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
@pytest.mark.parametrize("name", SOFTMAXES)
def test_softmax_along_an_axis(
    name: str, shape: tuple[int, ...], axis: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape, np.float32)

    assert_node(name, [x], {"axis": axis}, opset=13)


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
@pytest.mark.parametrize("name", SOFTMAXES)
def test_old_softmax_over_all_axes_from_one_on(
    name: str, shape: tuple[int, ...], axis: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape, np.float32)

    assert_node(name, [x], {"axis": axis}, opset=11)


@pytest.mark.parametrize("name", SOFTMAXES)
@pytest.mark.parametrize("opset", [7, 11, 13])
def test_softmax_has_a_default_axis_per_version(
    name: str, opset: int, rng: np.random.Generator
) -> None:
    assert_node(name, [rng.standard_normal((2, 3, 4), np.float32)], opset=opset)


@pytest.mark.parametrize("name", SOFTMAXES)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_softmax_takes_other_floats(name: str, dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 5)).astype(dtype)

    assert_node(name, [x], opset=13, rtol=1e-6 if dtype is np.float64 else 2e-2)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_neither_overflows_nor_cancels(name: str) -> None:
    x = np.array([[1e4, 1e4 + 1, 0], [-1e4, -1e4 - 1, -1e4 - 2], [-np.inf, 0, 1]], np.float32)

    assert_node(name, [x], opset=13)


def test_hardmax_takes_the_first_of_equals() -> None:
    (y,) = run_node("Hardmax", [np.array([[1, 3, 3], [2, 2, 2]], np.float32)], opset=13)

    np.testing.assert_array_equal(y, [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5), (2, 3, 4, 5), (1, 3, 2, 2, 2)])
def test_batch_normalization(opset: int, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.standard_normal(shape, np.float32)

    assert_node("BatchNormalization", [x, *_parameters(rng, *[(3,)] * 4)], {}, opset, rtol=1e-4)


def test_batch_normalization_per_element(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4), np.float32)
    scale, bias, mean, variance = _parameters(rng, *[(3, 4)] * 4)
    expected = (x - mean) / np.sqrt(variance + 1e-5) * scale + bias

    (y,) = run_node("BatchNormalization", [x, scale, bias, mean, variance], {"spatial": 0}, opset=7)

    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_batch_normalization_with_statistics_of_another_dtype(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4)).astype(np.float16)
    scale, bias, mean, variance = _parameters(rng, *[(3,)] * 4)
    column = (3, 1)
    wide = x.astype(np.float32) - mean.reshape(column)
    expected = wide / np.sqrt(variance + 1e-5).reshape(column) * scale.reshape(column)

    (y,) = run_node("BatchNormalization", [x, scale, bias, mean, variance], opset=15)

    assert y.dtype == np.float16
    np.testing.assert_allclose(y, expected + bias.reshape(column), rtol=2e-3, atol=2e-3)


def test_batch_normalization_in_training(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    attributes = {"training_mode": 1, "momentum": 0.7}

    assert_node(
        "BatchNormalization", [x, *_parameters(rng, *[(3,)] * 4)], attributes, 15, 3, rtol=1e-4
    )


def test_old_batch_normalization_in_training_is_refused(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4), np.float32)

    with pytest.raises(UnsupportedOperatorError, match="training"):
        run_node("BatchNormalization", [x, *_parameters(rng, *[(3,)] * 4)], opset=9, outputs=5)


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 4, 5), (1, 3, 2, 2, 2)])
@pytest.mark.parametrize("opset", [6, 22])
def test_instance_normalization(
    shape: tuple[int, ...], opset: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape, np.float32)

    assert_node(
        "InstanceNormalization", [x, *_parameters(rng, (3,), (3,))], {}, opset, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("shape", "axis"), [case for case in SHAPES_AND_AXES if 0 not in case[0]])
def test_layer_normalization(shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(shape, np.float32)
    scale, bias = _parameters(rng, shape[axis:], shape[axis:])

    assert_node("LayerNormalization", [x, scale, bias], {"axis": axis}, 17, 3, rtol=1e-4, atol=1e-5)


def test_layer_normalization_without_bias(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 8), np.float32)

    assert_node("LayerNormalization", [x, *_parameters(rng, (8,))], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_layer_normalization_of_other_floats(dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = (100 * rng.standard_normal((2, 64))).astype(dtype)
    scale, bias = (p.astype(dtype) for p in _parameters(rng, (64,), (64,)))

    assert_node("LayerNormalization", [x, scale, bias], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("shape", "axis"), [case for case in SHAPES_AND_AXES if 0 not in case[0]])
def test_rms_normalization(shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(shape, np.float32)
    (scale,) = _parameters(rng, shape[axis:])

    assert_node("RMSNormalization", [x, scale], {"axis": axis}, 23, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 3), (2, 6, 3, 4), (1, 6, 2, 2, 2)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_normalization(shape: tuple[int, ...], groups: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(shape, np.float32)
    scale, bias = _parameters(rng, (6,), (6,))
    rows = x.reshape(2 if shape[0] == 2 else 1, groups, -1).astype(np.float64)
    centred = rows - rows.mean(-1, keepdims=True)
    normal = (centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)).reshape(shape)
    column = (6, *[1] * (len(shape) - 2))

    (y,) = run_node("GroupNormalization", [x, scale, bias], {"num_groups": groups}, opset=21)

    expected = normal * scale.reshape(column) + bias.reshape(column)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_old_group_normalization_scales_groups(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 6, 3, 4), np.float32)
    scale, bias = _parameters(rng, (2,), (2,))

    (old,) = run_node("GroupNormalization", [x, scale, bias], {"num_groups": 2}, opset=18)

    per_channel = [x, scale.repeat(3), bias.repeat(3)]
    (new,) = run_node("GroupNormalization", per_channel, {"num_groups": 2}, opset=21)
    np.testing.assert_allclose(old, new, rtol=1e-6)


def test_unequal_groups_are_refused() -> None:
    inputs = [np.zeros((1, 5, 2), np.float32), *[np.zeros(5, np.float32)] * 2]

    with pytest.raises(ModelError, match="5 channels in 2 groups"):
        run_node("GroupNormalization", inputs, {"num_groups": 2}, opset=21)


@pytest.mark.parametrize("axes", [None, [0, 1, 2, 3], [2, 3], [-1, 0]])
def test_mean_variance_normalization(axes: list[int] | None, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5), np.float32)
    over = tuple(axes or (0, 2, 3))
    expected = (x - x.mean(over, keepdims=True)) / x.std(over, keepdims=True)

    (y,) = run_node("MeanVarianceNormalization", [x], {} if axes is None else {"axes": axes})

    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
@pytest.mark.parametrize("p", [1, 2])
def test_lp_normalization(
    shape: tuple[int, ...], axis: int, p: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape, np.float32)

    assert_node("LpNormalization", [x], {"axis": axis, "p": p})


def test_lp_normalization_of_zeros_is_zero() -> None:
    (y,) = run_node("LpNormalization", [np.zeros((2, 3), np.float32)])

    np.testing.assert_array_equal(y, np.zeros((2, 3)))


@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("attributes", [{}, {"alpha": 0.5, "beta": 0.3, "bias": 2.0}])
def test_local_response_normalization(
    size: int, attributes: dict[str, float], rng: np.random.Generator
) -> None:
    x = rng.standard_normal((2, 7, 3, 4), np.float32)

    assert_node("LRN", [x], {"size": size, **attributes})


@pytest.mark.parametrize("shape", [(2, 7), (2, 7, 3), (1, 7, 2, 3, 2)])
def test_local_response_normalization_of_other_ranks(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape, np.float32)
    flat = x.reshape(*shape[:2], -1, 1)

    (y,) = run_node("LRN", [x], {"size": 3, "alpha": 0.1})

    (expected,) = run_node("LRN", [flat], {"size": 3, "alpha": 0.1})
    np.testing.assert_array_equal(y, expected.reshape(shape))
