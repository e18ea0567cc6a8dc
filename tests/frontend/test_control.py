"""Branches and loops."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

from edgesite.errors import ModelError
from edgesite.frontend import StaticGraph, StaticNode, import_model


def parse(text: str, opset: int = 17) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}')


def kinds(graph: StaticGraph) -> list[str]:
    return [node.op_type for node in graph.nodes]


def only(graph: StaticGraph, op_type: str) -> StaticNode:
    (node,) = (node for node in graph.nodes if node.op_type == op_type)
    return node


BRANCHES = """
    g (float[2, W] x, bool c) => (float[A, B] y) {
        y = If(c) <
            then_branch = a () => (float[A, B] p) { p = Neg(x) },
            else_branch = b () => (float[A, B] q) { t = Abs(x)  q = Concat<axis = 1>(t, x) }
        >
    }
"""


@pytest.mark.parametrize(
    ("condition", "expected", "shape"),
    [(True, ["Neg"], (2, 3)), (False, ["Abs", "Concat"], (2, 6))],
)
def test_a_certain_branch_takes_the_place_of_its_if(
    condition: bool, expected: list[str], shape: tuple[int, ...]
) -> None:
    graph = import_model(parse(BRANCHES), shapes={"W": 3}, constants={"c": condition})

    assert kinds(graph) == expected
    assert graph.nodes[-1].outputs == ("y",)
    assert graph.outputs[0].shape == shape


def test_uncertain_branches_are_both_kept() -> None:
    graph = import_model(parse(BRANCHES), shapes={"W": 3})

    node = only(graph, "If")
    then, other = node.attributes["then_branch"], node.attributes["else_branch"]
    assert (kinds(then), kinds(other)) == (["Neg"], ["Abs", "Concat"])
    assert (then.captures, other.captures) == (("x",), ("x",))
    assert (then.outputs[0].shape, other.outputs[0].shape) == ((2, 3), (2, 6))
    assert node.reads == ("c", "x", "x")
    assert graph.outputs[0].shape is None


def test_a_branch_may_hand_on_what_is_around_it() -> None:
    text = """
        g (float[2] x) => (float[2] y, float[2] z) {
            c = Constant<value = bool {1}>()
            y, z = If(c) <
                then_branch = a () => (float[2] p, float[2] q) { q = Neg(x)  p = Identity(x) },
                else_branch = b () => (float[2] p, float[2] q) { p = Neg(x)  q = Neg(x) }
            >
        }
    """
    model = parse(text)
    branch = model.graph.node[1].attribute[0].g
    branch.output[0].name = "x"

    graph = import_model(model)

    assert {(node.op_type, node.inputs, node.outputs) for node in graph.nodes} == {
        ("Neg", ("x",), ("z",)),
        ("Identity", ("x",), ("y",)),
    }


def test_names_of_both_branches_are_unique() -> None:
    text = """
        g (float[2] x, bool c) => (float[2] y) {
            y = If(c) <
                then_branch = a () => (float[2] p) { t = Neg(x)  p = Neg(t) },
                else_branch = b () => (float[2] p) { t = Abs(x)  p = Abs(t) }
            >
        }
    """
    graph = import_model(parse(text))

    made = [name for node in graph.walk() for name in node.outputs]
    assert len(made) == 5
    assert len(set(made)) == 5


def test_initializers_of_subgraphs_are_constants_of_the_outermost_graph() -> None:
    text = """
        g (float[2] x, bool c) => (float[2] y) {
            y = If(c) <
                then_branch = a () => (float[2] p) <float[2] w = {1, 2}> { p = Add(x, w) },
                else_branch = b () => (float[2] p) <float[2] w = {3, 4}> { p = Add(x, w) }
            >
        }
    """
    graph = import_model(parse(text))

    values = sorted(array.tolist() for array in graph.constants.values())
    assert values == [[1, 2], [3, 4]]
    assert all(not inner.constants for inner in only(graph, "If").subgraphs)


LOOP = """
    g (float[2, 3] x, int64 n) => (float[2, 3] last, float[T, 2, 3] all) {
        go = Constant<value = bool {1}>()
        last, all = Loop(n, go, x) <
            body = b (int64 i, bool c, float[A, B] s) => (bool d, float[A, B] t, float[A, B] o) {
                d = Identity(c)  t = Neg(s)  o = Abs(t)
            }
        >
    }
"""


def test_loops_carry_static_shapes() -> None:
    graph = import_model(parse(LOOP), constants={"n": 5})

    body = only(graph, "Loop").attributes["body"]
    assert [value.shape for value in body.inputs] == [(), (), (2, 3)]
    assert [value.shape for value in graph.outputs] == [(2, 3), (5, 2, 3)]


def test_the_number_of_steps_may_be_open() -> None:
    graph = import_model(parse(LOOP))

    assert [value.shape for value in graph.outputs] == [(2, 3), None]


def test_carried_values_that_grow_have_no_size_in_the_body() -> None:
    text = LOOP.replace("t = Neg(s)", "t = Concat<axis = 0>(s, s)")

    body = only(import_model(parse(text)), "Loop").attributes["body"]

    assert len(body.parameters) == 3
    assert [value.name for value in body.inputs] == list(body.parameters[:2])


def test_scans_cut_their_inputs_and_stack_their_outputs() -> None:
    text = """
        g (float[4] h, float[4, 7] x) => (float[4] last, float[4, 7] y) {
            last, y = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [1],
                body = b (float[4] s, float[4] e) => (float[4] t, float[4] o) {
                    t = Add(s, e)  o = Neg(t)
                }>(h, x)
        }
    """
    graph = import_model(parse(text))

    body = only(graph, "Scan").attributes["body"]
    assert [value.shape for value in body.inputs] == [(4,), (4,)]
    assert [value.shape for value in graph.outputs] == [(4,), (4, 7)]


def test_scans_of_a_batch_have_bodies_of_one_sample() -> None:
    text = """
        g (float[3, 4] h, float[3, 7, 4] x) => (last, all) {
            last, all = Scan<num_scan_inputs = 1, body = b (float[4] s, float[4] e)
                => (float[4] t, float[4] o) { t = Add(s, e) o = Neg(t) }>( , h, x)
        }
    """
    graph = import_model(parse(text, opset=8))

    body = only(graph, "Scan").attributes["body"]
    assert [value.shape for value in body.inputs] == [(4,), (4,)]
    assert [value.shape for value in graph.outputs] == [(3, 4), (3, 7, 4)]


def test_constants_reach_into_subgraphs() -> None:
    text = """
        g (float[2, 3] x, bool c) => (float[6] y) {
            minus = Constant<value_ints = [-1]>()
            y = If(c) <
                then_branch = a () => (float[N] p) { p = Reshape(x, minus) },
                else_branch = b () => (float[N] q) { s = Size(x) o = Constant<value_ints = [1]>()
                    n = Reshape(s, o) q = Reshape(x, n) }
            >
        }
    """
    graph = import_model(parse(text))

    then, other = only(graph, "If").subgraphs
    assert (kinds(then), kinds(other)) == (["Reshape"], ["Reshape"])
    assert graph.constants[other.nodes[0].inputs[1]].tolist() == [6]


def test_an_if_without_branches_is_refused() -> None:
    model = parse(BRANCHES)
    del model.graph.node[0].attribute[1]

    with pytest.raises(ModelError, match=r"node y \(If\): lacks attribute else_branch"):
        import_model(model, shapes={"W": 3})


def test_a_body_that_is_no_graph_is_refused() -> None:
    model = parse(LOOP)
    model.graph.node[1].attribute[0].type = onnx.AttributeProto.INT

    with pytest.raises(ModelError, match=r"node last \(Loop\): lacks attribute body"):
        import_model(model)


def test_what_only_a_dropped_branch_reads_is_dropped() -> None:
    text = """
        g (float[2] x) => (float[2] y) {
            c = Constant<value = bool {0}>()
            h = Exp(x)
            y = If(c) <
                then_branch = a () => (float[2] p) { p = Neg(h) },
                else_branch = b () => (float[2] q) { q = Abs(x) }
            >
        }
    """
    graph = import_model(parse(text))

    assert kinds(graph) == ["Abs"]
    assert set(graph.values) == {"x", "y"}
    np.testing.assert_equal(dict(graph.constants), {})


def test_loops_may_carry_sequences() -> None:
    text = """
        g (float[2] x) => (float[4] y) {
            s = SequenceConstruct(x, x)
            n = Constant<value_int = 2>()
            t = Loop(n, , s) <
                body = b (int64 i, bool c, seq(float[2]) u) => (bool d, seq(float[2]) v) {
                    d = Identity(c)  v = SequenceInsert(u, x)
                }
            >
            y = ConcatFromSequence<axis = 0>(t)
        }
    """
    body = only(import_model(parse(text)), "Loop").attributes["body"]

    assert len(body.parameters) == 3
    assert [value.name for value in body.inputs] == list(body.parameters[:2])
