"""What a model's shapes, metadata and answers tell about how it wants to be used."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgesite.errors import UnsupportedError
from edgesite.site.wording import shown
from edgesite.targets.feeds import random_feeds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgesite import CompiledModel
    from edgesite.targets.manifest import TensorInfo

USUAL_SIDE = 224
"""Pixels: what most classifiers that leave the size open were trained on."""

LABEL_KEYS = ("names", "classes", "labels", "class_names", "categories", "id2label")
"""Where exporters put the names of classes in the metadata of a model."""


@dataclass(frozen=True)
class Guess:
    """A classifier of pictures, as far as the model itself tells."""

    input: TensorInfo
    layout: str
    color: str
    height: int
    width: int
    output: TensorInfo
    several_outputs: bool
    labels: tuple[str, ...]
    labels_known: bool
    """Whether the names come from the model, rather than being class_0, class_1 and so on."""

    activation: str


def guess_sizes(inputs: Mapping[str, Sequence[int | str | None]]) -> dict[str, tuple[int, ...]]:
    """Shapes for inputs that leave sizes open: a batch of 1, and pictures of the usual size."""
    return {
        name: tuple(
            size if isinstance(size, int) and size > 0 else (1 if axis == 0 else USUAL_SIDE)
            for axis, size in enumerate(shape)
        )
        for name, shape in inputs.items()
    }


def guess(path: Path, model: CompiledModel, metadata: Mapping[str, str]) -> Guess:
    """What kind of classifier a compiled model is.

    Raises UnsupportedError where it does not look like a classifier of pictures.
    """
    manifest = model.manifest
    shapes = ", ".join(f"{info.name} {info.dtype}{list(info.shape)}" for info in manifest.inputs)
    layout = _layout(manifest.inputs[0].shape) if len(manifest.inputs) == 1 else None
    if layout is None:
        raise UnsupportedError(
            f"{shown(path)}: takes {shapes or 'no input'}, where a demo gives one picture "
            "[1, 3, H, W] or [1, H, W, 3]; `edgesite compile` makes a module of any model"
        )
    outputs = [info for info in manifest.outputs if _is_classes(info)]
    if not outputs:
        found = ", ".join(
            f"{info.name} {info.dtype}{list(info.shape)}" for info in manifest.outputs
        )
        raise UnsupportedError(
            f"{shown(path)}: gives {found}, where a demo of image-classification needs one number "
            "per class; `edgesite compile` makes a module of any model"
        )
    shape, output = manifest.inputs[0].shape, outputs[0]
    height, width = shape[-2:] if layout == "NCHW" else shape[-3:-1]
    channels = shape[-3] if layout == "NCHW" else shape[-1]
    names = _names(metadata, math.prod(output.shape))
    return Guess(
        input=manifest.inputs[0],
        layout=layout,
        color="GRAY" if channels == 1 else "RGB",
        height=height,
        width=width,
        output=output,
        several_outputs=len(manifest.outputs) > 1,
        labels=names or tuple(f"class_{index}" for index in range(math.prod(output.shape))),
        labels_known=names is not None,
        activation=_activation(model, output.name),
    )


def _layout(shape: tuple[int, ...]) -> str | None:
    """Where the channels of a picture stand; None where it is no picture."""
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[0] != 1):
        return None
    if shape[-3] in (1, 3):
        return "NCHW"
    return "NHWC" if shape[-1] in (1, 3) else None


def _is_classes(info: TensorInfo) -> bool:
    long_axes = sum(size > 1 for size in info.shape)
    return info.dtype.startswith("float") and long_axes == 1


def _activation(model: CompiledModel, output: str) -> str:
    """What the output lacks: none where it is a distribution already, whatever the input."""
    for seed in range(3):
        scores = model.run(random_feeds(model.manifest, seed))[output].astype(np.float64)
        if not (scores >= 0).all() or not math.isclose(scores.sum(), 1, abs_tol=1e-3):
            return "softmax"
    return "none"


def _names(metadata: Mapping[str, str], count: int) -> tuple[str, ...] | None:
    """The names of classes in a model's metadata; None unless there is one for each."""
    for key in LABEL_KEYS:
        names = _parsed(metadata.get(key, ""))
        if len(names) == count and all(name and name.isprintable() for name in names):
            return tuple(names)
    return None


def _parsed(text: str) -> list[str]:
    """A list, or names by index, in JSON or Python's notation, or parted by commas or lines."""
    value: Any = None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
            break
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    if isinstance(value, dict):
        value = [value.get(k, value.get(str(k), "")) for k in range(len(value))]
    if not isinstance(value, list | tuple):
        value = text.strip().split("\n" if "\n" in text.strip() else ",")
    return [str(name).strip() for name in value]
