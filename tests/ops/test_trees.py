"""Classical models as scikit-learn's exporter writes them, and nodes no exporter writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import DTypeLike

import edgesite
from edgesite.errors import ModelError, UnsupportedOperatorError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

ML = "ai.onnx.ml"


def tree(**changes: Any) -> dict[str, Any]:
    """Two trees over three features, of which the second is a leaf alone."""
    return {
        "nodes_treeids": [0, 0, 0, 0, 0, 1],
        "nodes_nodeids": [0, 1, 2, 3, 4, 0],
        "nodes_featureids": [0, 2, 0, 0, 0, 0],
        "nodes_values": [0.5, -0.25, 0, 0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 2, 0, 0, 0, 0],
        "nodes_falsenodeids": [4, 3, 0, 0, 0, 0],
        "nodes_missing_value_tracks_true": [0, 1, 0, 0, 0, 0],
        **changes,
    }


def with_weights(kind: str, ids: list[int], **changes: Any) -> dict[str, Any]:
    weights = {
        f"{kind}_treeids": [0, 0, 0, 1],
        f"{kind}_nodeids": [2, 3, 4, 0],
        f"{kind}_ids": ids,
        f"{kind}_weights": [1.5, -2.25, 0.75, 0.125],
    }
    return tree(**{**weights, **changes})


def features(rng: np.random.Generator, rows: int, dtype: DTypeLike = np.float32) -> Any:
    x = rng.uniform(-1, 2, (rows, 3)).astype(dtype)
    x[::3, 0] = 0.5
    return x


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 17])
def test_regressors_of_any_number_of_rows(rows: int, rng: np.random.Generator) -> None:
    attributes = with_weights("target", [0, 0, 0, 0], n_targets=1)

    assert_node("TreeEnsembleRegressor", [features(rng, rows)], attributes, 3, domain=ML)


@pytest.mark.parametrize("mode", ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"])
def test_every_comparison(mode: str, rng: np.random.Generator) -> None:
    modes = [f"BRANCH_{mode}", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"]
    attributes = with_weights("target", [0, 0, 0, 0], n_targets=1, nodes_modes=modes)

    assert_node("TreeEnsembleRegressor", [features(rng, 20)], attributes, 3, domain=ML)


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("base", [[], [0.5, -3.0]])
def test_every_aggregate(aggregate: str, base: list[float], rng: np.random.Generator) -> None:
    weights = {
        "target_treeids": [0, 0, 0, 1, 1],
        "target_nodeids": [2, 3, 4, 0, 0],
        "target_ids": [1, 0, 1, 0, 1],
        "target_weights": [1.5, -2.25, 0.75, 0.125, -0.5],
    }
    attributes = tree(n_targets=2, aggregate_function=aggregate, **weights)
    attributes |= {"base_values": base} if base else {}

    assert_node("TreeEnsembleRegressor", [features(rng, 20)], attributes, 3, domain=ML)


def test_missing_values_go_where_the_node_says(rng: np.random.Generator) -> None:
    x = features(rng, 12)
    x[::2] = np.nan

    assert_node(
        "TreeEnsembleRegressor", [x], with_weights("target", [0] * 4, n_targets=1), 3, domain=ML
    )


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32])
def test_classifiers_take_numbers_of_other_dtypes(
    dtype: DTypeLike, rng: np.random.Generator
) -> None:
    attributes = with_weights("class", [0, 1, 2, 1], classlabels_int64s=[0, 1, 2])

    assert_node("TreeEnsembleClassifier", [features(rng, 9, dtype)], attributes, 3, 2, domain=ML)


def test_trees_in_doubles(rng: np.random.Generator) -> None:
    attributes = with_weights("target", [0] * 4, n_targets=1)
    doubles = {
        f"{name}_as_tensor": onnx.numpy_helper.from_array(np.array(attributes.pop(name), float))
        for name in ("nodes_values", "target_weights")
    }
    expected = {**attributes, **doubles}
    given = {
        **attributes,
        **{name: onnx.numpy_helper.to_array(tensor) for name, tensor in doubles.items()},
    }
    x = features(rng, 9, np.float64)

    (y,) = run_node("TreeEnsembleRegressor", [x], given, 3, domain=ML)

    model = one_node("TreeEnsembleRegressor", x, expected)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(y, session.run(None, {"x": x})[0], rtol=1e-6)


def one_node(op_type: str, x: Any, attributes: dict[str, Any]) -> bytes:
    node = onnx.helper.make_node(op_type, ["x"], ["y"], domain=ML, **attributes)
    kind = onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
    inputs = [onnx.helper.make_tensor_value_info("x", kind, x.shape)]
    outputs = [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]
    graph = onnx.helper.make_graph([node], op_type, inputs, outputs)
    opsets = [onnx.helper.make_opsetid(ML, 3), onnx.helper.make_opsetid("", 21)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
@pytest.mark.parametrize("base", [[], [0.1, 0.2, 0.3]])
def test_classifiers_of_three_classes(
    transform: str, base: list[float], rng: np.random.Generator
) -> None:
    weights = [0.15, 0.25, 0.75, 0.125]
    attributes = with_weights("class", [0, 1, 2, 1], class_weights=weights)
    attributes |= {"classlabels_int64s": [7, 3, 5], "post_transform": transform}
    attributes |= {"base_values": base} if base else {}

    assert_node("TreeEnsembleClassifier", [features(rng, 20)], attributes, 3, 2, domain=ML)


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC"])
@pytest.mark.parametrize("weights", [[0.2, 0.3, 0.9, 0.1], [1.5, -2.25, 0.75, 0.125]])
@pytest.mark.parametrize("base", [[], [0.2]])
def test_classifiers_of_two_classes_with_one_score(
    transform: str, weights: list[float], base: list[float], rng: np.random.Generator
) -> None:
    attributes = with_weights("class", [0, 0, 0, 0], class_weights=weights)
    attributes |= {"classlabels_int64s": [4, 9], "post_transform": transform}
    attributes |= {"base_values": base} if base else {}

    assert_node("TreeEnsembleClassifier", [features(rng, 20)], attributes, 3, 2, domain=ML)


def test_classifiers_that_score_both_of_two_classes_are_refused(rng: np.random.Generator) -> None:
    attributes = with_weights("class", [0, 1, 1, 0], classlabels_int64s=[4, 9])

    with pytest.raises(UnsupportedOperatorError, match="export weights for class 0 alone"):
        run_node("TreeEnsembleClassifier", [features(rng, 2)], attributes, 3, 2, domain=ML)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes_truenodeids": [9, 2, 0, 0, 0, 0]}, "a node that is not there"),
        ({"nodes_falsenodeids": [4, 1, 0, 0, 0, 0]}, "back to where it came from"),
        ({"nodes_featureids": [5, 2, 0, 0, 0, 0]}, "feature 5 of 3"),
        ({"nodes_values": [0.5]}, "6 nodes with 1 values of threshold"),
        ({"target_nodeids": [0, 3, 4, 0]}, "a node that is no leaf"),
        ({"target_ids": [0, 0, 7, 0]}, "weights for 7 of 1"),
        ({"aggregate_function": "MEDIAN"}, "known are SUM, AVERAGE"),
    ],
)
def test_trees_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    attributes = with_weights("target", [0] * 4, n_targets=1) | changes

    with pytest.raises(ModelError, match=message):
        run_node("TreeEnsembleRegressor", [np.zeros((2, 3), np.float32)], attributes, 3, domain=ML)


def test_every_tree_is_walked_by_the_same_little_code(rng: np.random.Generator) -> None:
    x = features(rng, 8)
    small = edgesite.compile(one_node("TreeEnsembleRegressor", x, forest(rng, 2)))
    large = edgesite.compile(one_node("TreeEnsembleRegressor", x, forest(rng, 200)))

    assert len(large.modules["simd"]) < len(small.modules["simd"]) + 64


def forest(rng: np.random.Generator, trees: int) -> dict[str, Any]:
    """Complete trees of two levels."""
    number = np.arange(trees).repeat(7).tolist()
    leaf = np.arange(trees).repeat(4).tolist()
    return {
        "nodes_treeids": number,
        "nodes_nodeids": [*range(7)] * trees,
        "nodes_featureids": rng.integers(0, 3, 7 * trees).tolist(),
        "nodes_values": rng.uniform(-1, 2, 7 * trees).astype(np.float32).tolist(),
        "nodes_modes": (["BRANCH_LEQ"] * 3 + ["LEAF"] * 4) * trees,
        "nodes_truenodeids": [1, 3, 5, 0, 0, 0, 0] * trees,
        "nodes_falsenodeids": [2, 4, 6, 0, 0, 0, 0] * trees,
        "target_treeids": leaf,
        "target_nodeids": [3, 4, 5, 6] * trees,
        "target_ids": [0] * len(leaf),
        "target_weights": rng.standard_normal(len(leaf)).astype(np.float32).tolist(),
        "n_targets": 1,
    }
