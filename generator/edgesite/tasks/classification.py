"""Image classification: the facts that turn a picture into labelled answers, anywhere.

They ship in the manifest, so that a page, model.js and Python start from the same record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from edgesite.tasks.inputs import ImageInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Activation = Literal["softmax", "sigmoid", "none"]


class Classification(BaseModel):
    """What a host must know beyond the tensors to answer a picture with labels."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Literal["image-classification"] = "image-classification"
    """The task, as demo.yaml has it."""

    input: ImageInput
    """How a picture becomes the model's input."""

    output: str
    """The output with a number per class, by its name in the ONNX model."""

    activation: Activation
    """What makes probabilities of these numbers."""

    labels: tuple[str, ...]
    """The names of the classes, in the order of the output."""

    def answers(self, scores: NDArray[Any]) -> list[Answer]:
        """Every class with its probability, best first; scores: the output, of any shape."""
        (row,) = probabilities(scores.reshape(1, -1), self.activation).astype("float32")
        return best(row, self.labels)


@dataclass(frozen=True)
class Answer:
    """A class, and what the model makes of it."""

    label: str
    probability: float
    """The output after the activation; a raw score where the activation is none."""

    index: int
    """The position of the class in the model's output and in the labels."""


def probabilities(scores: NDArray[Any], activation: str) -> NDArray[np.float64]:
    """The activation on every row of examples x classes, in float64."""
    import numpy as np

    values = scores.astype(np.float64)
    match activation:
        case "softmax":
            powers = np.exp(values - values.max(axis=1, keepdims=True))
            shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
            return shares
        case "sigmoid":
            odds: NDArray[np.float64] = 1 / (1 + np.exp(-values))
            return odds
        case _:
            return values


def best(row: NDArray[Any], labels: Sequence[str]) -> list[Answer]:
    """The classes of a row of probabilities, best first; of equals the first in the list."""
    order = (-row).argsort(kind="stable")
    return [Answer(labels[index], float(row[index]), int(index)) for index in order]
