"""Subgraphs of If, Loop and Scan: what goes into them, what comes out.

The walk itself is handed in as `trace`, which imports a subgraph for given types of its
inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, TypeProto

from edgesite.errors import EdgesiteError
from edgesite.frontend.graph import StaticGraph
from edgesite.frontend.types import common, dims_of, dtype_of, shape_of, tensor_type

Types = Sequence[TypeProto | None]

CONTROL = frozenset({"If", "Loop", "Scan"})
"""The operators whose subgraphs stay subgraphs."""

# A carried shape that changes becomes unknown after one round, its dtype after two.
_ROUNDS = 3


@dataclass(frozen=True)
class Traced:
    """A subgraph imported, the types of its outputs, and what went wrong on the way."""

    graph: StaticGraph
    outputs: tuple[TypeProto | None, ...]
    problems: tuple[EdgesiteError, ...] = ()


@dataclass(frozen=True)
class Control:
    """The subgraphs of a node and the types of the node's outputs."""

    graphs: Mapping[str, Traced]
    outputs: tuple[TypeProto | None, ...]


Trace = Callable[[GraphProto, Types], Traced]


def branches(graphs: Mapping[str, GraphProto], trace: Trace) -> Control:
    """If: both branches; an output's type is what they have in common."""
    traced = {name: trace(graph, ()) for name, graph in graphs.items()}
    outputs = zip(*(branch.outputs for branch in traced.values()), strict=False)
    return Control(traced, tuple(common(*pair) if len(pair) == 2 else None for pair in outputs))


def loop(graph: GraphProto, inputs: Types, trips: int | None, trace: Trace) -> Control:
    """Loop: body takes (iteration, condition, carried), gives (condition, carried, scanned).

    `inputs` are the types of the node's inputs: trips, condition, carried; `trips` the
    number of iterations where it is a constant.
    """
    head = (tensor_type(np.dtype(np.int64), ()), tensor_type(np.dtype(np.bool_), ()))
    count = len(inputs) - 2
    body, carried = _settled(graph, head, inputs[2:], (), 1, trace)
    steps = trips if _never_stops(body.graph) else None
    scanned = [_stacked(proto, steps, 0) for proto in body.outputs[1 + count :]]
    return Control({"body": body}, (*carried, *scanned))


def scan(graph: GraphProto, inputs: Types, attributes: Mapping[str, Any], trace: Trace) -> Control:
    """Scan: body takes (carried, slices), gives (carried, slices)."""
    slices = attributes["num_scan_inputs"]
    states, sequences = inputs[: len(inputs) - slices], inputs[len(inputs) - slices :]
    axis_of = dict(enumerate(attributes.get("scan_input_axes", ())))
    cut = [_cut(proto, axis_of.get(i, 0)) for i, proto in enumerate(sequences)]
    body, carried = _settled(graph, (), states, tuple(part for part, _ in cut), 0, trace)
    steps = next((size for _, size in cut if size is not None), None)
    onto = dict(enumerate(attributes.get("scan_output_axes", ())))
    made = body.outputs[len(states) :]
    stacked = [_stacked(proto, steps, onto.get(i, 0)) for i, proto in enumerate(made)]
    return Control({"body": body}, (*carried, *stacked))


def scan_of_batch(
    graph: GraphProto, inputs: Types, attributes: Mapping[str, Any], trace: Trace
) -> Control:
    """Scan as it was in opset 8: a scan for each sample along the first axis, behind lengths."""
    samples = [_cut(proto, 0) for proto in inputs[1:]]
    done = scan(graph, [part for part, _ in samples], attributes, trace)
    batch = next((size for _, size in samples if size is not None), None)
    return Control(done.graphs, tuple(_stacked(proto, batch, 0) for proto in done.outputs))


def _settled(
    graph: GraphProto, head: Types, carried: Types, tail: Types, skip: int, trace: Trace
) -> tuple[Traced, Types]:
    """Trace a body until the types it carries come out as they went in.

    `skip` outputs come before the carried ones.
    """
    body = trace(graph, (*head, *carried, *tail))
    for _ in range(_ROUNDS):
        after = body.outputs[skip : skip + len(carried)]
        joined = [common(old, new) for old, new in zip(carried, after, strict=False)]
        if joined == list(carried):
            break
        carried = joined
        body = trace(graph, (*head, *carried, *tail))
    return body, carried


def _never_stops(body: StaticGraph) -> bool:
    """Whether a loop body hands its condition on as it came."""
    condition, answer = (*body.parameters, "", "")[1], body.outputs[0].name
    made = {node.outputs[0]: node.inputs[0] for node in body.nodes if node.op_type == "Identity"}
    while answer in made:
        answer = made[answer]
    return answer == condition


def _stacked(proto: TypeProto | None, steps: int | None, axis: int) -> TypeProto | None:
    """The type of one element per step, put together along a new axis."""
    dtype, dims = dtype_of(proto), shape_of(proto)
    if dtype is None:
        return None
    if dims is None:
        return tensor_type(dtype, None)
    at = axis if axis >= 0 else axis + len(dims) + 1
    return tensor_type(dtype, [*dims[:at], steps, *dims[at:]])


def _cut(proto: TypeProto | None, axis: int) -> tuple[TypeProto | None, int | None]:
    """The type of one step of a sequence along an axis, and the number of steps."""
    dtype, dims = dtype_of(proto), dims_of(proto)
    if dtype is None or not dims:
        return None, None
    sizes: list[Any] = [dim if isinstance(dim, int) else None for dim in dims]
    return tensor_type(dtype, sizes[:axis] + sizes[axis % len(dims) + 1 :]), sizes[axis]
