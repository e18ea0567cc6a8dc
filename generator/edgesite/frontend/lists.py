"""Lists of tensors as inputs of a model: an input for each tensor, and a node that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import GraphProto, NodeProto, TypeProto, helper


def element(name: str, number: int) -> str:
    """What a tensor of a list is called as an input or output of its own."""
    return f"{name}[{number}]"


def spelled_out(
    graph: GraphProto, shapes: Mapping[str, Any]
) -> tuple[GraphProto, dict[str, Any], dict[str, int]]:
    """The graph with lists of named lengths as inputs of tensors; its shapes; these lengths.

    What `shapes` does not name as a list of shapes stays as it is. An optional input that is
    named at all is there, so it is what it may hold.
    """
    inputs: list[onnx.ValueInfoProto] = []
    nodes: list[NodeProto] = []
    told, lengths = dict(shapes), dict[str, int]()
    for value in graph.input:
        kind = _held(value.type) if value.name in shapes else value.type
        if kind.HasField("sequence_type") and _is_list_of_shapes(shapes.get(value.name)):
            every = told.pop(value.name)
            names = [element(value.name, number) for number in range(len(every))]
            dtype = kind.sequence_type.elem_type.tensor_type.elem_type
            inputs += [helper.make_tensor_value_info(name, dtype, None) for name in names]
            told.update(zip(names, every, strict=True))
            lengths[value.name] = len(every)
            nodes.append(_listing(value.name, names, dtype))
        else:
            inputs.append(helper.make_value_info(value.name, kind))
    if len(inputs) == len(graph.input) and not lengths and list(graph.input) == inputs:
        return graph, told, lengths
    made = GraphProto()
    made.CopyFrom(graph)
    del made.input[:], made.node[:]
    made.input.extend(inputs)
    made.node.extend([*nodes, *graph.node])
    return made, told, lengths


def _held(kind: TypeProto) -> TypeProto:
    return kind.optional_type.elem_type if kind.HasField("optional_type") else kind


def _is_list_of_shapes(given: Any) -> bool:
    return isinstance(given, Sequence) and all(isinstance(shape, Sequence) for shape in given)


def _listing(name: str, parts: Sequence[str], dtype: int) -> NodeProto:
    if parts:
        return helper.make_node("SequenceConstruct", parts, [name], name=name)
    return helper.make_node("SequenceEmpty", [], [name], name=name, dtype=dtype)
