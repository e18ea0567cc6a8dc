"""ONNX in, a clean static ONNX graph out: the whole path in one function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import onnx
from numpy.typing import ArrayLike

from edgesite.errors import (
    EdgesiteError,
    ProblemsError,
    UnsupportedOperatorError,
    UnsupportedShapeError,
)
from edgesite.frontend.graph import Source, StaticGraph, StaticNode, ValueInfo
from edgesite.frontend.importer import Derive, Importer
from edgesite.frontend.lists import spelled_out
from edgesite.frontend.load import Loaded, load
from edgesite.frontend.opsets import domain_of, versions_of
from edgesite.frontend.prune import prune
from edgesite.frontend.scope import Scope
from edgesite.frontend.shapes import Bound, Sizes, bind_inputs
from edgesite.frontend.types import tensor_type

Supported = Callable[[str, str], bool]
Missing = Callable[[StaticNode], str | None]

# 4 GiB: what WebAssembly addresses; a larger value alone makes a model impossible.
_MEMORY_BYTES = 1 << 32


def import_model(
    model: str | Path | bytes | onnx.ModelProto,
    *,
    shapes: Mapping[str, Sizes | Sequence[Sequence[int]]] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    supported: Supported | None = None,
    derive: Derive | None = None,
    missing: Missing | None = None,
) -> StaticGraph:
    """Read a model and make everything static that can be.

    `shapes` sizes what the file leaves open: an input by its whole shape, or a symbol by
    its size, an input that is a list by a list of shapes; a first axis that counts samples is 1
    unless said otherwise. `constants`
    fixes inputs to values. Operators that `supported(domain, op_type)` denies are replaced
    by what the standard says they are made of, where it does; without `supported`, none is.
    `derive` tells the outputs of nodes that onnx has no rules for. `missing` says why a node
    cannot be compiled, None of one that can.

    Raises ModelError for a broken file, UnsupportedError for what cannot be static,
    UsageError for shapes and constants that do not fit, ProblemsError for several of these.
    """
    loaded = load(model)
    opsets = versions_of(loaded.proto.opset_import, loaded.where)
    proto, told, lists = spelled_out(loaded.proto.graph, shapes or {})
    bound = _bound(proto, told, constants or {})
    importer = Importer(
        functions={(domain_of(f.domain), f.name, f.overload): f for f in loaded.proto.functions},
        supported=supported or _all_supported,
        derive=derive,
        sizes=bound.sizes,
        folder=loaded.folder,
    )
    known = importer.known
    try:
        graph = _walked(importer, proto, loaded.where, opsets, bound)
    except EdgesiteError as problem:
        _stop_at([*known.problems, problem])
    _stop_at([*known.problems, *_missing(graph, missing)] if known.problems else ())
    graph = prune(
        replace(
            graph,
            constants=known.constants,
            values=known.values(),
            opsets=opsets,
            source=_source(loaded, opsets),
            lists=lists,
        )
    )
    _stop_at(_missing(graph, missing))
    _stop_at([_too_large(v) for v in graph.values.values() if _size_bytes(v) > _MEMORY_BYTES])
    return graph


def _missing(graph: StaticGraph, missing: Missing | None) -> list[EdgesiteError]:
    """A problem for every node that has no meaning."""
    reasons = ((node, missing(node)) for node in graph.walk()) if missing else ()
    return [
        UnsupportedOperatorError(f"node {node}: {reason}") for node, reason in reasons if reason
    ]


def _bound(
    graph: onnx.GraphProto, shapes: Mapping[str, Sizes], constants: Mapping[str, ArrayLike]
) -> Bound:
    """The inputs, sized; what is listed as an input and has a value is none."""
    stored = {tensor.name for tensor in graph.initializer}
    stored |= {sparse.values.name for sparse in graph.sparse_initializer}
    free = [v for v in graph.input if v.name not in stored or v.name in constants]
    problems: list[EdgesiteError] = []
    bound = bind_inputs(free, shapes, constants, problems)
    _stop_at(problems)
    return bound


def _walked(
    importer: Importer, graph: onnx.GraphProto, where: str, opsets: Mapping[str, int], bound: Bound
) -> StaticGraph:
    """The outermost graph, whose values keep the names they have in the file."""
    own = {value.name for value in graph.input}
    own.update(tensor.name for tensor in graph.initializer)
    own.update(sparse.values.name for sparse in graph.sparse_initializer)
    own.update(name for node in graph.node for name in node.output)
    importer.known.taken.update(own)
    scope = Scope(opsets=opsets, nodes=[], wanted={name: name for name in own})
    for name, array in bound.constants.items():
        scope.names[name] = name
        importer.known.fix(name, array)
    types = [tensor_type(value.dtype, value.shape) for value in bound.inputs]
    return importer.graph(graph, scope, types, where)


def _all_supported(_domain: str, _op_type: str) -> bool:
    return True


def _stop_at(problems: Sequence[EdgesiteError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ProblemsError(list(problems))


def _size_bytes(value: ValueInfo) -> int:
    return math.prod(value.shape) * value.dtype.itemsize


def _too_large(value: ValueInfo) -> EdgesiteError:
    return UnsupportedShapeError(
        f"value {value.name}: shape {list(value.shape)} takes {_size_bytes(value)} bytes, more "
        f"than the {_MEMORY_BYTES} that WebAssembly addresses; give smaller shapes"
    )


def _source(loaded: Loaded, opsets: Mapping[str, int]) -> Source:
    proto = loaded.proto
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    return Source(loaded.sha256, producer, opsets.get("", 0), _parameters(proto.graph))


_WEIGHTS = frozenset(
    {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.INT8,
        onnx.TensorProto.UINT8,
        onnx.TensorProto.INT4,
        onnx.TensorProto.UINT4,
    }
)
"""The element types that weights are stored in; shape arithmetic uses others."""


def _parameters(graph: onnx.GraphProto) -> int:
    """Elements of the tensors of rank 1 and more that a graph stores as weights."""
    stored = list(graph.initializer)
    constants = (node for node in graph.node if node.op_type == "Constant")
    stored += [a.t for node in constants for a in node.attribute if a.HasField("t")]
    return sum(math.prod(t.dims) for t in stored if t.dims and t.data_type in _WEIGHTS)
