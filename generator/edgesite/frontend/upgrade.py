"""Nodes of opsets 1 to 6 in terms of opset 7.

Most operators of that age mean the same in opset 7, or take an older version's attributes
that operators know anyway. What changed with opset 7 is broadcasting, which used to be
asked for, axis included, and became automatic.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnx import NodeProto, helper

from edgesite.errors import UnsupportedOperatorError
from edgesite.frontend.infer import title
from edgesite.frontend.known import Known
from edgesite.frontend.opsets import OLDEST, schema_of
from edgesite.frontend.types import dims_of

_BROADCASTING = frozenset(
    {"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "PRelu", "Sub", "Xor"}
)
_OBSOLETE = {
    "BatchNormalization": ("is_test", "consumed_inputs"),
    "Dropout": ("is_test", "consumed_inputs"),
    "Gemm": ("broadcast",),
}
"""Attributes that say what opset 7 takes for granted."""


def upgraded(node: NodeProto, opset: int, known: Known) -> Sequence[NodeProto]:
    """The nodes of opset 7 that do what a node of an older opset does.

    Raises UnsupportedOperatorError where the meaning has changed in another way.
    """
    old, new = (schema_of("", node.op_type, version) for version in (opset, OLDEST))
    if old is None or new is None or old.since_version == new.since_version:
        return [node]
    if node.op_type in _BROADCASTING:
        return _broadcast(node, known)
    if node.op_type in _OBSOLETE:
        return [_without(node, _OBSOLETE[node.op_type])]
    raise UnsupportedOperatorError(
        f"{title(node)}: means something else in opset {opset} than since opset {OLDEST}; "
        f"export the model with opset {OLDEST} or newer"
    )


def _without(node: NodeProto, obsolete: Sequence[str]) -> NodeProto:
    """The node without some attributes."""
    newer = NodeProto()
    newer.CopyFrom(node)
    del newer.attribute[:]
    newer.attribute.extend(a for a in node.attribute if a.name not in obsolete)
    return newer


def _broadcast(node: NodeProto, known: Known) -> Sequence[NodeProto]:
    """Spell out an `axis`: B's axes are A's from there on, so ones go behind them."""
    values = {a.name: a.i for a in node.attribute}
    newer = _without(node, ("axis", "broadcast", "consumed_inputs"))
    left, right = (dims_of(known.types.get(name)) for name in node.input[:2])
    if not values.get("broadcast") or left is None or right is None:
        return [newer]
    axis = values.get("axis", len(left) - len(right)) % max(1, len(left))
    trailing = range(len(right), len(left) - axis)
    if not trailing:
        return [newer]
    wide = known.unique(f"{node.input[1]}/aligned")
    newer.input[1] = wide
    aligned = helper.make_node(
        "Unsqueeze", [node.input[1]], [wide], f"{node.name}/align", axes=list(trailing)
    )
    return [aligned, newer]
