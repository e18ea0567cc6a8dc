"""What the frontend hands over: an ONNX graph whose sizes are numbers, not symbols.

Names are unique across a graph and all its subgraphs, so a value is its name. This
module holds the data alone; how it comes about is the other modules' business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Dtype = np.dtype[Any]
"""numpy's dtype; bfloat16, float8 and int4 are those of ml_dtypes, strings are objects."""


@dataclass(frozen=True)
class ValueInfo:
    """A value of known element type and size."""

    name: str
    dtype: Dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class OutputInfo:
    """What a graph answers; dtype and shape are None where only a run can tell."""

    name: str
    dtype: Dtype | None
    shape: tuple[int, ...] | None
    labels: tuple[str, ...] = ()
    """What the columns are called that the model gives as dictionaries by label."""


@dataclass(frozen=True)
class StaticNode:
    """One operator applied once.

    An empty name stands for an omitted input, or an output that nobody reads.
    Attributes are str, int, float, lists of these, np.ndarray, or StaticGraph; defaults
    are not filled in. A subgraph reads values of the graphs around it by their names.
    """

    name: str
    domain: str
    op_type: str
    version: int
    """The version since which the operator's meaning, in force for this node, is what it is."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def subgraphs(self) -> tuple[StaticGraph, ...]:
        """The graphs among the attributes."""
        return tuple(value for value in self.attributes.values() if isinstance(value, StaticGraph))

    @property
    def reads(self) -> tuple[str, ...]:
        """Every value that must exist before the node runs, those of its subgraphs included."""
        own = [name for name in self.inputs if name]
        return tuple(own + [name for graph in self.subgraphs for name in graph.captures])

    def __str__(self) -> str:
        return f"{self.name} ({self.op_type}, {self.domain or 'ai.onnx'} version {self.version})"


@dataclass(frozen=True)
class Source:
    """Facts about the file that a graph came from."""

    sha256: str
    """Of the bytes of the .onnx file, data kept in other files left out."""
    producer: str
    opset: int
    """Of the default domain, as the file says; 0 where the file does not use it."""
    parameters: int
    """Elements of the tensors that the file stores as weights: float or quantised, of rank 1
    and more; int64, bool and string tensors are shape arithmetic."""


@dataclass(frozen=True)
class StaticGraph:
    """Nodes in an order in which they can run, and everything they read.

    The outermost graph holds the constants and the known values of its subgraphs too.
    `values` lacks those whose dtype or size is not known before the model runs.
    """

    inputs: tuple[ValueInfo, ...]
    outputs: tuple[OutputInfo, ...]
    nodes: tuple[StaticNode, ...]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    values: Mapping[str, ValueInfo] = field(default_factory=dict)
    opsets: Mapping[str, int] = field(default_factory=dict)
    source: Source | None = None
    parameters: tuple[str, ...] = ()
    """The names of all inputs, in order; `inputs` lacks those of a subgraph that are no tensor
    of one size in every iteration."""
    lists: Mapping[str, int] = field(default_factory=dict)
    """How long the inputs of the file are that are lists of tensors; `inputs` has the tensors."""

    @property
    def captures(self) -> tuple[str, ...]:
        """The values that the graph reads and does not make: of a subgraph, those around it."""
        made = {*self.parameters} | set(self.constants)
        read: dict[str, None] = {}
        for node in self.nodes:
            read.update(dict.fromkeys(name for name in node.reads if name not in made))
            made.update(node.outputs)
        read.update({out.name: None for out in self.outputs if out.name not in made})
        return tuple(read)

    def walk(self) -> Iterator[StaticNode]:
        """Every node, those of subgraphs included."""
        for node in self.nodes:
            yield node
            for graph in node.subgraphs:
                yield from graph.walk()
