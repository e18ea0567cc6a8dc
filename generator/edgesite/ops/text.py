"""Words, given as numbers or strings, counted as classical text models do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import DType, Expr, Tensor, elementwise, equal, select
from edgesite.ops.registry import operator


@operator("TfIdfVectorizer", since=9)
def tfidf_vectorizer(
    x: Tensor,
    *,
    max_gram_length: int,
    max_skip_count: int,
    min_gram_length: int,
    mode: str,
    ngram_counts: Sequence[int],
    ngram_indexes: Sequence[int],
    pool_int64s: Sequence[int] = (),
    pool_strings: Sequence[str] = (),
    weights: Sequence[float] = (),
) -> Tensor:
    """How often every group of words of a list occurs in every row of x, or its weight if it does.

    Between the words of a group up to `max_skip_count` others may stand, as many everywhere.
    """
    rows = x if x.rank == 2 else x.reshape([1, x.size])
    width = max(ngram_indexes, default=-1) + 1
    if len(set(ngram_indexes)) != len(ngram_indexes) or min(ngram_indexes, default=0) < 0:
        raise ModelError("ngram_indexes name a column twice; export the model again")
    pool = np.array(pool_strings, object) if pool_strings else np.array(pool_int64s, np.int64)
    counts = rows.like(0, DType.FLOAT32).expand([rows.shape[0], width])
    first = 0  # of the groups of one size, among all
    for size, (start, end) in enumerate(
        zip(ngram_counts, [*ngram_counts[1:], len(pool)], strict=True), start=1
    ):
        groups = pool[start:end].reshape(-1, size)
        columns = ngram_indexes[first : first + len(groups)]
        first += len(groups)
        if len(groups) and min_gram_length <= size <= max_gram_length:
            # With more skips than these, a group no longer fits into a row.
            most = (rows.shape[1] - 1) // (size - 1) - 1 if size > 1 else 0
            skips = max(0, min(max_skip_count, most))
            counts = counts + occurrences(rows, groups, columns, width, skips)
    if mode != "TF":
        table = np.ones(width, np.float32)
        table[list(ngram_indexes)] = weights or 1
        factors = counts.like(table)
        is_idf = mode == "IDF"
        counts = elementwise(lambda n, w: select(n > 0, w, 0) if is_idf else n * w, counts, factors)
    return counts if x.rank == 2 else counts.reshape([width])


def occurrences(
    rows: Tensor,
    groups: np.ndarray[Any, np.dtype[Any]],
    columns: Sequence[int],
    width: int,
    skips: int,
) -> Tensor:
    """How often each group occurs in each row: [N, width], a group in its column, else 0."""
    size = groups.shape[1]
    table = np.full((width, size), "" if groups.dtype == object else 0, groups.dtype)
    table[list(columns)] = groups
    is_used = np.zeros(width, bool)
    is_used[list(columns)] = True
    words = rows.like(table if groups.dtype == object else table.astype(rows.dtype.numpy))
    used, length = rows.like(is_used), rows.shape[1]

    def hit(n: Expr, column: Expr, skip: Expr, start: Expr) -> Expr:
        places = [start + (skip + 1) * k for k in range(size)]
        equals = [equal(rows.at(n, place), words.at(column, k)) for k, place in enumerate(places)]
        found = select(places[-1] < length, reduce(and_, equals), False) & used.at(column)
        return found.cast(DType.FLOAT32)

    return rows.reduce([rows.shape[0], width], [skips + 1, length], hit)
