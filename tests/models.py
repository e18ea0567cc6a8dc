"""Small ONNX models for tests, and what onnxruntime answers on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import edgesite
from edgesite.compiler import arrange, optimise
from edgesite.express import express
from edgesite.frontend import import_model
from edgesite.passes.layout import Arranged
from edgesite.targets.artifacts import TARGETS
from edgesite.targets.manifest import Manifest, TensorInfo

OPSET = 21

TRAINED = [
    "cifar10-small-cnn",
    "deeplabv3-mobilenet-257",
    "dtln-1",
    "dtln-2",
    "fastestdet-352",
    "lgbm-regressor-tensor",
    "linear-classifier-14",
    "logreg-iris-zipmap",
    "magika-standard-v3_3",
    "mnist-8",
    "mnist-mlp-batchnorm",
    "ppocr-cls-mobilenetv3",
    "rf-iris-25",
    "sci-lowlight-240x320",
    "silero-vad-16k-op15",
    "superres-x3",
    "ultraface-slim-320",
    "ultraface-slim-320-int8-qdq",
    "xgb-regressor-13",
]
"""The trained models of others that lie beside the repository."""

Array = np.ndarray[Any, Any]


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Array],
    outputs: Sequence[str],
    weights: Mapping[str, Array] | None = None,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """A model of nodes, whose inputs are like the arrays given."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    for value in graph.output:
        value.ClearField("type")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def arranged(model: onnx.ModelProto) -> Arranged:
    """The program of a model, as kernels are chosen for it."""
    return arrange(optimise(express(import_model(model))))


def partial_manifest(
    inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo] = (), **parts: Any
) -> Manifest:
    """A manifest of what a test is about, for code that reads nothing else."""
    return Manifest.model_construct(inputs=tuple(inputs), outputs=tuple(outputs), **parts)


def answers_of(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """What onnxruntime computes, its graph taken literally."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, ["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def assert_answers_alike(
    model: onnx.ModelProto, feeds: Mapping[str, Array], tolerance: float = 1e-5
) -> edgesite.CompiledModel:
    """Both modules answer as onnxruntime does, relative to the largest answer."""
    compiled = edgesite.compile(model)
    expected = answers_of(model, feeds)
    for target in TARGETS:
        got = compiled.run(feeds, target=target)
        for name, array in expected.items():
            assert got[name].shape == array.shape
            assert got[name].dtype == array.dtype
            scale = max(1.0, float(np.abs(array).max(initial=0)))
            np.testing.assert_allclose(got[name], array, rtol=tolerance, atol=tolerance * scale)
    return compiled


def assert_threads_alike(
    compiled: edgesite.CompiledModel, feeds: Mapping[str, Array], counts: Sequence[int] = (2, 3, 5)
) -> None:
    """One thread and several give the same bytes, time after time."""
    assert compiled.manifest.threads is not None
    for target in TARGETS:
        alone = compiled.run(feeds, target=target)
        for threads in counts:
            for _ in range(2):
                together = compiled.run(feeds, target=target, threads=threads)
                for name, array in alone.items():
                    np.testing.assert_array_equal(
                        together[name].view(np.uint8), array.view(np.uint8)
                    )
