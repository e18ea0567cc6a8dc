"""Operators replaced by what they are made of."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator
from tests.frontend.reassembly import reassembled
from tests.models import Array

from edgesite.errors import ModelError, ProblemsError, UnsupportedError
from edgesite.frontend import StaticGraph, StaticNode, import_model

PRIMITIVE = {"Add", "Mul", "Sub", "Div", "Exp", "Sqrt", "ReduceMax", "ReduceSum", "ReduceMean"}


def supported(domain: str, op_type: str) -> bool:
    return not domain and op_type in PRIMITIVE


def kinds(graph: StaticGraph) -> list[str]:
    return [node.op_type for node in graph.nodes]


LOCAL = """
    <ir_version: 9, opset_import: ["": 18, "my": 1]>
    g (float[2, 3] x) => (float[2, 3] y, float[2, 3] z) {
        y = my.Twice<by = 3.0>(x)
        z = my.Twice(y)
    }
    <opset_import: ["": 13, "my": 1], domain: "my">
    Twice<by: float = 2.0>(a) => (b) {
        factor = Constant<value_float: float = @by>()
        h = my.Once(a, factor)
        b = my.Once(h, factor)
    }
    <opset_import: ["": 13], domain: "my">
    Once(a, f) => (b) { h = Mul(a, f)  b = Identity(h) }
"""


def answers_of(model: onnx.ModelProto, feeds: dict[str, Array]) -> list[Array]:
    """What onnx's own evaluator makes of a model."""
    return [np.asarray(array) for array in ReferenceEvaluator(model).run(None, feeds)]


def test_functions_of_the_model_are_inlined() -> None:
    graph = import_model(parser.parse_model(LOCAL))

    assert kinds(graph) == ["Mul", "Identity"] * 4
    assert {node.version for node in graph.nodes} == {13}
    assert {value.shape for value in graph.values.values()} == {(), (2, 3)}


def test_inlined_functions_compute_the_same(rng: np.random.Generator) -> None:
    model = parser.parse_model(LOCAL)
    x = rng.standard_normal((2, 3), dtype=np.float32)

    actual = answers_of(reassembled(import_model(model)), {"x": x})

    np.testing.assert_allclose(actual, [x * 9, x * 36], rtol=1e-6)


def test_names_of_function_bodies_are_unique_and_say_where_they_are_from() -> None:
    graph = import_model(parser.parse_model(LOCAL))
    made = [name for node in graph.nodes for name in node.outputs]

    assert len(set(made)) == len(made)
    assert made == ["y/h/h", "y/h", "y/b/h", "y", "z/h/h", "z/h", "z/b/h", "z"]


def test_a_function_that_calls_itself_is_refused() -> None:
    model = parser.parse_model(
        """
        <ir_version: 9, opset_import: ["": 18, "my": 1]>
        g (float[2] x) => (float[2] y) { y = my.A(x) }
        <opset_import: ["my": 1], domain: "my"> A(a) => (b) { b = my.B(a) }
        <opset_import: ["my": 1], domain: "my"> B(a) => (b) { b = my.A(a) }
        """
    )

    with pytest.raises(ModelError, match="the function calls itself; export the model again"):
        import_model(model)


def test_functions_that_multiply_without_end_are_refused() -> None:
    levels = 20
    text = '<ir_version: 9, opset_import: ["": 18, "my": 1]>\n'
    text += "g (float[2] x) => (float[2] y) { y = my.F0(x) }\n"
    for level in range(levels):
        callee = f"my.F{level + 1}" if level + 1 < levels else "Neg"
        text += f'<opset_import: ["": 18, "my": 1], domain: "my"> F{level}(a) => (b) '
        text += f"{{ h = {callee}(a)  b = {callee}(h) }}\n"

    with pytest.raises(UnsupportedError, match="has more than 20000 nodes; split the model"):
        import_model(parser.parse_model(text))


def test_omitted_inputs_and_outputs_of_a_call_stay_omitted() -> None:
    model = parser.parse_model(
        """
        <ir_version: 9, opset_import: ["": 18, "my": 1]>
        g (float[2] x) => (float[2] z) { , z = my.Both(x) }
        <opset_import: ["": 18], domain: "my">
        Both(a, low) => (b, c) { b = Neg(a)  c = Clip(a, low) }
        """
    )

    graph = import_model(model)

    assert [(node.op_type, node.inputs) for node in graph.nodes] == [("Clip", ("x",))]


@pytest.mark.parametrize(
    ("call", "inputs"),
    [
        ("y = Softmax<axis = -1>(x)", "float[2, 3] x"),
        ("y = LogSoftmax(x)", "float[2, 3] x"),
        ("y = MeanVarianceNormalization<axes = [0]>(x)", "float[2, 3] x"),
        ("y = ReduceLogSumExp(x)", "float[2, 3] x"),
        ("y = Gelu(x)", "float[2, 3] x"),
        ("y = Softplus(x)", "float[2, 3] x"),
        ("y = HardSwish(x)", "float[2, 3] x"),
        ("y = LayerNormalization(x, s)", "float[2, 3] x, float[3] s"),
    ],
)
def test_unsupported_operators_are_replaced_by_their_bodies(
    call: str, inputs: str, rng: np.random.Generator
) -> None:
    text = f'<ir_version: 9, opset_import: ["": 20]> g ({inputs}) => (float y) {{ {call} }}'
    model = parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    feeds = {
        value.name: rng.standard_normal(
            [dim.dim_value for dim in value.type.tensor_type.shape.dim], dtype=np.float32
        )
        for value in model.graph.input
    }

    graph = import_model(model, supported=supported)

    assert call.split("= ")[1].split("(")[0].split("<")[0] not in kinds(graph)
    actual = answers_of(reassembled(graph), feeds)
    expected = answers_of(model, feeds)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_supported_operators_are_kept_whole() -> None:
    model = parser.parse_model(
        """
        <ir_version: 9, opset_import: ["": 20]>
        g (float[2, 3] x) => (float[2, 3] y) { h = Softmax(x)  y = Gelu(h) }
        """
    )

    graph = import_model(model, supported=lambda _, op_type: op_type == "Softmax")

    assert kinds(graph)[0] == "Softmax"
    assert "Gelu" not in kinds(graph)


def test_functions_of_the_model_go_before_operators_of_the_same_name() -> None:
    model = parser.parse_model(
        """
        <ir_version: 9, opset_import: ["": 18, "com.microsoft": 1]>
        g (float[2] x) => (float[2] y) { y = com.microsoft.Gelu(x) }
        <opset_import: ["": 18], domain: "com.microsoft"> Gelu(a) => (b) { b = Neg(a) }
        """
    )

    assert kinds(import_model(model, supported=lambda *_: True)) == ["Neg"]


def test_every_node_without_a_meaning_is_listed_with_what_else_is_wrong() -> None:
    model = parser.parse_model(
        """
        <ir_version: 9, opset_import: ["": 18, "com.example": 1]>
        g (float[2, 3] x, bool c) => (float[2, 3] y) {
            ["/det"] h = com.example.Secret(x)
            ["/bad"] z = Reshape(x, w)
            ["/if"] y = If(c) <
                then_branch = a () => (float[2, 3] p) { ["/inner"] p = Foo(h) },
                else_branch = b () => (float[2, 3] q) { q = Add(h, x) }
            >
        }
        """
    )

    def missing(node: StaticNode) -> str | None:
        return "no" if node.op_type in ("Secret", "Foo") else None

    with pytest.raises(ProblemsError) as error:
        import_model(model, missing=missing)

    assert str(error.value).splitlines() == [
        "node /bad (Reshape): reads w, which nothing makes; the file is damaged, export it again",
        "node /det (Secret, com.example version 1): no",
        "node /inner (Foo, ai.onnx version 18): no",
    ]
