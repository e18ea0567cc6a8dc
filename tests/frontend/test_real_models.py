"""Trained models of others: they import, with the shapes and the answers of onnxruntime."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from tests.frontend.reassembly import reassembled
from tests.models import TRAINED

from edgesite.frontend import import_model

# Regressors and normalisers of ai.onnx.ml, whose outputs onnx does not infer.
UNKNOWN = {"xgb-regressor-13", "linear-classifier-14", "logreg-iris-zipmap"}


def facts_of(models: Path, name: str) -> dict[str, Any]:
    index = json.loads((models / "index.json").read_text())
    return next(entry for entry in index if entry["name"] == name)


@pytest.mark.parametrize("name", TRAINED)
def test_real_models_import_with_their_shapes(models: Path, name: str) -> None:
    facts = facts_of(models, name)

    for case in facts["cases"].values():
        graph = import_model(models / facts["file"], shapes=case["in_shapes"])

        assert {v.name: list(v.shape) for v in graph.inputs} == case["in_shapes"]
        if name not in UNKNOWN:
            outputs = {v.name: list(v.shape or ()) for v in graph.outputs}
            assert outputs == case["out_shapes"]
            assert all(n in graph.values for node in graph.nodes for n in node.outputs if n)


@pytest.mark.parametrize("name", TRAINED)
def test_real_models_keep_their_meaning(models: Path, name: str) -> None:
    facts = facts_of(models, name)
    reference = np.load(models / facts["file"].replace(".onnx", ".ref.npz"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3

    for label, case in facts["cases"].items():
        feeds = {n: reference[f"{label}_in_{i}"] for i, n in enumerate(case["in_order"])}
        graph = import_model(models / facts["file"], shapes=case["in_shapes"])
        model = reassembled(graph).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        answers = session.run([value.name for value in graph.outputs], feeds)

        assert [value.name for value in graph.outputs] == case["out_order"]
        for i, answer in enumerate(answers):
            expected = reference[f"{label}_out_{i}"]
            # Twice what onnxruntime differs from itself with its optimisations off.
            tolerance = 1e-5 * case["max_abs_output"] + 2 * case["max_abs_diff_ort_optimised"]
            np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=tolerance)


def test_shape_arithmetic_of_real_models_vanishes(models: Path) -> None:
    graph = import_model(models / "magika-standard-v3_3.onnx")

    kinds = {node.op_type for node in graph.nodes}
    assert kinds.isdisjoint({"Shape", "Gather", "ConstantOfShape", "Constant"})


def test_a_fixed_sample_rate_chooses_the_branch(models: Path) -> None:
    graph = import_model(
        models / "silero-vad-16k-op15.onnx",
        shapes={"sequence": 576},
        constants={"sr": 16000},
    )

    assert [value.name for value in graph.inputs] == ["input", "state"]
    assert "If" not in {node.op_type for node in graph.nodes}


def test_a_model_of_100_megabytes_imports_within_two_seconds(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    onnx.save(layers([(512, 512, 3, 3)] * 11), path)

    started = time.process_time()
    graph = import_model(path)
    elapsed = time.process_time() - started

    assert sum(array.nbytes for array in graph.constants.values()) > 100e6
    assert elapsed < 2


def layers(shapes: Sequence[tuple[int, ...]]) -> onnx.ModelProto:
    """A chain of convolutions with weights of the given shapes."""
    weights = [
        onnx.numpy_helper.from_array(np.full(shape, i, np.float32), f"w{i}")
        for i, shape in enumerate(shapes)
    ]
    nodes = [
        helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"x{i + 1}"], pads=[1] * 4)
        for i in range(len(shapes))
    ]
    first = helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["N", shapes[0][1], 8, 8])
    last = helper.make_tensor_value_info(f"x{len(shapes)}", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "layers", [first], [last], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
