"""Which version a node means, and old nodes in terms of newer ones."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import defs, helper, parser

from edgesite.errors import ModelError, UnsupportedError, UnsupportedOperatorError
from edgesite.frontend import StaticGraph, import_model


def imported(body: str, opset: int, inputs: str = "float[2, 3, 4, 5] x") -> StaticGraph:
    text = f'<ir_version: 3, opset_import: ["": {opset}]> g ({inputs}) => (float y) {{ {body} }}'
    model = parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return import_model(model)


@pytest.mark.parametrize(
    ("opset", "since"), [(7, 1), (10, 1), (11, 11), (12, 11), (13, 13), (22, 13)]
)
def test_nodes_know_since_when_they_mean_what_they_mean(opset: int, since: int) -> None:
    assert imported("y = Softmax(x)", opset).nodes[0].version == since


def test_nodes_of_unknown_domains_have_the_version_of_the_domain() -> None:
    model = parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17, "their.own": 3]>
        g (float[2] x) => (float[2] y) { h = their.own.Op(x)  y = nobodys.Op(h) }
        """
    )

    assert [node.version for node in import_model(model).nodes] == [3, 1]


def test_a_domain_imported_twice_counts_with_its_newest_version() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 12]> g (float[2] x) => (float[2] y) { y = Softmax(x) }'
    )
    model.opset_import.append(helper.make_opsetid("ai.onnx", 13))

    graph = import_model(model)

    assert graph.opsets == {"": 13}
    assert (graph.nodes[0].domain, graph.nodes[0].version) == ("", 13)


def test_newer_opsets_than_known_are_refused() -> None:
    newest = defs.onnx_opset_version()

    message = rf"opset {newest + 1} of domain ai\.onnx is newer than the"
    with pytest.raises(UnsupportedOperatorError, match=message):
        imported("y = Neg(x)", newest + 1)


@pytest.mark.parametrize("opset", [0, 1 << 31])
def test_impossible_opsets_are_refused(opset: int) -> None:
    with pytest.raises(ModelError, match=rf"opset {opset} of domain ai\.onnx does not exist"):
        imported("y = Neg(x)", opset)


@pytest.mark.parametrize("domain", ["", "ai.onnx.ml"])
def test_a_standard_domain_must_be_imported(domain: str) -> None:
    node = helper.make_node("Normalizer" if domain else "Neg", ["x"], ["y"], domain=domain)
    infos = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy"]
    graph = helper.make_graph([node], "g", infos[:1], infos[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("other", 1)])

    with pytest.raises(ModelError, match=r"does not say which opset of ai\.onnx"):
        import_model(model)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("y = Conv(x)", "has 1 inputs, wants 2 to 3"),
        ("y, z = Neg(x)", "has 2 outputs, wants 1"),
        ("y = Neg<alpha = 1.0>(x)", "Unrecognized attribute: alpha for operator Neg"),
        ("y = Flatten<axis = 1.5>(x)", "Mismatched attribute type in 'y : axis'"),
        ("y = Concat(x, x)", "Required attribute 'axis' is missing"),
    ],
)
def test_nodes_that_break_their_definition_are_refused(node: str, message: str) -> None:
    with pytest.raises(ModelError) as error:
        imported(node, 17)

    assert str(error.value).startswith("node y (")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("right", "attributes", "shape"),
    [
        ("[2, 3, 4, 5]", "broadcast = 0", None),
        ("[4, 5]", "broadcast = 1", None),
        ("[5]", "broadcast = 1", None),
        ("[3, 4]", "axis = 1, broadcast = 1", (3, 4, 1)),
        ("[3]", "axis = 1, broadcast = 1", (3, 1, 1)),
        ("[4]", "axis = -2, broadcast = 1", (4, 1)),
        ("[2]", "axis = 0, broadcast = 1", (2, 1, 1, 1)),
        ("[1]", "broadcast = 1", None),
    ],
)
@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul", "Div", "Pow"])
def test_old_broadcasting_becomes_automatic(
    op_type: str, right: str, attributes: str, shape: tuple[int, ...] | None
) -> None:
    inputs = f"float[2, 3, 4, 5] x, float{right} b"

    graph = imported(f"y = {op_type}<{attributes}>(x, b)", 6, inputs)

    *aligned, node = graph.nodes
    assert (node.op_type, node.version, node.attributes) == (op_type, 7, {})
    assert [graph.values[name].shape for entry in aligned for name in entry.outputs] == (
        [shape] if shape else []
    )
    assert graph.outputs[0].shape == (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("old", "version", "attributes"),
    [
        ("y = Relu<consumed_inputs = [0]>(x)", 6, {}),
        ("y = Dropout<is_test = 1, ratio = 0.5>(x)", 7, {"ratio": 0.5}),
        ("y = AveragePool<kernel_shape = [2, 2]>(x)", 7, {"kernel_shape": [2, 2]}),
        (
            'y = Upsample<height_scale = 2.0, width_scale = 3.0, mode = "bilinear">(x)',
            7,
            {"mode": "linear", "scales": [1.0, 1.0, 2.0, 3.0]},
        ),
        ("y = Flatten(x)", 1, {}),
    ],
)
def test_old_operators_lose_obsolete_attributes(
    old: str, version: int, attributes: dict[str, object]
) -> None:
    opset = 5 if "consumed" in old else 6

    (node,) = imported(old, opset).nodes

    assert (node.version, node.attributes) == (version, attributes)


def test_old_gemm_broadcasts_its_bias() -> None:
    inputs = "float[2, 3] x, float[3, 4] b, float[4] c"

    graph = imported("y = Gemm<broadcast = 1, alpha = 0.5>(x, b, c)", 6, inputs)

    assert [(node.version, node.attributes) for node in graph.nodes] == [(7, {"alpha": 0.5})]
    assert graph.outputs[0].shape == (2, 4)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ('y = Cast <to = "INT32"> (x)', ("Cast", {"to": 6})),
        ("y = Concat (x, x)", ("Concat", {"axis": 1})),
        ("y = Concat <axis = 2> (x, x)", ("Concat", {"axis": 2})),
        ("y = GlobalLpPool <p = 3.0> (x)", ("GlobalLpPool", {"p": 3})),
        (
            "y = LpPool <p = 1.0, kernel_shape = [2, 2]> (x)",
            ("LpPool", {"p": 1, "kernel_shape": [2, 2]}),
        ),
        (
            "y = Pad <paddings = [0, 0, 1, 1, 0, 0, 1, 1]> (x)",
            ("Pad", {"pads": [0, 0, 1, 1, 0, 0, 1, 1]}),
        ),
    ],
)
def test_the_oldest_operators_are_spelled_anew(
    node: str, expected: tuple[str, dict[str, object]]
) -> None:
    (made,) = imported(node, 1).nodes

    assert (made.op_type, dict(made.attributes)) == expected


@pytest.mark.parametrize(
    ("body", "operand", "shape"),
    [
        ("y = Reshape <shape = [0, -1]> (x)", [0, -1], (2, 60)),
        (
            "n = Constant <value = float {3.0}> () a = Constant <value = float {2.0}> () "
            "y = Tile (x, n, a)",
            [1, 1, 3, 1],
            (2, 3, 12, 5),
        ),
    ],
)
def test_operands_that_were_attributes_become_constants(
    body: str, operand: list[int], shape: tuple[int, ...]
) -> None:
    graph = imported(body, 1)

    (node,) = graph.nodes
    assert graph.constants[node.inputs[1]].tolist() == operand
    assert graph.outputs[0].shape == shape


def test_split_sizes_that_were_an_operand_become_an_attribute() -> None:
    body = "s = Constant <value = float[2] {1.0, 2.0}> () y, z = Split <axis = 1> (x, s)"

    (node,) = imported(body, 1).nodes

    assert dict(node.attributes) == {"axis": 1, "split": [1, 2]}
    assert node.inputs == ("x",)


@pytest.mark.parametrize(
    ("body", "inputs", "message"),
    [
        ("y = GlobalLpPool <p = 2.5> (x)", "float[1, 2, 3, 4] x", "norm of order 2.5"),
        ("y = Tile (x, n, a)", "float[2] x, float n, float a", "is not a constant"),
        ('y = Cast <to = "NUMBER"> (x)', "float[2] x", "'NUMBER', which is no type"),
    ],
)
def test_old_nodes_without_a_newer_spelling_are_refused(
    body: str, inputs: str, message: str
) -> None:
    with pytest.raises((UnsupportedError, ModelError), match=message):
        imported(body, 1, inputs)


def test_ranges_of_vectors_are_ranges_of_scalars() -> None:
    body = "z = Constant<value = int64[1] {0}>() o = Constant<value = int64[1] {1}>() "

    graph = imported(body + "y = Range(z, n, o)", 17, "int64[1] n")

    assert [node.op_type for node in graph.nodes] == ["Squeeze", "Range"]
    assert [np.ndim(graph.constants[name]) for name in graph.constants] == [0, 0]


def test_an_operator_newer_than_the_file_is_refused() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 8]> g (float[2] x) => (bool[2] y) { y = IsNaN(x) }'
    )

    with pytest.raises(ModelError, match=r"opset 8 has no such operator, which version \d+ of"):
        import_model(model)
