"""Nodes of old or loose spelling, spelled as operators expect them.

Opsets 1 to 6 are put in terms of opset 7. Most operators of that age mean the same there;
some lost attributes that had become pointless; the large change is broadcasting, which
used to be asked for, axis included, and became automatic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.frontend.infer import title
from edgesite.frontend.known import Known
from edgesite.frontend.opsets import OLDEST, schema_of
from edgesite.frontend.tensors import Array
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
    if node.op_type in _REWRITTEN:
        return _REWRITTEN[node.op_type](node, known)
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


def _with(node: NodeProto, obsolete: Sequence[str], **attributes: Any) -> NodeProto:
    """The node with some attributes instead of others."""
    newer = _without(node, (*obsolete, *attributes))
    newer.attribute.extend(helper.make_attribute(name, v) for name, v in attributes.items())
    return newer


def _values(node: NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _scales(node: NodeProto, _: Known) -> Sequence[NodeProto]:
    """Upsample with a scale per axis instead of one for the height and one for the width."""
    values = _values(node)
    newer = _without(node, ("height_scale", "mode", "width_scale"))
    mode = "linear" if values.get("mode") == b"bilinear" else "nearest"
    scales = [1.0, 1.0, values.get("height_scale", 1.0), values.get("width_scale", 1.0)]
    newer.attribute.append(helper.make_attribute("mode", mode))
    newer.attribute.append(helper.make_attribute("scales", scales))
    return [newer]


def _cast_by_number(node: NodeProto, _: Known) -> Sequence[NodeProto]:
    """Cast to an element type by its number instead of its name."""
    to = _values(node).get("to", b"")
    name = to.decode(errors="replace") if isinstance(to, bytes) else str(to)
    if name not in dict(TensorProto.DataType.items()):
        raise ModelError(f"{title(node)}: casts to {name!r}, which is no type; export it again")
    return [_with(node, (), to=TensorProto.DataType.Value(name))]


def _concat_along(node: NodeProto, _: Known) -> Sequence[NodeProto]:
    """Concat that says its axis, which was that of the channels unless it did."""
    return [_with(node, (), axis=_values(node).get("axis", 1))]


def _whole_order(node: NodeProto, _: Known) -> Sequence[NodeProto]:
    """A norm whose order is a whole number instead of a float."""
    order = _values(node).get("p", 2.0)
    if order != int(order):
        raise UnsupportedOperatorError(f"{title(node)}: a norm of order {order} is not supported")
    return [_with(node, (), p=int(order))]


def _pads(node: NodeProto, _: Known) -> Sequence[NodeProto]:
    """Pad with the new name of an attribute."""
    return [_with(node, ("paddings",), pads=_values(node)["paddings"])]


def _shape_as_input(node: NodeProto, known: Known) -> Sequence[NodeProto]:
    """Reshape with its shape as an input instead of an attribute."""
    shape = np.array(_values(node).get("shape", ()), np.int64)
    return _with_constant(_without(node, ("shape", "consumed_inputs")), known, shape)


def _sizes_as_attribute(node: NodeProto, known: Known) -> Sequence[NodeProto]:
    """Split with its sizes as an attribute instead of an input."""
    if len(node.input) < 2:
        return [node]
    sizes = _constant(node, 1, known).astype(np.int64)
    newer = _with(node, (), split=sizes.tolist())
    del newer.input[1:]
    return [newer]


def _repeats(node: NodeProto, known: Known) -> Sequence[NodeProto]:
    """Tile with a number of repeats per axis instead of one and its axis."""
    dims = dims_of(known.types.get(node.input[0])) or ()
    repeats = np.ones(len(dims), np.int64)
    repeats[int(_constant(node, 2, known).item())] = int(_constant(node, 1, known).item())
    newer = _without(node, ())
    del newer.input[1:]
    return _with_constant(newer, known, repeats)


def _constant(node: NodeProto, at: int, known: Known) -> Array:
    """An input that must be a constant."""
    array = known.constants.get(node.input[at])
    if array is None:
        raise UnsupportedOperatorError(
            f"{title(node)}: its input {at + 1} is not a constant, which it must be before opset "
            f"{OLDEST}; export the model with opset {OLDEST} or newer"
        )
    return array


def _with_constant(node: NodeProto, known: Known, array: Array) -> Sequence[NodeProto]:
    """The node with a constant as its last input."""
    name = known.unique(f"{node.name}/constant")
    node.input.append(name)
    value = numpy_helper.from_array(array)
    return [helper.make_node("Constant", [], [name], f"{node.name}/value", value=value), node]


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


_REWRITTEN: Mapping[str, Callable[[NodeProto, Known], Sequence[NodeProto]]] = {
    "Cast": _cast_by_number,
    "Concat": _concat_along,
    "GlobalLpPool": _whole_order,
    "LpPool": _whole_order,
    "Pad": _pads,
    "Reshape": _shape_as_input,
    "Split": _sizes_as_attribute,
    "Tile": _repeats,
    "Upsample": _scales,
}
"""Operators whose spelling has changed."""
