from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

ACTIVATIONS = [
    ("Celu", {}),
    ("Celu", {"alpha": 2.5}),
    ("Elu", {}),
    ("Elu", {"alpha": 0.3}),
    ("Gelu", {}),
    ("Gelu", {"approximate": "tanh"}),
    ("HardSigmoid", {}),
    ("HardSigmoid", {"alpha": 0.5, "beta": 0.4}),
    ("HardSwish", {}),
    ("LeakyRelu", {}),
    ("LeakyRelu", {"alpha": 0.3}),
    ("Mish", {}),
    ("Relu", {}),
    ("Selu", {}),
    ("Selu", {"alpha": 1.2, "gamma": 0.7}),
    ("Shrink", {}),
    ("Shrink", {"bias": 0.4, "lambd": 1.5}),
    ("Softplus", {}),
    ("Softsign", {}),
    ("Swish", {}),
    ("Swish", {"alpha": 1.7}),
    ("ThresholdedRelu", {}),
    ("ThresholdedRelu", {"alpha": 0.2}),
]
SHAPES = [(), (5,), (2, 3), (2, 1, 4), (2, 3, 1, 2), (1, 2, 3, 2, 2), (0, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "attributes"), ACTIVATIONS)
def test_activation_equals_onnxruntime(
    name: str, attributes: dict[str, float], shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    x = np.asarray(3 * rng.standard_normal(shape), np.float32)

    assert_node(name, [x], attributes, opset=24)


@pytest.mark.parametrize(("name", "attributes"), ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_activation_takes_other_floats(
    name: str, attributes: dict[str, float], dtype: DTypeLike, rng: np.random.Generator
) -> None:
    x = (3 * rng.standard_normal((3, 4))).astype(dtype)

    assert_node(name, [x], attributes, opset=24, rtol=1e-6 if dtype is np.float64 else 3e-3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Softplus", [0, 0, np.log(2), 100, 1e4]),
        ("Mish", [0, 0, 0, 100, 1e4]),
        ("Gelu", [0, 0, 0, 100, 1e4]),
        ("Swish", [0, 0, 0, 100, 1e4]),
        ("Elu", [-1, -1, 0, 100, 1e4]),
        ("Sigmoid", [0, 0, 0.5, 1, 1]),
        ("Tanh", [-1, -1, 0, 1, 1]),
    ],
)
def test_large_arguments_neither_overflow_nor_cancel(name: str, expected: list[float]) -> None:
    x = np.array([-1e4, -100, 0, 100, 1e4], np.float32)

    (y,) = run_node(name, [x], opset=24)

    np.testing.assert_allclose(y, np.array(expected, np.float32), atol=1e-30)


@pytest.mark.parametrize("name", ["Relu", "LeakyRelu", "Elu", "Selu", "Gelu", "Mish", "Softplus"])
def test_a_nan_stays(name: str) -> None:
    (y,) = run_node(name, [np.array([np.nan], np.float32)], opset=24)

    assert np.isnan(y[0])


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
@pytest.mark.parametrize(("name", "attributes"), [("Relu", {}), ("Shrink", {"lambd": 1.5})])
def test_activation_of_integers(name: str, attributes: dict[str, float], dtype: DTypeLike) -> None:
    x = np.array([-5, -2, -1, 0, 1, 2, 5], dtype)

    assert_node(name, [x], attributes, opset=14)


@pytest.mark.parametrize("slope", [(), (1,), (4,), (3, 1, 1), (2, 3, 4, 4)])
@pytest.mark.parametrize("known", [(), (1,)])
def test_prelu_broadcasts_its_slope(
    slope: tuple[int, ...], known: tuple[int, ...], rng: np.random.Generator
) -> None:
    x = rng.standard_normal((2, 3, 4, 4), np.float32)

    assert_node("PRelu", [x, rng.standard_normal(slope, np.float32)], opset=16, known=known)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32])
def test_prelu_of_integers(dtype: DTypeLike) -> None:
    x = np.array([3, 4, 5], dtype)

    assert_node("PRelu", [x, np.array(2, dtype)], opset=16)
