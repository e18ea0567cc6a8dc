"""model.js with several threads, under Node: every answer is that of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import helper

import edgesite
from tests.models import model_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three convolutions and a pool, each large enough to be shared."""
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 8, 96, 96), dtype=np.float32)}
    weights = {
        "a": rng.standard_normal((32, 8, 3, 3), dtype=np.float32),
        "b": rng.standard_normal((32, 1, 3, 3), dtype=np.float32),
        "c": rng.standard_normal((24, 32, 1, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], pads=[1] * 4),
        helper.make_node("Conv", ["p", "b"], ["q"], group=32, pads=[1] * 4),
        helper.make_node("Conv", ["q", "c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    folder = tmp_path_factory.mktemp("threads") / "model"
    edgesite.compile(model_of(nodes, feeds, ["y"], weights)).save(folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@pytest.fixture
def play(node: Callable[..., Any], model: Path) -> Callable[[str], Any]:
    return lambda scenario: node("threads.mjs", model, scenario)


def test_threads_answer_to_the_bit_as_one_does(play: Callable[[str], Any]) -> None:
    assert play("alike") == {"threads": [2, 3, 8] * 2, "alike": True}


def test_there_are_as_many_threads_as_cores(play: Callable[[str], Any]) -> None:
    found = play("byItself")

    assert found["threads"] == found["cores"]


def test_more_threads_than_cores_do_not_get_in_one_anothers_way(
    play: Callable[[str], Any],
) -> None:
    assert play("crowd") == 1


def test_nothing_is_left_of_closed_models(play: Callable[[str], Any]) -> None:
    left = play("cycles")

    assert left["workers"] == 0
    assert left["grown"] < 64
