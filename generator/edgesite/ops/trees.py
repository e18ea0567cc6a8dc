"""Tree ensembles: every tree is walked for every row at once, then the leaves are combined."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import DType, Expr, Tensor, binary, elementwise, equal, select, unary
from edgesite.ops.forest import (
    COMPARISONS,
    Forest,
    Scores,
    forest_of,
    forest_of_ensemble,
    scores_of,
    values_of,
)
from edgesite.ops.registry import Outputs, operator
from edgesite.ops.scores import above, beside, best, chosen, labels_of, transformed

_COMBINES = {"SUM": "sum", "AVERAGE": "sum", "MIN": "min", "MAX": "max"}
_ABSENT = {"sum": 0.0, "min": np.inf, "max": -np.inf}
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
Listed = tuple[Forest, Any, Any, Any]
"""A forest, and lists of which leaf says what of which target."""
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def leaves(x: Tensor, forest: Forest) -> Tensor:
    """The leaf [N, trees] where each row x[N, F] ends up."""
    if forest.feature.max(initial=0) >= x.shape[1]:
        raise ModelError(
            f"trees look at feature {forest.feature.max()} of {x.shape[1]}; export the model again"
        )
    roots, feature, mode = (x.like(t) for t in (forest.roots, forest.feature, forest.mode))
    yes, no, missing = (x.like(t) for t in (forest.yes, forest.no, forest.missing))
    threshold = x.like(forest.threshold.astype(x.dtype.numpy))
    used, *others = np.unique(forest.mode[forest.leaves :]).tolist() or [0]

    def step(n: Expr, at: Expr) -> Expr:
        value, limit = x.at(n, feature.at(at)), threshold.at(at)
        holds = binary(COMPARISONS[used], value, limit)
        for other in others:
            holds = select(
                equal(mode.at(at), other), binary(COMPARISONS[other], value, limit), holds
            )
        if forest.missing.any():
            holds = holds | (unary("isnan", value) & missing.at(at))
        return select(holds, yes.at(at), no.at(at))

    def below(place: Tensor) -> Tensor:
        return place.compute(place.shape, lambda n, t: step(n, place.at(n, t)))

    place = roots.expand([x.shape[0], len(forest.roots)])
    for _ in range(forest.depth):
        place = below(place)
    return place


def combined(place: Tensor, scores: Scores, count: int, combine: str, dtype: DType) -> Tensor:
    """What the leaves [N, trees] say, combined over the trees: [N, count]."""
    absent = _ABSENT[combine]
    shape, extent = [place.shape[0], count], [place.shape[1]]
    weights = scores.weights.astype(dtype.numpy)
    if scores.targets.shape[1] == 1 and count > 1:
        said, target = place.like(weights[:, 0]), place.like(scores.targets[:, 0])

        def body(n: Expr, k: Expr, t: Expr) -> Expr:
            leaf = place.at(n, t)
            return select(equal(target.at(leaf), k), said.at(leaf), absent)
    else:
        table = place.like(scores.dense(count, absent).astype(dtype.numpy))

        def body(n: Expr, k: Expr, t: Expr) -> Expr:
            return table.at(place.at(n, t), k)

    y = place.reduce(shape, extent, body, combine)
    if combine == "sum":
        return y
    return elementwise(lambda e: select(unary("isinf", e), 0, e), y)


def aggregated(x: Tensor, listed: Listed, count: int, aggregate: str) -> Tensor:
    """The sum, mean, minimum or maximum of what all trees say of x: [N, count]."""
    forest, leaf, targets, weights = listed
    if aggregate not in _COMBINES:
        raise ModelError(f"aggregate_function {aggregate}; known are {', '.join(_COMBINES)}")
    scores = scores_of(leaf, targets, weights, forest.leaves, count)
    y = combined(leaves(x, forest), scores, count, _COMBINES[aggregate], x.dtype)
    return y / len(forest.roots) if aggregate == "AVERAGE" else y


def rows(x: Tensor) -> Tensor:
    """x as floats [N, F]; a vector is one row."""
    wide = x if x.dtype is DType.FLOAT64 else x.cast(DType.FLOAT32)
    return wide if x.rank == 2 else wide.reshape([1, x.size])


def shifted(scores: Tensor, base: Any) -> Tensor:
    """Scores with a number added per column."""
    return scores + scores.like(np.asarray(base, scores.dtype.numpy)) if len(base) else scores


@operator("TreeEnsembleRegressor", domain="ai.onnx.ml")
def tree_ensemble_regressor(
    X: Tensor,
    *,
    n_targets: int = 1,
    aggregate_function: str = "SUM",
    post_transform: str = "NONE",
    **attributes: Any,
) -> Tensor:
    """Numbers [N, n_targets] that trees agree on for every row of X."""
    x = rows(X)
    y = aggregated(x, forest_of(attributes, "target"), n_targets, aggregate_function)
    scores = shifted(y, values_of(attributes, "base_values"))
    return transformed(scores, post_transform).cast(DType.FLOAT32)


@operator("TreeEnsemble", since=5, domain="ai.onnx.ml")
def tree_ensemble(
    X: Tensor,
    *,
    n_targets: int = 1,
    aggregate_function: int = 1,
    post_transform: int = 0,
    **attributes: Any,
) -> Tensor:
    """Numbers [N, n_targets] that trees agree on for every row of X."""
    listed = forest_of_ensemble(attributes)
    y = aggregated(rows(X), listed, n_targets, _AGGREGATES[aggregate_function])
    return transformed(y, _TRANSFORMS[post_transform]).cast(X.dtype)


@operator("TreeEnsembleClassifier", domain="ai.onnx.ml")
def tree_ensemble_classifier(
    X: Tensor,
    *,
    classlabels_int64s: Any = (),
    classlabels_strings: Any = (),
    post_transform: str = "NONE",
    **attributes: Any,
) -> Outputs:
    """The label [N] that trees agree on for every row of X, and the scores [N, classes]."""
    labels = labels_of(classlabels_int64s, classlabels_strings)
    x, listed = rows(X), forest_of(attributes, "class")
    base = values_of(attributes, "base_values")
    if len(labels) == 2:
        index, scores = two_classes(x, listed, base, post_transform)
    else:
        scores = shifted(aggregated(x, listed, len(labels), "SUM"), base)
        index = best(scores if len(base) else competing(x, listed, scores))
        scores = transformed(scores, post_transform)
    return chosen(index, labels), scores.cast(DType.FLOAT32)


def competing(x: Tensor, listed: Listed, scores: Tensor) -> Tensor:
    """The scores of classes that a row has one for; of others, less than any.

    A score of 0 that no tree gave loses to a negative one that a tree gave.
    """
    forest, leaf, targets, weights = listed
    if (weights >= 0).all():
        return scores
    given = aggregated(x, (forest, leaf, targets, np.ones_like(weights)), scores.shape[1], "SUM")
    return elementwise(lambda e, n: select(n > 0, e, -np.inf), scores, given)


def two_classes(x: Tensor, listed: Listed, base: Any, post_transform: str) -> tuple[Tensor, Tensor]:
    """Class and scores from a single score, which is a share where no weight is negative."""
    forest, leaf, targets, weights = listed
    if targets.any() or post_transform not in ("NONE", "LOGISTIC"):
        raise UnsupportedOperatorError(
            "trees that score both of two classes, or transform scores by "
            f"{post_transform}, mean different things to different runtimes; export weights for "
            "class 0 alone, with post_transform NONE or LOGISTIC"
        )
    is_share = bool((weights >= 0).all())
    score = shifted(aggregated(x, (forest, leaf, targets, weights), 1, "SUM"), base[-1:])
    index = above(score, 0.5 if is_share else 0)
    if post_transform == "LOGISTIC":
        return index, beside(lambda e: unary("sigmoid", -e), score, lambda e: unary("sigmoid", e))
    return index, beside(lambda e: 1 - e if is_share else -e, score, lambda e: e)
