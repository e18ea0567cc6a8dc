"""ONNX in, a clean static ONNX graph out: the whole path in one function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import onnx
from numpy.typing import ArrayLike

from edgesite.errors import (
    EdgesiteError,
    ProblemsError,
    UnsupportedOperatorError,
)
from edgesite.frontend.graph import Source, StaticGraph
from edgesite.frontend.importer import Importer
from edgesite.frontend.load import Loaded, load
from edgesite.frontend.opsets import domain_of, versions_of
from edgesite.frontend.prune import prune
from edgesite.frontend.scope import Scope
from edgesite.frontend.shapes import Sizes, bind_inputs
from edgesite.frontend.types import tensor_type

Supported = Callable[[str, str], bool]


def import_model(
    model: str | Path | bytes | onnx.ModelProto,
    *,
    shapes: Mapping[str, Sizes] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    supported: Supported | None = None,
) -> StaticGraph:
    """Read a model and make everything static that can be.

    `shapes` sizes what the file leaves open: an input by its whole shape, or a symbol by
    its size; a first axis that counts samples is 1 unless said otherwise. `constants`
    fixes inputs to values. Operators that `supported(domain, op_type)` denies are replaced
    by what the standard says they are made of, where it does; without `supported`, none is.

    Raises ModelError for a broken file, UnsupportedError for what cannot be static,
    UsageError for shapes and constants that do not fit, ProblemsError for several of these.
    """
    loaded = load(model)
    proto, problems = loaded.proto, list[EdgesiteError]()
    opsets = versions_of(proto.opset_import, loaded.where)
    stored = {tensor.name for tensor in proto.graph.initializer}
    stored |= {sparse.values.name for sparse in proto.graph.sparse_initializer}
    free = [v for v in proto.graph.input if v.name not in stored or v.name in (constants or {})]
    bound = bind_inputs(free, shapes or {}, constants or {}, problems)
    _stop_at(problems)

    importer = Importer(
        functions={(domain_of(f.domain), f.name, f.overload): f for f in proto.functions},
        supported=supported or _all_supported,
        sizes=bound.sizes,
        folder=loaded.folder,
    )
    known = importer.known
    own = _names(proto.graph)
    known.taken.update(own)
    scope = Scope(opsets=opsets, nodes=[], wanted={name: name for name in own})
    for name, array in bound.constants.items():
        scope.names[name] = name
        known.fix(name, array)
    types = [tensor_type(value.dtype, value.shape) for value in bound.inputs]
    graph = importer.graph(proto.graph, scope, types, loaded.where)
    _stop_at(known.problems)
    return prune(
        replace(
            graph,
            constants=known.constants,
            values=known.values(),
            opsets=opsets,
            source=_source(loaded, opsets),
        )
    )


def check_supported(graph: StaticGraph, supported: Supported) -> None:
    """Raise UnsupportedOperatorError, a line per node, unless all operators are supported."""
    lines = [
        f"node {node}: the operator is not supported"
        for node in graph.walk()
        if not supported(node.domain, node.op_type)
    ]
    if lines:
        raise UnsupportedOperatorError("\n".join(lines))


def _all_supported(_domain: str, _op_type: str) -> bool:
    return True


def _names(graph: onnx.GraphProto) -> set[str]:
    """Every name that the outermost graph gives a value, which it keeps."""
    names = {value.name for value in graph.input}
    names.update(tensor.name for tensor in graph.initializer)
    names.update(sparse.values.name for sparse in graph.sparse_initializer)
    names.update(name for node in graph.node for name in node.output if name)
    return names


def _stop_at(problems: list[EdgesiteError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ProblemsError(problems)


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


def _parameters(graph: onnx.GraphProto) -> int:
    """Elements of the tensors of rank 1 and more that a graph stores as weights."""
    stored = list(graph.initializer)
    stored += [
        a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.HasField("t")
    ]
    return sum(math.prod(t.dims) for t in stored if t.dims and t.data_type in _WEIGHTS)
