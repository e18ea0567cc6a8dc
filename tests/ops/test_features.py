from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

ML = "ai.onnx.ml"


def table(rng: np.random.Generator, rows: int = 5, dtype: DTypeLike = np.float32) -> Any:
    return (4 * rng.standard_normal((rows, 3))).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int32])
@pytest.mark.parametrize("values", [[0.5, -2.0, 3.0], [0.25]])
def test_scaling(dtype: DTypeLike, values: list[float], rng: np.random.Generator) -> None:
    attributes = {"offset": values, "scale": values}

    assert_node("Scaler", [table(rng, dtype=dtype)], attributes, 1, domain=ML)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalising_rows(norm: str, rng: np.random.Generator) -> None:
    x = table(rng)
    x[1] = 0

    assert_node("Normalizer", [x], {"norm": norm}, 1, domain=ML)


def test_binarizing(rng: np.random.Generator) -> None:
    assert_node("Binarizer", [table(rng)], {"threshold": 0.5}, 1, domain=ML)


@pytest.mark.parametrize("missing", [np.nan, 2.0])
@pytest.mark.parametrize("fills", [[7.0], [7.0, 8.0, 9.0]])
def test_filling_in(missing: float, fills: list[float], rng: np.random.Generator) -> None:
    x = table(rng)
    x[::2, 1] = missing
    attributes = {"imputed_value_floats": fills, "replaced_value_float": missing}

    assert_node("Imputer", [x], attributes, 1, domain=ML)


def test_filling_in_integers() -> None:
    x = np.array([[1, 2, 3], [2, 2, 5]], np.int64)
    attributes = {"imputed_value_int64s": [7, 8, 9], "replaced_value_int64": 2}

    assert_node("Imputer", [x], attributes, 1, domain=ML)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_choosing_features(
    shape: tuple[int, ...], dtype: DTypeLike, rng: np.random.Generator
) -> None:
    x = rng.integers(0, 9, shape).astype(dtype)

    assert_node("ArrayFeatureExtractor", [x, np.array([2, 0], np.int64)], {}, 1, domain=ML)


def test_putting_features_side_by_side(rng: np.random.Generator) -> None:
    inputs = [table(rng), table(rng)[:, :1]]

    (y,) = run_node("FeatureVectorizer", inputs, {"inputdimensions": [3, 1]}, 1, domain=ML)

    np.testing.assert_array_equal(y, np.concatenate(inputs, axis=1))


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_one_hot(dtype: DTypeLike) -> None:
    x = np.array([[1], [4], [7], [4]], dtype)

    assert_node("OneHotEncoder", [x], {"cats_int64s": [4, 1]}, 1, domain=ML)


def test_labels_by_number() -> None:
    x = np.array([[3, 1], [9, 3]], np.int64)
    attributes = {"keys_int64s": [3, 9], "values_floats": [0.5, -1.0], "default_float": 7.0}

    assert_node("LabelEncoder", [x], attributes, 2, domain=ML)


def test_labels_of_nan() -> None:
    x = np.array([1, np.nan, 3], np.float32)
    attributes = {"keys_floats": [np.nan, 1.0], "values_int64s": [5, 6], "default_int64": 0}

    assert_node("LabelEncoder", [x], attributes, 4, domain=ML)


def test_a_value_per_feature_must_fit_the_features(rng: np.random.Generator) -> None:
    with pytest.raises(ModelError, match="2 values of offset for 3 features"):
        run_node("Scaler", [table(rng)], {"offset": [1.0, 2.0]}, 1, domain=ML)
