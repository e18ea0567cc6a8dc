"""Inputs and outputs that are lists of tensors, which modules know as tensors of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def spread(values: Mapping[str, Any], lists: Collection[str]) -> dict[str, Any]:
    """Every list as its elements: {"x": [a, b]} as {"x[0]": a, "x[1]": b}."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name in lists and isinstance(value, list | tuple):
            made.update({f"{name}[{number}]": one for number, one in enumerate(value)})
        else:
            made[name] = value
    return made


def gathered(values: Mapping[str, Any], lists: Mapping[str, int]) -> dict[str, Any]:
    """The opposite: elements as the lists that they are of."""
    made = dict(values)
    for name, length in lists.items():
        made[name] = [made.pop(f"{name}[{number}]") for number in range(length)]
    return made
