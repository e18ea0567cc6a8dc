"""Rounding of weights that makes up for every error with those weights that come after it.

What a filter of weights w makes of inputs x changes by (q - w) x when it is rounded to q. Over
the inputs of a calibration the square of that is (q - w) H (q - w), where H, the second moments,
has the mean of every product of two inputs. Weights are rounded one after the other, those of
the largest inputs first; the error of each is spread over those that are not rounded yet, in the
way that leaves the smallest square (Frantar et al., "GPTQ: Accurate Post-Training Quantization
for Generative Pre-trained Transformers", 2022). How well numbers fall onto a grid is a matter of
luck: every filter is rounded in several scales, and the best stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_DAMPING = 3e-3
"""Of the mean square of inputs, added to each: what calibrations do not show is not quite zero."""

_BLOCK = 64
"""Weights whose errors are spread among themselves one by one, and over the rest together."""

_MOST_TRIES = 8
_WORK = 5e8
"""Multiplications that the scales of a part may take together."""


def tries(outer: int, inner: int, lanes: int) -> int:
    """How many scales there is time for."""
    return int(min(_MOST_TRIES, max(1, _WORK / (inner * inner * outer * lanes))))


def compensated(
    values: Array, moments: Array, scales: Array, most: int
) -> tuple[Array, Array] | None:
    """Whole numbers from -most to most, float64, and the scale of every filter.

    values: float32 (outer, inner, lanes), a filter along the middle axis; moments: float64
    (groups, inner, inner), each for as many of `outer` in a row; scales: float32 (tries, outer,
    lanes). The results have the shapes of `values` and of a try; None where the moments say
    nothing.
    """
    outer, inner, lanes = values.shape
    numbers, chosen = np.zeros(values.shape), np.zeros((outer, lanes), np.float32)
    count = outer // len(moments)
    for group, moment in enumerate(moments):
        squares = np.diag(moment)
        if not np.isfinite(moment).all() or not squares.any():
            return None
        order = np.argsort(-squares, kind="stable")
        damped = moment[np.ix_(order, order)] + np.eye(inner) * (_DAMPING * squares.mean())
        spread = np.linalg.cholesky(np.linalg.inv(damped)).T
        own = slice(group * count, (group + 1) * count)
        tried = scales[:, own].reshape(len(scales), -1)
        given = values[own].transpose(1, 0, 2).reshape(inner, -1)[order].astype(np.float64)
        rounded, loss = _rounded(np.tile(given, len(tried)), spread, tried.reshape(-1), most)
        best = loss.reshape(tried.shape).argmin(axis=0)
        columns = best * given.shape[1] + np.arange(given.shape[1])
        made = np.zeros_like(given)
        made[order] = rounded[:, columns]
        numbers[own] = made.reshape(inner, count, lanes).transpose(1, 0, 2)
        chosen[own] = tried.reshape(-1)[columns].reshape(count, lanes)
    return numbers, chosen


def _rounded(left: Array, spread: Array, scales: Array, most: int) -> tuple[Array, Array]:
    """Numbers for (inner, columns) in the scale of every column, and the square that is left.

    `left` is used up. Row i of `spread` says, as shares of its element i, how much of an error
    weight i hands on.
    """
    steps = np.where(scales > 0, scales, 1).astype(np.float64)
    numbers, loss = np.zeros_like(left), np.zeros(left.shape[1])
    for start in range(0, len(left), _BLOCK):
        end = min(start + _BLOCK, len(left))
        errors = np.zeros((end - start, left.shape[1]))
        for row in range(start, end):
            numbers[row] = np.clip(np.rint(left[row] / steps), -most, most)
            error = (left[row] - numbers[row] * steps) / spread[row, row]
            left[row + 1 : end] -= np.outer(spread[row, row + 1 : end], error)
            loss += error * error
            errors[row - start] = error
        left[end:] -= spread[start:end, end:].T @ errors
    return numbers, loss
