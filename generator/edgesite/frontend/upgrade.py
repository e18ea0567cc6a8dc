"""Nodes of old or loose spelling, spelled as operators expect them.

Opsets 1 to 6 are put in terms of opset 7. Most operators of that age mean the same there;
some lost attributes that had become pointless; the large change is broadcasting, which
used to be asked for, axis included, and became automatic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import NodeProto, helper

from edgesite.errors import UnsupportedOperatorError
from edgesite.frontend.infer import title
from edgesite.frontend.known import Known
from edgesite.frontend.opsets import OLDEST, schema_of
from edgesite.frontend.types import dims_of

_BROADCASTING = frozenset(
    {"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "PRelu", "Sub", "Xor"}
)
_OBSOLETE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("Abs", "Ceil", "Clip", "Elu", "Exp", "Floor", "HardSigmoid", "InstanceNormalization"),
        ("consumed_inputs",),
    ),
    **dict.fromkeys(
        ("LeakyRelu", "Log", "Max", "Mean", "Min", "Neg", "Reciprocal", "Relu", "Selu"),
        ("consumed_inputs",),
    ),
    **dict.fromkeys(("Sigmoid", "Sqrt", "Sum", "Tanh"), ("consumed_inputs",)),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), ("output_sequence",)),
    "AveragePool": (),
    "BatchNormalization": ("consumed_inputs", "is_test"),
    "Dropout": ("consumed_inputs", "is_test"),
    "Gemm": ("broadcast",),
}
"""Attributes that say what opset 7 takes for granted, of operators that mean the same without."""


def upgraded(node: NodeProto, opset: int, known: Known) -> Sequence[NodeProto]:
    """The nodes of opset 7 or newer that do what a node of the default domain does.

    Raises UnsupportedOperatorError where the meaning has changed in a way not known here.
    """
    if node.op_type == "Range":
        return _scalars(node, known)
    if opset >= OLDEST:
        return [node]
    old, new = (schema_of("", node.op_type, version) for version in (opset, OLDEST))
    if old is None or new is None or old.since_version == new.since_version:
        return [node]
    if node.op_type in _BROADCASTING:
        return _broadcast(node, known)
    if node.op_type in _OBSOLETE:
        return [_without(node, _OBSOLETE[node.op_type])]
    if node.op_type == "Upsample":
        return [_scales(node)]
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


def _scalars(node: NodeProto, known: Known) -> Sequence[NodeProto]:
    """Make scalars of operands that are vectors of one element, which runtimes put up with."""
    newer = _without(node, ())
    squeezed = []
    for at, name in enumerate(node.input):
        if dims_of(known.types.get(name)) == (1,):
            newer.input[at] = known.unique(f"{name}/scalar")
            squeezed.append(
                helper.make_node("Squeeze", [name], [newer.input[at]], f"{node.name}/squeeze")
            )
    return [*squeezed, newer]


def _scales(node: NodeProto) -> NodeProto:
    """Upsample with a scale per axis instead of one for the height and one for the width."""
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    newer = _without(node, ("height_scale", "mode", "width_scale"))
    mode = "linear" if values.get("mode") == b"bilinear" else "nearest"
    scales = [1.0, 1.0, values.get("height_scale", 1.0), values.get("width_scale", 1.0)]
    newer.attribute.append(helper.make_attribute("mode", mode))
    newer.attribute.append(helper.make_attribute("scales", scales))
    return newer


def _broadcast(node: NodeProto, known: Known) -> Sequence[NodeProto]:
    """Spell out an `axis`: B's axes are A's from there on, so ones go behind them."""
    values = {a.name: a.i for a in node.attribute}
    if node.op_type == "PRelu":  # whose slopes are always those of the channels
        values = {"broadcast": 1, "axis": 1}
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
