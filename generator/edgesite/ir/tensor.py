"""How programs are written: tensors that record what is done to them.

Operators receive tensors and return tensors. Python's operators work as in numpy,
broadcasting included; `compute`, `reduce`, `scan` and `scatter` make any primitive
from a function of the axes. A tensor whose elements are known keeps them in
`constant`, which is how operators read shapes, axes and other small operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from edgesite.errors import InternalError, UnsupportedShapeError
from edgesite.ir import codecs
from edgesite.ir.counts import counted
from edgesite.ir.dtypes import INDEX, DType
from edgesite.ir.expr import Expr, Load, Value, binary, const, index, select, unary
from edgesite.ir.graph import (
    Array,
    Graph,
    Map,
    Node,
    Reduce,
    Region,
    Scan,
    Scatter,
    Slice,
    State,
    rename_values,
)
from edgesite.ir.host import HostStep
from edgesite.ir.positions import (
    Position,
    axes_of,
    broadcast_shape,
    coordinate,
    flatten,
    unflatten,
    within,
)
from edgesite.ir.simplify import simplify

Body = Callable[..., Expr]


@dataclass
class Builder:
    """Collects the nodes of one program while operators run."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[Value, Array] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    origin: str = ""
    """The operator of the model that is being expressed, for messages and listings."""
    strings: dict[str, int] = field(default_factory=lambda: {"": 0})
    """The number of every string that the model knows."""
    counts: dict[Value, Mapping[int, Value]] = field(default_factory=dict)
    """Of values with axes whose size follows from data, the counts of these axes."""
    host: list[HostStep] = field(default_factory=list)
    """What makes some of the inputs before the program runs."""
    made: int = 0
    """How many values were given a name, in regions too."""

    def input(self, name: str, shape: Sequence[int], dtype: DType) -> Tensor:
        """A tensor the caller provides at run time; all inputs come before anything else."""
        value = Value(name, tuple(shape), dtype)
        self.inputs.append(value)
        return Tensor(self, value)

    def constant(self, array: ArrayLike, dtype: DType | None = None) -> Tensor:
        """A tensor whose elements are known now; codes of less than a byte are packed."""
        is_text = dtype is DType.STRING
        known: Array = np.asarray(array, None if dtype is None or is_text else dtype.numpy)
        if known.dtype.kind in "OU":
            known, dtype = self._numbered(known), DType.STRING
        packed = codecs.packed(known)
        if packed is not None:
            return codecs.unpacked(self.constant(packed), DType.of(known.dtype), known.shape)
        name = self._free(f"c{len(self.constants)}")
        value = Value(name, known.shape, dtype or DType.of(known.dtype))
        self.constants[value] = known
        return Tensor(self, value)

    def _numbered(self, texts: Array) -> Array:
        """Strings as their numbers; the empty one has 0."""
        strings = [str(text) for text in texts.ravel().tolist()]
        numbers = [self.strings.setdefault(text, len(self.strings)) for text in strings]
        return np.array(numbers, np.int32).reshape(texts.shape)

    def fresh(self, shape: Sequence[int], dtype: DType) -> Value:
        """A new value, named after its place in the program."""
        name = self._free(f"t{self.made}")
        self.made += 1
        return Value(name, tuple(int(extent) for extent in shape), dtype)

    def _free(self, name: str) -> str:
        """A name that no input has: models name those as they like."""
        taken = {value.name for value in self.inputs}
        while name in taken:
            name += "_"
        return name

    def append(self, node: Node) -> Tensor:
        """Record a node and give its output."""
        if self.counts:
            node, axes = counted(node, self.counts)
            if axes:
                self.counts[node.output] = axes
        self.nodes.append(node)
        return Tensor(self, node.output)

    def compute(self, shape: Sequence[int], body: Body) -> Tensor:
        """A Map: `body` gets one Axis per axis of `shape` and returns the element there."""
        expr = simplify(body(*axes_of(shape)))
        return self.append(Map(self.fresh(shape, expr.dtype), expr, self.origin))

    def repeat(
        self,
        times: Expr | int,
        body: Callable[..., Round],
        states: Sequence[Tensor] = (),
        read: Sequence[Tensor] = (),
        *,
        most: int | None = None,
        reverse: bool = False,
    ) -> tuple[Tensor, ...]:
        """A Region; gives what its states end as, then what was written row by row.

        `body` gets the number of the round (INT64), the states before it, and a row of each
        tensor in `read`; what it computes, it computes once per round. States that it returns
        beyond those given have no start. `most` is the number of rows to write, where `times`
        does not tell it. `reverse` reads and writes rows from the end.
        """
        rounds = self._index_of(times)
        outer, self.nodes = self.nodes, []
        counter = self.fresh((), DType.INT64)
        before = [self.fresh(t.shape, t.dtype) for t in states]
        parts = [self.fresh(t.shape[1:], t.dtype) for t in read]
        try:
            done = body(*(Tensor(self, v) for v in (counter, *before, *parts)))
            kept = {value for node in self.nodes for value in node.outputs}
            going = None if done.going is None else self._ending(done.going, kept)
            after = [self._ending(t, kept) for t in done.states]
            rows = [self._ending(t, kept) for t in done.rows]
            nodes = self.nodes
            for old, new in zip(before, after, strict=False):
                if (old.shape, old.dtype) != (new.shape, new.dtype):
                    raise InternalError(f"a state is {old} before a round and {new} after it")
        finally:
            self.nodes = outer
        before += [self.fresh(v.shape, v.dtype) for v in after[len(before) :]]
        starts = [*(t.value for t in states), *[None] * (len(after) - len(states))]
        count = most if most is not None else int(times) if isinstance(times, int) else 0
        inner = _inner([counter, *before, *parts], nodes, (after, rows, going), self.constants)
        results = [self.fresh(v.shape, v.dtype) for v in after]
        wholes = [self.fresh((count, *v.shape), v.dtype) for v in rows]
        region = Region(
            (*results, *wholes)[0],
            rounds,
            self.origin,
            graph=inner,
            states=tuple(map(State, starts, before, after, results)),
            read=tuple(Slice(t.value, v, reverse) for t, v in zip(read, parts, strict=True)),
            written=tuple(Slice(w, v, reverse) for w, v in zip(wholes, rows, strict=True)),
            counter=counter,
            going=going,
        )
        self.append(region)
        return tuple(Tensor(self, value) for value in region.outputs)

    @staticmethod
    def _index_of(times: Expr | int) -> Expr:
        return simplify(times.cast(INDEX)) if isinstance(times, Expr) else index(times)

    def _ending(self, tensor: Tensor, free: set[Value]) -> Value:
        """The value of an output of a region: one of its own, and for this output alone."""
        if tensor.value not in free:
            tensor = self.compute(tensor.shape, tensor.at)
        free.discard(tensor.value)
        return tensor.value

    def graph(self, outputs: Sequence[Tensor]) -> Graph:
        """The program that computes `outputs`, and behind them the counts of their axes."""
        counts = {t.value: self.counts[t.value] for t in outputs if t.value in self.counts}
        sizes = dict.fromkeys(count for axes in counts.values() for count in axes.values())
        whole = Graph(
            tuple(self.inputs),
            (*(tensor.value for tensor in outputs), *sizes),
            tuple(self.nodes),
            self.constants,
            tuple(self.strings),
            counts,
            tuple(self.host),
        )
        return whole.with_nodes(self.nodes)


def _inner(
    own: Sequence[Value],
    nodes: Sequence[Node],
    ends: tuple[Sequence[Value], Sequence[Value], Value | None],
    constants: dict[Value, Array],
) -> Graph:
    """The program of a region; its constants have names of their own, as layouts go by names."""
    after, rows, going = ends
    outputs = (*after, *rows, *(() if going is None else (going,)))
    made = {value for node in nodes for value in node.outputs}
    reads = dict.fromkeys(value for node in nodes for value in node.inputs)
    known = {v: replace(v, name=f"{v.name}.{own[0].name}") for v in reads if v in constants}
    around = [v for v in reads if v not in made and v not in known and v not in own]
    held = {name: constants[v] for v, name in known.items()}
    renamed = tuple(rename_values(node, known) for node in nodes)
    return Graph((*own, *around), outputs, renamed, held).with_nodes(renamed)


@dataclass(frozen=True)
class Round:
    """What one round of a region ends with."""

    states: Sequence[Tensor]
    """What the next round begins with."""
    rows: Sequence[Tensor] = ()
    """What is kept of each round, stacked along a new first axis."""
    going: Tensor | None = None
    """A BOOL scalar: whether there may be a further round."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value under construction, with what one can do to it."""

    builder: Builder
    value: Value

    def __str__(self) -> str:
        """Its type, as messages name it."""
        return f"{self.dtype}{list(self.shape)}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every axis; sizes are always known."""
        return self.value.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.value.dtype

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.value.rank

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def constant(self) -> Array | None:
        """The elements, if they are known when the model is compiled."""
        return self.builder.constants.get(self.value)

    def known(self, what: str) -> Array:
        """The elements of an operand that must be known when the model is compiled.

        Raises UnsupportedShapeError, calling the operand `what`, when they are not.
        """
        if self.constant is None:
            raise UnsupportedShapeError(
                f"{what} is computed at run time; fix the input it follows from "
                "with compile(..., constants={name: value})"
            )
        return self.constant

    def like(self, array: ArrayLike, dtype: DType | None = None) -> Tensor:
        """A constant in the same program; a Python number takes this tensor's dtype."""
        if dtype is None and isinstance(array, bool | int | float):
            dtype = self.dtype
        return self.builder.constant(array, dtype)

    def at(self, *position: Position) -> Expr:
        """The element at a position, to be used in the body of a primitive."""
        if len(position) != self.rank:
            raise InternalError(f"{len(position)} indices into {self.value}")
        return Load(self.dtype, self.value, tuple(coordinate(p) for p in position))

    def at_or(self, fill: float | bool, *position: Position) -> Expr:
        """The element at a position, or `fill` where that lies outside."""
        where = [coordinate(p) for p in position]
        return within(self.at(*where), where, self.shape, const(fill, self.dtype))

    def broadcast_at(self, *position: Position) -> Expr:
        """The element at a position of a shape this tensor broadcasts to, as in numpy."""
        own = position[len(position) - self.rank :]
        return self.at(*(0 if n == 1 else p for p, n in zip(own, self.shape, strict=True)))

    def compute(self, shape: Sequence[int], body: Body) -> Tensor:
        """A Map in the same program; see Builder.compute."""
        return self.builder.compute(shape, body)

    def view(self, shape: Sequence[int], position: Callable[..., Sequence[Position]]) -> Tensor:
        """Elements of this tensor rearranged: out[i...] = self[position(i...)]."""
        return self.compute(shape, lambda *axes: self.at(*position(*axes)))

    def count(self, axis: int) -> Tensor | None:
        """How many positions of an axis there are, where that follows from data: INT64."""
        found = self.builder.counts.get(self.value, {}).get(axis)
        return None if found is None else Tensor(self.builder, found)

    def counted(self, axis: int, count: Tensor) -> Tensor:
        """This tensor, of whose axis only so many positions count."""
        axes = {**self.builder.counts.get(self.value, {}), axis: count.value}
        self.builder.counts[self.value] = axes
        return self

    def size_at(self, axis: int) -> Expr:
        """The size of an axis as an index, which may follow from data."""
        count = self.count(axis)
        return index(self.shape[axis]) if count is None else count.at().cast(INDEX)

    def reduce(
        self,
        shape: Sequence[int],
        extent: Sequence[int],
        body: Body,
        combine: str = "sum",
        *,
        last: bool = False,
    ) -> Tensor:
        """A Reduce in the same program; `body` gets the output's axes, then the reduction's."""
        expr = simplify(body(*axes_of([*shape, *extent])))
        dtype = DType.INT64 if combine.startswith("arg") else expr.dtype
        value = self.builder.fresh(shape, dtype)
        origin = self.builder.origin
        node = Reduce(value, expr, origin, combine, tuple(extent), last=last)
        return self.builder.append(node)

    def scan(
        self, axis: int, combine: str = "sum", *, exclusive: bool = False, reverse: bool = False
    ) -> Tensor:
        """A Scan of this tensor along an axis."""
        expr = self.at(*axes_of(self.shape))
        value = self.builder.fresh(self.shape, self.dtype)
        node = Scan(value, expr, self.builder.origin, axis, combine, exclusive, reverse)
        return self.builder.append(node)

    def scatter(
        self,
        extent: Sequence[int],
        where: Callable[..., Sequence[Position]],
        body: Body,
        combine: str = "set",
    ) -> Tensor:
        """A Scatter of updates into a copy of this tensor."""
        axes = axes_of(extent)
        value = self.builder.fresh(self.shape, self.dtype)
        node = Scatter(
            value,
            simplify(body(*axes)),
            self.builder.origin,
            self.at(*axes_of(self.shape)),
            tuple(simplify(coordinate(p)) for p in where(*axes)),
            tuple(extent),
            combine,
        )
        return self.builder.append(node)

    def cast(self, dtype: DType) -> Tensor:
        """The same elements in another dtype."""
        if dtype is self.dtype:
            return self
        if self.dtype.is_coded:
            return codecs.decoded(self, DType.FLOAT32 if dtype.is_coded else dtype).cast(dtype)
        if dtype.is_coded:
            return codecs.encoded(self, dtype)
        if self.constant is not None and not self.dtype.is_float:
            return self.like(self.constant.astype(dtype.numpy))
        return elementwise(lambda x: x.cast(dtype), self)

    def reshape(self, shape: Sequence[int]) -> Tensor:
        """The same elements in row-major order under another shape of equal size."""
        if tuple(shape) == self.shape:
            return self
        if self.constant is not None:
            return self.like(self.constant.reshape(tuple(shape)), self.dtype)
        return self.view(shape, lambda *axes: unflatten(flatten(axes, shape), self.shape))

    def transpose(self, perm: Sequence[int]) -> Tensor:
        """The axes in another order: axis k of the result is axis perm[k]."""
        if list(perm) == list(range(self.rank)):
            return self
        if self.constant is not None:
            moved = np.ascontiguousarray(self.constant.transpose(tuple(perm)))
            return self.like(moved, self.dtype)
        inverse = [list(perm).index(axis) for axis in range(self.rank)]
        shape = [self.shape[axis] for axis in perm]
        return self.view(shape, lambda *axes: [axes[k] for k in inverse])

    def expand(self, shape: Sequence[int]) -> Tensor:
        """This tensor broadcast to `shape`, as numpy.broadcast_to does."""
        if tuple(shape) == self.shape:
            return self
        return self.compute(shape, self.broadcast_at)

    def __add__(self, other: TensorLike) -> Tensor:
        return _arithmetic("add", self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return _arithmetic("add", other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return _arithmetic("sub", self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return _arithmetic("sub", other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return _arithmetic("mul", self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return _arithmetic("mul", other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return _arithmetic("div", self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return _arithmetic("div", other, self)

    def __lt__(self, other: TensorLike) -> Tensor:
        return _arithmetic("lt", self, other)

    def __le__(self, other: TensorLike) -> Tensor:
        return _arithmetic("le", self, other)

    def __gt__(self, other: TensorLike) -> Tensor:
        return _arithmetic("gt", self, other)

    def __ge__(self, other: TensorLike) -> Tensor:
        return _arithmetic("ge", self, other)

    def __neg__(self) -> Tensor:
        return elementwise(lambda x: -x, self)


TensorLike = Tensor | int | float | bool


def elementwise(function: Callable[..., Expr], *tensors: Tensor) -> Tensor:
    """A Map of `function` over tensors that broadcast together."""
    shape = broadcast_shape(*(tensor.shape for tensor in tensors))
    return tensors[0].compute(
        shape, lambda *axes: function(*(tensor.broadcast_at(*axes) for tensor in tensors))
    )


def _arithmetic(op: str, a: TensorLike, b: TensorLike) -> Tensor:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return elementwise(lambda x, y: binary(op, x, y), a, b)
    if isinstance(a, Tensor) and not isinstance(b, Tensor):
        return elementwise(lambda x: binary(op, x, b), a)
    if isinstance(b, Tensor) and not isinstance(a, Tensor):
        return elementwise(lambda x: binary(op, a, x), b)
    raise InternalError(f"{op} of two numbers")


def apply(op: str, x: Tensor) -> Tensor:
    """A unary operation of `edgesite.ir.expr.UNARY` on every element."""
    return elementwise(lambda e: unary(op, e), x)


def where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`a` where the condition holds, else `b`; all three broadcast."""
    return elementwise(select, condition, a, b)
