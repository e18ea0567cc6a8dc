"""Parts of a whole are computed where it has them, and nothing else changes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgesite.compiler import optimise
from edgesite.express import express
from edgesite.frontend import import_model
from edgesite.ir import verify
from edgesite.passes import layout
from edgesite.passes.layout import choose_layouts
from edgesite.targets.wasm.schedule import make_schedule, reach
from tests.models import Array, arranged, assert_answers_alike, assert_threads_alike, model_of
from tests.ops.interpreter import evaluate


def conv(source: str, weight: str, result: str, size: int = 1) -> list[onnx.NodeProto]:
    """A convolution that keeps the map's size, and a ReLU."""
    pads = [size // 2] * 4
    return [
        helper.make_node("Conv", [source, weight], [f"{result}.raw"], pads=pads),
        helper.make_node("Relu", [f"{result}.raw"], [result]),
    ]


def concat(parts: list[str], result: str, axis: int = 1) -> onnx.NodeProto:
    return helper.make_node("Concat", parts, [result], axis=axis)


def weight(outputs: int, inputs: int, size: int, seed: int) -> Array:
    shape = (outputs, inputs, size, size)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def picture(*shape: int) -> dict[str, Array]:
    return {"x": np.random.default_rng(9).standard_normal(shape, dtype=np.float32)}


def branches(
    counts: tuple[int, ...], height: int, width: int, after: int
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Convolutions of 1x1 and 3x3 in turns, joined, and one that reads all of them."""
    nodes: list[onnx.NodeProto] = []
    weights: dict[str, Array] = {}
    for number, count in enumerate(counts):
        size = 1 + 2 * (number % 2)
        weights[f"w{number}"] = weight(count, 8, size, number)
        nodes += conv("x", f"w{number}", f"p{number}", size)
    weights["last"] = weight(5, sum(counts), after, 99)
    nodes.append(concat([f"p{k}" for k in range(len(counts))], "j"))
    nodes += conv("j", "last", "y", after)
    feeds = picture(1, 8, height, width)
    return model_of(nodes, feeds, ["y"], weights), feeds


def assert_right(model: onnx.ModelProto, feeds: dict[str, Array]) -> None:
    """The modules answer as onnxruntime does, with threads to the bit as without."""
    compiled = assert_answers_alike(model, feeds, tolerance=5e-6)
    if compiled.manifest.threads is not None:
        assert_threads_alike(compiled, feeds, [3])


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joins even parts that are too narrow for it to pay."""
    monkeypatch.setattr(layout, "NARROWEST", 1)


def test_parts_lie_in_the_whole_which_nothing_is_left_to_do_for() -> None:
    made = arranged(branches((64, 96), 12, 10, 3)[0])
    ((one, first), (other, second)) = sorted(made.places.items(), key=lambda item: item[1].start)

    assert (one.shape, first.start, other.shape, second.start) == (
        (1, 64, 12, 10), 0, (1, 96, 12, 10), 64,
    )  # fmt: skip
    whole = first.whole
    assert second.whole == whole
    assert made.layouts[one].strides == made.layouts[other].strides == made.layouts[whole].strides
    assert made.place(other) == (whole, 64)
    schedule = make_schedule(made)
    offsets = schedule.placement.offsets
    assert offsets[other] - offsets[one] == 64 * 4
    assert not any(whole in step.writes for step in schedule.steps)


def test_narrow_parts_are_copied() -> None:
    assert not arranged(branches((16, 16), 12, 10, 3)[0]).places


def test_the_meaning_stays() -> None:
    model, feeds = branches((64, 72), 7, 9, 3)
    graph = optimise(express(import_model(model)))
    made = choose_layouts(graph, reach)

    wanted, got = evaluate(graph, feeds), evaluate(verify(made.graph), feeds)

    for value in graph.outputs:
        np.testing.assert_allclose(got[value.name], wanted[value.name], 1e-5, 1e-5)


@pytest.mark.usefixtures("eager", "cut_finely")
@pytest.mark.parametrize("after", [1, 3, 5])
@pytest.mark.parametrize("counts", [(1, 2), (3, 4, 5), (7, 8), (16, 16), (17, 3), (64, 64)])
def test_every_width_of_parts(counts: tuple[int, ...], after: int) -> None:
    model, feeds = branches(counts, 13, 11, after)

    assert len(arranged(model).places) == len(counts)
    assert_right(model, feeds)


@pytest.mark.usefixtures("eager", "cut_finely")
@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(1, 20), min_size=2, max_size=5),
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    after=st.sampled_from([1, 3]),
)
def test_any_widths_and_maps(counts: list[int], height: int, width: int, after: int) -> None:
    assert_right(*branches(tuple(counts), height, width, after))


NODES: dict[str, list[onnx.NodeProto]] = {
    # A part that another branch reads as well, with a border that it must have by then.
    "read before it is joined": [
        *conv("x", "a", "p"),
        *conv("p", "b", "q", 3),
        concat(["p", "q"], "j"),
        *conv("j", "c", "y", 3),
    ],
    "joined twice": [
        *conv("x", "a", "p"),
        concat(["p", "p"], "j"),
        *conv("j", "c", "y", 3),
    ],
    "in two wholes": [
        *conv("x", "a", "p"),
        *conv("x", "a", "q"),
        concat(["p", "q"], "j"),
        concat(["q", "p"], "k"),
        helper.make_node("Add", ["j", "k"], ["s"]),
        *conv("s", "c1", "y"),
    ],
    "a whole in a whole": [
        *conv("x", "a", "p"),
        *conv("p", "b", "q", 3),
        concat(["p", "q"], "j"),
        *conv("j", "d", "r", 3),
        concat(["j", "r"], "k"),
        *conv("k", "e", "y", 3),
    ],
    "a whole in a whole along another axis": [
        *conv("x", "a", "p"),
        *conv("x", "b8", "q", 3),
        concat(["p", "q"], "j"),
        helper.make_node("Neg", ["j"], ["n"]),
        concat(["j", "n"], "k", axis=2),
        *conv("k", "c1", "y"),
    ],
    "with what is only moved": [
        *conv("x", "a", "p"),
        helper.make_node("Resize", ["small", "", "scales"], ["u"], mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        concat(["p", "u"], "j"),
        *conv("j", "c", "y", 3),
    ],
    "with an input": [
        *conv("x", "a", "p"),
        concat(["p", "same"], "j"),
        *conv("j", "c", "y", 3),
    ],
    "a whole that is the answer": [
        *conv("x", "a", "p"),
        *conv("x", "b8", "q", 3),
        concat(["p", "q"], "y"),
    ],
    "a part that is an answer": [
        *conv("x", "a", "z"),
        *conv("x", "b8", "q", 3),
        concat(["z", "q"], "j"),
        *conv("j", "c1", "y"),
    ],
    # It would need the border that a convolution of one of its parts reads.
    "an answer without a border": [
        helper.make_node("Relu", ["x"], ["p"]),
        helper.make_node("Neg", ["x"], ["q"]),
        concat(["p", "q"], "z", axis=3),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 3, 1, 2]),
        *conv("t", "c14", "y", 3),
    ],
    "along the height": [
        *conv("x", "a", "p"),
        *conv("x", "b8", "q", 3),
        concat(["p", "q"], "j", axis=2),
        *conv("j", "b", "y", 3),
    ],
    "halves of one": [
        *conv("x", "a", "p"),
        helper.make_node("Split", ["p"], ["left", "right"], axis=1, num_outputs=2),
        *conv("right", "half", "q", 3),
        concat(["left", "right", "q"], "j"),
        *conv("j", "c15", "y", 3),
    ],
}  # fmt: skip


@pytest.mark.usefixtures("eager", "cut_finely")
@pytest.mark.parametrize("nodes", NODES.values(), ids=NODES.keys())
def test_what_is_joined(nodes: list[onnx.NodeProto]) -> None:
    feeds: dict[str, Array] = picture(1, 8, 10, 14)
    rng = np.random.default_rng(4)
    inputs = {name for node in nodes for name in node.input}
    if "small" in inputs:
        feeds["small"] = rng.standard_normal((1, 10, 5, 7), dtype=np.float32)
    if "same" in inputs:
        feeds["same"] = rng.standard_normal((1, 10, 10, 14), dtype=np.float32)
    weights: dict[str, Array] = {
        "a": weight(10, 8, 1, 1),
        "b": weight(10, 10, 3, 2),
        "b8": weight(10, 8, 3, 2),
        "c": weight(6, 20, 3, 3),
        "c1": weight(6, 20, 1, 3),
        "c14": weight(6, 14, 3, 3),
        "c15": weight(6, 15, 3, 3),
        "d": weight(12, 20, 3, 4),
        "e": weight(6, 32, 3, 5),
        "half": weight(5, 5, 3, 6),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    outputs = ["y", "z"] if any("z" in node.output for node in nodes) else ["y"]
    used = {name: array for name, array in weights.items() if name in inputs}

    assert_right(model_of(nodes, feeds, outputs, used), feeds)


def test_a_whole_of_constants_alone_stays_as_it_is() -> None:
    feeds = picture(1, 8, 4, 4)
    nodes = [helper.make_node("Pad", ["x", "pads"], ["y"])]
    model = model_of(nodes, feeds, ["y"], {"pads": np.array([0, 2, 0, 0, 0, 1, 0, 0])})

    assert not arranged(model).places
