"""Types of a node's outputs by onnx's own rules, node by node.

Each node is asked with every input constant and type known so far, in the order of the
graph, which leaves nothing for a second round to find out.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

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
from edgesite.frontend.types import dims_of, dtype_of

# 1024: operands that decide sizes have one element per axis, or per index of an axis.
_DATA_LIMIT = 1024
# 64 axes: twice as many as numpy had for decades.
_RANK_LIMIT = 64

_SHAPES = {"ConstantOfShape": 0, "Expand": 1, "Reshape": 1}
"""Where operators have an operand that is a shape."""


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


def check_counts(node: NodeProto, schema: defs.OpSchema) -> None:
    """Check the number of a node's inputs and outputs alone.

    Raises ModelError where there are too few or too many.
    """
    for what, count, least, most in (
        ("inputs", len(node.input), schema.min_input, schema.max_input),
        ("outputs", len(node.output), schema.min_output, schema.max_output),
    ):
        if not least <= count <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise ModelError(
                f"{title(node)}: has {count} {what}, wants {wanted}; export the model again"
            )


def check_required(node: NodeProto, graphs: Container[str], schema: defs.OpSchema) -> None:
    """Check that a node has all its definition requires, `graphs` being its subgraphs.

    Raises ModelError that names the missing attributes.
    """
    has = {attribute.name for attribute in node.attribute}
    required = {name: a.type for name, a in schema.attributes.items() if a.required}
    missing = [
        name
        for name, kind in required.items()
        if name not in (graphs if kind == defs.OpSchema.AttrType.GRAPH else has)
    ]
    if missing:
        raise ModelError(
            f"{title(node)}: lacks attribute {', '.join(sorted(missing))}; export the model again"
        )


def check_types(node: NodeProto, schema: defs.OpSchema, known: Known) -> None:
    """Check the element types of a node's inputs, which onnx's inference takes as they come.

    Raises ModelError for one that the operator has no meaning for, or two that must be equal.
    """
    allowed = {item.type_param_str: item.allowed_type_strs for item in schema.type_constraints}
    formal = list(schema.inputs)
    agreed: dict[str, str] = {}
    for at, name in enumerate(node.input):
        kind = formal[min(at, len(formal) - 1)]
        dtype = dtype_of(known.types.get(name))
        code = known.types[name].tensor_type.elem_type if dtype is not None else 0
        spelled = _SPELLED.get(code)
        if spelled is None:
            continue
        wanted = allowed.get(kind.type_str, [kind.type_str])
        first = agreed.setdefault(kind.type_str, spelled) if kind.is_homogeneous else spelled
        if spelled not in wanted or spelled != first:
            able = first if spelled in wanted else ", ".join(sorted(wanted))
            raise ModelError(
                f"{title(node)}: input {name} is {spelled}, where {able} is needed; "
                "the file is damaged, export it again"
            )


_SPELLED = {
    code: f"tensor({name.lower()})"
    for name, code in TensorProto.DataType.items()
    if name != "UNDEFINED"
}
"""How onnx's definitions write element types."""


def _check_axes(node: NodeProto, known: Known) -> None:
    """Refuse axes that are none, which onnx's inference may look up without asking."""
    dims = dims_of(known.types.get(node.input[0])) if node.input else None
    rank = _RANK_LIMIT if dims is None else len(dims)
    for attribute in node.attribute:
        limit = {"axis": rank, "axes": _RANK_LIMIT, "perm": _RANK_LIMIT}.get(attribute.name)
        values = (attribute.i, *attribute.ints)
        if limit is not None and not all(-limit - 1 <= value <= limit for value in values):
            raise ModelError(
                f"{title(node)}: {attribute.name} {attribute.i or list(attribute.ints)} is none of "
                f"the {rank} axes of {node.input[0]}; export the model again"
            )


def infer(
    node: NodeProto,
    schema: defs.OpSchema,
    known: Known,
    opsets: Mapping[str, int],
) -> dict[str, TypeProto]:
    """The types of a node's outputs, as far as onnx can tell.

    Raises ModelError where the inputs' types and the node contradict each other.
    """
    names = [name for name in node.input if name]
    if any(name not in known.types for name in names):
        return {}
    _check_rank(node, known)
    _check_axes(node, known)
    _check_parts(node)
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    try:
        return shape_inference.infer_node_outputs(
            schema,
            node,
            {name: known.types[name] for name in names},
            {name: _data(name, known.constants[name]) for name in names if _decides(name, known)},
            opset_imports=imports,
        )
    except (shape_inference.InferenceError, checker.ValidationError, ValueError) as error:
        raise ModelError(
            f"{title(node)}: {_first_line(error)}; the inputs do not fit the operator: "
            "check the shapes given, or export the model again"
        ) from None


def _check_rank(node: NodeProto, known: Known) -> None:
    """Refuse a shape operand that asks for more axes than anyone means.

    onnx would list them all, which takes the memory of the machine where there are billions.
    """
    at = _SHAPES.get(node.op_type)
    dims = dims_of(known.types.get(node.input[at])) if at is not None else None
    if dims and isinstance(dims[0], int) and dims[0] > _RANK_LIMIT:
        raise ModelError(
            f"{title(node)}: its shape has {dims[0]} axes, more than the {_RANK_LIMIT} that make "
            "sense; the file is damaged, export it again"
        )


def _check_parts(node: NodeProto) -> None:
    """Refuse a number of parts that is not that of the outputs: onnx would make them all."""
    for attribute in node.attribute:
        if attribute.name == "num_outputs" and attribute.i != len(node.output):
            raise ModelError(
                f"{title(node)}: num_outputs is {attribute.i}, and there are {len(node.output)} "
                "outputs; the file is damaged, export it again"
            )


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
