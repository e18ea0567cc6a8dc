"""Layouts: channels last through networks of convolutions, row-major for everything else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from edgesite.compiler import optimise
from edgesite.express import express
from edgesite.frontend import import_model
from edgesite.ir import verify
from edgesite.passes.layout import choose_layouts
from edgesite.targets.wasm.schedule import reach
from tests.models import Array, arranged, model_of
from tests.ops.interpreter import evaluate

CHANNELS_LAST = (0, 2, 3, 1)


def cnn(outputs: Sequence[str] = ("y",)) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A padded, a pooled, a depthwise and a pointwise layer, and a residual."""
    rng = np.random.default_rng(3)
    feeds = {"x": rng.integers(-2, 3, (1, 3, 8, 8)).astype(np.float32)}
    weights = {
        "stem": rng.integers(-2, 3, (16, 3, 3, 3)).astype(np.float32),
        "deep": rng.integers(-2, 3, (16, 1, 3, 3)).astype(np.float32),
        "point": rng.integers(-2, 3, (16, 16, 1, 1)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["m"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Conv", ["m", "deep"], ["d"], pads=[1] * 4, group=16),
        helper.make_node("Conv", ["d", "point"], ["p"]),
        helper.make_node("Add", ["p", "m"], ["s"]),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    return model_of(nodes, feeds, outputs, weights), feeds


def test_networks_of_convolutions_are_channels_last_from_end_to_end() -> None:
    made = arranged(cnn()[0])
    constants = set(made.graph.constants)
    inner = [
        value for value in made.layouts
        if value.rank == 4
        and value not in constants
        and value not in {*made.graph.inputs, *made.graph.outputs}
    ]  # fmt: skip

    assert len(inner) >= 4
    assert {made.layouts[value].order for value in inner} == {CHANNELS_LAST}


def test_inputs_and_outputs_are_row_major_without_a_halo() -> None:
    made = arranged(cnn(["y", "m"])[0])

    for value in (*made.graph.inputs, *made.graph.outputs):
        assert made.layouts[value].order == tuple(range(value.rank))
        assert not made.layouts[value].has_halo


def test_values_have_the_room_that_windows_reach_into() -> None:
    made = arranged(cnn()[0])
    halos = {v.shape: (made.layouts[v].before, made.layouts[v].after) for v in made.layouts
             if made.layouts[v].has_halo}  # fmt: skip

    assert halos[1, 3, 8, 8] == ((0, 0, 1, 1), (0, 0, 1, 1))
    assert halos[1, 16, 8, 8] == ((0, 0, 1, 1), (0, 0, 1, 1))


def test_copies_keep_the_meaning() -> None:
    model, feeds = cnn(["y", "m", "x"])
    graph = optimise(express(import_model(model)))
    made = choose_layouts(graph, reach)

    wanted, got = evaluate(graph, feeds), evaluate(verify(made.graph), feeds)

    assert made.graph.outputs == graph.outputs
    for value in graph.outputs:
        np.testing.assert_array_equal(got[value.name], wanted[value.name])


def test_transformers_stay_row_major() -> None:
    rng = np.random.default_rng(3)
    feeds = {"x": rng.standard_normal((2, 5, 8)).astype(np.float32)}
    weights = {name: rng.standard_normal((8, 8)).astype(np.float32) for name in "qkv"}
    nodes = [
        *(helper.make_node("MatMul", ["x", name], [f"{name}x"]) for name in "qkv"),
        helper.make_node("Transpose", ["kx"], ["kt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["qx", "kt"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"]),
        helper.make_node("MatMul", ["shares", "vx"], ["y"]),
    ]

    made = arranged(model_of(nodes, feeds, ["y"], weights))

    assert all(layout.order == tuple(range(value.rank)) for value, layout in made.layouts.items())
    assert not any(layout.has_halo for layout in made.layouts.values())
