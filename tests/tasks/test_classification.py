"""From scores to labelled answers."""

from __future__ import annotations

import numpy as np

from edgesite.tasks.classification import Classification, probabilities
from edgesite.tasks.inputs import ImageInput


def test_a_softmax_sums_to_one_and_survives_large_scores() -> None:
    rows = probabilities(np.array([[1000, 999, -1000], [0, 0, 0]], np.float32), "softmax")

    np.testing.assert_allclose(rows.sum(axis=1), 1)
    np.testing.assert_allclose(rows[0, 0] / rows[0, 1], np.e)


def test_a_sigmoid_looks_at_each_class_alone() -> None:
    rows = probabilities(np.array([[0, np.log(3), -np.log(3)]]), "sigmoid")

    np.testing.assert_allclose(rows, [[0.5, 0.75, 0.25]])


def test_without_activation_scores_stay() -> None:
    scores = np.array([[0.25, 0.5, 0.25]], np.float32)

    np.testing.assert_array_equal(probabilities(scores, "none"), scores)


def test_every_class_is_answered_best_first_and_of_equals_the_first() -> None:
    task = Classification(
        input=ImageInput(name="x", width=8, height=8),
        output="y",
        activation="none",
        labels=("a", "b", "c"),
    )

    found = task.answers(np.array([[[0.25, 0.5, 0.25]]], np.float32))

    assert [(answer.label, answer.probability, answer.index) for answer in found] == [
        ("b", 0.5, 1),
        ("a", 0.25, 0),
        ("c", 0.25, 2),
    ]
