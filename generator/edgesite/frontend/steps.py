"""How coarse the outputs of a quantised model are."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import numpy_helper

from edgesite.frontend.load import load

_QUANTISING = frozenset({"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"})


def steps_of_outputs(model: str | Path | bytes | onnx.ModelProto) -> dict[str, float] | None:
    """The distance between neighbouring numbers, by output, where it is known to be one.

    It is the scale of an output that was dequantised; 1 for bytes. None for a model in
    which nothing is rounded to integers.
    """
    graph = load(model).proto.graph
    if not any(node.op_type in _QUANTISING for node in graph.node):
        return None
    makers = {name: node for node in graph.node for name in node.output}
    constants = {each.name: each for each in graph.initializer}
    steps: dict[str, float] = {}
    for output in graph.output:
        maker = makers.get(output.name)
        if output.type.tensor_type.elem_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8):
            steps[output.name] = 1.0
        elif maker is not None and maker.op_type == "DequantizeLinear":
            scale = constants.get(maker.input[1])
            if scale is not None:
                steps[output.name] = float(abs(numpy_helper.to_array(scale)).max())
    return steps
