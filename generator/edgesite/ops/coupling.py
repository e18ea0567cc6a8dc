"""Probabilities of classes from those of every pair of classes, as support vector machines do it.

The algorithm is the second of T.-F. Wu, C.-J. Lin and R. C. Weng, "Probability Estimates for
Multi-class Classification by Pairwise Coupling", 2004; its limits are those of libsvm, which
onnxruntime has taken over.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from edgesite.ir import DType, Expr, Round, Tensor, elementwise, equal, select, unary

# What libsvm keeps probabilities of pairs away from 0 and 1 by.
LEAST = 1e-7
MOST_ROUNDS = 100
TOLERANCE = 0.005


def paired(margins: Tensor, a: list[float], b: list[float]) -> Tensor:
    """The probability [N, pairs] of the first of every pair of classes, after J. Platt."""
    slopes, offsets = (margins.like(np.array(side, margins.dtype.numpy)) for side in (a, b))

    def probability(e: Expr, slope: Expr, offset: Expr) -> Expr:
        p = unary("sigmoid", -(e * slope + offset))
        return select(p < LEAST, LEAST, select(p > 1 - LEAST, 1 - LEAST, p + 0))

    return elementwise(probability, margins, slopes, offsets)


def coupled(pairs: Tensor, classes: int) -> Tensor:
    """The probabilities [N, classes] that fit those of pairs best, in float64."""
    pairs, count = pairs.cast(DType.FLOAT64), pairs.shape[0]
    place = np.zeros((classes, classes), np.int32)
    for row, (i, j) in enumerate(combinations(range(classes), 2)):
        place[i, j] = place[j, i] = row
    number = pairs.like(place)

    def first(n: Expr, i: Expr, j: Expr) -> Expr:
        """The probability of class i against class j."""
        p = pairs.at(n, number.at(i, j))
        return select(equal(i, j), 0, select(i < j, p, 1 - p))

    against = pairs.compute([count, classes, classes], first)
    squares = against.reduce(
        [count, classes], [classes], lambda n, i, j: against.at(n, j, i) * against.at(n, j, i)
    )

    def weight(n: Expr, i: Expr, j: Expr) -> Expr:
        return select(equal(i, j), squares.at(n, i), -against.at(n, j, i) * against.at(n, i, j))

    weights = pairs.compute([count, classes, classes], weight)

    def improved(_: Tensor, p: Tensor, done: Tensor) -> Round:
        slopes = p.reduce(
            [count, classes], [classes], lambda n, i, j: weights.at(n, i, j) * p.at(n, j)
        )
        total = p.reduce([count], [classes], lambda n, i: p.at(n, i) * slopes.at(n, i))
        error = p.reduce(
            [count], [classes], lambda n, i: unary("abs", slopes.at(n, i) - total.at(n)), "max"
        )
        over = elementwise(lambda e, d: d | (e < TOLERANCE / classes), error, done)
        better = p
        for t in range(classes):
            better, slopes, total = stepped(better, slopes, total, weights, t)
        kept = p.compute(p.shape, lambda n, i: select(over.at(n), p.at(n, i), better.at(n, i)))
        return Round([kept, over])

    start = pairs.like(1 / classes).expand([count, classes])
    never = pairs.like(False, DType.BOOL).expand([count])
    return pairs.builder.repeat(MOST_ROUNDS, improved, [start, never])[0]


def stepped(
    p: Tensor, slopes: Tensor, total: Tensor, weights: Tensor, t: int
) -> tuple[Tensor, Tensor, Tensor]:
    """p, its slopes and their total once class t has been brought to where it should be."""
    step = total.compute(
        total.shape, lambda n: (total.at(n) - slopes.at(n, t)) / weights.at(n, t, t)
    )

    def probability(n: Expr, i: Expr) -> Expr:
        moved = select(equal(i, t), p.at(n, i) + step.at(n), p.at(n, i))
        return moved / (step.at(n) + 1)

    def slope(n: Expr, i: Expr) -> Expr:
        return (slopes.at(n, i) + step.at(n) * weights.at(n, t, i)) / (step.at(n) + 1)

    def sum_(n: Expr) -> Expr:
        d = step.at(n)
        rise = d * (d * weights.at(n, t, t) + slopes.at(n, t) * 2)
        return (total.at(n) + rise) / (d + 1) / (d + 1)

    return (
        p.compute(p.shape, probability),
        p.compute(p.shape, slope),
        total.compute(total.shape, sum_),
    )
