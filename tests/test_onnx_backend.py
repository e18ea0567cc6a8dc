"""The compiler behind ONNX's own interface: sizes and shapes learned from the first run."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgesite.errors import UnsupportedError
from edgesite.onnx_backend import EdgesiteBackend
from tests.models import model_of

X = np.arange(6, dtype=np.float32).reshape(2, 3)
SHAPE = np.array([3, 2], np.int64)


def test_a_model_runs_with_the_shapes_it_is_given() -> None:
    model = model_of([helper.make_node("Neg", ["x"], ["y"])], {"x": X}, ["y"])
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "n"
    prepared = EdgesiteBackend.prepare(model)

    for rows in (X, X[:1]):
        (answer,) = prepared.run([rows])

        np.testing.assert_array_equal(answer, -rows)


def test_operands_that_decide_shapes_are_learned_from_the_run() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    prepared = EdgesiteBackend.prepare(model_of(nodes, {"x": X, "shape": SHAPE}, ["y"]))

    for shape in (SHAPE, SHAPE[::-1]):
        (answer,) = prepared.run([X, shape])

        np.testing.assert_array_equal(answer, X.reshape(shape))


def test_outputs_come_in_the_order_of_the_graph() -> None:
    nodes = [helper.make_node("Neg", ["x"], ["b"]), helper.make_node("Abs", ["b"], ["a"])]

    answers = EdgesiteBackend.run_model(model_of(nodes, {"x": X}, ["b", "a"]), [X])

    np.testing.assert_array_equal(answers, [-X, X])


@pytest.mark.parametrize("value", [None, {"a": X}])
def test_maps_and_optionals_that_are_not_there_are_refused(value: object) -> None:
    model = model_of([helper.make_node("Neg", ["x"], ["y"])], {"x": X}, ["y"])

    with pytest.raises(UnsupportedError):
        EdgesiteBackend.run_model(model, [value])


def test_the_only_device_is_the_cpu() -> None:
    assert EdgesiteBackend.supports_device("CPU")
    assert not EdgesiteBackend.supports_device("CUDA")
