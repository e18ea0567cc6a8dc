"""A static graph as an ONNX model again, so that a runtime can say whether it means the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import TypeProto, defs, helper, numpy_helper

from edgesite.frontend import OutputInfo, StaticGraph, StaticNode, ValueInfo


def reassembled(graph: StaticGraph) -> onnx.ModelProto:
    """The model; nodes of an opset other than the model's are wrapped in functions of theirs."""
    nodes = list(graph.walk())
    opsets = {domain: _opset(domain, nodes) for domain in {"", *(n.domain for n in nodes)}}
    strangers = [n for n in nodes if _since(n, opsets[n.domain]) != n.version and not n.subgraphs]
    model = helper.make_model(
        _graph_proto(graph, {node.outputs for node in strangers}),
        opset_imports=[helper.make_opsetid(*pair) for pair in {**opsets, "wrapped": 1}.items()],
        functions=[_wrapper(node) for node in strangers],
    )
    model.ir_version = 10
    return model


def _opset(domain: str, nodes: Iterable[StaticNode]) -> int:
    """The opset at which most nodes of a domain have the version they should have."""
    own = [node for node in nodes if node.domain == domain]
    newest = 25 if domain == "" else 4  # what released runtimes take
    return max(range(newest, 0, -1), key=lambda v: sum(_since(n, v) == n.version for n in own))


def _since(node: StaticNode, opset: int) -> int | None:
    try:
        return int(defs.get_schema(node.op_type, opset, node.domain).since_version)
    except defs.SchemaError:
        return None


def _wrapper(node: StaticNode) -> onnx.FunctionProto:
    inputs = list(dict.fromkeys(filter(None, node.inputs)))
    outputs = list(filter(None, node.outputs))
    opset = helper.make_opsetid(node.domain, node.version)
    proto = _node_proto(node, set())
    return helper.make_function("wrapped", _label(node), inputs, outputs, [proto], [opset])


def _label(node: StaticNode) -> str:
    return "_".join(node.outputs)


def _graph_proto(graph: StaticGraph, wrapped: set[tuple[str, ...]]) -> onnx.GraphProto:
    return helper.make_graph(
        [_node_proto(node, wrapped) for node in graph.nodes],
        "reassembled",
        [_value_proto(value) for value in graph.inputs],
        [_value_proto(value) for value in graph.outputs],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )


def _value_proto(value: ValueInfo | OutputInfo) -> onnx.ValueInfoProto:
    if value.dtype is None:
        return helper.make_value_info(value.name, TypeProto())
    elem_type = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(value.name, elem_type, value.shape)


def _node_proto(node: StaticNode, wrapped: set[tuple[str, ...]]) -> onnx.NodeProto:
    if node.outputs in wrapped:
        inputs = list(dict.fromkeys(filter(None, node.inputs)))
        outputs = list(filter(None, node.outputs))
        return helper.make_node(_label(node), inputs, outputs, domain="wrapped")
    # The reference evaluator miscounts the outputs of a Loop when some are unnamed.
    outputs = [name or f"{node.name}/unread{i}" for i, name in enumerate(node.outputs)]
    proto = helper.make_node(node.op_type, node.inputs, outputs, node.name, domain=node.domain)
    types = defs.get_schema(node.op_type, domain=node.domain).attributes
    for name, value in node.attributes.items():
        attribute = _attribute_value(value, wrapped)
        is_empty = isinstance(value, list) and not value
        kind = types[name].type if is_empty else None
        proto.attribute.append(
            # onnx's enum is a number, which its types do not say
            helper.make_attribute(name, attribute, attr_type=kind)  # type: ignore[arg-type]
        )
    return proto


def _attribute_value(value: Any, wrapped: set[tuple[str, ...]]) -> Any:
    if isinstance(value, StaticGraph):
        return _graph_proto(value, wrapped)
    if isinstance(value, np.ndarray):
        return numpy_helper.from_array(value)
    if isinstance(value, list):
        return [_attribute_value(item, wrapped) for item in value]
    return value
