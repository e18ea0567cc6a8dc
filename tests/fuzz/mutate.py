"""Ways to spoil a model: bytes of the file, and what the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

SIZES = (0, 1, -1, 2, 3, 7, 64, 1000, 2**16, 2**29, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63))
FLOATS = (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"), 0.5)
LOCATIONS = (
    "../secret.data", "/etc/passwd", "model.onnx.data", "model.onnx", "a/../../secret.data", "",
    ".", "..", "nul\0byte", "x" * 5000, "link.data", "sub/../model.onnx.data", "\udcff",
)  # fmt: skip
NAMES = (
    "",
    "x" * 100_000,
    "a\0b",
    "../../up",
    "naïve",
    "c0",
    "t0",
    "<&\"'>",
    "__proto__",
    "\u202e",
)
OPERATORS = sorted({(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas()})

Spoil = Callable[[ModelProto, Random], None]


def mutant(data: bytes, random: Random) -> bytes:
    """The model of `data`, spoiled in one to four ways."""
    if random.random() < 0.15:
        return _bytes(data, random)
    model = onnx.load_from_string(data)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        spoil = random.choice(SPOILS)
        try:
            spoil(model, random)
        except Exception:  # nothing there to spoil, or onnx does not let it be written
            continue
    spoiled = model.SerializeToString()
    return _bytes(spoiled, random) if random.random() < 0.1 else spoiled


def _bytes(data: bytes, random: Random) -> bytes:
    spoiled = bytearray(data)
    for _ in range(random.choice((1, 2, 8, 64))):
        at = random.randrange(max(1, len(spoiled)))
        kind = random.randrange(6)
        if kind < 3:
            spoiled[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 3:
            spoiled[at : at + random.randrange(16)] = b""
        elif kind == 4:
            spoiled[at:at] = spoiled[at : at + random.randrange(64)]
        else:
            spoiled[at : at + 10] = b"\xff" * 9 + b"\x01"
    return bytes(spoiled[: random.randrange(len(spoiled))] if random.random() < 0.1 else spoiled)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _graph(model: ModelProto, random: Random) -> GraphProto:
    return random.choice(list(_graphs(model.graph)))


def _node(model: ModelProto, random: Random) -> NodeProto:
    return random.choice(_graph(model, random).node)


def _name(graph: GraphProto, random: Random) -> str:
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    return random.choice([*names, *NAMES])


def _tensor(model: ModelProto, random: Random) -> TensorProto:
    graph = _graph(model, random)
    stored = list(graph.initializer)
    stored += [a.t for n in graph.node for a in n.attribute if a.type == AttributeProto.TENSOR]
    return random.choice(stored)


# Nodes and names


def drop_node(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    del graph.node[random.randrange(len(graph.node))]


def repeat_node(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    graph.node.add().CopyFrom(random.choice(graph.node))


def shuffle_nodes(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    random.shuffle(nodes)
    del graph.node[:]
    graph.node.extend(nodes)


def make_circle(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    first, last = random.choice(graph.node), random.choice(graph.node)
    first.input[random.randrange(len(first.input))] = random.choice(last.output)


def rewire(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    node = random.choice(graph.node)
    side = random.choice((node.input, node.output))
    side[random.randrange(len(side))] = _name(graph, random)


def more_or_fewer(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    node = random.choice(graph.node)
    side = random.choice((node.input, node.output))
    if random.random() < 0.5:
        side.append(_name(graph, random))
    else:
        del side[random.randrange(len(side)) :]


def rename_declared(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    named = [*graph.input, *graph.output, *graph.initializer, *graph.value_info]
    random.choice(named).name = _name(graph, random)


def repeat_declared(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    kind = random.choice((graph.input, graph.output, graph.initializer))
    kind.add().CopyFrom(random.choice(kind))


def drop_declared(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    kind = random.choice((graph.input, graph.output, graph.initializer))
    del kind[random.randrange(len(kind))]


def other_operator(model: ModelProto, random: Random) -> None:
    node = _node(model, random)
    node.domain, node.op_type = random.choice(OPERATORS)


def other_domain(model: ModelProto, random: Random) -> None:
    domains = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", *NAMES)
    _node(model, random).domain = random.choice(domains)


def same_domain_operator(model: ModelProto, random: Random) -> None:
    node = _node(model, random)
    node.op_type = random.choice([name for domain, name in OPERATORS if domain == node.domain])


def other_opset(model: ModelProto, random: Random) -> None:
    entry = random.choice(model.opset_import)
    entry.version = random.choice((*range(1, 28), *SIZES))


def other_version(model: ModelProto, random: Random) -> None:
    model.ir_version = random.choice(SIZES[:9])
    if random.random() < 0.3:
        del model.opset_import[:]


# Types and sizes


def absurd_size(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    value = random.choice([*graph.input, *graph.output, *graph.value_info])
    dims = value.type.tensor_type.shape.dim
    dim = random.choice(dims)
    if random.random() < 0.8:
        dim.dim_value = random.choice(SIZES)
    else:
        dim.dim_param = random.choice((*NAMES, "batch", "N", "time"))


def other_rank(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    shape = random.choice([*graph.input, *graph.output]).type.tensor_type.shape
    for _ in range(random.choice((1, 2, 70))):
        shape.dim.add().dim_value = random.choice((1, 1, 2, *SIZES))


def no_type(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    random.choice([*graph.input, *graph.output]).ClearField("type")


def other_type(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    value = random.choice([*graph.input, *graph.output, *graph.value_info])
    value.type.tensor_type.elem_type = random.choice((*range(28), 99, -1))


def not_a_tensor(model: ModelProto, random: Random) -> None:
    graph = _graph(model, random)
    proto = random.choice([*graph.input, *graph.output]).type
    inner = onnx.TypeProto.FromString(proto.SerializeToString())
    random.choice((proto.sequence_type, proto.optional_type)).elem_type.CopyFrom(inner)


# Tensors


def absurd_dims(model: ModelProto, random: Random) -> None:
    tensor = _tensor(model, random)
    if tensor.dims and random.random() < 0.7:
        tensor.dims[random.randrange(len(tensor.dims))] = random.choice(SIZES)
    else:
        tensor.dims.extend([random.choice(SIZES)] * random.choice((1, 3, 70)))


def wrong_size(model: ModelProto, random: Random) -> None:
    tensor = _tensor(model, random)
    array = onnx.numpy_helper.to_array(tensor)
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    raw = tensor.raw_data
    tensor.raw_data = random.choice((b"", raw[:-1], raw[: len(raw) // 2], raw + b"\0", raw * 2))


def other_element(model: ModelProto, random: Random) -> None:
    _tensor(model, random).data_type = random.choice((*range(28), 99, -1))


def other_values(model: ModelProto, random: Random) -> None:
    """Above all those that are sizes, axes and indices."""
    graph = _graph(model, random)
    stored = [t for t in graph.initializer if t.data_type in (TensorProto.INT64, TensorProto.FLOAT)]
    tensor = random.choice(stored)
    array = np.array(onnx.numpy_helper.to_array(tensor))
    flat = array.reshape(-1)
    values = SIZES if tensor.data_type == TensorProto.INT64 else FLOATS
    for _ in range(random.choice((1, 2, flat.size))):
        flat[random.randrange(flat.size)] = random.choice(values)
    tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def to_initializer(model: ModelProto, random: Random) -> None:
    """An input that is fixed: what decides sizes is an input in the official cases."""
    graph = model.graph
    value = random.choice(graph.input)
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    if np.prod(shape, dtype=float) > 4096:
        return
    likely = (0, 1, 2, -1) if random.random() < 0.5 else SIZES
    some = random.choices(likely if dtype.kind in "iu" else FLOATS, k=64)
    with np.errstate(all="ignore"):
        array = np.resize(np.array(some), shape).astype(dtype)
    graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))


def outside(model: ModelProto, random: Random) -> None:
    tensor = _tensor(model, random)
    facts = {"location": random.choice(LOCATIONS)}
    if random.random() < 0.5:
        facts["offset"] = str(random.choice((*SIZES, "many", "0x10", "1e3", "")))
    if random.random() < 0.5:
        facts["length"] = str(random.choice((*SIZES, "all", "")))
    if random.random() < 0.3:
        tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in facts.items():
        tensor.external_data.add(key=key, value=value)


def large_claim(model: ModelProto, random: Random) -> None:
    """A few bytes that claim to be gigabytes, in each way there is."""
    graph = model.graph
    gigabytes = random.choice(([2**29], [2**15, 2**15], [2**31], [2**61, 8], [1] * 9 + [2**29]))
    kind = random.randrange(4)
    if kind == 0:
        graph.initializer.add(name="claim", data_type=1, dims=gigabytes)
    elif kind == 1:
        values = helper.make_tensor("claim", TensorProto.FLOAT, (1,), [7])
        places = onnx.numpy_helper.from_array(np.array([0]), "places")
        graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, gigabytes))
    else:
        shape = onnx.numpy_helper.from_array(np.array(gigabytes, np.int64), "claimed")
        graph.initializer.append(shape)
        if kind == 2:
            graph.node.append(helper.make_node("ConstantOfShape", ["claimed"], ["claim"]))
        else:
            source = random.choice([value.name for value in graph.input])
            operator = random.choice(("Expand", "Tile", "Reshape"))
            graph.node.append(helper.make_node(operator, [source, "claimed"], ["claim"]))
    name = random.choice(("Relu", "Shape", "NonZero", "Cast", "ReduceSum", "Transpose"))
    attributes: dict[str, Any] = {"to": 7} if name == "Cast" else {}
    graph.node.append(helper.make_node(name, ["claim"], ["claim_out"], **attributes))
    if random.random() < 0.5:
        graph.output.add(name="claim_out")


# Attributes


def other_attribute(model: ModelProto, random: Random) -> None:
    attribute = random.choice(_node(model, random).attribute)
    match attribute.type:
        case AttributeProto.INT:
            attribute.i = random.choice(SIZES)
        case AttributeProto.INTS if attribute.ints and random.random() < 0.7:
            attribute.ints[random.randrange(len(attribute.ints))] = random.choice(SIZES)
        case AttributeProto.INTS:
            attribute.ints.extend([random.choice(SIZES)] * random.choice((1, 2, 100)))
        case AttributeProto.FLOAT:
            attribute.f = random.choice(FLOATS)
        case AttributeProto.FLOATS:
            attribute.floats.append(random.choice(FLOATS))
        case AttributeProto.STRING:
            attribute.s = random.choice((b"", b"\xff\xfe", b"linear", b"x" * 9999, b"valid"))
        case AttributeProto.STRINGS:
            attribute.strings.append(random.choice((b"", b"\xff\xfe", b"Relu")))


def other_kind(model: ModelProto, random: Random) -> None:
    random.choice(_node(model, random).attribute).type = random.randrange(16)


def drop_attribute(model: ModelProto, random: Random) -> None:
    attributes = _node(model, random).attribute
    del attributes[random.randrange(len(attributes))]


def add_attribute(model: ModelProto, random: Random) -> None:
    node = _node(model, random)
    schema = onnx.defs.get_schema(node.op_type, node.domain)
    name = random.choice(sorted(schema.attributes))
    sizes = random.choices(SIZES[:9], k=random.randrange(5))
    value = random.choice((random.choice(SIZES), sizes, random.choice(FLOATS), "NOTSET"))
    node.attribute.append(helper.make_attribute(name, value, attr_type=None if value else 7))


def strange_name(model: ModelProto, random: Random) -> None:
    attribute = random.choice(_node(model, random).attribute)
    if random.random() < 0.5:
        attribute.name = random.choice(NAMES)
    else:
        attribute.ref_attr_name = random.choice(NAMES)


# Subgraphs and functions


def wrap_in_branches(model: ModelProto, random: Random) -> None:
    """If within If, to a depth that recursion does not survive."""
    inner = onnx.GraphProto.FromString(model.graph.SerializeToString())
    del inner.input[:]
    outputs = [value.name for value in model.graph.output]
    for depth in range(random.choice((1, 3, 60))):
        name = f"wrapped_{depth}"
        node = helper.make_node("If", ["wrap"], outputs, name, then_branch=inner, else_branch=inner)
        graph = helper.make_graph([node], name, [], model.graph.output)
        if graph.ByteSize() > 1 << 22:
            break
        inner = graph
    del model.graph.node[:]
    model.graph.node.extend(inner.node)
    model.graph.input.append(helper.make_tensor_value_info("wrap", TensorProto.BOOL, []))


def make_function(model: ModelProto, random: Random) -> None:
    """A node's body becomes a function, which may well call itself."""
    node = _node(model, random)
    imports = list(model.opset_import)
    body = NodeProto.FromString(node.SerializeToString())
    name, domain = random.choice((("F", "local"), (node.op_type, node.domain)))
    function = helper.make_function(domain, name, node.input, node.output, [body], imports)
    if random.random() < 0.5:
        again = [*node.input, *NAMES]
        function.node.add(op_type=name, domain=domain, input=again[:1], output=["again"])
    model.functions.append(function)
    node.op_type, node.domain = name, domain
    del node.attribute[:]
    model.opset_import.add(domain="local", version=1)


def double_up(model: ModelProto, random: Random) -> None:
    """Functions that call the next one twice: more nodes than anybody has."""
    depth = random.choice((3, 40))
    for level in range(depth):
        called = ("Relu", "") if level == 0 else (f"D{level - 1}", "local")
        nodes = [
            onnx.NodeProto(op_type=called[0], domain=called[1], input=["a"], output=["b"]),
            onnx.NodeProto(op_type=called[0], domain=called[1], input=["b"], output=["c"]),
        ]
        model.functions.append(
            helper.make_function("local", f"D{level}", ["a"], ["c"], nodes, model.opset_import)
        )
    model.opset_import.add(domain="local", version=1)
    node = model.graph.node.add(op_type=f"D{depth - 1}", domain="local", output=["doubled"])
    node.input.append(random.choice(model.graph.input).name)
    model.graph.output.add(name="doubled")


SPOILS: tuple[Spoil, ...] = (
    drop_node, repeat_node, shuffle_nodes, make_circle, rewire, more_or_fewer, rename_declared,
    repeat_declared, drop_declared, other_operator, other_domain, same_domain_operator,
    other_opset, other_version, absurd_size, absurd_size, other_rank, no_type, other_type,
    not_a_tensor, absurd_dims, absurd_dims, wrong_size, other_element, other_values, other_values,
    other_values, to_initializer, to_initializer, to_initializer, outside, outside, large_claim,
    other_attribute, other_attribute, other_attribute, other_kind, drop_attribute, add_attribute,
    strange_name, wrap_in_branches, make_function, double_up,
)  # fmt: skip
