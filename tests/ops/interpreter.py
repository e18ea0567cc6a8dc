"""The meaning of programs, executed slowly by numpy: the oracle for passes and kernels.

Every expression is evaluated over its whole iteration space at once. `needed` says at
which points a result matters: reads outside of a value are an error there, and nothing
elsewhere, which is how the unchosen side of a Select stays unread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edgesite.ir import (
    INDEX,
    Axis,
    Binary,
    Builder,
    Cast,
    Const,
    DType,
    Expr,
    Graph,
    Load,
    Map,
    Node,
    Reduce,
    Region,
    Result,
    Scan,
    Scatter,
    Select,
    Slice,
    Tensor,
    Unary,
    Value,
    verify,
)
from edgesite.ops import call, find, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Array = np.ndarray[Any, Any]

_HALVES = (DType.FLOAT16, DType.BFLOAT16)


def run_node(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any] | None = None,
    opset: int = 21,
    outputs: int = 1,
    *,
    known: Collection[int] = (),
    domain: str = "",
) -> list[Array]:
    """Express one node, evaluate it, and return as many outputs as asked for.

    The inputs whose positions are in `known` are constants of the model.
    """
    graph, feeds = express_node(
        op_type, inputs, attributes, opset, outputs, known=known, domain=domain
    )
    values = evaluate(graph, feeds)
    return [counted(values, value, graph) for value in graph.outputs[:outputs]]


def counted(values: Mapping[str, Array], value: Value, graph: Graph) -> Array:
    """What of an output counts, its elements one behind the other."""
    array = values[value.name]
    counts = graph.counts.get(value, {})
    shape = list(array.shape)
    for axis, count in counts.items():
        shape[axis] = int(values[count.name])
    return array.ravel()[: math.prod(shape)].reshape(shape)


def express_node(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any] | None = None,
    opset: int = 21,
    outputs: int = 1,
    *,
    known: Collection[int] = (),
    domain: str = "",
) -> tuple[Graph, dict[str, Array]]:
    """The program of one node, and what to feed it."""
    function = find(domain, op_type, opset)
    assert function is not None, f"{op_type} has no meaning at opset {opset}"
    builder = Builder(origin=op_type)
    tensors: list[Tensor | None] = []
    feeds = {}
    for position, array in enumerate(inputs):
        if array is None:
            tensors.append(None)
        elif position in known:
            tensors.append(builder.constant(array))
        else:
            name = f"input{position}"
            tensors.append(builder.input(name, array.shape, DType.of(array.dtype)))
            feeds[name] = array
    results = call(function, tensors, dict(attributes or {}), outputs)
    return verify(builder.graph([packed(made) for made in results[:outputs]])), feeds


def evaluate(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every value of a program by name, from arrays for its inputs."""
    values = {value.name: array for value, array in graph.constants.items()}
    for value in graph.inputs:
        array = feeds[value.name]
        assert array.shape == value.shape, f"{value.name}: {array.shape} for {value.shape}"
        assert array.dtype == value.dtype.numpy, f"{value.name}: {array.dtype} for {value.dtype}"
        values[value.name] = array
    for node in graph.nodes:
        if isinstance(node, Region):
            values |= _region(node, values)
            continue
        with np.errstate(all="ignore"):
            result = _stored(_run(node, values), node.output.dtype)
        values[node.output.name] = result
        assert result.shape == node.output.shape, f"{node.output.name}: {result.shape}"
    return values


def _region(region: Region, values: Mapping[str, Array]) -> dict[str, Array]:
    """What a region ends with."""
    times = int(Evaluation(values, ()).array(region.body))
    around = {value.name: values[value.name] for value in region.captures}
    state = {}
    for s in region.states:
        empty = np.zeros(s.before.shape, s.before.dtype.numpy)
        state[s.before.name] = empty if s.start is None else values[s.start.name]
    made = {s.whole.name: np.zeros(s.whole.shape, s.whole.dtype.numpy) for s in region.written}
    for number in range(times):
        feeds = {**around, **state, region.counter.name: np.asarray(number, np.int64)}
        for part in region.read:
            feeds[part.part.name] = np.asarray(values[part.whole.name][_row(part, number)])
        inner = evaluate(region.graph, feeds)
        state = {s.before.name: inner[s.after.name] for s in region.states}
        for part in region.written:
            made[part.whole.name][_row(part, number)] = inner[part.part.name]
        if region.going is not None and not inner[region.going.name]:
            break
    return {**{s.result.name: state[s.before.name] for s in region.states}, **made}


def _row(part: Slice, number: int) -> int:
    return -1 - number if part.reverse else number


def _stored(array: Array, dtype: DType) -> Array:
    """Elements as they lie in memory."""
    return array.view(dtype.numpy) if dtype.is_coded else array.astype(dtype.numpy)


def _run(node: Node, values: Mapping[str, Array]) -> Array:
    match node:
        case Map():
            return Evaluation(values, node.output.shape).array(node.body)
        case Reduce():
            return _reduce(node, values)
        case Scan():
            return _scan(node, Evaluation(values, node.output.shape).array(node.body))
        case Scatter():
            return _scatter(node, values)
    raise AssertionError(f"no meaning of {type(node).__name__}")


def _reduce(node: Reduce, values: Mapping[str, Array]) -> Array:
    space = (*node.iteration, *node.extent)
    body = Evaluation(values, space).array(node.body)
    flat = body.reshape(*node.iteration, math.prod(node.extent))
    result = _combine(node.combine, flat, last=node.last)
    if node.finish is not None:
        result = Evaluation(values, node.iteration, result).array(node.finish)
    if node.store is None:
        return result
    stored = Evaluation(values, node.iteration)
    target = tuple(stored.array(position) for position in node.store)
    written = np.zeros(node.output.shape, np.int64)
    np.add.at(written, target, 1)
    assert (written == 1).all(), f"{node.output.name}: not every element is written once"
    output = np.empty(node.output.shape, result.dtype)
    output[target] = result
    return output


def _combine(combine: str, body: Array, *, last: bool) -> Array:
    """The last axis combined; sums and products of floats are as exact as they can be."""
    if combine in ("argmax", "argmin"):
        if body.shape[-1] == 0:
            return np.zeros(body.shape[:-1], np.int64)
        if last:
            return body.shape[-1] - 1 - _combine(combine, body[..., ::-1], last=False)
        return getattr(np, combine)(body, axis=-1)
    if combine in ("max", "min"):
        initial = _least(body.dtype) if combine == "max" else _greatest(body.dtype)
        return getattr(np, combine)(body, axis=-1, initial=initial)
    dtype = np.float64 if body.dtype.kind == "f" else body.dtype
    return getattr(np, combine)(body, axis=-1, dtype=dtype).astype(body.dtype)


def _least(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "b":
        return False
    return dtype.type(-np.inf) if dtype.kind == "f" else np.iinfo(dtype).min


def _greatest(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "b":
        return True
    return dtype.type(np.inf) if dtype.kind == "f" else np.iinfo(dtype).max


def _scan(node: Scan, body: Array) -> Array:
    axis = node.axis
    if node.reverse:
        body = np.flip(body, axis)
    accumulate = np.add if node.combine == "sum" else np.multiply
    dtype = np.float64 if body.dtype.kind == "f" else body.dtype
    result = accumulate.accumulate(body, axis, dtype=dtype)
    if node.exclusive and body.shape[axis]:
        identity = np.full_like(np.take(result, [0], axis), accumulate.identity)
        result = np.concatenate(
            [identity, np.take(result, range(body.shape[axis] - 1), axis)], axis
        )
    return np.flip(result, axis) if node.reverse else result


def _scatter(node: Scatter, values: Mapping[str, Array]) -> Array:
    shape = node.output.shape
    output = np.zeros(shape, node.body.dtype.numpy)
    if node.base is not None:
        output = np.array(Evaluation(values, shape).array(node.base))
    evaluation = Evaluation(values, node.extent)
    where = [evaluation.array(position).ravel() for position in node.where]
    body = evaluation.array(node.body).ravel()
    inside = np.ones(body.shape, bool)
    for position, extent in zip(where, shape, strict=True):
        inside &= (position >= 0) & (position < extent)
    for point in np.flatnonzero(inside):
        target = tuple(position[point] for position in where)
        output[target] = _UPDATES[node.combine](output[target], body[point])
    return output


_UPDATES: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda _, new: new,
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


@dataclass
class Evaluation:
    """Expressions over one iteration space."""

    values: Mapping[str, Array]
    space: tuple[int, ...]
    result: Array | None = None
    _known: dict[tuple[Expr, int], tuple[Array, Array]] = field(default_factory=dict)

    def array(self, expr: Expr) -> Array:
        """The expression at every point of the space."""
        needed = np.ones((1,) * len(self.space), bool)
        return np.broadcast_to(self.at(expr, needed), self.space)

    def at(self, expr: Expr, needed: Array) -> Array:
        """The expression where it is needed; it broadcasts to the space."""
        key = expr, id(needed)
        if key not in self._known:
            result = self._evaluate(expr, needed)
            self._known[key] = result.astype(_working(expr.dtype), copy=False), needed
        return self._known[key][0]

    def _evaluate(self, expr: Expr, needed: Array) -> Array:
        match expr:
            case Const():
                return np.asarray(expr.value, _working(expr.dtype))
            case Axis():
                assert expr.extent == self.space[expr.number], f"{expr} in {self.space}"
                after = len(self.space) - expr.number - 1
                return np.arange(expr.extent).reshape(-1, *(1,) * after)
            case Load():
                return self._load(expr, needed)
            case Unary(op="bits"):
                return self.at(expr.x, needed).view(expr.dtype.numpy)
            case Unary():
                return _UNARY[expr.op](self.at(expr.x, needed))
            case Binary():
                return _BINARY[expr.op](self.at(expr.a, needed), self.at(expr.b, needed))
            case Select():
                return self._select(expr, needed)
            case Cast():
                return _cast(self.at(expr.x, needed), expr.dtype)
            case Result() if self.result is not None:
                return self.result
        raise AssertionError(f"no meaning of {expr}")

    def _load(self, expr: Load, needed: Array) -> Array:
        array = self.values[expr.value.name]
        array = array.view(np.uint8) if expr.dtype.is_coded else array
        inside = np.asarray(True)
        position = []
        for where, extent in zip(expr.index, array.shape, strict=True):
            at = self.at(where, needed)
            assert where.dtype is INDEX, f"index {where} is {where.dtype}"
            inside = inside & (at >= 0) & (at < extent)
            position.append(np.clip(at, 0, max(extent - 1, 0)))
        if math.prod(self.space):
            assert (inside | ~needed).all(), f"reads outside of {_described(expr.value)}"
        if array.size == 0:
            return np.zeros((1,) * len(self.space), array.dtype)
        return np.asarray(array[tuple(position)])

    def _select(self, expr: Select, needed: Array) -> Array:
        condition = self.at(expr.condition, needed)
        a = self.at(expr.a, needed & condition)
        b = self.at(expr.b, needed & ~condition)
        return np.where(condition, a, b)


def _described(value: Value) -> str:
    return f"{value.name}: {value.dtype}{list(value.shape)}"


def _working(dtype: DType) -> np.dtype[Any]:
    """What elements are computed in: halves in float32; codes are bytes."""
    if dtype.is_coded:
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if dtype in _HALVES else dtype.numpy


def _cast(x: Array, dtype: DType) -> Array:
    """x in another dtype; floats become integers by way of 32 or 64 bits, as in WebAssembly."""
    if dtype.is_coded:
        return x
    if dtype.is_integer and x.dtype.kind == "f":
        by_way_of = (
            np.int32 if dtype.bits < 32 else np.int64 if dtype is DType.UINT32 else dtype.numpy
        )
        x = _saturate(np.trunc(x), np.dtype(by_way_of))
    return x.astype(dtype.numpy)


def _saturate(x: Array, dtype: np.dtype[Any]) -> Array:
    limits = np.iinfo(dtype)
    inside = np.where((x >= limits.min) & (x < float(limits.max) + 1), x, 0).astype(dtype)
    outside = np.where(x < limits.min, limits.min, np.where(x > 0, limits.max, 0))
    return np.where((x >= limits.min) & (x < float(limits.max) + 1), inside, outside).astype(dtype)


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def _erf(x: Array) -> Array:
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x)).astype(x.dtype)


_UNARY: dict[str, Callable[[Array], Array]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "not": np.logical_not,
    "bit_not": np.invert,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": _erf,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "sigmoid": _sigmoid,
}


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return a / b
    whole, rest = np.floor_divide(a, b), np.mod(a, b)
    return whole + ((rest != 0) & ((a < 0) != (b < 0))).astype(a.dtype)


def _power(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.power(a, b)
    positive = np.power(a, np.maximum(b, 0))
    inverse = np.where(np.abs(a) == 1, np.power(a, np.abs(b)), 0)
    return np.where(b < 0, inverse, positive)


_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _divide,
    "floordiv": np.floor_divide,
    "mod": np.mod,
    "rem": np.fmod,
    "pow": _power,
    "min": np.minimum,
    "max": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shl": np.left_shift,
    "shr": np.right_shift,
    "copysign": np.copysign,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
