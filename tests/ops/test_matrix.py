from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import DTypeLike
from onnx.helper import np_dtype_to_tensor_dtype

from edgesite.errors import ModelError, UnsupportedShapeError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 3), (2, 1, 3, 5), (0, 3), (3, 0)])
@pytest.mark.parametrize("k", [None, -5, -1, 0, 1, 2, 7])
@pytest.mark.parametrize("upper", [0, 1])
def test_trilu(shape: tuple[int, ...], k: int | None, upper: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(shape, np.float32)
    inputs = [x] if k is None else [x, np.array(k)]

    assert_node("Trilu", inputs, {"upper": upper})
    assert_node("Trilu", inputs, {"upper": upper}, known=[1])


@pytest.mark.parametrize("dtype", [np.int64, np.float64, bool])
def test_trilu_takes_other_dtypes(dtype: DTypeLike) -> None:
    assert_node("Trilu", [np.ones((3, 3), dtype)])


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (1, 1), (0, 2)])
@pytest.mark.parametrize("k", [-2, 0, 1, 5])
def test_eye_like(shape: tuple[int, ...], k: int) -> None:
    assert_node("EyeLike", [np.ones(shape, np.float32)], {"k": k})


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, np.uint64])
def test_eye_like_in_another_dtype(dtype: DTypeLike) -> None:
    number = np_dtype_to_tensor_dtype(np.dtype(dtype))

    assert_node("EyeLike", [np.ones((3, 4), np.float32)], {"dtype": number})


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_one_hot(shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> None:
    indices = np.asarray(rng.integers(-7, 7, shape))
    values = np.array([-1, 5], np.float32)

    assert_node("OneHot", [indices, np.array(5), values], {"axis": axis}, known=[1])


@pytest.mark.parametrize("axis", [-3, -2, 1, 2])
def test_one_hot_puts_its_axis_anywhere(axis: int, rng: np.random.Generator) -> None:
    inputs = [rng.integers(0, 5, (2, 3)), np.array([5]), np.array([0, 1], np.int64)]

    assert_node("OneHot", inputs, {"axis": axis}, known=[1])


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_one_hot_of_other_index_dtypes(dtype: DTypeLike) -> None:
    inputs = [np.array([0, 2, 4], dtype), np.array(5, dtype), np.array([0, 1], np.float32)]

    assert_node("OneHot", inputs, known=[1])


def test_one_hot_needs_its_depth_at_compile_time() -> None:
    with pytest.raises(UnsupportedShapeError, match="depth of OneHot"):
        run_node("OneHot", [np.array([1]), np.array(5), np.array([0, 1])])


def test_one_hot_refuses_an_axis_that_does_not_exist() -> None:
    with pytest.raises(ModelError, match="axis 5"):
        run_node("OneHot", [np.array([1]), np.array(5), np.array([0, 1])], {"axis": 5}, known=[1])


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (4, 4), (2, 3, 3), (2, 1, 4, 4), (0, 0)])
def test_determinant(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.standard_normal(shape, np.float32)

    (y,) = run_node("Det", [x], opset=22)

    np.testing.assert_allclose(y, np.linalg.det(x.astype(np.float64)), rtol=1e-4, atol=1e-5)


def test_determinant_of_a_large_matrix_is_refused() -> None:
    with pytest.raises(UnsupportedShapeError, match="5 rows"):
        run_node("Det", [np.zeros((5, 5), np.float32)], opset=22)
