"""What is evaluated at import, and what had better stay a node."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from numpy.typing import DTypeLike
from onnx import TensorProto, helper, parser

from edgesite.errors import ModelError
from edgesite.frontend import StaticGraph, import_model


def imported(body: str, inputs: str = "float[1] x", opset: int = 17) -> StaticGraph:
    """A graph whose only output is y, of a type that the file leaves open."""
    text = f'<ir_version: 8, opset_import: ["": {opset}]> g ({inputs}) => (float y) {{ {body} }}'
    model = parser.parse_model(text)
    model.graph.output[0].type.Clear()
    return import_model(model)


def kinds(graph: StaticGraph) -> list[str]:
    return [node.op_type for node in graph.nodes]


@pytest.mark.parametrize(
    ("attribute", "dtype", "value"),
    [
        ("value = float[2] {1, 2}", np.float32, [1, 2]),
        ("value = int64[0] {}", np.int64, []),
        ("value_float = 1.5", np.float32, 1.5),
        ("value_floats = [1.5, 2.5]", np.float32, [1.5, 2.5]),
        ("value_int = 3", np.int64, 3),
        ("value_ints = [3, 4]", np.int64, [3, 4]),
        ('value_string = "cat"', object, "cat"),
        ('value_strings = ["cat", "dog"]', object, ["cat", "dog"]),
    ],
)
def test_constant_nodes_of_every_form_become_constants(
    attribute: str, dtype: DTypeLike, value: object
) -> None:
    graph = imported(f"y = Constant<{attribute}>()")

    assert kinds(graph) == []
    assert graph.constants["y"].dtype == np.dtype(dtype)
    assert graph.constants["y"].tolist() == value


def test_sparse_constant_nodes_become_dense() -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, (2,), [7, 8])
    indices = helper.make_tensor("i", TensorProto.INT64, (2,), [1, 5])
    sparse = helper.make_sparse_tensor(values, indices, [2, 3])
    node = helper.make_node("Constant", [], ["y"], sparse_value=sparse)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])

    graph = import_model(helper.make_model(helper.make_graph([node], "g", [], [output])))

    np.testing.assert_array_equal(graph.constants["y"], [[0, 7, 0], [0, 0, 8]])


@pytest.mark.parametrize("attributes", [{}, {"value_int": 1, "value_float": 1.0}, {"size": 3}])
def test_constant_nodes_have_exactly_one_value(attributes: dict[str, Any]) -> None:
    node = helper.make_node("Constant", [], ["y"], "c", **attributes)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])

    with pytest.raises(ModelError, match=r"node c \(Constant\): its value is one of value, "):
        import_model(helper.make_model(helper.make_graph([node], "g", [], [output])))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("y = Shape(x)", [2, 3, 4]),
        ("y = Shape<start = 1>(x)", [3, 4]),
        ("y = Shape<start = -2, end = -1>(x)", [3]),
        ("y = Size(x)", 24),
        ("s = Shape(x) a = Constant<value_ints = [1]>() y = Gather(s, a)", [3]),
        ("n = Neg(x) s = Shape(n) y = Concat<axis = 0>(s, s)", [2, 3, 4, 2, 3, 4]),
        ("s = Shape(x) f = Cast<to = 1>(s) h = Sqrt(f) y = Cast<to = 7>(h)", [1, 1, 2]),
        ("z = Size(x) e = Equal(z, z) y = Cast<to = 7>(e)", 1),
    ],
)
def test_what_depends_on_shapes_alone_is_evaluated(body: str, value: object) -> None:
    graph = imported(body, "float[2, 3, 4] x")

    assert kinds(graph) == []
    assert graph.constants["y"].dtype == np.int64
    assert graph.constants["y"].tolist() == value


def test_what_depends_on_an_input_is_kept() -> None:
    assert kinds(imported("y = Neg(x)")) == ["Neg"]


def test_constants_keep_the_dtype_of_the_operator() -> None:
    graph = imported("a = Constant<value_ints = [2, 3]>() h = Cast<to = 16>(a) y = Mul(h, h)")

    assert graph.constants["y"].dtype == ml_dtypes.bfloat16
    assert graph.constants["y"].astype(np.float32).tolist() == [4, 9]


@pytest.mark.parametrize(
    "body",
    [
        "s = Constant<value_ints = [100, 1000, 1000]>() y = ConstantOfShape(s)",
        "a = Constant<value_float = 1.0>() s = Constant<value_ints = [1000, 1000]>() "
        "y = Expand(a, s)",
        "a = Constant<value_int = 0>() b = Constant<value_int = 100000000>() "
        "c = Constant<value_int = 1>() y = Range(a, b, c)",
        "a = Constant<value_ints = [1]>() r = Constant<value_ints = [1000000]>() y = Tile(a, r)",
    ],
)
def test_few_numbers_are_not_swollen_to_many(body: str) -> None:
    graph = imported(body)

    assert len(kinds(graph)) == 1
    assert sum(array.nbytes for array in graph.constants.values()) < 100
    assert "y" in graph.values


def test_quantised_weights_stay_quantised() -> None:
    weights = helper.make_tensor("w", TensorProto.INT8, (300, 300), bytes(90_000), raw=True)
    scale = helper.make_tensor("s", TensorProto.FLOAT, (), [0.5])
    node = helper.make_node("DequantizeLinear", ["w", "s"], ["y"])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [300, 300])
    graph = helper.make_graph([node], "g", [], [output], [weights, scale])

    assert kinds(import_model(helper.make_model(graph))) == ["DequantizeLinear"]


def test_large_weights_are_rearranged() -> None:
    weights = helper.make_tensor("w", TensorProto.FLOAT, (200, 300), bytes(240_000), raw=True)
    node = helper.make_node("Transpose", ["w"], ["y"])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [300, 200])
    graph = import_model(helper.make_model(helper.make_graph([node], "g", [], [output], [weights])))

    assert kinds(graph) == []
    assert graph.constants["y"].shape == (300, 200)


@pytest.mark.parametrize(
    "body",
    [
        "y = RandomNormal<shape = [2]>()",
        "y = RandomUniform<shape = [2]>()",
        "a = Constant<value_floats = [1.0]>() y = RandomNormalLike(a)",
        "a = Constant<value_floats = [1.0]>() y = RandomUniformLike(a)",
        "a = Constant<value_floats = [0.5]>() y = Bernoulli(a)",
        "a = Constant<value = float[1, 2] {0.5, 0.5}>() y = Multinomial(a)",
    ],
)
def test_random_numbers_are_not_drawn_at_import(body: str) -> None:
    assert len(kinds(imported(body))) == 1


def test_what_the_evaluator_cannot_do_is_kept() -> None:
    body = "a = Constant<value_floats = [1.0, 2.0]>() b = Constant<value = float[3] {1, 2, 3}>() "
    node = "y = SequenceConstruct(a, b)"

    assert kinds(imported(body + node)) == ["SequenceConstruct"]


def test_what_takes_as_long_as_an_attribute_says_is_kept() -> None:
    body = "a = Constant<value_ints = [1, 2]>() "
    node = (
        "y = TfIdfVectorizer<max_gram_length = 2, max_skip_count = 1099511627776, "
        'min_gram_length = 2, mode = "TF", ngram_counts = [0, 0], ngram_indexes = [0], '
        "pool_int64s = [1, 2]>(a)"
    )

    assert kinds(imported(body + node)) == ["TfIdfVectorizer"]


def test_sizes_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ModelError, match=r"^node y \(MatMul\): .*; the inputs do not fit"):
        imported("y = MatMul(x, x)", "float[2, 3] x")


@pytest.mark.parametrize(
    "node", ["y = Expand(x, s)", "y = Reshape(x, s)", "y = ConstantOfShape(s)"]
)
def test_shapes_of_billions_of_axes_are_refused(node: str) -> None:
    with pytest.raises(ModelError, match="its shape has 2147483647 axes, more than the 64 that"):
        imported(node, "float[2, 3] x, int64[2147483647] s")


def test_values_lack_what_only_a_run_can_tell() -> None:
    graph = imported("y = NonZero(x)", "float[2, 3] x")

    assert "y" not in graph.values
    assert graph.outputs[0].dtype == np.int64
    assert graph.outputs[0].shape is None


def test_declared_sizes_fill_what_inference_leaves_open() -> None:
    model = parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[2, 3] x, int64[2] s) => (float[3, 2] y) { y = Reshape(x, s) }
        """
    )

    assert import_model(model).outputs[0].shape == (3, 2)


def test_inference_wins_over_stale_declarations() -> None:
    model = parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[batch, 3] x) => (float[1, 3] y) <float[1, 3] h> { h = Neg(x) y = Neg(h) }
        """
    )

    graph = import_model(model, shapes={"batch": 4})

    assert [graph.values[name].shape for name in ("h", "y")] == [(4, 3), (4, 3)]


def test_onnx_is_not_asked_about_operands_of_unknown_type() -> None:
    model = parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
        g (float[2] x) => (float[2] y) { h = com.microsoft.BiasGelu(x, x) y = Neg(h) }
        """
    )

    graph = import_model(model)

    assert kinds(graph) == ["BiasGelu", "Neg"]
    assert "h" not in graph.values
    assert onnx.helper.tensor_dtype_to_np_dtype(1) == graph.outputs[0].dtype
