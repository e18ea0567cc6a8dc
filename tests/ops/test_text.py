"""Strings inside of compiled models: moved and compared, as onnxruntime does."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import edgesite
from edgesite.errors import UnsupportedTypeError
from edgesite.ir import Builder, DType, elementwise
from tests.ops.interpreter import Array
from tests.ops.oracle import assert_node

ML = "ai.onnx.ml"
WORDS = np.array([["b"], ["unheard of"], ["a"], ["b"], [""]], object)


def one_node(
    op_type: str, inputs: list[Array], domain: str = "", opset: int = 21, **attributes: Any
) -> bytes:
    """A model of one node, whose outputs onnxruntime finds out the types of."""
    names = [f"x{k}" for k in range(len(inputs))]
    node = helper.make_node(op_type, names, ["y"], domain=domain, **attributes)
    declared = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in zip(names, inputs, strict=True)
    ]
    graph = helper.make_graph([node], op_type, declared, [onnx.ValueInfoProto(name="y")])
    opsets = [
        helper.make_opsetid("", 21),
        *([helper.make_opsetid(domain, opset)] if domain else []),
    ]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


@pytest.mark.parametrize(
    ("op_type", "inputs", "options"),
    [
        ("Equal", [WORDS, WORDS[::-1].copy()], {}),
        ("Equal", [WORDS, np.array("b", object)], {}),
        ("Identity", [WORDS], {}),
        ("Transpose", [WORDS], {}),
        ("Concat", [WORDS, WORDS], {"axis": 1}),
        ("OneHotEncoder", [WORDS], {"domain": ML, "opset": 1, "cats_strings": ["a", "b"]}),
        (
            "LabelEncoder",
            [WORDS],
            {"domain": ML, "opset": 2, "keys_strings": ["a", "b"], "values_int64s": [7, 9]},
        ),
        (
            "LabelEncoder",
            [WORDS],
            {"domain": ML, "opset": 2, "keys_strings": ["a", "b"], "values_strings": ["A", "b"]},
        ),
        (
            "LabelEncoder",
            [np.array([3, 4, 5], np.int64)],
            {"domain": ML, "opset": 2, "keys_int64s": [5, 3], "values_strings": ["A", "b"]},
        ),
        ("LabelEncoder", [WORDS], {"domain": ML, "opset": 1, "classes_strings": ["b", "a"]}),
        (
            "CategoryMapper",
            [WORDS],
            {"domain": ML, "opset": 1, "cats_strings": ["b", "a"], "cats_int64s": [4, 2]},
        ),
    ],
)
def test_strings_are_moved_and_compared(
    op_type: str, inputs: list[Array], options: dict[str, Any]
) -> None:
    model = one_node(op_type, inputs, **options)
    feeds = {f"x{k}": array for k, array in enumerate(inputs)}
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, feeds)

    y = edgesite.compile(model).run(feeds)["y"]

    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)


def test_labels_that_are_words() -> None:
    x = np.array([[1.0, -1.0], [-2.0, 0.5]], np.float32)
    node = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "scores"],
        domain=ML,
        coefficients=[1.0, 0.0, 0.0, 1.0],
        intercepts=[0.0, 0.0],
        classlabels_strings=["cat", "dog"],
    )
    graph = helper.make_graph(
        [node],
        "words",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])],
        [helper.make_tensor_value_info("label", TensorProto.STRING, [2])],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(ML, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)

    compiled = edgesite.compile(model)

    assert compiled.run({"x": x})["label"].tolist() == ["cat", "dog"]
    assert {"cat", "dog"} <= {*compiled.manifest.strings}


def test_arithmetic_of_strings_is_refused() -> None:
    x = Builder().input("x", (3,), DType.STRING)

    with pytest.raises(UnsupportedTypeError, match="text is moved and compared"):
        elementwise(lambda e: e < e, x)


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize("skips", [0, 1, 5, 8, 1000])
@pytest.mark.parametrize(("least", "most"), [(1, 1), (2, 2), (1, 3)])
@pytest.mark.parametrize("shape", [(12,), (2, 9), (1, 2)])
def test_counting_groups_of_words(
    shape: tuple[int, ...],
    least: int,
    most: int,
    skips: int,
    mode: str,
    rng: np.random.Generator,
) -> None:
    attributes = {
        "min_gram_length": least,
        "max_gram_length": most,
        "max_skip_count": skips,
        "mode": mode,
        "ngram_counts": [0, 3, 9],
        "ngram_indexes": [2, 0, 3, 1, 6, 4, 5],
        "pool_int64s": [2, 3, 4, 2, 3, 3, 3, 4, 2, 2, 3, 4],
        "weights": [0.5, 2.0, 1.5, 3.0, 0.25, 1.25, 0.75],
    }

    assert_node("TfIdfVectorizer", [rng.integers(2, 6, shape)], attributes)


@pytest.mark.parametrize("shape", [(9,), (2, 9)])
def test_counting_groups_of_strings(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    words = rng.choice(np.array(["a", "b", "c"], object), shape)
    options: dict[str, Any] = {
        "min_gram_length": 1,
        "max_gram_length": 2,
        "max_skip_count": 1,
        "mode": "TF",
        "ngram_counts": [0, 2],
        "ngram_indexes": [0, 1, 2],
        "pool_strings": ["a", "b", "a", "b"],
    }
    model = one_node("TfIdfVectorizer", [words], **options)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    y = edgesite.compile(model).run({"x0": words})["y"]

    np.testing.assert_array_equal(y, session.run(None, {"x0": words})[0])
