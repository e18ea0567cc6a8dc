from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgesite.errors import ModelError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

ML = "ai.onnx.ml"
KERNELS = ["LINEAR", "POLY", "RBF", "SIGMOID"]


def numbers(rng: np.random.Generator, count: int) -> list[float]:
    return rng.standard_normal(count).astype(np.float32).tolist()


def table(rng: np.random.Generator, rows: int = 7) -> Any:
    return rng.standard_normal((rows, 3)).astype(np.float32)


@pytest.mark.parametrize("targets", [1, 2, 5])
def test_linear_regressors(targets: int, rng: np.random.Generator) -> None:
    attributes = {
        "coefficients": numbers(rng, 3 * targets),
        "intercepts": numbers(rng, targets),
        "targets": targets,
    }

    assert_node("LinearRegressor", [table(rng)], attributes, 1, domain=ML)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_linear_classifiers(transform: str, classes: int, rng: np.random.Generator) -> None:
    attributes = {
        "coefficients": numbers(rng, 3 * classes),
        "intercepts": numbers(rng, classes),
        "classlabels_ints": list(range(10, 10 + classes)),
        "post_transform": transform,
    }

    assert_node("LinearClassifier", [table(rng)], attributes, 1, 2, domain=ML)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
def test_linear_classifiers_with_a_single_score(transform: str, rng: np.random.Generator) -> None:
    attributes = {
        "coefficients": numbers(rng, 3),
        "intercepts": [0.25],
        "classlabels_ints": [4, 9],
        "post_transform": transform,
    }

    assert_node("LinearClassifier", [table(rng)], attributes, 1, 2, domain=ML)


def test_too_few_coefficients_are_refused(rng: np.random.Generator) -> None:
    attributes = {"coefficients": [1.0], "targets": 2}

    with pytest.raises(ModelError, match="which take 6"):
        run_node("LinearRegressor", [table(rng)], attributes, 1, domain=ML)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("one_class", [0, 1])
def test_support_vector_regressors(kernel: str, one_class: int, rng: np.random.Generator) -> None:
    attributes = {
        "support_vectors": numbers(rng, 3 * 4),
        "coefficients": numbers(rng, 4),
        "rho": [0.3],
        "n_supports": 4,
        "one_class": one_class,
        "kernel_type": kernel,
        "kernel_params": [0.4, 0.2, 3.0],
    }

    assert_node("SVMRegressor", [table(rng)], attributes, 1, domain=ML)


def machine(rng: np.random.Generator, per_class: list[int], **changes: Any) -> dict[str, Any]:
    count, classes = sum(per_class), len(per_class)
    pairs = classes * (classes - 1) // 2
    return {
        "support_vectors": numbers(rng, 3 * count),
        "coefficients": numbers(rng, (classes - 1) * count),
        "vectors_per_class": per_class,
        "rho": numbers(rng, pairs),
        "classlabels_ints": list(range(5, 5 + classes)),
        "kernel_type": "RBF",
        "kernel_params": [0.4, 0.0, 3.0],
        **changes,
    }


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("per_class", [[2, 3, 2], [1, 2, 3, 4]])
def test_support_vector_classifiers(
    kernel: str, per_class: list[int], rng: np.random.Generator
) -> None:
    attributes = machine(rng, per_class, kernel_type=kernel)

    assert_node("SVMClassifier", [table(rng, 20)], attributes, 1, 2, domain=ML)


def test_support_vector_classifiers_of_two_classes(rng: np.random.Generator) -> None:
    assert_node("SVMClassifier", [table(rng, 20)], machine(rng, [3, 2]), 1, 2, domain=ML)


@pytest.mark.parametrize("per_class", [[3, 2], [3, 2, 1], [1, 2, 3, 2]])
def test_probabilities(per_class: list[int], rng: np.random.Generator) -> None:
    pairs = len(per_class) * (len(per_class) - 1) // 2
    attributes = machine(
        rng, per_class, prob_a=rng.uniform(-3, -1, pairs).tolist(), prob_b=numbers(rng, pairs)
    )

    assert_node("SVMClassifier", [table(rng, 20)], attributes, 1, 2, domain=ML, rtol=1e-4)
