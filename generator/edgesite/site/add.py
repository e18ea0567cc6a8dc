"""A demo's folder from a model alone: it compiles, it builds, and it says what was guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import edgesite
from edgesite.errors import BuildError, EdgesiteError, UnsupportedShapeError
from edgesite.site.compiled import outside_files
from edgesite.site.folders import DEMOS_FOLDER, check_is_site
from edgesite.site.guess import Guess, guess, guess_sizes
from edgesite.site.paths import slug_of
from edgesite.site.scaffold import title_of, write_new_folder
from edgesite.site.schemas import renew_schemas, schema_line
from edgesite.site.source import RESERVED
from edgesite.site.wording import shown
from edgesite.verify import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from edgesite import CompiledModel

MNIST_SIDE = 28
"""Pixels: grey pictures of this size are nearly always drawn digits or letters like MNIST's."""


@dataclass(frozen=True)
class Added:
    """A demo that was added to a site."""

    folder: Path
    files: tuple[str, ...]
    checks: tuple[str, ...]
    """What was guessed and should be compared with the model's training."""


def add_demo(
    model: Path,
    root: Path,
    name: str | None = None,
    shapes: Mapping[str, int | tuple[int, ...]] | None = None,
) -> Added:
    """Write demos/NAME with a copy of the model, guessing what the model does not say.

    `shapes` sizes what the model leaves open. Raises what the compiler raises for a model it
    refuses, UnsupportedError for one that is no classifier of pictures, BuildError where the
    folder exists or cannot be written.
    """
    check_is_site(root)
    slug = slug_of(name or model.stem)
    if not slug or slug in RESERVED:
        slug = f"{slug or 'model'}-demo"
    folder = root / DEMOS_FOLDER / slug
    if folder.exists():
        raise BuildError(f"{shown(folder)}: exists already; choose another name with --name")
    compiled, guessed_shape = _compiled(model, shapes)
    facts = guess(model, compiled, Reference(model).metadata)
    files, checks = _files(title_of(slug), facts, guessed_shape=guessed_shape)
    data = model.read_bytes()
    copies = {"model.onnx": data}
    copies |= {
        path.relative_to(model.parent).as_posix(): path.read_bytes()
        for path in outside_files(model, data)
    }
    write_new_folder(folder, files | copies)
    renew_schemas(root)
    return Added(folder, tuple(sorted({*files, *copies})), tuple(checks))


def _compiled(
    model: Path, shapes: Mapping[str, int | tuple[int, ...]] | None
) -> tuple[CompiledModel, bool]:
    """The compiled model, and whether sizes had to be guessed for it."""
    try:
        return edgesite.compile(model, shapes=shapes, threads="off"), False
    except UnsupportedShapeError as error:
        if shapes:
            raise
        sizes = guess_sizes(Reference(model).inputs)
        try:
            return edgesite.compile(model, shapes=sizes, threads="off"), True
        except EdgesiteError:
            raise error from None  # the question that was left open, not the answer that failed


def _files(title: str, facts: Guess, *, guessed_shape: bool) -> tuple[dict[str, bytes], list[str]]:
    """The text files of a demo, and what to check in them."""
    checks: list[str] = []

    def check(key: str, why: str) -> str:
        checks.append(f"{key}: {why}")
        return f"  # check: {why}"

    lines = [
        schema_line("demo"),
        "# Lines with `check` are guesses: compare them with how the model was trained.",
        f"title: {_scalar(title)}",
        "# description: one sentence about the demo",
        "task: image-classification",
        "model: model.onnx",
        "",
        "input:",
        f"  shape: {list(facts.input.shape)}"
        + (check("input.shape", "the model leaves sizes open") if guessed_shape else ""),
        f"  layout: {facts.layout}",
        f"  color: {facts.color}"
        + (
            check("input.color", "or BGR, for models trained with OpenCV")
            if facts.color == "RGB"
            else ""
        ),
        *_preparation(facts, check),
        "",
        "labels: labels.txt"
        + ("" if facts.labels_known else check("labels", "the model has no names, write yours")),
        "output:",
        *([f"  name: {_scalar(facts.output.name)}"] if facts.several_outputs else []),
        f"  activation: {facts.activation}"
        + check("output.activation", _REASONS[facts.activation]),
        f"  top: {min(5, len(facts.labels))}",
        "",
        f"inputs: [{'draw, upload' if _is_drawn(facts) else 'upload'}]",
        "examples: []  # such as: - {file: examples/cat.jpg, caption: A cat on a sofa, label: cat}",
    ]
    files = {
        "demo.yaml": "\n".join([*lines, ""]).encode(),
        "labels.txt": "\n".join([*facts.labels, ""]).encode(),
        "index.md": _WORDS.encode(),
    }
    return files, checks


_REASONS = {
    "softmax": "scores become probabilities; sigmoid where classes do not exclude each other",
    "none": "the model's output adds up to 1 already",
}

_WORDS = """\
## The model

Say here what the model was trained on, how often it is right, and what its licence is.
"""


def _preparation(facts: Guess, check: Callable[[str, str], str]) -> list[str]:
    """How pictures become numbers, guessed from the size of the input."""
    if facts.input.dtype == "uint8":
        return [_resize(facts, check)]
    if _is_drawn(facts):
        return [
            "  scale: 1/255" + check("input.scale", "bytes become 0..1"),
            "  centre: {size: 20}" + check("input.centre", "as MNIST's digits are"),
        ]
    if facts.color == "RGB" and min(facts.height, facts.width) >= 192:
        return [
            "  scale: 1/255",
            "  norm: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}"
            + check("input.norm", "ImageNet's, as most models of this size want"),
            _resize(facts, check),
        ]
    return [
        "  scale: 1/255" + check("input.scale", "bytes become 0..1"),
        "  # norm: {mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}"
        + check("input.norm", "none; add mean and std if training had them"),
        _resize(facts, check),
    ]


def _resize(facts: Guess, check: Callable[[str, str], str]) -> str:
    if facts.height == facts.width == 224:
        why = "as torchvision's evaluation does"
        return "  resize: {shorter: 256, filter: bilinear}" + check("input.resize", why)
    return "  resize: {fit: crop, filter: bilinear}" + check("input.resize", "fill and cut")


def _is_drawn(facts: Guess) -> bool:
    return facts.color == "GRAY" and facts.height == facts.width == MNIST_SIDE


def _scalar(text: str) -> str:
    """Text as YAML reads it back: plain where that is safe, in quotes otherwise."""
    plain = text.replace(" ", "").isalpha() and text.lower() not in ("true", "false", "null")
    return text if plain else json.dumps(text)
