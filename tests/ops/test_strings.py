"""Strings made of strings."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import parser

import edgesite
from edgesite.errors import UnsupportedOperatorError, UnsupportedTypeError, UsageError
from edgesite.ops.strings import PARTS, everywhere_alike
from tests.texts import CASES, Array, model_and_feeds


@pytest.mark.parametrize("name", CASES)
def test_strings_are_made_as_the_standard_says(name: str) -> None:
    model, feeds = model_and_feeds(name)

    assert edgesite.compile(model).run(feeds)["y"].tolist() == CASES[name][-1]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("concat")])
def test_strings_are_joined_as_onnxruntime_does(name: str) -> None:
    model, feeds = model_and_feeds(name)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (wanted,) = session.run(["y"], feeds)

    got = edgesite.compile(model).run(feeds)["y"]

    assert got.tolist() == wanted.tolist()


def run(name: str, texts: list[str]) -> dict[str, Array]:
    model, feeds = model_and_feeds(name)
    filled = [*texts, *[""] * (feeds["x"].size - len(texts))]
    return edgesite.compile(model).run({"x": np.array(filled, object)})


def test_a_string_of_more_parts_than_there_is_memory_for_is_refused() -> None:
    assert run("split", [" ".join("x" * PARTS)])["n"][0] == PARTS
    with pytest.raises(UsageError, match=f"has {PARTS + 1} parts, and there is memory for {PARTS}"):
        run("split", [" ".join("x" * (PARTS + 1))])


def test_strings_that_the_module_moves_are_not_looked_into() -> None:
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 21]> g (string[2, 3] x) => (string[3, 2] y)'
        "{ t = Transpose(x) y = StringConcat(t, t) }"
    )

    with pytest.raises(UnsupportedTypeError, match="made of those that are given"):
        edgesite.compile(model)


@pytest.mark.parametrize("pattern", [r"(?=a)", r"\bx\1", r"(?P<n>a)", r"\pL", "[[:alpha:]]", "a{"])
def test_patterns_that_engines_read_differently_are_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match="the pattern"):
        everywhere_alike(pattern)
