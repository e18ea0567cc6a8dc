"""Types of a node's outputs by onnx's own rules, node by node.

Each node is asked with every input constant and type known so far, in the order of the
graph, which leaves nothing for a second round to find out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import (
    IR_VERSION,
    NodeProto,
    TensorProto,
    TypeProto,
    checker,
    defs,
    helper,
    numpy_helper,
    shape_inference,
)

from edgesite.errors import ModelError
from edgesite.frontend.known import Known
from edgesite.frontend.tensors import Array

# 1024: operands that decide sizes have one element per axis, or per index of an axis.
_DATA_LIMIT = 1024


def title(node: NodeProto) -> str:
    """How messages call a node."""
    return f"node {node.name} ({node.op_type})"


def check(node: NodeProto, opsets: Mapping[str, int]) -> None:
    """Check a node's number of inputs, attributes and their types against its definition.

    Raises ModelError with what onnx has to say.
    """
    context = checker.C.CheckerContext()
    context.ir_version = int(IR_VERSION)
    context.opset_imports = dict(opsets)
    try:
        checker.check_node(node, context)
    except checker.ValidationError as error:
        raise ModelError(f"{title(node)}: {_first_line(error)}; export the model again") from None


def infer(
    node: NodeProto,
    schema: defs.OpSchema,
    known: Known,
    opsets: Mapping[str, int],
) -> dict[str, TypeProto]:
    """The types of a node's outputs, those that onnx can tell.

    Raises ModelError where the inputs' types and the node contradict each other.
    """
    names = [name for name in node.input if name]
    try:
        return shape_inference.infer_node_outputs(
            schema,
            node,
            {name: known.types.get(name, TypeProto()) for name in names},
            {name: _data(name, known.constants[name]) for name in names if _decides(name, known)},
            opset_imports=[
                helper.make_opsetid(domain, version) for domain, version in opsets.items()
            ],
        )
    except shape_inference.InferenceError as error:
        if any(name not in known.types for name in names):
            return {}
        raise ModelError(
            f"{title(node)}: {_first_line(error)}; the inputs do not fit the operator: "
            "check the shapes given, or export the model again"
        ) from None


def _decides(name: str, known: Known) -> bool:
    """Whether a value is a constant that may decide a size."""
    array = known.constants.get(name)
    return array is not None and array.size <= _DATA_LIMIT and array.dtype != np.dtype(object)


def _data(name: str, array: Array) -> TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def _first_line(error: Exception) -> str:
    """The sentence in onnx's message, which comes with context on further lines."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip().rstrip(".") if lines else type(error).__name__
