"""What hosts do with strings ahead of a module; `theme/runtime/texts.ts` does the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgesite.errors import UsageError

Array = np.ndarray[Any, Any]

# Neither Python's nor JavaScript's idea of white space, which differ.
_SPACE = re.compile(r"[ \t\n\v\f\r]+")


def concat(first: Array, second: Array) -> list[Array]:
    """Strings one behind the other."""
    return [np.asarray(first + second, object)]


def match(texts: Array, *, pattern: str) -> list[Array]:
    """Which of the strings are wholly as a pattern says."""
    whole = re.compile(pattern, re.ASCII)
    return [np.array([bool(whole.fullmatch(t)) for t in texts.ravel()]).reshape(texts.shape)]


def normalize(
    texts: Array, *, case: str, stop_case: str, stop_words: tuple[str, ...]
) -> list[Array]:
    """Strings without stop words, in one case, and how many: one, an empty one, at least."""
    stops = {_in_case(word, stop_case) for word in stop_words}
    kept = [t for t in texts.ravel() if _in_case(t, stop_case) not in stops] or [""]
    made = np.array([_in_case(text, case) for text in kept], object)
    return [made.reshape(*texts.shape[:-1], -1), np.array(made.size)]


def _in_case(text: str, case: str) -> str:
    return text.lower() if case == "lower" else text.upper() if case == "upper" else text


def split(texts: Array, *, delimiter: str, limit: int) -> list[Array]:
    """The parts of every string, filled up with empty ones; how many; the most of these."""
    every = [_parts(text, delimiter, limit) for text in texts.ravel()]
    numbers = np.array([len(parts) for parts in every], np.int64).reshape(texts.shape)
    most = max(map(len, every), default=0)
    filled = [part for parts in every for part in [*parts, *[""] * (most - len(parts))]]
    made = np.array(filled, object).reshape(*texts.shape, most)
    return [made, numbers, np.array(most)]


def _parts(text: str, delimiter: str, limit: int) -> list[str]:
    if delimiter:
        return text.split(delimiter, limit)
    rest, parts = _SPACE.sub("", text, 1) if _SPACE.match(text) else text, list[str]()
    while rest and len(parts) != limit:
        part, *others = _SPACE.split(rest, maxsplit=1)
        parts.append(part)
        rest = others[0] if others else ""
    return [*parts, rest] if rest else parts


FUNCTIONS: Mapping[str, Callable[..., list[Array]]] = {
    "concat": concat,
    "match": match,
    "normalize": normalize,
    "split": split,
}
"""Each takes arrays of strings, and options by name."""


def placed(made: Array, shape: tuple[int, ...]) -> Array:
    """An answer as it lies in memory, its last axis filled up with empty strings.

    Raises UsageError where it does not fit.
    """
    if made.shape == shape:
        return made
    if made.shape[-1] > shape[-1]:
        raise UsageError(
            f"a string has {made.shape[-1]} parts, and there is memory for {shape[-1]}; "
            "give strings with fewer, or limit them in the model"
        )
    whole = np.full(shape, "", object)
    whole[..., : made.shape[-1]] = made
    return whole
