"""Operators that combine the elements along axes: sums, means, norms, extremes, running sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan, prod

from edgesite.ir import DType, Expr, Tensor, apply, elementwise, index, select, unary
from edgesite.ops.axes import resolve_axes, resolve_axis
from edgesite.ops.mathematics import through_float
from edgesite.ops.precision import in_float32
from edgesite.ops.registry import operator

Reduction = Callable[[Tensor, Sequence[int], bool], Tensor]


def reduce_axes(
    x: Tensor,
    axes: Sequence[int],
    keepdims: bool,
    *,
    combine: str = "sum",
    body: Callable[[Expr], Expr] = lambda e: e,
) -> Tensor:
    """The body combined over axes, which are sorted and stay with size 1 if `keepdims`."""
    if not axes:
        return elementwise(body, x)
    first = x.rank if keepdims else x.rank - len(axes)
    inner = {axis: first + k for k, axis in enumerate(axes)}
    outer = iter([k for k in range(first) if not (keepdims and k in inner)])
    place = [inner[axis] if axis in inner else next(outer) for axis in range(x.rank)]
    shape = [1 if axis in inner else n for axis, n in enumerate(x.shape)]
    if not keepdims:
        shape = [n for axis, n in enumerate(x.shape) if axis not in inner]
    extent = [x.shape[axis] for axis in axes]
    return x.reduce(shape, extent, lambda *at: body(x.at(*(at[k] for k in place))), combine)


def total(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The sum over axes."""
    return reduce_axes(x, axes, keepdims)


def product(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The product over axes."""
    return reduce_axes(x, axes, keepdims, combine="prod")


def largest(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The maximum over axes; of nothing, the least number there is."""
    return reduce_axes(x, axes, keepdims, combine="max")


def smallest(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The minimum over axes; of nothing, the greatest number there is."""
    return reduce_axes(x, axes, keepdims, combine="min")


def sum_of_squares(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The sum over axes of every element times itself."""
    return reduce_axes(x, axes, keepdims, body=lambda e: e * e)


def sum_of_magnitudes(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The sum over axes of every element without its sign."""
    return reduce_axes(x, axes, keepdims, body=lambda e: unary("abs", e))


def mean(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The sum over axes divided by the number of elements summed; integers truncate."""
    count = prod(x.shape[axis] for axis in axes)
    summed = total(x, axes, keepdims)
    if any(x.count(axis) for axis in axes):
        number = prod_of_sizes(x, axes)
        return elementwise(lambda e, n: e / n.cast(x.dtype), summed, number)
    if x.dtype.is_float:
        return summed * (1 / count if count else nan)
    return summed / max(count, 1)


def prod_of_sizes(x: Tensor, axes: Sequence[int]) -> Tensor:
    """How many elements lie along some axes, of which data decide the sizes: INT32."""

    def body() -> Expr:
        made: Expr = index(1)
        for axis in axes:
            made = made * x.size_at(axis)
        return made

    return x.compute([], body)


def norm(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The Euclidean length along axes."""
    return through_float("sqrt", sum_of_squares(x, axes, keepdims))


def log_sum(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The logarithm of the sum over axes."""
    return through_float("log", total(x, axes, keepdims))


def finite(x: Tensor) -> Tensor:
    """x with 0 in place of infinities."""
    return elementwise(lambda e: select(unary("isinf", e), 0, e), x)


def log_sum_exp(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    """The logarithm of the sum of exponentials, which the maximum keeps from overflowing."""
    if not x.dtype.is_float:
        return log_sum_exp(x.cast(DType.FLOAT64), axes, keepdims).cast(x.dtype)
    peak = finite(largest(x, axes, True))
    summed = total(elementwise(lambda e, m: unary("exp", e - m), x, peak), axes, keepdims)
    return apply("log", summed) + peak.reshape(summed.shape)


def register_reduction(name: str, reduction: Reduction, by_input: int) -> None:
    """Enter a row of a table: a reduction whose axes are an input from version `by_input` on."""

    @in_float32
    def reduced(x: Tensor, *, axes: Sequence[int], keepdims: int) -> Tensor:
        return reduction(x, resolve_axes(axes, x.rank), bool(keepdims))

    @operator(name)
    def over_attribute(
        x: Tensor, *, axes: Sequence[int] | None = None, keepdims: int = 1
    ) -> Tensor:
        return reduced(x, axes=axes or range(x.rank), keepdims=keepdims)

    @operator(name, since=by_input)
    def over_input(
        x: Tensor, axes: Tensor | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Tensor:
        named: Sequence[int] = (
            [] if axes is None else axes.known(f"axes of {name}").ravel().tolist()
        )
        if not named and not noop_with_empty_axes:
            named = range(x.rank)
        return reduced(x, axes=named, keepdims=keepdims)


for _name, _reduction, _by_input in (
    ("ReduceL1", sum_of_magnitudes, 18),
    ("ReduceL2", norm, 18),
    ("ReduceLogSum", log_sum, 18),
    ("ReduceLogSumExp", log_sum_exp, 18),
    ("ReduceMax", largest, 18),
    ("ReduceMean", mean, 18),
    ("ReduceMin", smallest, 18),
    ("ReduceProd", product, 18),
    ("ReduceSum", total, 13),
    ("ReduceSumSquare", sum_of_squares, 18),
):
    register_reduction(_name, _reduction, _by_input)


def position_of_extreme(x: Tensor, combine: str, axis: int, *, last: bool = False) -> Tensor:
    """Where along an axis, which is dropped, the extreme is: the first of equals, or the last."""
    rest = [n for k, n in enumerate(x.shape) if k != axis]

    def body(*axes: Expr) -> Expr:
        return x.at(*axes[:axis], axes[-1], *axes[axis:-1])

    return x.reduce(rest, [x.shape[axis]], body, combine, last=last)


def register_position(name: str, combine: str) -> None:
    """Enter a row of a table: the position of an extreme."""

    @operator(name)
    def position(
        x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Tensor:
        along = resolve_axis(axis, x.rank)
        found = position_of_extreme(x, combine, along, last=bool(select_last_index))
        kept = [1 if k == along else n for k, n in enumerate(x.shape)]
        return found.reshape(kept) if keepdims else found


register_position("ArgMax", "argmax")
register_position("ArgMin", "argmin")


@operator("CumSum")
def cumulative_sum(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """The sum along an axis up to every element, or before it if `exclusive`."""
    return accumulate(x, axis, "sum", exclusive, reverse)


@operator("CumProd")
def cumulative_product(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """The product along an axis up to every element, or before it if `exclusive`."""
    return accumulate(x, axis, "prod", exclusive, reverse)


def accumulate(x: Tensor, axis: Tensor, combine: str, exclusive: int, reverse: int) -> Tensor:
    """The elements so far combined along an axis, from the end if `reverse`."""
    along = resolve_axis(int(axis.known("axis of a cumulative operator").item()), x.rank)
    return x.scan(along, combine, exclusive=bool(exclusive), reverse=bool(reverse))
