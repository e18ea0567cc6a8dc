"""Attributes of nodes as Python values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, NodeProto

from edgesite.errors import ModelError
from edgesite.frontend.tensors import Array, array_of, dense_of


def value_of(attribute: AttributeProto, folder: Path | None) -> Any:
    """An attribute as str, int, float, a list of these, or an array.

    Raises ModelError for an attribute of no kind that ONNX has.
    """
    match attribute.type:
        case AttributeProto.INT:
            return attribute.i
        case AttributeProto.INTS:
            return list(attribute.ints)
        case AttributeProto.FLOAT:
            return attribute.f
        case AttributeProto.FLOATS:
            return list(attribute.floats)
        case AttributeProto.STRING:
            return _text(attribute.s)
        case AttributeProto.STRINGS:
            return [_text(item) for item in attribute.strings]
        case AttributeProto.TENSOR:
            return array_of(attribute.t, folder)
        case AttributeProto.TENSORS:
            return [array_of(tensor, folder) for tensor in attribute.tensors]
        case AttributeProto.SPARSE_TENSOR:
            return dense_of(attribute.sparse_tensor, folder)
        case AttributeProto.TYPE_PROTO:
            return attribute.tp
    raise ModelError(
        f"attribute {attribute.name}: is of kind {attribute.type}, which cannot be read; "
        "export the model again"
    )


def constant_of(node: NodeProto, folder: Path | None) -> Array:
    """The value of a Constant node in any of its forms.

    Raises ModelError unless there is exactly one.
    """
    if len(node.attribute) != 1 or node.attribute[0].name not in _CONSTANTS:
        forms = ", ".join(_CONSTANTS)
        raise ModelError(
            f"node {node.name} (Constant): its value is one of {forms}; export the model again"
        )
    attribute = node.attribute[0]
    return np.asarray(value_of(attribute, folder), dtype=_CONSTANTS[attribute.name])


_CONSTANTS: dict[str, Any] = {
    "value": None,
    "sparse_value": None,
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
    "value_string": object,
    "value_strings": object,
}
"""The forms of a Constant, with the element type that follows from each."""


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="surrogateescape")
