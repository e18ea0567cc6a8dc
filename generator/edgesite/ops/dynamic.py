"""Operators whose answer's size follows from data: a fixed capacity, and a count."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import (
    INDEX,
    DType,
    Expr,
    Round,
    Tensor,
    equal,
    flatten,
    index,
    maximum,
    minimum,
    select,
    unflatten,
)
from edgesite.ops.axes import resolve_axis
from edgesite.ops.gather import gather
from edgesite.ops.registry import operator
from edgesite.ops.sort import greater, sorted_places

LEAST_CAPACITY = 2
"""An axis of size 1 is read at 0, by which nobody could tell that it may be empty."""


def places_of(flags: Tensor) -> tuple[Tensor, Tensor]:
    """Where a list of flags is true, in order and filled up with 0, and how often it is."""
    (length,) = flags.shape
    ones = flags.cast(DType.INT32)
    rank = ones.scan(0, exclusive=True)
    empty = flags.like(0, DType.INT32).expand([max(length, LEAST_CAPACITY)])
    places = empty.scatter([length], lambda i: [select(flags.at(i), rank.at(i), -1)], lambda i: i)
    count = ones.reduce([], [length], lambda i: ones.at(i).cast(DType.INT64))
    return places, count


def packed(x: Tensor) -> Tensor:
    """The elements that count, one behind the other, as hosts read them; then any others."""
    counts = [x.count(axis) for axis in range(x.rank)]
    if not any(counts[1:]):
        return x

    def body(*at: Expr) -> Expr:
        rest: Expr = flatten(at, x.shape)
        place: list[Expr] = []
        for axis in reversed(range(x.rank)):
            size = maximum(x.size_at(axis), 1)
            place.insert(0, rest % size if axis else minimum(rest, size - 1))
            rest = rest // size
        return x.at(*place)

    made = x.compute(x.shape, body)
    for axis, count in enumerate(counts):
        if count is not None:
            made.counted(axis, count)
    return made


@operator("NonZero")
def non_zero(x: Tensor) -> Tensor:
    """The positions of the elements that are not 0: [rank, count]."""
    flat = x.reshape([x.size])
    zero = False if x.dtype is DType.BOOL else 0
    flags = flat.compute([x.size], lambda i: ~equal(flat.at(i), zero))
    places, count = places_of(flags)
    shape = x.shape or (1,)

    def body(axis: Expr, i: Expr) -> Expr:
        made: Expr = index(0)
        for number, part in enumerate(unflatten(places.at(i), shape)):
            made = select(equal(axis, number), part, made)
        return made.cast(DType.INT64)

    return x.compute([len(shape), *places.shape], body).counted(1, count)


@operator("Compress", since=9)
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    """The slices of x along an axis, or its elements, where a condition holds."""
    source = x.reshape([x.size]) if axis is None else x
    along = resolve_axis(axis or 0, source.rank)
    if condition.constant is not None:
        return gather(source, x.like(np.flatnonzero(condition.constant)), axis=along)
    places, count = places_of(condition)
    shape = [*source.shape[:along], *places.shape, *source.shape[along + 1 :]]
    return source.compute(
        shape, lambda *at: source.at(*at[:along], places.at(at[along]), *at[along + 1 :])
    ).counted(along, count)


@operator("Unique", since=11)
def unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> tuple[Tensor, ...]:
    """Every element, or slice along an axis, once; where it is first; which each is; how often.

    They come in rising order, or as they come in x.
    """
    along = 0 if axis is None else resolve_axis(axis, x.rank)
    whole = x.reshape([x.size]) if axis is None else x
    front = [along, *(a for a in range(whole.rank) if a != along)]
    moved = whole.transpose(front)
    length = moved.shape[0]
    rows = moved.reshape([length, moved.size // max(length, 1)])
    is_below = _is_below(rows)
    last = max(length - 1, 0)

    def before(_: Sequence[Expr], a: Expr, b: Expr) -> Expr:
        return is_below(minimum(a, last), minimum(b, last))

    order = sorted_places([length], x, before)

    def begins(i: Expr) -> Expr:
        previous = order.at(maximum(i - 1, 0))
        return select(equal(i, 0), True, is_below(previous, order.at(i)))

    begin = order.compute([length], begins)
    ones = begin.cast(DType.INT32)
    group = ones.scan(0) - 1
    count = ones.reduce([], [length], lambda i: ones.at(i).cast(DType.INT64))
    empty = x.like(0, DType.INT32).expand([max(length, LEAST_CAPACITY)])

    def first(number: Tensor) -> Tensor:
        """Where each group, numbered so, is first."""
        where = number.compute([length], lambda i: select(begin.at(i), number.at(i), -1))
        return empty.scatter([length], lambda i: [where.at(i)], order.at)

    number = group
    if not sorted:
        firsts = first(group)
        none = x.like(0, DType.INT32).expand([length])
        is_first = none.scatter([length], lambda i: [order.at(i)], ones.at)
        rank = is_first.scan(0, exclusive=True)
        number = group.compute([length], lambda i: rank.at(firsts.at(group.at(i))))
    firsts = first(number)
    inverse = (
        x.like(0, DType.INT32)
        .expand([length])
        .scatter([length], lambda i: [order.at(i)], number.at)
    )
    often = empty.scatter(
        [length], lambda i: [number.at(i)], lambda _: index(1).cast(DType.INT32), "sum"
    )
    back = [front.index(a) for a in range(whole.rank)]
    shape = [*firsts.shape, *moved.shape[1:]]
    made = moved.compute(shape, lambda i, *rest: moved.at(firsts.at(i), *rest)).transpose(back)
    return (
        made.counted(along, count),
        firsts.cast(DType.INT64).counted(0, count),
        inverse.cast(DType.INT64),
        often.cast(DType.INT64).counted(0, count),
    )


def _is_below(rows: Tensor) -> Callable[[Expr, Expr], Expr]:
    """Whether one row comes before another, by their first elements that differ."""
    length, width = rows.shape
    if width == 1:
        return lambda a, b: greater(rows.at(b, 0), rows.at(a, 0))

    def differ(a: Expr, b: Expr, k: Expr) -> Expr:
        return select(equal(rows.at(a, k), rows.at(b, k)), width, k)

    place = rows.reduce([length, length], [width], differ, "min")

    def is_below(a: Expr, b: Expr) -> Expr:
        k = place.at(a, b)
        one, other = (rows.at(n, minimum(k, width - 1)) for n in (a, b))
        return (k < width) & greater(other, one)

    below = rows.compute([length, length], is_below)
    return below.at


@operator("NonMaxSuppression", since=10)
def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    max_output_boxes_per_class: Tensor | None = None,
    iou_threshold: Tensor | None = None,
    score_threshold: Tensor | None = None,
    *,
    center_point_box: int = 0,
) -> Tensor:
    """The boxes that no better one of their class overlaps much: [count, (batch, class, box)].

    Per picture and class, the best box is taken and those that overlap it are dropped, round
    by round, until none is left or there are enough.
    """
    if boxes.rank != 3 or scores.rank != 3 or boxes.shape[2] != 4:
        raise ModelError(f"boxes {list(boxes.shape)} and scores {list(scores.shape)} do not fit")
    pictures, classes, length = scores.shape
    limit = _limit(max_output_boxes_per_class, length)
    most = max(limit, 1) if isinstance(limit, int) else length
    overlap, low = _scalar(iou_threshold, 0.0), _scalar(score_threshold, -np.inf)
    edges = _corners(boxes, center=bool(center_point_box))

    def picture(_: Tensor, edge: Tensor, score: Tensor) -> Round:
        builder = edge.builder
        area = edge.compute(
            [length], lambda j: (edge.at(j, 2) - edge.at(j, 0)) * (edge.at(j, 3) - edge.at(j, 1))
        )

        def overlaps(best: Expr, j: Expr) -> Expr:
            sides = [
                maximum(
                    minimum(edge.at(best, k + 2), edge.at(j, k + 2))
                    - maximum(edge.at(best, k), edge.at(j, k)),
                    0,
                )
                for k in (0, 1)
            ]
            shared = sides[0] * sides[1]
            union = area.at(best) + area.at(j) - shared
            real = (area.at(best) > 0) & (area.at(j) > 0) & (shared > 0) & (union > 0)
            return real & (shared / union > overlap())

        def of_class(_: Tensor, points: Tensor) -> Round:
            def take(_: Tensor, open_: Tensor, taken: Tensor) -> Round:
                best = points.reduce(
                    [], [length], lambda j: select(open_.at(j), points.at(j), -np.inf), "argmax"
                )

                def stays(j: Expr) -> Expr:
                    at = best.at().cast(INDEX)
                    kept = ~equal(j, at) & ~overlaps(at, j)
                    return open_.at(j) & kept

                left = open_.compute([length], stays)
                hit = open_.compute([], lambda: open_.at(best.at().cast(INDEX)))
                after = hit.compute([], lambda: taken.at() + hit.at().cast(DType.INT64))
                going = left.reduce([], [length], left.at, "max")
                return Round([left, after], [best], going)

            start = points.compute([length], lambda j: points.at(j) > low())
            zero = points.like(np.zeros((), np.int64))
            _, taken, picks = builder.repeat(limit, take, [start, zero], most=most)
            return Round([], [taken, picks])

        return Round([], builder.repeat(classes, of_class, read=[score]))

    taken, picks = boxes.builder.repeat(pictures, picture, read=[edges, scores])
    shape = picks.shape
    size = picks.size

    def is_taken(i: Expr) -> Expr:
        b, c, n = unflatten(i, shape)
        return n.cast(DType.INT64) < taken.at(b, c)

    places, count = places_of(picks.compute([size], is_taken))

    def row(i: Expr, column: Expr) -> Expr:
        b, c, n = unflatten(places.at(i), shape)
        pick = picks.at(b, c, n)
        made = select(equal(column, 1), c.cast(DType.INT64), pick)
        return select(equal(column, 0), b.cast(DType.INT64), made)

    return picks.compute([*places.shape, 3], row).counted(0, count)


def _limit(operand: Tensor | None, length: int) -> int | Expr:
    """How many boxes to take of a class at most."""
    if operand is None:
        return 0
    if operand.constant is not None:
        return max(0, min(int(operand.constant.item()), length))
    return minimum(maximum(operand.reshape([]).at(), 0), length).cast(INDEX)


def _scalar(operand: Tensor | None, default: float) -> Callable[[], Expr | float]:
    """An operand of one element, as it is read where it is needed."""
    number = None if operand is None else operand.reshape([])
    return lambda: default if number is None else number.at()


def _corners(boxes: Tensor, *, center: bool) -> Tensor:
    """The lower corner and the upper corner of boxes: [..., 4]."""

    def body(b: Expr, j: Expr, k: Expr) -> Expr:
        axis = select(k < 2, k, k - 2)
        if center:
            middle, half = boxes.at(b, j, axis), boxes.at(b, j, axis + 2) / 2
            return select(k < 2, middle - half, middle + half)
        one, other = boxes.at(b, j, axis), boxes.at(b, j, axis + 2)
        return select(k < 2, minimum(one, other), maximum(one, other))

    return boxes.compute(boxes.shape, body)
