"""From the scores of classical models to probabilities and labels, as onnxruntime does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import DType, Expr, Tensor, elementwise, equal, select, unary
from edgesite.ops.normalize import shares
from edgesite.ops.reduce import largest, position_of_extreme, total

# The constant of S. Winitzki, "A handy approximation for the error function and its inverse",
# 2008, which onnxruntime computes probits with.
_WINITZKI = 0.147


def probit(x: Expr) -> Expr:
    """The quantile of the normal distribution at x."""
    y = x * 2 - 1
    log = unary("log", (1 - y) * (1 + y))
    half = log * 0.5 + 2 / (pi * _WINITZKI)
    root = unary("sqrt", unary("sqrt", half * half - log / _WINITZKI) - half)
    return select(y < 0, -root, root) * float(np.sqrt(np.float32(2)))


def shares_without_zeros(scores: Tensor) -> Tensor:
    """Softmax in which scores of 0 stay next to 0."""
    peak = largest(scores, [1], True)

    def weight(e: Expr, m: Expr) -> Expr:
        # 1e-7: what onnxruntime takes for zero.
        return select(unary("abs", e) > 1e-7, unary("exp", e - m), e * unary("exp", -m))

    weights = elementwise(weight, scores, peak)
    return weights / total(weights, [1], True)


TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "NONE": lambda scores: scores,
    "LOGISTIC": lambda scores: elementwise(lambda e: unary("sigmoid", e), scores),
    "SOFTMAX": lambda scores: shares(scores, [1]),
    "SOFTMAX_ZERO": shares_without_zeros,
    "PROBIT": lambda scores: elementwise(probit, scores),
}


def transformed(scores: Tensor, how: str) -> Tensor:
    """Scores [N, C] after a transformation of TRANSFORMS."""
    if how not in TRANSFORMS:
        raise ModelError(f"post_transform {how}; known are {', '.join(TRANSFORMS)}")
    return TRANSFORMS[how](scores)


def labels_of(ints: Sequence[int], strings: Sequence[str]) -> Sequence[int] | Sequence[str]:
    """The labels of the classes, of whichever kind there are."""
    if not (ints or strings):
        raise ModelError("a classifier without labels; export the model again")
    return ints or strings


def chosen(index: Tensor, labels: Sequence[int] | Sequence[str]) -> Tensor:
    """The labels that class numbers [N] stand for."""
    if list(labels) == list(range(len(labels))):
        return index.cast(DType.INT64)
    is_text = isinstance(labels[0], str)
    table = index.like(np.array(labels, object if is_text else np.int64))
    return table.view(index.shape, lambda n: [index.at(n)])


def best(scores: Tensor) -> Tensor:
    """The class [N] of the largest score, the first of equals."""
    return position_of_extreme(scores, "argmax", 1)


def above(scores: Tensor, limit: float) -> Tensor:
    """The class [N] of the only score [N, 1]: 1 above a limit, else 0."""
    return scores.compute(scores.shape[:1], lambda n: (scores.at(n, 0) > limit).cast(DType.INT64))


def beside(first: Callable[[Expr], Expr], score: Tensor, second: Callable[[Expr], Expr]) -> Tensor:
    """Two scores [N, 2] made of one [N, 1]."""

    def body(n: Expr, k: Expr) -> Expr:
        e = score.at(n, 0)
        return select(equal(k, 0), first(e), second(e))

    return score.compute([score.shape[0], 2], body)
