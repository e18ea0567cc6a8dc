"""A program: primitives in order, from input values to output values.

The primitives are few, because every target implements each of them once:

    Map      out[i] = body(i)                               one expression per element
    Reduce   out[i] = finish(combine over r of body(i, r))  sums, windows, contractions
    Scan     out[i] = combine of body along an axis so far  cumulative sums
    Scatter  out = base; out[where(u)] = body(u), u in order
    Region   a program of its own, done so many times     branches, loops, recurrences

An expression reads values at any index, so reshapes, slices, pads, broadcasts,
gathers and casts are all Maps, and matrix products and convolutions are Reduces
whose body is a product of two reads (`edgesite.ir.contraction` recognises them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from edgesite.errors import InternalError
from edgesite.ir.expr import Expr, Load, Value, transform
from edgesite.ir.host import HostStep
from edgesite.ir.positions import axes_of
from edgesite.ir.simplify import simplify

Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]

COMBINES = frozenset({"sum", "prod", "max", "min", "argmax", "argmin"})


@dataclass(frozen=True)
class Node:
    """One primitive; `origin` names the operator of the model it comes from."""

    output: Value
    body: Expr
    origin: str = field(default="", compare=False)

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """Every expression of the node."""
        return (self.body,)

    @cached_property
    def inputs(self) -> tuple[Value, ...]:
        """The values the node reads, in the order it reads them first."""
        loads = (load.value for expr in self.expressions for load in expr.loads)
        return tuple(dict.fromkeys(loads))

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The values the node makes."""
        return (self.output,)


@dataclass(frozen=True)
class Map(Node):
    """out[i...] = body, with Axis(k) running over axis k of the output."""


@dataclass(frozen=True)
class Reduce(Node):
    """out[i...] = finish of the body combined over the reduction axes.

    `extent` holds the sizes of the reduction axes; in `body` they are numbered on
    from the rank of the output. "sum" to "min" combine values of the body's dtype;
    "argmax" and "argmin" give the INT64 position along the only reduction axis, the
    first of equals (`last` takes the last). `finish`, when there is one, is the
    epilogue: an expression over Result() and reads at the output's axes.

    `space` and `store`, when given, separate the iteration space from the shape of
    the output: the result of point i of `space` is written at `store(i)`, which must
    reach every element of the output once. A reshape or transpose of the result lives
    there.
    """

    combine: str = "sum"
    extent: tuple[int, ...] = ()
    finish: Expr | None = None
    last: bool = False
    space: tuple[int, ...] | None = None
    store: tuple[Expr, ...] | None = None

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """The body, and what else the primitive evaluates."""
        finish = () if self.finish is None else (self.finish,)
        return (self.body, *finish, *(self.store or ()))

    @property
    def iteration(self) -> tuple[int, ...]:
        """The sizes of the axes of the result, reduction axes left out."""
        return self.output.shape if self.space is None else self.space

    @property
    def position(self) -> tuple[Expr, ...]:
        """Where in the output the result of a point is written."""
        if self.store is not None:
            return self.store
        return axes_of(self.output.shape)


@dataclass(frozen=True)
class Scan(Node):
    """out[i...] = the body combined ("sum", "prod") along `axis` up to and including i.

    `exclusive` leaves the element itself out; `reverse` runs from the end.
    """

    axis: int = 0
    combine: str = "sum"
    exclusive: bool = False
    reverse: bool = False


@dataclass(frozen=True)
class Scatter(Node):
    """out = base, then for every update point u in order: out[where(u)] = body(u).

    `extent` is the iteration space of the updates, Axis(k) running over it; `where`
    holds one INDEX expression per axis of the output. `combine` is "set", "sum",
    "prod", "max" or "min". An index outside of the output is not written.
    """

    base: Expr | None = None
    where: tuple[Expr, ...] = ()
    extent: tuple[int, ...] = ()
    combine: str = "set"

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """The body, and what else the primitive evaluates."""
        base = () if self.base is None else (self.base,)
        return (*base, *self.where, self.body)


@dataclass(frozen=True)
class State:
    """What a Region carries from one round to the next."""

    start: Value | None
    """Outside, before the first round; None where no round reads what was before it."""
    before: Value
    """Inside, an input."""
    after: Value
    """Inside, an output."""
    result: Value
    """Outside, after the last round."""


@dataclass(frozen=True)
class Slice:
    """A row of a value per round: round n has row n, or the n-th from the end."""

    whole: Value
    """Outside; its first axis counts rows."""
    part: Value
    """Inside; without that axis."""
    reverse: bool = False


@dataclass(frozen=True, kw_only=True)
class Region(Node):
    """A program inside of the program, done `body` times: an INDEX expression without axes.

    The one primitive that is not loops over elements: what happens in a round depends on the
    round before, by way of contractions, or does not happen at all, and how many rounds there
    are may only be known when the model runs. If is a region of 0 or 1 rounds. Unrolling
    would do for few rounds that are known; a sequence of a thousand steps would be a
    thousand times the code.

    `graph` reads values around it by themselves. Its further inputs are `counter` (an INT64
    scalar, the number of the round), the states' `before` and the `part` of what is `read`
    row by row; its outputs the states' `after`, the `part` of what is `written`, and `going`
    (a BOOL scalar): when that is false there is no further round. Rows that no round writes
    hold anything.
    """

    graph: Graph = field(compare=False)
    states: tuple[State, ...] = ()
    read: tuple[Slice, ...] = ()
    written: tuple[Slice, ...] = ()
    counter: Value
    going: Value | None = None

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What the states end as, and what was written row by row."""
        return (*(s.result for s in self.states), *(s.whole for s in self.written))

    @property
    def own(self) -> tuple[Value, ...]:
        """The inputs of the inner program that are made anew for each round."""
        parts = (s.part for s in self.read)
        return (self.counter, *(s.before for s in self.states), *parts)

    @property
    def captures(self) -> tuple[Value, ...]:
        """The values around it that the inner program reads by themselves."""
        graph, own = self.graph, {*self.own, *self.graph.constants}
        reads = [value for node in graph.nodes for value in node.inputs]
        around = {*graph.inputs} - own
        return tuple(dict.fromkeys(v for v in (*reads, *graph.outputs) if v in around))

    @cached_property
    def inputs(self) -> tuple[Value, ...]:
        """What the node reads, rows and captures included."""
        loads = [load.value for load in self.body.loads]
        starts = [s.start for s in self.states if s.start is not None]
        wholes = [s.whole for s in self.read]
        return tuple(dict.fromkeys((*loads, *starts, *wholes, *self.captures)))


@dataclass(frozen=True)
class Graph:
    """A program. Constants hold the arrays of the values that no node computes."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[Value, Array]
    strings: tuple[str, ...] = ()
    """What the numbers stand for that elements of STRING are."""
    counts: Mapping[Value, Mapping[int, Value]] = field(default_factory=dict)
    """Of outputs with axes whose size follows from data: further outputs, INT64 scalars, that
    tell how many positions of such an axis count."""
    host: tuple[HostStep, ...] = ()
    """What makes some of the inputs, in order, before the program runs."""
    lists: Mapping[str, int] = field(default_factory=dict)
    """How long the outputs of the model are that are lists; each element is an output here."""

    @cached_property
    def producers(self) -> dict[Value, Node]:
        """The node that computes each value."""
        return {value: node for node in self.nodes for value in node.outputs}

    @cached_property
    def readers(self) -> dict[Value, tuple[Node, ...]]:
        """The nodes that read each value."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                found.setdefault(value, []).append(node)
        return {value: tuple(nodes) for value, nodes in found.items()}

    @cached_property
    def settled(self) -> frozenset[Value]:
        """Constants, and what follows from constants alone: known before the first run."""
        known = set(self.constants)
        for node in self.nodes:
            if known.issuperset(node.inputs):
                known.update(node.outputs)
        return frozenset(known)

    def everywhere(self, change: Callable[[Graph], Graph]) -> Graph:
        """The same program with `change` applied to it and to every program inside of it."""
        nodes = [
            replace(node, graph=node.graph.everywhere(change)) if isinstance(node, Region) else node
            for node in self.nodes
        ]
        return change(replace(self, nodes=tuple(nodes)))

    def with_nodes(self, nodes: Iterable[Node]) -> Graph:
        """The same program made of other nodes; what nothing reads any more is dropped."""
        kept = _needed(tuple(nodes), self.outputs)
        read = {value for node in kept for value in node.inputs} | set(self.outputs)
        constants = {value: array for value, array in self.constants.items() if value in read}
        return replace(self, nodes=kept, constants=constants)


def _needed(nodes: tuple[Node, ...], outputs: tuple[Value, ...]) -> tuple[Node, ...]:
    needed = set(outputs)
    kept: list[Node] = []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return tuple(reversed(kept))


def rewrite_node(node: Node, change: Callable[[Expr], Expr | None]) -> Node:
    """The node with `change` applied bottom-up to everything its expressions read or compute."""

    def rewrite(expr: Expr) -> Expr:
        return simplify(transform(expr, change))

    match node:
        case Reduce():
            finish = None if node.finish is None else rewrite(node.finish)
            return replace(node, body=rewrite(node.body), finish=finish)
        case Scatter():
            base = None if node.base is None else rewrite(node.base)
            where = tuple(map(rewrite, node.where))
            return replace(node, body=rewrite(node.body), base=base, where=where)
    return replace(node, body=rewrite(node.body))


def rename_values(node: Node, names: Mapping[Value, Value]) -> Node:
    """The node reading and writing other values of the same shape."""

    def change(expr: Expr) -> Expr | None:
        if isinstance(expr, Load) and expr.value in names:
            return replace(expr, value=names[expr.value])
        return None

    if isinstance(node, Region):  # the program inside keeps its names
        node = replace(
            node,
            states=tuple(
                replace(s, start=s.start and names.get(s.start, s.start)) for s in node.states
            ),
            read=tuple(replace(s, whole=names.get(s.whole, s.whole)) for s in node.read),
        )
    output = names.get(node.output, node.output)
    return replace(rewrite_node(node, change), output=output)


def verify(graph: Graph) -> Graph:
    """Return the graph if it is well formed.

    Raises InternalError when a value is read before it is made, made twice, or read
    with the wrong number of indices or dtype.
    """
    made = {*graph.inputs, *graph.constants}
    for value, array in graph.constants.items():
        if array.shape != value.shape or array.dtype != value.dtype.numpy:
            raise InternalError(f"constant {value} holds {array.dtype}{list(array.shape)}")
    for node in graph.nodes:
        for expr in node.expressions:
            for load in expr.loads:
                if load.value not in made:
                    raise InternalError(f"{node.output.name} reads {load.value.name} too early")
                if len(load.index) != load.value.rank or load.dtype is not load.value.dtype:
                    raise InternalError(f"{node.output.name} misreads {load.value.name}")
        if isinstance(node, Region):
            _verify_region(node, made)
        for value in node.outputs:
            if value in made:
                raise InternalError(f"{value.name} is made twice")
            made.add(value)
    for value in graph.outputs:
        if value not in made:
            raise InternalError(f"output {value.name} is never made")
    return graph


def _verify_region(region: Region, made: set[Value]) -> None:
    inner = verify(region.graph)
    for value in region.inputs:
        if value not in made:
            raise InternalError(f"a region reads {value.name} too early")
    pairs = [(s.before, s.after) for s in region.states]
    pairs += [(s.before, s.result) for s in region.states]
    pairs += [(s.before, s.start) for s in region.states if s.start is not None]
    for a, b in pairs:
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            raise InternalError(f"{b.name} is not of the type of {a.name}, a state")
    for part in (*region.read, *region.written):
        whole = part.whole
        if (whole.shape[1:], whole.dtype) != (part.part.shape, part.part.dtype):
            raise InternalError(f"{part.part.name} is no row of {whole.name}")
    ends = [*(s.after for s in region.states), *(s.part for s in region.written)]
    ends += [] if region.going is None else [region.going]
    if inner.outputs != tuple(ends) or len({*ends}) != len(ends):
        raise InternalError(f"a region of {region.output.name} ends in other values than it says")
    if not {*region.own} <= {*inner.inputs}:
        raise InternalError(f"a region of {region.output.name} has inputs of its own to name")
