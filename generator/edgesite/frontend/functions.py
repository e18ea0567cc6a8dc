"""Bodies of operators that are made of other operators: the model's own, and the standard's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto, defs

from edgesite.frontend.opsets import versions_of

Attributes = Mapping[str, AttributeProto]


@dataclass(frozen=True)
class Body:
    """A function as it applies to one call."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[NodeProto, ...]
    attributes: Attributes
    """What the body's references to attributes mean: the call's own, else the defaults."""
    opsets: Mapping[str, int]


def local_body(function: FunctionProto, call: NodeProto) -> Body:
    """The body of a function of the model's own."""
    defaults = {attribute.name: attribute for attribute in function.attribute_proto}
    return _body(function, call, defaults)


def schema_body(
    schema: defs.OpSchema,
    call: NodeProto,
    opset: int,
    known: Mapping[str, TypeProto],
) -> Body | None:
    """The body that the standard gives an operator, None where it gives none.

    Some bodies are built for the types of the call's inputs, which `known` has.
    """
    definition: Any = schema  # onnx's type stubs leave out its methods about functions
    if definition.has_function:
        version = _newest(definition.function_opset_versions, opset)
        data = definition.get_function_with_opset_version(version)
    elif definition.has_context_dependent_function:
        version = _newest(definition.context_dependent_function_opset_versions, opset)
        types = [known.get(name, TypeProto()) for name in call.input]
        data = definition.get_context_dependent_function_with_opset_version(
            version, call.SerializeToString(), [proto.SerializeToString() for proto in types]
        )
    else:
        return None
    function = FunctionProto.FromString(data)
    defaults = {
        name: attribute.default_value
        for name, attribute in schema.attributes.items()
        if attribute.default_value.name
    }
    return _body(function, call, defaults) if function.node else None


def _newest(versions: list[int], opset: int) -> int:
    """The newest body that the model's opset has."""
    return max((version for version in versions if version <= opset), default=min(versions))


def _body(function: FunctionProto, call: NodeProto, defaults: Attributes) -> Body:
    return Body(
        inputs=tuple(function.input),
        outputs=tuple(function.output),
        nodes=tuple(function.node),
        attributes={**defaults, **{attribute.name: attribute for attribute in call.attribute}},
        opsets=versions_of(function.opset_import, f"function {function.name}"),
    )
