"""Recognises reductions that are matrix products in disguise.

A convolution, a Gemm and a batched MatMul are all sums of products of two reads at
affine indices. What distinguishes them is only which axes each read depends on:

    rows     axes of the result that only the left read follows      (M)
    columns  axes of the result that only the right read follows     (N)
    batch    axes of the result that both follow: groups, batches
    inner    the axes summed over                                    (K)
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from edgesite.ir.dtypes import DType
from edgesite.ir.expr import Axis, Binary, Cast, Const, Expr, Load, Select, Value
from edgesite.ir.graph import Reduce
from edgesite.ir.simplify import bounds, linear

NARROW = frozenset({DType.INT8, DType.UINT8, DType.INT16})
"""Integers whose products fit an int32."""


@dataclass(frozen=True)
class Contraction:
    """The parts of a sum of products; the axes are numbered as in the node's body."""

    left: Load
    right: Load
    guarded: bool
    """Whether the left read may fall outside of its value, where it counts as zero."""
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    batch: tuple[int, ...]
    inner: tuple[int, ...]
    extents: tuple[int, ...]
    """The sizes of all axes, reduction axes last."""
    limits: tuple[int, int] | None = None
    """Between what the left operand's elements lie, if they are whole numbers and it is known."""

    def size(self, axes: tuple[int, ...]) -> int:
        """The number of points along some of the axes together."""
        size = 1
        for axis in axes:
            size *= self.extents[axis]
        return size

    @property
    def macs(self) -> int:
        """Multiplications of one run, those with the halo's zeros included."""
        return self.size(tuple(range(len(self.extents))))


def contraction(node: Reduce, constants: Container[Value] = ()) -> Contraction | None:
    """The contraction a node computes, or None if it is none.

    Of two reads the constant one is the right; padding may guard the other.
    """
    if node.combine != "sum" or not (isinstance(node.body, Binary) and node.body.op == "mul"):
        return None
    first, second = _factor(node.body.a), _factor(node.body.b)
    if first is None or second is None:
        return None
    if first.load.value in constants and second.load.value not in constants:
        first, second = second, first
    left, right = first.load, second.load
    if second.guarded:
        return None
    if node.body.dtype.is_float:
        if left.dtype is not right.dtype:
            return None
    elif left.dtype not in NARROW or right.dtype not in NARROW:
        return None
    extents = (*node.iteration, *node.extent)
    outer = [axis for axis in range(len(node.iteration)) if extents[axis] > 1]
    left_axes, right_axes = left.axes, right.axes
    return Contraction(
        left,
        right,
        first.guarded,
        rows=tuple(a for a in outer if a not in right_axes),
        columns=tuple(a for a in outer if a in right_axes and a not in left_axes),
        batch=tuple(a for a in outer if a in right_axes and a in left_axes),
        inner=tuple(range(len(node.iteration), len(extents))),
        extents=extents,
    )


@dataclass(frozen=True)
class _Factor:
    load: Load
    guarded: bool


def _factor(expr: Expr) -> _Factor | None:
    """One side of a product: a read of floats, or one of narrow integers in int32."""
    if expr.dtype.is_float:
        read = _read(expr)
        return None if read is None else _Factor(*read)
    if expr.dtype is not DType.INT32:
        return None
    element, guard = expr, None
    if isinstance(expr, Select) and isinstance(expr.b, Const) and expr.b.value == 0:
        element, guard = expr.a, expr.condition
    if not (isinstance(element, Cast) and isinstance(element.x, Load) and is_affine(element.x)):
        return None
    if guard is not None and (guard.loads or not is_bounds_check(guard, element.x)):
        return None
    return _Factor(element.x, guard is not None)


def _read(expr: Expr) -> tuple[Load, bool] | None:
    """An affine read, and whether it is guarded against falling outside of its value."""
    match expr:
        case Load() if is_affine(expr):
            return expr, False
        case Select(a=Load() as load, b=Const(value=value)) if value == 0:
            if (
                is_affine(load)
                and not expr.condition.loads
                and is_bounds_check(expr.condition, load)
            ):
                return load, True
    return None


def is_affine(load: Load) -> bool:
    """Whether every index is a sum of axes."""
    return all(
        isinstance(term, Axis) for position in load.index for term, _ in linear(position).terms
    )


def is_bounds_check(condition: Expr, load: Load) -> bool:
    """Whether a condition says exactly that a read lies inside of its value."""
    match condition:
        case Binary(op="and", a=a, b=b):
            return is_bounds_check(a, load) and is_bounds_check(b, load)
        case Binary(op="ge", a=a, b=Const(value=0)):
            return a in load.index
        case Binary(op="lt", a=a, b=Const(value=limit)):
            pairs = zip(load.index, load.value.shape, strict=True)
            return any(a == position and limit == extent for position, extent in pairs)
    return False


def overhang(load: Load) -> tuple[tuple[int, int], ...]:
    """How far an affine read reaches outside of its value, ahead of and behind every axis."""
    reach = []
    for position, extent in zip(load.index, load.value.shape, strict=True):
        low, high = bounds(position)
        reach.append((max(0, -low), max(0, high - (extent - 1))))
    return tuple(reach)
