"""Programs in programs: what they mean, and that the compiled ones mean the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgesite.errors import InternalError
from edgesite.ir import (
    INDEX,
    Builder,
    DType,
    Expr,
    Graph,
    Region,
    Round,
    Tensor,
    elementwise,
    format_graph,
    maximum,
    minimum,
    select,
    verify,
)
from tests.targets.programs import assert_means_the_same, meaning, program


def product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b of matrices."""

    def body(i: Expr, j: Expr, k: Expr) -> Expr:
        return a.at(i, k) * b.at(k, j)

    return a.reduce([a.shape[0], b.shape[1]], [a.shape[1]], body)


def recurrence(x: Tensor, w: Tensor, h: Tensor) -> tuple[Tensor, ...]:
    """h = max(x[n] + h @ w, 0), all of them and the last."""

    def step(_: Tensor, before: Tensor, row: Tensor) -> Round:
        after = elementwise(lambda e: maximum(e, 0), row + product(before, w))
        return Round([after], [after])

    return x.builder.repeat(x.shape[0], step, [h], [x])


@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("width", [1, 3, 4, 5, 13])
def test_a_recurrence_of_contractions(steps: int, width: int, rng: np.random.Generator) -> None:
    feeds = {
        "x": rng.integers(-3, 4, (steps, 2, width)).astype(np.float32),
        "w": rng.integers(-1, 2, (width, width)).astype(np.float32),
        "h": rng.integers(-3, 4, (2, width)).astype(np.float32),
    }

    assert_means_the_same(recurrence, feeds)


def test_a_recurrence_means_what_numpy_says(rng: np.random.Generator) -> None:
    x, w, h = (rng.standard_normal(s).astype(np.float32) for s in ((4, 2, 3), (3, 3), (2, 3)))
    graph = program(recurrence, {"x": x, "w": w, "h": h})

    last, every = meaning(graph, {"x": x, "w": w, "h": h})

    for n in range(4):
        h = np.maximum(x[n] + h @ w, 0)
        np.testing.assert_allclose(every[n], h, rtol=1e-6)
    np.testing.assert_allclose(last, h, rtol=1e-6)


def test_rows_may_run_from_the_end() -> None:
    def make(x: Tensor) -> tuple[Tensor, ...]:
        def step(n: Tensor, total: Tensor, row: Tensor) -> Round:
            after = total + row
            return Round([after], [after * n.cast(DType.FLOAT32)])

        start = x.like(np.zeros(3, np.float32))
        return x.builder.repeat(x.shape[0], step, [start], [x], reverse=True)

    assert_means_the_same(make, {"x": np.arange(15, dtype=np.float32).reshape(5, 3)})


def test_states_may_change_places() -> None:
    def make(x: Tensor, y: Tensor, n: Tensor) -> tuple[Tensor, ...]:
        return x.builder.repeat(n.at(), lambda _, a, b: Round([b, a]), [x, y])

    x, y = np.arange(5, dtype=np.int32), np.arange(5, 10, dtype=np.int32)
    for times in (0, 1, 2, 7):
        assert_means_the_same(make, {"x": x, "y": y, "n": np.asarray(times)})


def test_a_region_stops_when_it_is_told() -> None:
    def make(x: Tensor, limit: Tensor) -> tuple[Tensor, ...]:
        def step(_: Tensor, a: Tensor) -> Round:
            return Round([a + a], [a], going=a.reduce([], a.shape, a.at) < limit)

        return x.builder.repeat(6, step, [x])

    for limit in (0, 20, 10**6):
        feeds = {"x": np.arange(5, dtype=np.int64), "limit": np.asarray(limit)}
        assert_means_the_same(make, feeds)


def test_a_region_of_no_rounds_leaves_its_states_alone() -> None:
    def make(x: Tensor, go: Tensor) -> tuple[Tensor, ...]:
        return x.builder.repeat(go.at().cast(INDEX), lambda _, a: Round([a * 2]), [x])

    for go in (False, True):
        assert_means_the_same(make, {"x": np.arange(6.0), "go": np.asarray(go)})


def test_regions_lie_in_regions(rng: np.random.Generator) -> None:
    def make(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        ones = x.like(np.ones((2, 5), np.float32))

        def outer(n: Tensor, total: Tensor, row: Tensor) -> Round:
            def inner(_: Tensor, a: Tensor) -> Round:
                return Round([product(a, w) + row + ones], [a])

            last, rows = row.builder.repeat(n.at() + 1, inner, [total], most=4)
            kept = rows.compute([2, 5], lambda i, j: rows.at(0, i, j))
            return Round([elementwise(lambda e: select(e > 100, 0, e), last)], [kept])

        start = x.like(np.full((2, 5), 3, np.float32))
        return x.builder.repeat(x.shape[0], outer, [start], [x])

    feeds = {
        "x": rng.integers(-3, 4, (4, 2, 5)).astype(np.float32),
        "w": rng.integers(0, 2, (5, 5)).astype(np.float32),
    }
    assert_means_the_same(make, feeds)


def test_a_convolution_in_a_region_has_its_layout_to_itself(rng: np.random.Generator) -> None:
    weights = rng.integers(-1, 2, (16, 16, 3, 3)).astype(np.float32)

    def conv(x: Tensor) -> Tensor:
        w = x.like(weights)

        def body(n: Expr, o: Expr, i: Expr, j: Expr, c: Expr, p: Expr, q: Expr) -> Expr:
            return x.at_or(0, n, c, i + p - 1, j + q - 1) * w.at(o, c, p, q)

        return x.reduce(x.shape, [16, 3, 3], body)

    def make(x: Tensor) -> tuple[Tensor, ...]:
        def step(_: Tensor, a: Tensor) -> Round:
            return Round([elementwise(lambda e: minimum(maximum(e, -1), 1), conv(a))])

        (last,) = x.builder.repeat(3, step, [conv(x)])
        return last, conv(last)

    feeds = {"x": rng.integers(-1, 2, (1, 16, 7, 6)).astype(np.float32)}
    assert_means_the_same(make, feeds, 1e-3)  # Winograd rounds numbers of the order of 100


def summed() -> Graph:
    builder = Builder()
    x = builder.input("x", [4, 2], DType.FLOAT32)
    start = builder.constant(np.zeros(2, np.float32))
    made = builder.repeat(4, lambda _, s, row: Round([s + row]), [start], [x])
    return verify(builder.graph(made))


def test_a_region_is_printed_with_its_program() -> None:
    assert format_graph(summed()).splitlines()[2:-1] == [
        "region 4 times, t0 counting:",
        "  state t4: float32[2]: t1 = t3 from c0",
        "  read t2 of x: float32[4, 2]",
        "  t3: float32[2] = map (t1[i] + t2[i])",
    ]


def test_a_region_must_end_in_what_it_says() -> None:
    graph = summed()
    (region,) = graph.nodes
    assert isinstance(region, Region)
    broken = replace(region, graph=replace(region.graph, outputs=()))

    with pytest.raises(InternalError, match="ends in other values"):
        verify(replace(graph, nodes=(broken,)))
