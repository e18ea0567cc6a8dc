"""Answers, and doubts about activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgesite.site.answers import answers, doubts
from edgesite.site.config import DemoConfig
from edgesite.site.document import parse_document
from edgesite.site.source import DemoSource
from edgesite.site.validate import validated

LABELS = ("a", "b", "c")


def test_answers_come_best_first_and_of_equals_the_first() -> None:
    found = answers(np.array([0.3, 0.4, 0.3]), LABELS, 2, None)

    assert [(answer.label, answer.index) for answer in found] == [("b", 1), ("a", 0)]


def test_answers_below_the_threshold_are_left_out() -> None:
    assert [answer.label for answer in answers(np.array([0.3, 0.4, 0.3]), LABELS, 3, 0.4)] == ["b"]


@pytest.mark.parametrize(
    ("activation", "row", "doubt"),
    [
        ("softmax", [0.1, 0.2, 0.7], "the model's output already sums to 1"),
        ("softmax", [0.1, 0.2, 0.3], ""),
        ("softmax", [-3, 5, 1], ""),
        ("none", [0.1, 0.2, 0.7], ""),
        ("none", [-3, 5, 1], "the model's output leaves 0..1"),
        ("sigmoid", [-3, 5, 1], ""),
    ],
)
def test_an_activation_that_cannot_be_is_doubted(
    activation: str, row: list[float], doubt: str
) -> None:
    text = (
        f"title: T\ntask: image-classification\nlabels: [a]\noutput: {{activation: {activation}}}"
    )
    document = parse_document(Path("demo.yaml"), text)
    config = validated(document, DemoConfig)
    demo = DemoSource(Path(), "demo", config, document, LABELS, "", Path(), "", ())

    found = doubts(demo, np.array([row], np.float32))

    assert [doubt in text for text in found] == ([True] if doubt else [])
    assert all(text.startswith("demo.yaml:4:22: output.activation: ") for text in found)


def test_without_examples_there_are_no_doubts() -> None:
    document = parse_document(Path("demo.yaml"), "title: T")
    config = DemoConfig(title="T", task="image-classification", labels=["a"])
    demo = DemoSource(Path(), "demo", config, document, LABELS, "", Path(), "", ())

    assert doubts(demo, np.zeros((0, 3))) == []
