"""What to do about a node that cannot be compiled: said with what its model offers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnx import defs

from edgesite.errors import EdgesiteError, UnsupportedShapeError
from edgesite.frontend.graph import StaticGraph, StaticNode

_STANDARD = ("", "ai.onnx.ml", "com.microsoft")

# 64 elements: what decides sizes has one per axis, or is a single number.
_FEW = 64


def missing(node: StaticNode, since: Sequence[int]) -> str:
    """Why an operator has no meaning here; `since` are the versions from which on it has one."""
    if since:
        opset = _opset_of(node, min(since))
        return (
            f"version {node.version} is older than edgesite understands; "
            f"export the model with opset {opset} or newer"
        )
    if node.domain not in _STANDARD:
        return (
            "the operator is not supported, and is none of ONNX's; export the model without it, "
            "or with a function in the file that says what it is made of"
        )
    return "the operator is not supported; export the model without it"


def _opset_of(node: StaticNode, version: int) -> int:
    """The first opset in which a version of an operator, or a later one, is in force."""
    newer = [
        schema.since_version
        for schema in defs.get_all_schemas_with_history()
        if (schema.domain, schema.name) == (node.domain, node.op_type)
        and schema.since_version >= version
    ]
    return min(newer, default=version)


def hint(graph: StaticGraph, node: StaticNode, error: EdgesiteError) -> str:
    """The inputs of a model that decide what a node needs to know, to be put behind a message."""
    if not isinstance(error, UnsupportedShapeError):
        return ""
    data, operands = node.inputs[:1], node.inputs[1:]
    deciding = _inputs_behind(graph, operands) or _inputs_behind(graph, data)
    names = ", ".join(f'"{name}"' for name in deciding)
    return f"; here that is {names}" if names else ""


def _inputs_behind(graph: StaticGraph, names: Sequence[str]) -> list[str]:
    """The inputs that values follow from, as far as they are small enough to be fixed."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    inputs = {value.name: value for value in graph.inputs}
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += producers[name].reads if name in producers else ()
    return [name for name in inputs if name in seen and math.prod(inputs[name].shape) <= _FEW]
