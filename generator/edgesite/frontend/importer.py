"""One walk over a model in the order in which it runs; what comes out is static.

Everything before a node is known when the node is reached: its inputs are constants, or
have types. So the walk decides on the spot whether the node is evaluated, replaced by
the body of a function or a branch, or kept; nothing has to be visited twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto, defs, helper

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.frontend.attributes import constant_of, value_of
from edgesite.frontend.control import (
    CONTROL,
    Control,
    Traced,
    Types,
    branches,
    loop,
    scan,
    scan_of_batch,
)
from edgesite.frontend.fold import SHAPE_ONLY, fold, stand_in
from edgesite.frontend.functions import Body, local_body, schema_body
from edgesite.frontend.graph import StaticGraph, StaticNode, ValueInfo
from edgesite.frontend.infer import check, check_counts, check_required, check_types, infer, title
from edgesite.frontend.known import Known, TooLargeError
from edgesite.frontend.load import NODE_LIMIT
from edgesite.frontend.opsets import OLDEST, domain_of, schema_of
from edgesite.frontend.order import graphs_of, ordered
from edgesite.frontend.scope import Key, Scope
from edgesite.frontend.tensors import Array, array_of, dense_of
from edgesite.frontend.types import (
    output_info,
    refined,
    shape_of,
    tensor_type,
    value_info,
    with_sizes,
)
from edgesite.frontend.upgrade import upgraded

Graphs = Mapping[str, GraphProto]

Derive = Callable[
    [StaticNode, Mapping[str, ValueInfo], Mapping[str, Array]], Sequence[ValueInfo | None]
]
"""Given a node, its inputs as far as known, and those of them that are constants: its outputs.

The dtype and shape of each are what counts; names are the node's own.
"""


@dataclass
class Importer:
    """The walk, and what it has seen so far."""

    functions: Mapping[Key, FunctionProto]
    supported: Callable[[str, str], bool]
    derive: Derive | None
    sizes: Mapping[str, int]
    """What symbols in the file's own declarations stand for."""
    folder: Path | None
    known: Known = field(default_factory=Known)
    visited: int = 0

    # Graphs

    def graph(self, proto: GraphProto, scope: Scope, inputs: Types, where: str) -> StaticGraph:
        """Import a graph; `inputs` are the types of those that have no value yet, in order."""
        names = self._enter(proto, scope, inputs)
        self._walk(proto.node, scope, where)
        outputs = [self._existing(v.name, scope, f"{where}, outputs") for v in proto.output]
        sized = [value_info(name, self.known.types.get(name)) for name in names]
        return StaticGraph(
            inputs=tuple(value for value in sized if value is not None),
            outputs=tuple(
                output_info(name, self.known.types.get(name), self.known.labels.get(name, ()))
                for name in outputs
            ),
            nodes=tuple(scope.nodes),
            parameters=tuple(names),
        )

    def _enter(self, proto: GraphProto, scope: Scope, inputs: Types) -> list[str]:
        """Take in what a graph declares; returns the names of inputs without a value."""
        for value in (*proto.value_info, *proto.output):
            scope.declared[value.name] = with_sizes(value.type, self.sizes)
        stored: list[tuple[str, Callable[[], Array]]] = [
            *((t.name, partial(array_of, t, self.folder)) for t in proto.initializer),
            *((s.values.name, partial(dense_of, s, self.folder)) for s in proto.sparse_initializer),
        ]
        fixed = set(scope.names)  # by the caller, to values of their own
        for name, read in stored:
            if name not in fixed:
                self.known.fix(self._define(name, scope, where="initializers"), read())
        free = [value for value in proto.input if value.name not in scope.names]
        names = [self._define(value.name, scope, where="inputs") for value in free]
        for name, value, given in zip(names, free, inputs, strict=False):
            self.known.learn(name, refined(given, with_sizes(value.type, self.sizes)))
        return names

    def _walk(self, nodes: Sequence[NodeProto], scope: Scope, where: str) -> None:
        """Visit nodes in order; one that is wrong does not keep the others from being seen."""
        for proto in ordered(nodes, where):
            self.visited += 1
            if self.visited > NODE_LIMIT:  # functions can describe any number of them
                raise TooLargeError(f"{where}: has more than {NODE_LIMIT} nodes; split the model")
            with self.known.gathering():
                self._visit(self._resolved(proto, scope), graphs_of(proto), scope)

    # Names

    def _define(self, name: str, scope: Scope, where: str) -> str:
        """The unique name of a value that a place makes."""
        if name in scope.names:
            raise ModelError(
                f"{where}: value {name} is made twice, but a name means one value; "
                "export the model again"
            )
        unique = scope.wanted.get(name) or self.known.unique(scope.prefix + name)
        scope.names[name] = unique
        if name in scope.declared:
            self.known.declared.setdefault(unique, scope.declared[name])
        return unique

    def _existing(self, name: str, scope: Scope, where: str) -> str:
        """The unique name of a value that a place reads."""
        unique = scope.lookup(name)
        if unique is None:
            raise ModelError(
                f"{where}: reads {name}, which nothing makes; the file is damaged, export it again"
            )
        return unique

    def _resolved(self, proto: NodeProto, scope: Scope) -> NodeProto:
        """The node with unique names and its function's attributes, without subgraphs."""
        label = proto.name or next(filter(None, proto.output), proto.op_type)
        node = NodeProto(
            name=scope.prefix + label,
            domain=domain_of(proto.domain),
            op_type=proto.op_type,
            overload=proto.overload,
        )
        node.output.extend(self._define(n, scope, title(node)) if n else "" for n in proto.output)
        names = [self._existing(n, scope, title(node)) if n else "" for n in proto.input]
        while names and not names[-1]:
            names.pop()
        node.input.extend(names)
        for attribute in proto.attribute:
            reference = attribute.ref_attr_name
            actual = scope.attributes.get(reference) if reference else attribute
            if actual is not None and actual.type != AttributeProto.GRAPH:
                node.attribute.append(actual)
                node.attribute[-1].name = attribute.name
        return node

    # Nodes

    def _visit(self, node: NodeProto, graphs: Graphs, scope: Scope) -> None:
        """Bring a node to an opset that operators are written for."""
        key = (node.domain, node.op_type, node.overload)
        if key in self.functions:
            self._call(node, local_body(self.functions[key], node), scope, key=key)
            return
        opset = _opset_of(node, scope)
        schema = schema_of(node.domain, node.op_type, opset)
        newest = schema_of(node.domain, node.op_type, defs.onnx_opset_version())
        if schema is None and newest is not None:
            raise ModelError(
                f"{title(node)}: opset {opset} has no such operator, which version "
                f"{newest.since_version} of the standard has; export with a newer opset"
            )
        if schema is None and graphs:
            raise UnsupportedOperatorError(
                f"{title(node)}: has subgraphs of unknown meaning; export the model without it"
            )
        if schema is None:
            self._keep(node, opset, {}, scope)
            return
        check_counts(node, schema)
        if node.domain:
            self._decide(node, graphs, schema, scope, opset)
            return
        newer_opset = max(opset, OLDEST)
        for newer in upgraded(node, opset, self.known):
            newer_schema = schema_of("", newer.op_type, newer_opset) or schema
            self._decide(newer, graphs, newer_schema, scope, newer_opset)

    def _decide(
        self, node: NodeProto, graphs: Graphs, schema: defs.OpSchema, scope: Scope, opset: int
    ) -> None:
        """Decide what becomes of a node that onnx knows."""
        if node.op_type == "Constant" and not node.domain:
            self.known.fix(node.output[0], constant_of(node, self.folder))
        elif node.op_type == "ZipMap" and node.domain == "ai.onnx.ml":
            # It only dresses a tensor up as a list of dictionaries.
            self._alias(node.input[0], node.output[0], scope)
            self.known.labels[node.output[0]] = tuple(
                str(label)
                for attribute in node.attribute
                if attribute.name in ("classlabels_int64s", "classlabels_strings")
                for label in (*attribute.ints, *(text.decode() for text in attribute.strings))
            )
        elif node.op_type in CONTROL and not node.domain:
            self._control(node, graphs, schema, scope)
        elif graphs:
            self._apply_graphs(node, graphs, schema, scope, opset)
        else:
            self._compute(node, schema, scope, opset)

    def _compute(self, node: NodeProto, schema: defs.OpSchema, scope: Scope, opset: int) -> None:
        """Evaluate a node, or replace it by what it is made of, or keep it."""
        known, opsets = self.known, {**scope.opsets, node.domain: opset}
        check(node, opsets)
        check_types(node, schema, known)
        types = infer(node, schema, known, opsets)
        for name in filter(None, node.output):
            known.learn(name, types.get(name))
        operands = self._operands(node)
        answers = fold(node, opset, operands, known.types) if operands is not None else None
        if answers is not None:
            for name, array in answers.items():
                known.fix(name, array)
            return
        body = None
        if not self.supported(node.domain, node.op_type):
            body = schema_body(schema, node, opset, known.types)
        if body is not None:
            self._call(node, body, scope)
        else:
            self._keep(node, schema.since_version, {}, scope)

    def _operands(self, node: NodeProto) -> list[Array | None] | None:
        """The inputs' values, None unless known as far as the operator looks at them."""
        operands: list[Array | None] = []
        for name in node.input:
            array = self.known.constants.get(name)
            if name and array is None and node.op_type in SHAPE_ONLY and not node.domain:
                array = stand_in(self.known.types.get(name))
            if name and array is None:
                return None
            operands.append(array)
        return operands

    def _keep(
        self, node: NodeProto, version: int, graphs: Mapping[str, StaticGraph], scope: Scope
    ) -> None:
        """Put a node into the result."""
        for name in filter(None, node.output):
            self.known.learn(name, None)
        values = {a.name: value_of(a, self.folder) for a in node.attribute}
        kept = StaticNode(
            name=node.name,
            domain=node.domain,
            op_type=node.op_type,
            version=version,
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            attributes={**values, **graphs},
        )
        scope.nodes.append(kept)
        made = [self.known.types.get(name) for name in kept.outputs if name]
        if self.derive and any(shape_of(proto) is None for proto in made):
            self._derive(kept, self.derive)

    def _derive(self, node: StaticNode, derive: Derive) -> None:
        """Ask for the types that onnx could not tell."""
        known = self.known
        infos = (value_info(name, known.types.get(name)) for name in node.inputs if name)
        constants = {n: known.constants[n] for n in node.inputs if n in known.constants}
        answers = derive(node, {info.name: info for info in infos if info}, constants)
        for name, answer in zip(node.outputs, answers, strict=False):
            if name and answer is not None:
                known.learn(name, tensor_type(answer.dtype, answer.shape))

    def _alias(self, source: str, target: str, scope: Scope) -> None:
        """Give a value a second name."""
        if source in self.known.constants:
            self.known.fix(target, self.known.constants[source])
            return
        self.known.learn(target, self.known.types.get(source))
        scope.nodes.append(StaticNode(target, "", "Identity", 1, (source,), (target,), {}))

    # Bodies

    def _call(
        self,
        node: NodeProto,
        body: Body,
        scope: Scope,
        *,
        key: Key | None = None,
        around: Scope | None = None,
    ) -> None:
        """Put a function's body in place of a node.

        A body sees nothing of the place of its call, unless the call's own subgraphs are
        part of it: then `around` is that place.
        """
        if key in scope.calls:
            raise ModelError(f"{title(node)}: the function calls itself; export the model again")
        given = (*node.input, *[""] * len(body.inputs))
        pairs = list(zip(body.outputs, node.output, strict=False))
        inner = Scope(
            opsets={**scope.opsets, **body.opsets},
            nodes=scope.nodes,
            parent=around,
            names=dict(zip(body.inputs, given, strict=False)),
            wanted={local: wanted for local, wanted in pairs if wanted},
            attributes=body.attributes,
            prefix=f"{node.name}/",
            calls=(*scope.calls, key) if key else scope.calls,
        )
        self._walk(body.nodes, inner, title(node))
        self._hand_over(pairs, inner, title(node))

    def _inline(self, proto: GraphProto, node: NodeProto, scope: Scope) -> None:
        """Put a branch in place of its If."""
        pairs = list(zip((v.name for v in proto.output), node.output, strict=False))
        wanted = {local: wanted for local, wanted in pairs if wanted}
        inner = replace(scope, parent=scope, names={}, wanted=wanted, declared={})
        self._enter(proto, inner, ())
        self._walk(proto.node, inner, title(node))
        self._hand_over(pairs, inner, title(node))

    def _hand_over(self, pairs: Iterable[tuple[str, str]], scope: Scope, where: str) -> None:
        """Let the call's outputs stand for what the body made under other names."""
        for local, wanted in pairs:
            made = self._existing(local, scope, f"{where}, outputs") if wanted else wanted
            if made != wanted:
                self._alias(made, wanted, scope)

    # Subgraphs

    def _control(
        self, node: NodeProto, graphs: Graphs, schema: defs.OpSchema, scope: Scope
    ) -> None:
        """Choose the branch that is certain; keep other subgraphs as static graphs."""
        check_required(node, graphs, schema)
        condition = self.known.constants.get(node.input[0]) if node.op_type == "If" else None
        if condition is not None and condition.size == 1:
            self._inline(graphs["then_branch" if condition.item() else "else_branch"], node, scope)
            return
        control = self._traced(node, graphs, scope, schema.since_version)
        for traced in control.graphs.values():
            self.known.problems += traced.problems
        for name, proto in zip(node.output, control.outputs, strict=False):
            self.known.learn(name, proto)
        kept = {name: traced.graph for name, traced in control.graphs.items()}
        self._keep(node, schema.since_version, kept, scope)

    def _traced(self, node: NodeProto, graphs: Graphs, scope: Scope, version: int) -> Control:
        """The subgraphs of a node that keeps them, and the types of its outputs."""
        trace = partial(self._trace, scope=scope, where=title(node))
        inputs = [self.known.types.get(name) for name in node.input]
        if node.op_type == "If":
            return branches(graphs, trace)
        if node.op_type == "Loop":
            return loop(graphs["body"], inputs, self._trips(node), trace)
        attributes = {a.name: value_of(a, self.folder) for a in node.attribute}
        scanned = scan if version > 8 else scan_of_batch
        return scanned(graphs["body"], inputs, attributes, trace)

    def _apply_graphs(
        self, node: NodeProto, graphs: Graphs, schema: defs.OpSchema, scope: Scope, opset: int
    ) -> None:
        """Replace an operator that applies a subgraph by what it is made of."""
        call = NodeProto()
        call.CopyFrom(node)
        call.attribute.extend(helper.make_attribute(name, graph) for name, graph in graphs.items())
        body = schema_body(schema, call, opset, self.known.types)
        if body is None:
            raise UnsupportedOperatorError(
                f"{title(node)}: the operator is not supported; export the model without it"
            )
        self._call(node, body, scope, around=scope)

    def _trips(self, node: NodeProto) -> int | None:
        """The iterations of a Loop that nothing but its body's condition can end early."""
        trips, condition = (*node.input, "", "")[:2]
        count = self.known.constants.get(trips)
        go = self.known.constants.get(condition)
        if count is None or count.size != 1 or (condition and (go is None or not go.all())):
            return None
        return max(0, int(count.item()))

    def _trace(self, proto: GraphProto, types: Types, *, scope: Scope, where: str) -> Traced:
        """Import a subgraph for given types of its inputs; its problems are kept apart."""
        before, self.known.problems = self.known.problems, []
        inner = replace(scope, parent=scope, names={}, wanted={}, declared={}, nodes=[])
        try:
            graph = self.graph(proto, inner, types, where)
        finally:
            problems, self.known.problems = self.known.problems, before
        outputs = tuple(self.known.types.get(output.name) for output in graph.outputs)
        return Traced(graph, outputs, tuple(problems))


def _opset_of(node: NodeProto, scope: Scope) -> int:
    """The opset in force for a node; domains that nobody standardises may go without."""
    opset = scope.opsets.get(node.domain)
    if opset is not None:
        return opset
    if node.domain in ("", "ai.onnx.ml"):
        raise ModelError(
            f"{title(node)}: the file does not say which opset of {node.domain or 'ai.onnx'} "
            "it uses; export the model again"
        )
    return 1
