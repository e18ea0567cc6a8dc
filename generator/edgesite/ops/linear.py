"""Linear models and support vector machines of classical machine learning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import DType, Expr, Tensor, binary, elementwise, equal, select, unary
from edgesite.ops.coupling import coupled, paired
from edgesite.ops.features import floats
from edgesite.ops.registry import Outputs, operator
from edgesite.ops.scores import above, beside, best, chosen, labels_of, transformed

_ML = "ai.onnx.ml"


def features(x: Tensor) -> Tensor:
    """x as float32 [N, F]; a vector is one row."""
    return floats(x if x.rank == 2 else x.reshape([1, x.size]))


def products(x: Tensor, vectors: Tensor) -> Tensor:
    """x [N, F] times every vector [V, F]: [N, V]."""
    return x.reduce(
        [x.shape[0], vectors.shape[0]],
        [x.shape[1]],
        lambda n, v, k: x.at(n, k) * vectors.at(v, k),
    )


def linear_scores(x: Tensor, coefficients: Any, intercepts: Any, count: int) -> Tensor:
    """x times the coefficients of `count` outputs, and the intercepts: [N, count].

    As in onnxruntime, coefficients beyond those of the features are left over.
    """
    needed = count * x.shape[1]
    if count < 1 or len(coefficients) < needed:
        raise ModelError(
            f"{len(coefficients)} coefficients for {x.shape[1]} features and {count} outputs, "
            f"which take {needed}; give the input the shape the model was trained with"
        )
    table = np.asarray(coefficients[:needed], np.float32).reshape(count, x.shape[1])
    scores = products(x, x.like(table))
    return scores + x.like(np.asarray(intercepts, np.float32)) if len(intercepts) else scores


@operator("LinearRegressor", domain=_ML)
def linear_regressor(
    X: Tensor,
    *,
    coefficients: Sequence[float] = (),
    intercepts: Sequence[float] = (),
    targets: int = 1,
    post_transform: str = "NONE",
) -> Tensor:
    """Weighted sums [N, targets] of the features."""
    scores = linear_scores(features(X), coefficients, intercepts, targets)
    return transformed(scores, post_transform)


@operator("LinearClassifier", domain=_ML)
def linear_classifier(
    X: Tensor,
    *,
    coefficients: Sequence[float],
    intercepts: Sequence[float] = (),
    classlabels_ints: Sequence[int] = (),
    classlabels_strings: Sequence[str] = (),
    multi_class: int = 0,
    post_transform: str = "NONE",
) -> Outputs:
    """The label [N] of the largest of weighted sums, and the sums [N, classes] transformed."""
    labels = labels_of(classlabels_ints, classlabels_strings)
    x = features(X)
    count = len(intercepts) or len(coefficients) // x.shape[1]
    scores = linear_scores(x, coefficients, intercepts, count)
    if count > 1:
        return chosen(best(scores), labels), transformed(scores, post_transform)
    if len(labels) != 2 or post_transform not in ("NONE", "LOGISTIC"):
        raise UnsupportedOperatorError(
            f"a single score for {len(labels)} labels with post_transform {post_transform}; "
            "export the model with a score per class"
        )
    shares = transformed(scores, post_transform)
    return chosen(above(scores, 0), labels), beside(lambda e: 1 - e, shares, lambda e: e)


def kernel(x: Tensor, vectors: Tensor, kind: str, params: Sequence[float]) -> Tensor:
    """How alike every row of x and every vector are: [N, V]."""
    if x.shape[1] != vectors.shape[1]:
        raise ModelError(f"{x.shape[1]} features, and support vectors of {vectors.shape[1]}")
    gamma, offset, degree = params or (0.0, 0.0, 3.0)
    if kind == "RBF":

        def squared(n: Expr, v: Expr, k: Expr) -> Expr:
            difference = x.at(n, k) - vectors.at(v, k)
            return difference * difference

        distances = x.reduce([x.shape[0], vectors.shape[0]], [x.shape[1]], squared)
        return elementwise(lambda e: unary("exp", e * -gamma), distances)
    dots = products(x, vectors)
    match kind:
        case "LINEAR":
            return dots
        case "POLY":
            return elementwise(lambda e: power(e * gamma + offset, degree), dots)
        case "SIGMOID":
            return elementwise(lambda e: unary("tanh", e * gamma + offset), dots)
    raise ModelError(f"kernel_type {kind}; known are LINEAR, POLY, RBF, SIGMOID")


def power(e: Expr, degree: float) -> Expr:
    """A number of any sign to a power; whole powers by multiplication."""
    if degree != int(degree) or not 1 <= degree <= 8:
        return binary("pow", e, degree)
    result = e
    for _ in range(int(degree) - 1):
        result = result * e
    return result


@operator("SVMRegressor", domain=_ML)
def svm_regressor(
    X: Tensor,
    *,
    coefficients: Sequence[float] = (),
    support_vectors: Sequence[float] = (),
    rho: Sequence[float] = (0,),
    n_supports: int = 0,
    one_class: int = 0,
    kernel_type: str = "LINEAR",
    kernel_params: Sequence[float] = (),
    post_transform: str = "NONE",
) -> Tensor:
    """A weighted sum [N, 1] of likenesses to support vectors; its sign if `one_class`."""
    x = features(X)
    count = n_supports or 1
    table = np.asarray(support_vectors if n_supports else coefficients, np.float32)
    alike = kernel(x, x.like(table.reshape(count, -1)), kernel_type, kernel_params)
    weights = coefficients if n_supports else [1.0]
    y = linear_scores(alike, weights, rho[:1], 1)
    if one_class:
        y = elementwise(lambda e: select(e > 0, e * 0 + 1, -1), y)
    return transformed(y, post_transform)


@operator("SVMClassifier", domain=_ML)
def svm_classifier(
    X: Tensor,
    *,
    coefficients: Sequence[float] = (),
    support_vectors: Sequence[float] = (),
    vectors_per_class: Sequence[int] = (),
    rho: Sequence[float] = (),
    prob_a: Sequence[float] = (),
    prob_b: Sequence[float] = (),
    classlabels_ints: Sequence[int] = (),
    classlabels_strings: Sequence[str] = (),
    kernel_type: str = "LINEAR",
    kernel_params: Sequence[float] = (),
    post_transform: str = "NONE",
) -> Outputs:
    """The label [N] that most pairs of classes vote for, and scores [N, pairs or classes].

    Every pair of classes has a machine of its own, as in libsvm.
    """
    labels = labels_of(classlabels_ints, classlabels_strings)
    x, classes = features(X), len(labels)
    if not vectors_per_class:
        scores = kernel(
            x,
            x.like(np.asarray(coefficients, np.float32).reshape(classes, -1)),
            kernel_type,
            kernel_params,
        ) + float(rho[0])
        return chosen(best(scores), labels), transformed(scores, post_transform)
    if len(vectors_per_class) != classes:
        raise ModelError(f"vectors of {len(vectors_per_class)} classes for {classes} labels")
    vectors = np.asarray(support_vectors, np.float32).reshape(sum(vectors_per_class), -1)
    alike = kernel(x, x.like(vectors), kernel_type, kernel_params)
    margins = linear_scores(alike, pairs(coefficients, vectors_per_class).ravel(), rho, len(rho))
    index = voted(margins, classes)
    if prob_a:
        scores = coupled(paired(margins, list(prob_a), list(prob_b)), classes).cast(DType.FLOAT32)
        return chosen(index, labels), transformed(scores, post_transform)
    if classes == 2:
        return chosen(index, labels), transformed(
            beside(lambda e: -e, margins, lambda e: e), post_transform
        )
    return chosen(index, labels), transformed(margins, post_transform)


def pairs(coefficients: Any, vectors_per_class: Sequence[int]) -> np.ndarray[Any, Any]:
    """The weight of every support vector in the machine of every pair of classes: [pairs, V].

    Vectors are listed by class; row r of the coefficients is of the r-th other class.
    """
    classes, count = len(vectors_per_class), sum(vectors_per_class)
    table = np.asarray(coefficients, np.float32).reshape(classes - 1, count)
    ends = np.cumsum([0, *vectors_per_class])
    weights = np.zeros((classes * (classes - 1) // 2, count), np.float32)
    for row, (a, b) in enumerate(combinations(range(classes), 2)):
        own, other = slice(ends[a], ends[a + 1]), slice(ends[b], ends[b + 1])
        weights[row, own], weights[row, other] = table[b - 1, own], table[a, other]
    return weights


def voted(margins: Tensor, classes: int) -> Tensor:
    """The class [N] that most pairs vote for: the first of a pair where the margin is positive."""
    firsts, seconds = (list(side) for side in zip(*combinations(range(classes), 2), strict=True))
    first, second = (margins.like(np.array(side, np.int32)) for side in (firsts, seconds))

    def vote(n: Expr, k: Expr, pair: Expr) -> Expr:
        winner = select(margins.at(n, pair) > 0, first.at(pair), second.at(pair))
        return equal(winner, k).cast(DType.INT32)

    votes = margins.reduce([margins.shape[0], classes], [len(firsts)], vote)
    return best(votes)
