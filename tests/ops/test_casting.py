from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike
from onnx.helper import np_dtype_to_tensor_dtype

from edgesite.errors import UnsupportedOperatorError, UnsupportedTypeError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

DTYPES = [
    bool,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.float16,
    np.float32,
    np.float64,
]


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_cast_equals_onnxruntime(source: DTypeLike, target: DTypeLike) -> None:
    x = np.array([0, 1, 2.5, 3.99, 100], np.float64).astype(source)

    assert_node("Cast", [x], {"to": np_dtype_to_tensor_dtype(np.dtype(target))})


@pytest.mark.parametrize("target", [np.int8, np.int32, np.int64, np.float16, np.float64, bool])
def test_cast_of_negative_numbers_truncates(target: DTypeLike) -> None:
    x = np.array([-0.5, -1.5, -2.99, -100.7], np.float32)

    assert_node("Cast", [x], {"to": np_dtype_to_tensor_dtype(np.dtype(target))})


@pytest.mark.parametrize("target", DTYPES[1:9])
@pytest.mark.parametrize("source", [np.int64, np.uint64])
def test_cast_of_integers_wraps(source: DTypeLike, target: DTypeLike) -> None:
    x = np.array([200, 70000, 2**31 + 5, 2**33 + 7], source)

    assert_node("Cast", [x], {"to": np_dtype_to_tensor_dtype(np.dtype(target))})


def test_cast_to_bfloat16_rounds_to_even() -> None:
    x = np.array([1.00390625, 1.01171875, 3e38, -1e-3, np.inf], np.float32)

    (y,) = run_node("Cast", [x], {"to": np_dtype_to_tensor_dtype(np.dtype(ml_dtypes.bfloat16))})

    np.testing.assert_array_equal(y, x.astype(ml_dtypes.bfloat16))


def test_cast_beyond_what_is_represented_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match="complex64"):
        run_node("Cast", [np.zeros(1, np.float32)], {"to": 14})


@pytest.mark.parametrize("target", DTYPES)
def test_cast_like_takes_the_dtype_of_another(target: DTypeLike) -> None:
    x = np.array([0, 1, 2.5, 100], np.float32)

    assert_node("CastLike", [x, np.zeros((), target)], opset=19)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 3)])
def test_identity(dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    assert_node("Identity", [np.ones(shape, dtype)])


@pytest.mark.parametrize("opset", [10, 13, 22])
@pytest.mark.parametrize("outputs", [1, 2])
def test_dropout_drops_nothing(opset: int, outputs: int, rng: np.random.Generator) -> None:
    assert_node("Dropout", [rng.standard_normal((3, 4), np.float32)], {}, opset, outputs)


def test_old_dropout_has_a_mask_of_its_own_dtype(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4), np.float32)

    y, mask = run_node("Dropout", [x], opset=7, outputs=2)

    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(mask, np.zeros_like(x))


def test_dropout_that_trains_is_refused() -> None:
    inputs = [np.ones(3, np.float32), np.array(0.5, np.float32), np.array(True)]

    with pytest.raises(UnsupportedOperatorError, match="random"):
        run_node("Dropout", inputs, opset=13, known=[1, 2])


def test_dropout_that_trains_without_dropping_is_the_identity() -> None:
    x = np.ones(3, np.float32)

    (y,) = run_node("Dropout", [x, np.array(0, np.float32), np.array(True)], opset=13, known=[1, 2])

    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.float32, np.int32),
        (np.float32, np.uint32),
        (np.int32, np.float32),
        (np.float64, np.int64),
        (np.uint64, np.float64),
        (np.int8, np.uint8),
        (np.uint16, np.int16),
        (np.bool_, np.uint8),
        (np.int8, ml_dtypes.float8_e5m2),
        (ml_dtypes.float8_e4m3fn, np.uint8),
    ],
)
def test_bits_are_kept(source: DTypeLike, target: DTypeLike, rng: np.random.Generator) -> None:
    raw = rng.integers(0, 2 if source is np.bool_ else 256, 40, dtype=np.uint8)
    x = raw.view(source)

    (y,) = run_node("BitCast", [x], {"to": np_dtype_to_tensor_dtype(np.dtype(target))}, opset=26)

    assert y.dtype == target
    np.testing.assert_array_equal(y.view(np.uint8), x.view(np.uint8))


def test_bits_of_halves_are_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match="the bits of float16 as int16"):
        run_node(
            "BitCast",
            [np.zeros(1, np.float16)],
            {"to": np_dtype_to_tensor_dtype(np.dtype(np.int16))},
            opset=26,
        )
