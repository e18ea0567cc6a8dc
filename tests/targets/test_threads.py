"""Work that threads share: every answer is to the bit that of one thread."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import edgesite
from edgesite.targets.wasm.schedule import Schedule, make_schedule
from edgesite.targets.wasm.threads import MOST_BLOCKS, Shared, shared
from tests.models import Array, arranged, assert_threads_alike, model_of


def schedule_of(model: onnx.ModelProto) -> Schedule:
    return make_schedule(arranged(model))


def conv(
    rng: np.random.Generator, x: tuple[int, ...], w: tuple[int, ...], **attributes: Any
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A convolution with bias and clamp, and an input."""
    feeds = {"x": rng.standard_normal(x, dtype=np.float32)}
    weights = {
        "w": rng.standard_normal(w, dtype=np.float32),
        "b": rng.standard_normal(w[0], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], **attributes),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    return model_of(nodes, feeds, ["y"], weights), feeds


@pytest.mark.usefixtures("cut_finely")
@pytest.mark.parametrize(
    ("kind", "x", "w", "attributes"),
    [
        ("contract", (1, 3, 31, 29), (21, 3, 3, 3), {"pads": [1] * 4, "strides": [2, 2]}),
        ("contract", (1, 19, 13, 13), (37, 19, 1, 1), {}),
        ("contract", (2, 8, 7, 7), (64, 8, 1, 1), {}),
        ("contract", (1, 12, 9, 9), (36, 4, 3, 3), {"group": 3, "strides": [2, 2]}),
        ("winograd", (1, 16, 43, 37), (24, 16, 3, 3), {"pads": [1] * 4}),
        ("winograd", (2, 32, 14, 14), (32, 32, 3, 3), {"pads": [1] * 4}),
        ("winograd4s2", (1, 16, 150, 130), (16, 16, 3, 3), {"pads": [1] * 4, "strides": [2, 2]}),
        ("winograd4x5", (1, 16, 43, 37), (24, 16, 5, 5), {"pads": [2] * 4}),
        ("winograd3x4", (1, 3, 91, 83), (24, 3, 7, 7), {"pads": [3] * 4, "strides": [2, 2]}),
        ("winograd4_filters", (1, 192, 7, 8), (192, 192, 3, 3), {"pads": [1] * 4}),
        ("depthwise", (1, 21, 17, 19), (21, 1, 3, 3), {"group": 21, "pads": [1] * 4}),
        ("depthwise", (2, 8, 31, 30), (8, 1, 5, 5), {"group": 8, "pads": [2] * 4}),
    ],
)
def test_threads_answer_convolutions_as_one_does(
    kind: str,
    x: tuple[int, ...],
    w: tuple[int, ...],
    attributes: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    model, feeds = conv(rng, x, w, **attributes)

    assert_threads_alike(edgesite.compile(model), feeds)
    assert any(kind in name for name in names_of_parts(model))


def names_of_parts(model: onnx.ModelProto) -> set[str]:
    """The kernels that several threads run."""
    steps = shared(schedule_of(model).steps)
    groups = [step for step in steps if isinstance(step, Shared)]
    return {call.kernel.name for group in groups for calls in group.parts for call in calls}


@pytest.mark.usefixtures("cut_finely")
@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((12, 33, 37), lambda: [helper.make_node("Softmax", ["x"], ["y"], axis=-1)]),
        ((12, 33, 37), lambda: [helper.make_node("Softmax", ["x"], ["y"], axis=1)]),
        ((1, 5, 16, 18), lambda: [pool("MaxPool")]),
        ((1, 5, 16, 18), lambda: [pool("AveragePool", count_include_pad=1)]),
        ((8, 9, 20), lambda: [helper.make_node("Erf", ["x"], ["y"])]),
        ((8, 9, 3), lambda: [helper.make_node("Exp", ["x"], ["y"])]),
        ((64,), lambda: [helper.make_node("Tanh", ["x"], ["y"])]),
        ((6, 7, 16), lambda: [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 2, 0])]),
        ((9, 10, 24), lambda: [helper.make_node("ReduceMean", ["x", "axis"], ["y"])]),
        ((24, 12, 9), lambda: [helper.make_node("ReduceMax", ["x", "axis"], ["y"])]),
    ],
)
def test_threads_answer_loops_as_one_does(
    shape: tuple[int, ...], make: Callable[[], list[onnx.NodeProto]], rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal(shape, dtype=np.float32)}

    model = model_of(make(), feeds, ["y"], {"axis": np.array([1])})

    assert_threads_alike(edgesite.compile(model), feeds)


def pool(kind: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(
        kind, ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, **attributes
    )


@pytest.mark.usefixtures("cut_finely")
def test_threads_answer_products_of_two_inputs_as_one_does(rng: np.random.Generator) -> None:
    feeds = {
        "a": rng.standard_normal((4, 33, 16), dtype=np.float32),
        "b": rng.standard_normal((4, 16, 35), dtype=np.float32),
    }
    model = model_of([helper.make_node("MatMul", ["a", "b"], ["y"])], feeds, ["y"])

    assert_threads_alike(edgesite.compile(model), feeds)


@pytest.mark.usefixtures("cut_finely")
@pytest.mark.parametrize(
    ("w", "group"), [((40, 16, 1, 1), 1), ((24, 16, 3, 3), 1), ((16, 1, 3, 3), 16)]
)
def test_threads_answer_in_integers_as_one_does(
    w: tuple[int, ...], group: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.integers(0, 255, (1, 16, 15, 15), np.uint8)}
    weights: dict[str, Array] = {
        "w": rng.integers(-127, 127, w).astype(np.int8),
        "s": np.array(0.02, np.float32), "z": np.array(100, np.uint8), "t": np.array(0, np.int8),
    }  # fmt: skip
    nodes = [
        helper.make_node(
            "QLinearConv", ["x", "s", "z", "w", "s", "t", "s", "z"], ["y"], group=group
        )
    ]
    model = model_of(nodes, feeds, ["y"], weights)

    assert_threads_alike(edgesite.compile(model), feeds)


def test_what_is_done_at_once_is_not_shared(rng: np.random.Generator) -> None:
    model, _ = conv(rng, (1, 3, 8, 8), (8, 3, 3, 3))

    assert edgesite.compile(model).manifest.threads is None


def test_nothing_is_made_for_threads_unless_wanted(rng: np.random.Generator) -> None:
    model, _ = conv(rng, (1, 16, 96, 96), (24, 16, 3, 3))

    assert edgesite.compile(model, threads="off").manifest.threads is None
    assert edgesite.compile(model).manifest.threads is not None


def test_a_step_has_no_more_parts_than_its_ticket_can_count(rng: np.random.Generator) -> None:
    model, _ = conv(rng, (1, 16, 600, 64), (16, 16, 3, 3))

    groups = [step for step in shared(schedule_of(model).steps) if isinstance(step, Shared)]

    assert groups
    assert max(len(group.parts) for group in groups) <= MOST_BLOCKS


def test_a_shared_model_is_the_same_every_time(rng: np.random.Generator) -> None:
    model, _ = conv(rng, (1, 16, 96, 96), (24, 16, 3, 3))

    assert edgesite.compile(model).files() == edgesite.compile(model).files()


def test_a_saved_model_keeps_what_threads_run(tmp_path: Path, rng: np.random.Generator) -> None:
    model, feeds = conv(rng, (1, 16, 96, 96), (24, 16, 3, 3))
    compiled = edgesite.compile(model)
    compiled.save(tmp_path / "m")

    loaded = edgesite.load(tmp_path / "m")

    assert loaded.shared == compiled.shared
    np.testing.assert_array_equal(loaded.run(feeds, threads=2)["y"], compiled.run(feeds)["y"])


def test_helpers_go_home_when_a_model_is_forgotten(rng: np.random.Generator) -> None:
    model, feeds = conv(rng, (1, 16, 96, 96), (24, 16, 3, 3))
    before = set(threading.enumerate())
    compiled = edgesite.compile(model)
    compiled.run(feeds, threads=4)
    helpers = set(threading.enumerate()) - before

    del compiled
    gc.collect()

    assert len(helpers) == 3
    for helper_thread in helpers:
        helper_thread.join(60)
        assert not helper_thread.is_alive()


def test_state_and_sizes_are_those_of_one_thread(rng: np.random.Generator) -> None:
    given = {
        "x": rng.standard_normal((192, 192), dtype=np.float32),
        "h": np.zeros((192, 192), np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "h"], ["m"]),
        helper.make_node("Add", ["m", "x"], ["s"]),
        helper.make_node("Tanh", ["s"], ["n"]),
    ]
    compiled = edgesite.compile(model_of(nodes, given, ["n", "m"]), state={"n": "h"})
    feeds = {"x": given["x"]}

    alone = [compiled.run(feeds)["m"] for _ in range(3)]
    together = [compiled.run(feeds, threads=2)["m"] for _ in range(3)]

    np.testing.assert_array_equal(together, alone)
    assert np.any(alone[0] != alone[1])
