from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike
from onnx.helper import np_dtype_to_tensor_dtype

from edgesite.errors import ModelError
from tests.ops.interpreter import Array, run_node
from tests.ops.oracle import assert_node

TARGETS = [np.uint8, np.int8, np.uint16, np.int16]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (2, 3, 4, 2), (0, 3)])
def test_quantize_with_one_scale(
    shape: tuple[int, ...], target: DTypeLike, rng: np.random.Generator
) -> None:
    x = np.asarray(100 * rng.standard_normal(shape), np.float32)
    inputs = [x, np.array(0.7, np.float32), np.array(3, target)]

    assert_node("QuantizeLinear", inputs)


@pytest.mark.parametrize("target", TARGETS)
def test_quantize_rounds_to_even_and_saturates(target: DTypeLike) -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 1e9, -1e9, np.inf, -np.inf], np.float32)
    limits = np.iinfo(target)
    expected = [2, 4, 4, 2, 0, limits.max, limits.min, limits.max, limits.min]

    (y,) = run_node("QuantizeLinear", [x, np.array(1, np.float32), np.array(2, target)])

    np.testing.assert_array_equal(y, np.array(expected, target))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_quantize_with_a_scale_per_index(
    axis: int, target: DTypeLike, rng: np.random.Generator
) -> None:
    x = (30 * rng.standard_normal((2, 3, 4))).astype(np.float32)
    scale = rng.uniform(0.1, 1, (x.shape[axis],)).astype(np.float32)
    zero_point = rng.integers(0, 100, scale.shape).astype(target)

    assert_node("QuantizeLinear", [x, scale, zero_point], {"axis": axis})


@pytest.mark.parametrize(("axis", "block"), [(0, 2), (1, 3), (1, 2), (2, 4), (-1, 3)])
def test_quantize_in_blocks(axis: int, block: int, rng: np.random.Generator) -> None:
    x = (30 * rng.standard_normal((2, 3, 8))).astype(np.float32)
    shape = list(x.shape)
    shape[axis] = -(-shape[axis] // block)
    scale = rng.uniform(0.1, 1, shape).astype(np.float32)
    zero_point = rng.integers(0, 100, shape).astype(np.uint8)
    attributes = {"axis": axis, "block_size": block}
    wide = [
        np.take(p.astype(np.float32).repeat(block, axis), range(x.shape[axis]), axis)
        for p in (scale, zero_point)
    ]

    (y,) = run_node("QuantizeLinear", [x, scale, zero_point], attributes)
    (back,) = run_node("DequantizeLinear", [y, scale, zero_point], attributes)

    expected = np.clip(np.rint(x / wide[0]) + wide[1], 0, 255)
    np.testing.assert_array_equal(y, expected.astype(np.uint8))
    np.testing.assert_array_equal(back, (y.astype(np.float32) - wide[1]) * wide[0])


def test_quantize_without_a_zero_point_gives_uint8(rng: np.random.Generator) -> None:
    x = (30 * rng.standard_normal((2, 3))).astype(np.float32)

    assert_node("QuantizeLinear", [x, np.array(0.5, np.float32)])


@pytest.mark.parametrize("target", TARGETS)
def test_quantize_to_the_dtype_of_an_attribute(target: DTypeLike, rng: np.random.Generator) -> None:
    x = (30 * rng.standard_normal((2, 3))).astype(np.float32)
    attributes = {"output_dtype": np_dtype_to_tensor_dtype(np.dtype(target))}

    assert_node("QuantizeLinear", [x, np.array(0.5, np.float32)], attributes)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_quotients_of_halves_round_before_they_are_quantized(
    dtype: DTypeLike, rng: np.random.Generator
) -> None:
    x = (30 * rng.standard_normal(500)).astype(dtype)
    scale = np.array(0.37, dtype)

    (y,) = run_node("QuantizeLinear", [x, scale, np.array(0, np.int8)])

    expected = np.clip(np.rint((x / scale).astype(np.float32)), -128, 127)
    np.testing.assert_array_equal(y, expected.astype(np.int8))


def test_quantize_in_a_precision_of_its_own(rng: np.random.Generator) -> None:
    x = (30 * rng.standard_normal(500)).astype(np.float16)
    scale = np.array(0.37, np.float16)

    (y,) = run_node("QuantizeLinear", [x, scale, np.array(0, np.int8)], {"precision": 1}, opset=23)

    expected = np.clip(np.rint(np.float32(x) / np.float32(scale)), -128, 127)
    np.testing.assert_array_equal(y, expected.astype(np.int8))


@pytest.mark.parametrize("source", TARGETS)
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (2, 3, 4, 2), (0, 3)])
def test_dequantize_with_one_scale(
    shape: tuple[int, ...], source: DTypeLike, rng: np.random.Generator
) -> None:
    x = np.asarray(rng.integers(0, 128, shape), source)

    assert_node("DequantizeLinear", [x, np.array(0.7, np.float32), np.array(100, source)])
    assert_node("DequantizeLinear", [x, np.array(0.7, np.float32)])


@pytest.mark.parametrize("source", TARGETS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_dequantize_with_a_scale_per_index(
    axis: int, source: DTypeLike, rng: np.random.Generator
) -> None:
    x = rng.integers(0, 128, (2, 3, 4)).astype(source)
    scale = rng.uniform(0.1, 1, (x.shape[axis],)).astype(np.float32)
    zero_point = rng.integers(0, 100, scale.shape).astype(source)

    assert_node("DequantizeLinear", [x, scale, zero_point], {"axis": axis})


def test_dequantize_int32(rng: np.random.Generator) -> None:
    x = rng.integers(-(10**6), 10**6, (2, 3)).astype(np.int32)

    assert_node("DequantizeLinear", [x, np.array(0.01, np.float32)])


def test_dequantize_to_halves(rng: np.random.Generator) -> None:
    x = rng.integers(0, 255, (2, 3)).astype(np.uint8)

    assert_node("DequantizeLinear", [x, np.array(0.01, np.float16), np.array(7, np.uint8)])


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize(("low", "high"), [(-3, 5), (1, 5), (-5, -1), (0, 0)])
def test_dynamic_quantize(
    shape: tuple[int, ...], low: float, high: float, rng: np.random.Generator
) -> None:
    x = np.asarray(rng.uniform(low, high, shape), np.float32)

    assert_node("DynamicQuantizeLinear", [x], opset=11, outputs=3)


def test_a_scale_along_an_axis_that_does_not_exist_is_refused() -> None:
    inputs: list[Array] = [
        np.zeros((2, 3), np.float32),
        np.ones(3, np.float32),
        np.zeros(3, np.uint8),
    ]

    with pytest.raises(ModelError, match="axis 2 of a tensor of rank 2"):
        run_node("QuantizeLinear", inputs, {"axis": 2})
