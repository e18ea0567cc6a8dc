"""What is known of every value while a model is imported, and what is wrong with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from onnx import TypeProto

from edgesite.errors import EdgesiteError, UnsupportedError
from edgesite.frontend.graph import ValueInfo
from edgesite.frontend.tensors import Array
from edgesite.frontend.types import refined, type_of, value_info


class TooLargeError(UnsupportedError):
    """There is no point in looking for further problems."""


@dataclass
class Known:
    """Types and constants by unique name; grows as the walk over the model goes on."""

    types: dict[str, TypeProto] = field(default_factory=dict)
    declared: dict[str, TypeProto] = field(default_factory=dict)
    """What the file says of types, for operators that onnx has no rules for."""
    constants: dict[str, Array] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    copies: dict[str, int] = field(default_factory=dict)
    """How often a name was asked for, so that the thousandth finds its number at once."""
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What columns are called, of values that the model has as dictionaries by label."""
    problems: list[EdgesiteError] = field(default_factory=list)

    def learn(self, name: str, proto: TypeProto | None) -> None:
        """Take in the type of a value, beside what was known and what the file says of it."""
        refinement = refined(refined(proto, self.types.get(name)), self.declared.get(name))
        if refinement is not None:
            self.types[name] = refinement

    def fix(self, name: str, array: Array) -> None:
        """Take in that a value is a constant."""
        self.constants[name] = array
        self.types[name] = type_of(array)

    def unique(self, name: str) -> str:
        """A name like the one given that no value has."""
        candidate, count = name, self.copies.get(name, 1)
        while candidate in self.taken:
            count += 1
            candidate = f"{name}:{count}"
        self.copies[name] = count
        self.taken.add(candidate)
        return candidate

    def values(self) -> Mapping[str, ValueInfo]:
        """Every value known in full."""
        infos = (value_info(name, proto) for name, proto in self.types.items())
        return {info.name: info for info in infos if info is not None}

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Gather a problem instead of stopping at it, so that all are reported at once."""
        try:
            yield
        except TooLargeError:
            raise
        except EdgesiteError as problem:
            self.problems.append(problem)
