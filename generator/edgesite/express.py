"""express(): the nodes of an ONNX graph in primitives, each by the function of its operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgesite import ops
from edgesite.errors import EdgesiteError, InternalError, ProblemsError, UnsupportedTypeError
from edgesite.frontend import StaticGraph, StaticNode, ValueInfo
from edgesite.frontend.remedies import hint, missing
from edgesite.ir import Builder, DType, Graph, Tensor, elementwise, verify


def express(static: StaticGraph, *, copied: bool = False) -> Graph:
    """Every node of an ONNX graph in primitives.

    With `copied`, outputs that are inputs become copies of these, as a state must that passes
    from one input to the next.

    Raises the only problem, or ProblemsError: a node that cannot be expressed does not keep
    those behind it from being looked at, as far as its outputs' types are known.
    """
    builder = Builder()
    problems: list[EdgesiteError] = []
    tensors: dict[str, Tensor | None] = {"": None}
    for info in static.inputs:
        with _gathered(problems, f"input {info.name}"):
            tensors[info.name] = builder.input(info.name, info.shape, DType.of(info.dtype))
    for node in static.nodes:
        if any(name not in tensors and name not in static.constants for name in node.reads):
            continue  # it reads what could not be made, of which nothing is known
        builder.origin = node.name or node.op_type
        with _gathered(problems, f"node {node}", partial(hint, static, node)):
            _express_node(node, builder, tensors, static)
        for name in node.outputs:
            if name not in tensors and name in static.values:
                with suppress(UnsupportedTypeError):
                    value = static.values[name]
                    tensors[name] = builder.input(name, value.shape, DType.of(value.dtype))
    outputs: list[Tensor] = []
    lists: dict[str, int] = {}
    for out in static.outputs:
        if tensors.get(out.name) or out.name in static.constants:
            with _gathered(problems, f"output {out.name}"):
                found = _tensor(out.name, builder, tensors, static)
                if isinstance(found, ops.TensorList):
                    lists[out.name] = len(found.parts)
                for made in found.parts if isinstance(found, ops.TensorList) else [found]:
                    whole = ops.packed(made)
                    again = copied and whole.value in builder.inputs
                    outputs.append(elementwise(lambda e: e, whole) if again else whole)
    if problems:
        raise problems[0] if len(problems) == 1 else ProblemsError(problems)
    return verify(replace(builder.graph(outputs), lists=lists))


@contextmanager
def _gathered(
    problems: list[EdgesiteError],
    where: str,
    more: Callable[[EdgesiteError], str] = lambda _: "",
) -> Iterator[None]:
    """Note a problem with its place, and `more` that is known of it, and go on."""
    try:
        yield
    except EdgesiteError as error:
        problems.append(type(error)(f"{where}: {error}{more(error)}"))


def why_missing(node: StaticNode) -> str | None:
    """Why a node has no meaning, if it has none."""
    if ops.find(node.domain, node.op_type, node.version):
        return None
    return missing(node, ops.versions(node.domain, node.op_type))


def derived(
    node: StaticNode, inputs: Mapping[str, ValueInfo], constants: Mapping[str, NDArray[Any]]
) -> list[ValueInfo | None]:
    """The types of a node's outputs, of operators that onnx has no rules for: by expressing it."""
    function = ops.find(node.domain, node.op_type, node.version)
    if not node.domain or function is None or not set(filter(None, node.inputs)) <= set(inputs):
        return []
    builder = Builder()
    tensors: dict[str, Tensor | None] = {"": None}
    try:
        for name in filter(None, node.inputs):
            info, array = inputs[name], constants.get(name)
            dtype = DType.of(info.dtype)
            given = builder.input(name, info.shape, dtype) if array is None else None
            tensors[name] = given or builder.constant(np.asarray(array), dtype)
        used = max((k + 1 for k, name in enumerate(node.outputs) if name), default=0)
        operands = [tensors[name] for name in node.inputs]
        results = ops.call(function, operands, node.attributes, used, len(node.outputs))
    except EdgesiteError:
        return []  # it is expressed again later on, and its problem reported then
    return [ValueInfo(made.value.name, made.dtype.numpy, made.shape) for made in results]


def _express_node(
    node: StaticNode,
    builder: Builder,
    tensors: dict[str, Tensor | None],
    static: StaticGraph,
) -> None:
    function = ops.find(node.domain, node.op_type, node.version)
    if function is None:
        raise InternalError(f"node {node} has no meaning, which was not noticed before")
    inputs = [_optional(name, builder, tensors, static) for name in node.inputs]
    used = max((k + 1 for k, name in enumerate(node.outputs) if name), default=0)
    attributes = {
        name: partial(_applied, value, builder, tensors, static)
        if isinstance(value, StaticGraph)
        else value
        for name, value in node.attributes.items()
    }
    results = ops.call(function, inputs, attributes, used, len(node.outputs))
    tensors.update(zip(node.outputs, results, strict=False))


def _applied(
    graph: StaticGraph,
    builder: Builder,
    around: Mapping[str, Tensor | None],
    static: StaticGraph,
    *inputs: Tensor,
) -> list[Tensor]:
    """What a subgraph makes of its inputs, expressed at this place of the program."""
    tensors = {**around, **dict(zip(graph.parameters, inputs, strict=True))}
    for node in graph.nodes:
        _express_node(node, builder, tensors, static)
    return [_tensor(out.name, builder, tensors, static) for out in graph.outputs]


def _optional(
    name: str, builder: Builder, tensors: dict[str, Tensor | None], static: StaticGraph
) -> Tensor | None:
    return _tensor(name, builder, tensors, static) if name else None


def _tensor(
    name: str, builder: Builder, tensors: dict[str, Tensor | None], static: StaticGraph
) -> Tensor:
    known = tensors.get(name)
    if known is None:
        array = np.asarray(static.constants[name])
        known = tensors[name] = builder.constant(array, DType.of(array.dtype))
    return known
