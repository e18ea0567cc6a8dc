from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.oracle import assert_node

SHAPES = [(), (5,), (2, 3), (2, 1, 4), (2, 3, 1, 2), (1, 2, 3, 2, 2), (0, 3)]

# Where each function is defined, as (from, to).
FUNCTIONS = {
    "Abs": (-4, 4),
    "Acos": (-1, 1),
    "Acosh": (1, 9),
    "Asin": (-1, 1),
    "Asinh": (-9, 9),
    "Atan": (-9, 9),
    "Atanh": (-0.99, 0.99),
    "Ceil": (-4, 4),
    "Cos": (-9, 9),
    "Cosh": (-4, 4),
    "Erf": (-4, 4),
    "Exp": (-9, 9),
    "Floor": (-4, 4),
    "Log": (0.01, 9),
    "Neg": (-4, 4),
    "Reciprocal": (0.1, 9),
    "Round": (-4, 4),
    "Sigmoid": (-9, 9),
    "Sign": (-1, 1),
    "Sin": (-9, 9),
    "Sinh": (-4, 4),
    "Sqrt": (0, 9),
    "Tan": (-1.5, 1.5),
    "Tanh": (-4, 4),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_equals_onnxruntime(
    name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    low, high = FUNCTIONS[name]
    x = rng.uniform(low, high, shape).astype(np.float32)

    assert_node(name, [x], opset=22)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_function_takes_every_float(name: str, dtype: DTypeLike, rng: np.random.Generator) -> None:
    low, high = FUNCTIONS[name]
    x = rng.uniform(low, high, (3, 4)).astype(dtype)

    assert_node(name, [x], opset=22, rtol=1e-6 if dtype is np.float64 else 8e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["Abs", "Neg", "Sign"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_function_of_signed_integers(name: str, dtype: np.dtype) -> None:
    x = np.array([-128, -3, 0, 1, 127], dtype)

    assert_node(name, [x])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("name", ["Abs", "Sign"])
def test_function_of_unsigned_integers(name: str, dtype: np.dtype) -> None:
    x = np.array([0, 1, 200, np.iinfo(dtype).max], dtype)

    assert_node(name, [x])


def test_round_goes_to_even() -> None:
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 1e9, np.inf, np.nan], np.float32)

    assert_node("Round", [x], opset=22)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("negative", [0, 1])
@pytest.mark.parametrize("positive", [0, 1])
def test_is_inf_looks_for_the_signs_it_is_told(
    positive: int, negative: int, dtype: np.dtype
) -> None:
    x = np.array([-np.inf, -1, 0, np.inf, np.nan], dtype)

    assert_node("IsInf", [x], {"detect_positive": positive, "detect_negative": negative})


def test_is_nan() -> None:
    x = np.array([-np.inf, -1, 0, np.inf, np.nan], np.float32)

    assert_node("IsNaN", [x])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_bitwise_not(dtype: np.dtype) -> None:
    x = np.array([0, 1, 127], dtype)

    assert_node("BitwiseNot", [x])


def test_not() -> None:
    x = np.array([[True, False], [False, True]])

    assert_node("Not", [x])
