"""Strings in JavaScript: given and answered as such, and made of one another as in Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import edgesite
from tests.texts import CASES, model_and_feeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("texts")
    for name in CASES:
        model, feeds = model_and_feeds(name)
        edgesite.compile(model).save(root / name)
        (root / name / "feeds.json").write_text(json.dumps({"x": feeds["x"].ravel().tolist()}))
    return root


@pytest.fixture(scope="module")
def answers(root: Path, node: Callable[..., Any]) -> Any:
    return node("texts.mjs", root)


@pytest.mark.parametrize("name", CASES)
def test_strings_are_made_as_in_python(name: str, answers: Any) -> None:
    wanted = np.array(CASES[name][-1], object).ravel().tolist()

    for here_or_there in answers[name]:
        for run in here_or_there:
            assert run["y"] == wanted


def test_numbers_of_strings_come_as_their_own_type(answers: Any) -> None:
    assert answers["split"][0][0]["n"] == [3, 0, 1, 1, 1, 1, 1, 2]


def test_lists_that_are_not_the_strings_wanted_are_refused(
    root: Path, node: Callable[..., Any]
) -> None:
    refusals = node("texts-refused.mjs", root / "labels")

    assert refusals == [
        'input "x": got no list of strings; give a list of 4 (4)',
        'input "x": got a list of 1 strings; give a list of 4 (4)',
        'input "x": got no list of strings; give a list of 4 (4)',
        'input "y": unknown; the model has x',
    ]


def test_a_string_of_too_many_parts_is_refused(root: Path, node: Callable[..., Any]) -> None:
    (refusal,) = node("texts-refused.mjs", root / "split", json.dumps(["a " * 65] * 8))

    assert refusal.startswith("a string has 65 parts, and there is memory for 64; give strings")


def test_the_types_of_strings_are_declared(root: Path) -> None:
    declared = (root / "labels" / "model.d.ts").read_text()

    assert '"x": readonly string[];' in declared
