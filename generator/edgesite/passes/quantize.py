"""Lets quantised models compute in integers.

A model in QDQ form says every operator in floats: its inputs are bytes made floats, and its
result is made bytes again. Written out, with x = (q - z) * s and w = v * t, v whole numbers,

    sum of x * w + b  =  (sum of (q - z) * v + b / (s * t)) * (s * t)

where everything in the inner parentheses is whole and exact in int32, as b is stored as a
multiple of s * t. Dividing by the scale of the result joins s * t in one factor, in float32
in the order of onnxruntime's QLinearConv, so that results are equal to its own, bit by bit.
Sums of two quantised numbers follow its QLinearAdd in the same manner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgesite.errors import InternalError
from edgesite.ir import (
    INDEX,
    Array,
    Axis,
    Binary,
    Cast,
    Const,
    DType,
    Expr,
    Graph,
    Load,
    Map,
    Node,
    Reduce,
    Select,
    Value,
    axes_of,
    bounds,
    const,
    maximum,
    minimum,
    simplify,
    substitute_axes,
    transform,
    unary,
    walk,
)
from edgesite.ir.contraction import is_affine
from edgesite.ir.quantized import (
    BYTES,
    Centred,
    Rounding,
    centred,
    rounding,
    sum_of_bytes,
)

LARGEST_CHAIN = 80
"""Distinct subexpressions up to which one looks through a chain of Maps."""

SAME_SCALE = 1e-5
"""Relative: a bias is a multiple of the products' scale up to the rounding of that product."""


def compute_in_integers(graph: Graph) -> Graph:
    """Sum, compare and move bytes as bytes where the model makes them floats in between.

    Legal where scales and zero points are constants: integer sums are exact, the factor
    behind them is the product of scales that the model multiplies with one after another,
    and a maximum, a copy or a choice of equally quantised numbers is that of the bytes.
    """
    rewriter = _Rewriter(graph, {}, dict(graph.constants), [])
    for node in graph.nodes:
        rewriter.take(node)
    whole = replace(graph, constants=rewriter.constants)
    return whole.with_nodes(rewriter.nodes)


@dataclass(frozen=True)
class Factor:
    """Numbers: one, or a vector of them and the index at which it is read."""

    array: Array
    index: Expr | None

    def fits(self, other: Factor) -> bool:
        """Whether both are the same but for rounding."""
        if self.index != other.index and None not in (self.index, other.index):
            return False
        if self.array.shape != other.array.shape and self.array.ndim and other.array.ndim:
            return False
        return bool(np.allclose(self.array, other.array, rtol=SAME_SCALE, atol=0))


@dataclass(frozen=True)
class Scaled:
    """A float that is a whole number times a factor; `whole` is an int32 expression."""

    whole: Expr
    factor: Factor


@dataclass
class _Rewriter:
    graph: Graph
    maps: dict[Value, Map]
    constants: dict[Value, Array]
    nodes: list[Node]

    def take(self, node: Node) -> None:
        """Append a node, or what computes the same in integers."""
        made = self._rewritten(node)
        for each in made:
            if isinstance(each, Map):
                self.maps[each.output] = each
        self.nodes += made

    def _rewritten(self, node: Node) -> list[Node]:
        match node:
            case Map():
                return [self._map(node)]
            case Reduce(combine="sum", finish=None, store=None):
                return self._product(node) or self._sum(node) or [node]
            case Reduce(combine="max", finish=None, store=None):
                return self._maximum(node) or [node]
        return [node]

    # Looking through Maps

    def _resolved(self, expr: Expr) -> Expr:
        """The expression with chains of Maps written out, down to bytes and sums."""

        def change(e: Expr) -> Expr | None:
            if not isinstance(e, Load) or e.dtype in BYTES:
                return None
            producer = self.maps.get(e.value)
            if producer is None or e.value in self.graph.inputs:
                return None
            body = self._resolved(producer.body)
            if sum(1 for _ in walk(body)) > LARGEST_CHAIN:
                return None
            return substitute_axes(body, dict(enumerate(e.index)))

        return simplify(transform(expr, change))

    def _scaled(self, expr: Expr) -> Scaled | None:
        """A resolved float expression as whole numbers times a factor."""
        match expr:
            case Binary(op="mul", a=Cast(dtype=DType.FLOAT32, x=whole), b=scale) if (
                whole.dtype is DType.INT32
            ):
                factor = self._factor(scale)
                return None if factor is None else Scaled(whole, factor)
            case Binary(op="mul" | "div" as op, a=a, b=Const(value=number)):
                inner = self._scaled(a)
                if inner is None:
                    return None
                by = np.float32(number)
                array = inner.factor.array
                array = np.multiply(array, by) if op == "mul" else np.divide(array, by)
                return Scaled(inner.whole, Factor(array, inner.factor.index))
            case Binary(op="add", a=a, b=b):
                first, second = self._scaled(a), self._scaled(b)
                if first is None or second is None:
                    return None
                if self._is_settled(first.whole):
                    first, second = second, first
                if not self._is_settled(second.whole) or self._is_settled(first.whole):
                    return None
                bias = self._factor(second.whole)
                if bias is None or not first.factor.fits(second.factor):
                    return None
                return Scaled(first.whole + self._constant(bias), first.factor)
        return None

    def _factor(self, expr: Expr) -> Factor | None:
        """The numbers of an expression of constants that are read at one index at most."""
        if not self._is_settled(expr):
            return None
        indices = {i for load in expr.loads for i in load.index if i.axes}
        if not indices:
            return None if expr.axes else Factor(evaluate(expr, (), self.constants), None)
        index = indices.pop()
        low, high = bounds(index)
        along = Axis(INDEX, 0, high + 1)
        vector = transform(expr, lambda e: along if e == index else None)
        if indices or low < 0 or vector.axes != {0}:
            return None
        array = evaluate(vector, (along.extent,), self.constants)
        return Factor(np.broadcast_to(array, (along.extent,)), index)

    def _is_settled(self, expr: Expr) -> bool:
        known = all(load.value in self.constants for load in expr.loads)
        return known and all(map(_can_evaluate, walk(expr)))

    def _constant(self, factor: Factor) -> Expr:
        """An expression of a factor's numbers."""
        array = np.ascontiguousarray(factor.array)
        dtype = DType.of(array.dtype)
        if factor.index is None:
            return const(array.item(), dtype)
        return Load(dtype, self._stored(array), (factor.index,))

    def _stored(self, array: Array) -> Value:
        value = Value(f"whole{len(self.constants)}", array.shape, DType.of(array.dtype))
        self.constants[value] = array
        return value

    # Maps

    def _map(self, node: Map) -> Map:
        """Rounding joins the scale of a sum; bytes that become the same bytes stay as they are."""
        rounded = rounding(node.body)
        if rounded is None:
            return node
        x = self._resolved(rounded.x)
        match x:
            case Binary(op="div", a=y, b=Const(value=scale)):
                pass
            case _:
                return node
        kept = self._unchanged(y, float(scale), rounded.zero, rounded.dtype)
        if kept is not None:
            return replace(node, body=simplify(kept))
        summed = self._sum_of_two(y, np.float32(scale), rounded)
        if summed is not None:
            return replace(node, body=simplify(summed))
        scaled = self._scaled(y)
        if scaled is None or all(load.dtype in BYTES for load in scaled.whole.loads):
            return node
        array = np.divide(scaled.factor.array, np.float32(scale)).astype(np.float32)
        factor = self._constant(Factor(array, scaled.factor.index))
        product = scaled.whole.cast(DType.FLOAT32) * factor
        old = unary("round", rounded.x)
        new = unary("round", product)
        body = transform(node.body, lambda e: new if e == old else None)
        return replace(node, body=simplify(body))

    def _unchanged(self, expr: Expr, scale: float, zero: int, dtype: DType) -> Expr | None:
        """The bytes that an expression of dequantised bytes consists of, if all fit."""
        if isinstance(expr, Select) and not expr.condition.loads:
            a = self._unchanged(expr.a, scale, zero, dtype)
            b = self._unchanged(expr.b, scale, zero, dtype)
            return None if a is None or b is None else replace(expr, dtype=dtype, a=a, b=b)
        found = self._dequantised(expr)
        if found is None or found[1] != np.float32(scale) or found[0].zero != zero:
            return None
        return found[0].read if found[0].read.dtype is dtype else None

    def _sum_of_two(self, expr: Expr, scale: np.float32, rounded: Rounding) -> Expr | None:
        """A sum of two dequantised bytes, in the order of onnxruntime's QLinearAdd on x86.

        It takes zero points together ahead, and rounds once for each of the two bytes.
        """
        match expr:
            case Binary(op="max", a=a, b=Const(value=0)) if rounded.zero == rounded.low:
                expr = a  # the limit of the rounding does the same
        if not isinstance(expr, Binary) or expr.op != "add":
            return None
        first, second = self._dequantised(expr.a), self._dequantised(expr.b)
        if first is None or second is None:
            return None
        (left, left_scale), (right, right_scale) = first, second
        ratio, other = (float(np.float32(each / scale)) for each in (left_scale, right_scale))
        zeros = np.float32(ratio * left.zero + float(np.float32(other * right.zero)))
        fixed, limits = float(np.float32(rounded.zero) - zeros), (rounded.low, rounded.high)
        total = sum_of_bytes((left.read, right.read), (ratio, other), fixed, limits)
        moved = unary("round", total) + const(0.0, DType.FLOAT32)
        limited = minimum(maximum(moved, rounded.low), rounded.high)
        return limited.cast(rounded.dtype)

    def _dequantised(self, expr: Expr) -> tuple[Centred, np.float32] | None:
        """Bytes less their zero point, and the one scale that makes them a resolved float."""
        scaled = self._scaled(expr)
        if scaled is None or scaled.factor.index is not None:
            return None
        whole = centred(scaled.whole)
        return None if whole is None else (whole, np.float32(scaled.factor.array.item()))

    # Reductions

    def _guarded(self, expr: Expr) -> tuple[Expr | None, Expr, Expr | None]:
        """The condition, the resolved element and the alternative of a read that may be padded."""
        if isinstance(expr, Select) and not expr.condition.loads and isinstance(expr.b, Const):
            return expr.condition, self._resolved(expr.a), expr.b
        return None, self._resolved(expr), None

    def _product(self, node: Reduce) -> list[Node] | None:
        """A contraction of bytes: sums of whole products, and a factor behind them."""
        body = node.body
        if not (isinstance(body, Binary) and body.op == "mul"):
            return None
        for x, w in ((body.a, body.b), (body.b, body.a)):
            if isinstance(w, Load) and is_affine(w):
                made = self._product_of(node, x, w)
                if made is not None:
                    return made
        return None

    def _product_of(self, node: Reduce, x: Expr, w: Load) -> list[Node] | None:
        condition, element, padding = self._guarded(x)
        if padding is not None and padding != const(0, x.dtype):
            return None
        weights = self._weights(w, len(node.output.shape))
        if weights is None:
            return None
        filters, factor = weights
        scale = np.float32(1)
        if node.body.dtype is DType.FLOAT32:
            found = self._dequantised(element)
            if found is None:
                return None
            whole, scale = found
        elif node.body.dtype is DType.INT32:
            found_whole = centred(element)
            if found_whole is None:
                return None
            whole = found_whole
        else:
            return None
        if not is_affine(whole.read):
            return None
        left: Expr = whole.read.cast(DType.INT32) - whole.zero
        if condition is not None:
            left = Select(DType.INT32, condition, left, const(0, DType.INT32))
        right = Load(DType.INT8, filters, w.index).cast(DType.INT32)
        sums = replace(node.output, name=f"{node.output.name}.sums", dtype=DType.INT32)
        if node.body.dtype is DType.INT32:
            return [replace(node, body=simplify(left * right))]
        whole_node = replace(node, output=sums, body=simplify(left * right))
        if factor is None:
            return None
        joined = Factor(np.multiply(scale, factor.array).astype(np.float32), factor.index)
        at = Load(DType.INT32, sums, axes_of(sums.shape))
        result = at.cast(DType.FLOAT32) * self._constant(joined)
        return [whole_node, Map(node.output, simplify(result), node.origin)]

    def _weights(self, w: Load, rank: int) -> tuple[Value, Factor | None] | None:
        """Constant weights as int8, and their scale along an axis of the result, if floats."""
        own = self._resolved(Load(w.dtype, w.value, axes_of(w.value.shape)))
        if not self._is_settled(own):
            return None
        factor: Factor | None = None
        whole = own
        if w.dtype is DType.FLOAT32:
            scaled = self._scaled(own)
            if scaled is None:
                return None
            whole, factor = scaled.whole, scaled.factor
            if factor.index is not None:
                if not isinstance(factor.index, Axis):
                    return None
                index = w.index[factor.index.number]
                if not index.axes <= set(range(rank)):
                    return None
                factor = Factor(factor.array, index)
        elif w.dtype is not DType.INT32:
            return None
        array = evaluate(whole, w.value.shape, self.constants)
        array = np.broadcast_to(array, w.value.shape)
        if array.size and (array.min() < -128 or array.max() > 127):
            return None
        return self._stored(np.ascontiguousarray(array.astype(np.int8))), factor

    def _sum(self, node: Reduce) -> list[Node] | None:
        """A sum of bytes: their whole sum, times their scale."""
        condition, element, padding = self._guarded(node.body)
        if node.body.dtype is not DType.FLOAT32 or padding not in (None, const(0, DType.FLOAT32)):
            return None
        found = self._dequantised(element)
        if found is None:
            return None
        whole, scale = found
        body: Expr = whole.read.cast(DType.INT32) - whole.zero
        if condition is not None:
            body = Select(DType.INT32, condition, body, const(0, DType.INT32))
        sums = replace(node.output, name=f"{node.output.name}.sums", dtype=DType.INT32)
        at = Load(DType.INT32, sums, axes_of(sums.shape))
        result = at.cast(DType.FLOAT32) * const(float(scale), DType.FLOAT32)
        return [
            replace(node, output=sums, body=simplify(body)),
            Map(node.output, simplify(result), node.origin),
        ]

    def _maximum(self, node: Reduce) -> list[Node] | None:
        """The largest of equally scaled bytes is the largest byte; scales are positive."""
        condition, element, padding = self._guarded(node.body)
        found = self._dequantised(element) if node.body.dtype is DType.FLOAT32 else None
        if found is None or not found[1] > 0:
            return None
        whole, scale = found
        limits = np.iinfo(whole.read.dtype.value)
        body: Expr = whole.read.cast(DType.INT32)
        if condition is not None:
            if not isinstance(padding, Const) or padding.value != -np.inf:
                return None
            body = Select(DType.INT32, condition, body, const(int(limits.min), DType.INT32))
        largest = replace(node.output, name=f"{node.output.name}.largest", dtype=DType.INT32)
        at = Load(DType.INT32, largest, axes_of(largest.shape)) - whole.zero
        result = at.cast(DType.FLOAT32) * const(float(scale), DType.FLOAT32)
        return [
            replace(node, output=largest, body=simplify(body)),
            Map(node.output, simplify(result), node.origin),
        ]


def evaluate(expr: Expr, shape: Sequence[int], constants: Mapping[Value, Array]) -> Array:
    """The elements of an expression of constants whose axes have these extents."""
    own = tuple(map(simplify, axes_of(shape)))

    def visit(e: Expr) -> Array:
        match e:
            case Const():
                return np.asarray(e.value, e.dtype.numpy)
            case Axis():
                places = [e.extent if k == e.number else 1 for k in range(len(shape))]
                return np.arange(e.extent).reshape(places)
            case Load():
                array = constants[e.value]
                if e.index == own and array.shape == tuple(shape):
                    return array
                return np.asarray(array[tuple(visit(position) for position in e.index)])
            case Cast():
                return visit(e.x).astype(e.dtype.numpy)
            case Binary() if e.op in _ARITHMETIC:
                return np.asarray(_ARITHMETIC[e.op](visit(e.a), visit(e.b)))
        raise InternalError(f"cannot evaluate {e}")

    return visit(expr)


def _can_evaluate(expr: Expr) -> bool:
    """Whether `evaluate` knows an operation."""
    if isinstance(expr, Binary):
        return expr.op in _ARITHMETIC
    return isinstance(expr, Const | Axis | Load | Cast)


_ARITHMETIC = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.mod,
}
