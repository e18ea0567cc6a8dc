"""The names of classes, from a text file with one per line or a JSON file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgesite.errors import ConfigError
from edgesite.site.document import Position, at, read_text

if TYPE_CHECKING:
    from pathlib import Path


def read_labels(path: Path) -> list[str]:
    """The labels in the order of the model's output.

    A .json file holds a list, or names by index as in {"0": "cat"}; any other file one label
    per line. Raises ConfigError where the file cannot be read or a label is missing.
    """
    text = read_text(path)
    return _from_json(path, text) if path.suffix.lower() == ".json" else _from_lines(path, text)


def _from_lines(path: Path, text: str) -> list[str]:
    labels = [line.strip() for line in text.rstrip().split("\n")]
    for number, label in enumerate(labels, start=1):
        if not label:
            raise ConfigError(
                f"{at(path, Position(number, 1))}: the line is empty; "
                "write the name of one class on every line"
            )
        if not label.isprintable():
            raise ConfigError(
                f"{at(path, Position(number, 1))}: the label has a character that cannot be seen; "
                "retype the line"
            )
    return labels


def _from_json(path: Path, text: str) -> list[str]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        place = at(path, Position(error.lineno, error.colno))
        raise ConfigError(
            f"{place}: not JSON: {error.msg.lower()}; correct it, or use a text file"
        ) from None
    labels = _by_index(data) if isinstance(data, dict) else data
    if not isinstance(labels, list) or not labels or not all(_is_name(item) for item in labels):
        raise ConfigError(
            f"{at(path)}: is not a list of names; "
            'write ["cat", "dog"] or {"0": "cat", "1": "dog"}'
        )
    return labels


def _by_index(names: dict[str, Any]) -> list[Any] | None:
    """Names in the order of their indices, which must be 0, 1, 2 and so on."""
    indices = [str(index) for index in range(len(names))]
    return [names[index] for index in indices] if set(indices) == set(names) else None


def _is_name(item: object) -> bool:
    return isinstance(item, str) and bool(item.strip()) and item.isprintable()
