"""What names mean at one place of a model: in its graph, a branch, a loop body, a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from onnx import AttributeProto, TypeProto

from edgesite.frontend.graph import StaticNode

Key = tuple[str, str, str]
"""Domain, name and overload of a function."""


@dataclass
class Scope:
    """A place in a model. Names given there are mapped to names unique in the whole result."""

    opsets: Mapping[str, int]
    nodes: list[StaticNode]
    """Where nodes that are kept go; a body put in place of its call shares its caller's."""
    parent: Scope | None = None
    """The graph around this one; a function body sees nothing around it."""
    names: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    """Unique names that the outputs of a body must take on: those of the call's outputs."""
    declared: dict[str, TypeProto] = field(default_factory=dict)
    """What the file says of types, by the file's names."""
    attributes: Mapping[str, AttributeProto] = field(default_factory=dict)
    """In a function, the attributes of its call."""
    prefix: str = ""
    calls: tuple[Key, ...] = ()
    """The functions this is inside of, to notice one that calls itself."""

    def lookup(self, name: str) -> str | None:
        """The unique name of a value, None where nothing of that name is in sight."""
        if name in self.names:
            return self.names[name]
        return self.parent.lookup(name) if self.parent else None
