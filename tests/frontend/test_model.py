"""The whole path: what comes out of a model, and everything that is wrong with one."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from onnx import helper, parser

from edgesite.errors import EdgesiteError, ModelError, ProblemsError
from edgesite.frontend import StaticNode, ValueInfo, import_model


def parse(text: str, imports: str = '"": 17') -> onnx.ModelProto:
    return parser.parse_model(f"<ir_version: 8, opset_import: [{imports}]> {text}")


CHAIN = """
    g (float[2, 3] x) => (float[2, 3] e)
    { a = Neg(x)  b = Abs(a)  c = Add(a, b)  d = Mul(c, x)  e = Sub(d, b) }
"""


def test_nodes_come_in_an_order_in_which_they_can_run() -> None:
    model = parse(CHAIN)
    for seed in range(20):
        nodes = list(model.graph.node)
        random.Random(seed).shuffle(nodes)
        shuffled = onnx.ModelProto()
        shuffled.CopyFrom(model)
        del shuffled.graph.node[:]
        shuffled.graph.node.extend(nodes)

        made = {"x"}
        for node in import_model(shuffled).nodes:
            assert made.issuperset(node.inputs)
            made.update(node.outputs)
        assert made == {"x", "a", "b", "c", "d", "e"}


def test_sorted_nodes_stay_as_they_are() -> None:
    assert [node.outputs for node in import_model(parse(CHAIN)).nodes] == [
        ("a",), ("b",), ("c",), ("d",), ("e",),
    ]  # fmt: skip


def test_nodes_in_a_circle_are_refused() -> None:
    model = parse(CHAIN)
    model.graph.node[0].input[0] = "d"

    with pytest.raises(ModelError, match=r"nodes wait for each other in a circle \("):
        import_model(model)


def test_what_no_output_depends_on_is_left_out() -> None:
    text = """
        g (float[2] x, float[3] unused) => (float[2] y)
        <float[2] w = {1, 2}, float[2] v = {3, 4}>
        { y = Add(x, w)  h = Add(x, v)  i = Neg(h) }
    """
    graph = import_model(parse(text))

    assert [node.op_type for node in graph.nodes] == ["Add"]
    assert set(graph.constants) == {"w"}
    assert set(graph.values) == {"x", "unused", "w", "y"}
    assert [value.name for value in graph.inputs] == ["x", "unused"]


def test_unread_outputs_lose_their_name_and_keep_their_place() -> None:
    text = "g (float[2, 6] x) => (float[2, 2] y) { a, y, b = Split<axis = 1>(x) }"

    assert import_model(parse(text, '"": 11')).nodes[0].outputs == ("", "y", "")


def test_omitted_inputs_are_empty_and_trailing_ones_are_gone() -> None:
    text = """
        g (float[2] x, float high) => (float[2] y, float[2] z)
        { y = Clip(x, , high)  z = Clip(x, , ) }
    """
    graph = import_model(parse(text))

    assert [node.inputs for node in graph.nodes] == [("x", "", "high"), ("x",)]


def test_initializers_listed_as_inputs_are_no_inputs() -> None:
    text = "g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"

    graph = import_model(parse(text))

    assert [value.name for value in graph.inputs] == ["x"]
    assert graph.constants["w"].tolist() == [1, 2]


def test_outputs_may_be_inputs_or_constants() -> None:
    text = "g (float[2] x) => (float[2] x, float[2] w) <float[2] w = {1, 2}> { y = Neg(x) }"

    graph = import_model(parse(text))

    assert graph.nodes == ()
    assert [value.shape for value in graph.outputs] == [(2,), (2,)]
    assert graph.constants["w"].tolist() == [1, 2]


def test_attributes_are_python_values() -> None:
    array = np.array([1.5, 2.5], np.float32)
    node = helper.make_node(
        "Op", ["x"], ["y"], "n", domain="their.own",
        i=3, f=0.5, s="text", ints=[1, 2], floats=[0.5], strings=["a", "b"],
        t=onnx.numpy_helper.from_array(array),
    )  # fmt: skip
    infos = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy"]

    graph = import_model(helper.make_model(helper.make_graph([node], "g", infos[:1], infos[1:])))

    attributes = dict(graph.nodes[0].attributes)
    np.testing.assert_array_equal(attributes.pop("t"), array)
    assert attributes == {
        "i": 3, "f": 0.5, "s": "text", "ints": [1, 2], "floats": [0.5], "strings": ["a", "b"],
    }  # fmt: skip


def test_nodes_print_as_messages_call_them() -> None:
    text = 'g (float[2] x) => (float[2] y) { ["/head/Neg"] h = Neg(x)  y = Softmax(h) }'

    assert [str(node) for node in import_model(parse(text)).nodes] == [
        "/head/Neg (Neg, ai.onnx version 13)",
        "y (Softmax, ai.onnx version 13)",
    ]


def test_unknown_operators_have_the_type_that_the_file_declares() -> None:
    text = """
        g (float[batch, 3] x) => (int64[1] y) <float[batch, 6] h> {
            h = com.microsoft.Widen(x)
            s = Shape(h)
            one = Constant<value_ints = [1]>()
            y = Gather(s, one)
        }
    """
    graph = import_model(parse(text, '"": 17, "com.microsoft": 1'), shapes={"batch": 2})

    assert graph.nodes == ()
    assert graph.constants["y"].tolist() == [6]


def test_types_that_onnx_does_not_know_can_be_told() -> None:
    text = """
        g (float[2, 3] x) => (int64[2] y)
        { n = Constant<value_ints = [2]>()  h = their.own.Widen(x, n)  y = Shape(h) }
    """

    def derive(
        node: StaticNode, values: Mapping[str, ValueInfo], constants: Mapping[str, np.ndarray]
    ) -> Sequence[ValueInfo | None]:
        rows, columns = values[node.inputs[0]].shape
        factor = int(constants[node.inputs[1]][0])
        return [ValueInfo(node.outputs[0], np.dtype(np.float32), (rows, columns * factor))]

    graph = import_model(parse(text, '"": 17, "their.own": 1'), derive=derive)

    assert graph.constants["y"].tolist() == [2, 6]


def test_zip_maps_are_passed_through() -> None:
    text = """
        g (float[N, 3] x) => (float[N, 3] y)
        { y = ai.onnx.ml.ZipMap<classlabels_int64s = [1, 2, 3]>(x) }
    """
    graph = import_model(parse(text, '"ai.onnx.ml": 1'))

    assert [(node.op_type, node.domain) for node in graph.nodes] == [("Identity", "")]
    assert graph.outputs[0].shape == (1, 3)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("y = Add(x, ghost)", "node y (Add): reads ghost, which nothing makes"),
        ("z = Neg(x)", "outputs: reads y, which nothing makes"),
        ("y = Neg(x)  y = Abs(x)", "node y (Abs): value y is made twice"),
        ("x = Constant<value_float = 1.0>()  y = Neg(x)", "node x (Constant): value x is made"),
    ],
)
def test_names_that_mean_nothing_or_two_things_are_refused(body: str, sentence: str) -> None:
    with pytest.raises(ModelError) as error:
        import_model(parse(f"g (float[2] x) => (float[2] y) {{ {body} }}"))

    assert sentence in str(error.value)


def test_all_problems_are_reported_at_once() -> None:
    text = """
        g (float[2, 3] x) => (float[2] y) {
            ["first"] a = MatMul(x, x)
            ["second"] b = Add(x, ghost)
            ["third"] c = Conv(a, b)
            ["fourth"] y = Concat(c, a)
        }
    """
    with pytest.raises(ProblemsError) as error:
        import_model(parse(text))

    assert [str(problem).split(":")[0] for problem in error.value.problems] == [
        "node first (MatMul)",
        "node second (Add)",
        "node fourth (Concat)",
    ]


def test_the_model_given_is_not_changed() -> None:
    model = parse(CHAIN)
    before = model.SerializeToString()

    import_model(model)

    assert model.SerializeToString() == before


MUTANTS = [
    "g (float[2, 3, 4] x, int64[1] n) => (float[A] y, float[B, C] z) <float[4, 5] w = {1, 2}> "
    "{ s = Shape(x)  c = Constant<value_ints = [1]>()  d = Gather(s, c)  e = Reshape(x, d) "
    "y = Relu(e)  r = Range(c, n, c)  z = MatMul(x, w) }",
    "g (float[2] x, bool c) => (float[2] y) { y = If(c) < then_branch = a () => (float[2] p) "
    "{ p = Neg(x) }, else_branch = b () => (float[2] q) { q = Expand(x, x) } > }",
]


@pytest.mark.parametrize("seed", range(40))
def test_damaged_models_are_refused_or_imported_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        data = bytearray(parse(rng.choice(MUTANTS)).SerializeToString())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)

        with contextlib.suppress(EdgesiteError):
            assert import_model(bytes(data)).outputs


def test_attributes_of_no_kind_are_refused() -> None:
    node = helper.make_node("Op", ["x"], ["y"], domain="their.own", alpha=1)
    node.attribute[0].type = onnx.AttributeProto.UNDEFINED
    infos = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy"]

    with pytest.raises(ModelError, match="attribute alpha: is of kind 0, which cannot be read"):
        import_model(helper.make_model(helper.make_graph([node], "g", infos[:1], infos[1:])))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            "bool",
            r"node y \(MaxPool\): input x is tensor\(bool\), where .*tensor\(uint8\) is needed",
        ),
        ("uint8", ""),
    ],
)
def test_element_types_are_those_that_the_operator_takes(kind: str, sentence: str) -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 18]>'
        f"g ({kind}[1, 1, 4, 4] x) => (y) {{ y = MaxPool <kernel_shape = [2, 2]> (x) }}"
    )

    with pytest.raises(ModelError, match=sentence) if sentence else contextlib.nullcontext():
        import_model(model)


def test_operands_that_must_be_of_one_type_are() -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 18]>g (float[2] x, int64[2] i) => (y) { y = Add(x, i) }'
    )

    with pytest.raises(ModelError, match=r"input i is tensor\(int64\), where tensor\(float\)"):
        import_model(model)


@pytest.mark.parametrize("axis", [3, -4, 1 << 31, -(1 << 63)])
def test_axes_that_are_none_are_refused(axis: int) -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 18]>'
        "g (float[3, 4] x, float[4] w) => (y)"
        f"{{ y = LayerNormalization <axis = {axis}> (x, w) }}"
    )

    with pytest.raises(ModelError, match=rf"axis {axis} is none of the 2 axes of x; export"):
        import_model(model)


def test_more_parts_than_outputs_are_refused_before_they_are_listed() -> None:
    model = parse(
        "g (float[4] x) => (a, b) { a, b = Split <num_outputs = 2147483647> (x) }", '"": 18'
    )

    with pytest.raises(ModelError, match="num_outputs is 2147483647, and there are 2 outputs"):
        import_model(model)
