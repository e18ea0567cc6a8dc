from __future__ import annotations

import numpy as np
import onnx
from onnx import parser

from edgesite.frontend import import_model


def parse(text: str) -> onnx.ModelProto:
    return parser.parse_model(text)


def test_weights_are_constants_and_sizes_are_numbers() -> None:
    model = parse(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[batch, 2] x) => (float[batch, 3] y)
        <float[2, 3] w = {1, 2, 3, 4, 5, 6}> { y = MatMul(x, w) }
        """
    )

    graph = import_model(model)

    assert graph.inputs[0].shape == (1, 2)
    assert graph.outputs[0].shape == (1, 3)
    np.testing.assert_array_equal(graph.constants["w"], [[1, 2, 3], [4, 5, 6]])
    assert [(node.op_type, node.version, node.inputs) for node in graph.nodes] == [
        ("MatMul", 13, ("x", "w"))
    ]


def test_shape_arithmetic_vanishes() -> None:
    model = parse(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[N, 2, 3] x) => (float[N, M] y) {
            shape = Shape(x)
            zero = Constant<value_int = 0>()
            n = Gather<axis = 0>(shape, zero)
            axes = Constant<value_ints = [0]>()
            first = Unsqueeze(n, axes)
            rest = Constant<value = int64[1] {-1}>()
            target = Concat<axis = 0>(first, rest)
            y = Reshape(x, target)
        }
        """
    )

    graph = import_model(model, shapes={"N": 5})

    assert [node.op_type for node in graph.nodes] == ["Reshape"]
    assert graph.constants["target"].tolist() == [5, -1]
    assert graph.outputs[0].shape == (5, 6)
