"""model.js with several threads, under Node: every answer is that of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime.cycles import left_in_chromium, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser

    from edgesite.targets.stored.choice import Weights


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("threads") / "model"
    save_model(folder)
    return folder


@pytest.fixture
def play(node: Callable[..., Any], model: Path) -> Callable[[str], Any]:
    return lambda scenario: node("threads.mjs", model, scenario)


def test_threads_answer_to_the_bit_as_one_does(play: Callable[[str], Any]) -> None:
    assert play("alike") == {"threads": [2, 3, 8] * 2, "alike": True}


@pytest.mark.parametrize("form", ["float16", "int8", "palette"])
def test_threads_answer_alike_with_weights_that_are_decoded(
    node: Callable[..., Any], tmp_path: Path, form: Weights
) -> None:
    save_model(tmp_path, form)

    assert node("threads.mjs", tmp_path, "alike") == {"threads": [2, 3, 8] * 2, "alike": True}
    assert json.loads((tmp_path / "manifest.json").read_text())["weights"]["decoded"]


def test_there_are_as_many_threads_as_cores(play: Callable[[str], Any]) -> None:
    found = play("byItself")

    assert found["threads"] == found["cores"]


def test_more_threads_than_cores_do_not_get_in_one_anothers_way(
    play: Callable[[str], Any],
) -> None:
    assert play("crowd") == 1


def test_nothing_is_left_of_closed_models(node: Callable[..., Any], model: Path) -> None:
    left = node("threads.mjs", model, "cycles", 40)

    assert left["workers"] == 0
    assert left["megabytes"] < 32
    assert left["threads"] <= 0
    assert left["files"] <= 0


def test_nothing_is_left_of_closed_models_in_a_page(browser: Browser, model: Path) -> None:
    left = left_in_chromium(browser, model, 20)

    assert left.workers == 0
    assert left.threads <= 2  # which Chromium starts for itself
    assert left.megabytes < 32
    assert left.heap_megabytes < 1
