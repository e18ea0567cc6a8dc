"""Small ONNX models, made for the tests of sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Sizes = Sequence[int | str | None]


def classifier(
    shape: Sizes = (1, 3, 8, 8),
    classes: int = 3,
    *,
    dtype: int = TensorProto.FLOAT,
    softmax: bool = False,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """The mean of every channel, times a matrix: a classifier of pictures, channels first."""
    channels = shape[-3]
    assert isinstance(channels, int)
    weights = np.random.default_rng(1).standard_normal((classes, channels)).astype(np.float32)
    nodes = [helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT)]
    nodes += [
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[-2, -1], keepdims=0),
        helper.make_node("Gemm", ["means", "weights"], ["sums"], transB=1),
        helper.make_node("Softmax" if softmax else "Identity", ["sums"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", dtype, list(shape))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [shape[0], classes])],
        [numpy_helper.from_array(weights, "weights")],
    )
    return serialised(graph, metadata)


def flat_classifier(size: int = 32, classes: int = 3) -> bytes:
    """Every pixel times a weight of its own: enough weights to store them in smaller forms."""
    pixels = 3 * size * size
    weights = np.random.default_rng(1).standard_normal((classes, pixels)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["scores"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, classes])],
        [numpy_helper.from_array(weights / pixels, "weights")],
    )
    return serialised(graph)


def graph_of(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Sizes]],
    outputs: Mapping[str, tuple[int, Sizes]],
) -> bytes:
    """A model of these nodes."""
    given, made = (
        [helper.make_tensor_value_info(name, dtype, list(sizes)) for name, (dtype, sizes) in side]
        for side in (inputs.items(), outputs.items())
    )
    return serialised(helper.make_graph(nodes, "graph", given, made))


def serialised(graph: onnx.GraphProto, metadata: dict[str, str] | None = None) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata:
        helper.set_model_props(model, metadata)
    return model.SerializeToString()
