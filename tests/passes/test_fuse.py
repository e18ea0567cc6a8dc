"""Fusion: programs keep their meaning and become shorter where they must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgesite.compiler import optimise
from edgesite.ir import (
    INDEX,
    Builder,
    DType,
    Graph,
    Map,
    Reduce,
    Tensor,
    apply,
    elementwise,
    format_expr,
    maximum,
    verify,
)
from edgesite.ir.contraction import contraction
from edgesite.passes import PIPELINE
from edgesite.passes.fuse import fold_output_views, fuse_epilogues, inline_maps, inline_scalars
from tests.ops.interpreter import evaluate


def graph_of(make: Callable[..., Any], *shapes: tuple[int, ...]) -> Graph:
    """The program `make` writes of float32 inputs x0, x1 and so on."""
    builder = Builder()
    made = make(*(builder.input(f"x{k}", s, DType.FLOAT32) for k, s in enumerate(shapes)))
    return verify(builder.graph([made] if isinstance(made, Tensor) else list(made)))


def assert_keeps_meaning(before: Graph, after: Graph) -> None:
    """Both give the same on numbers that are exact in any order of additions."""
    rng = np.random.default_rng(5)
    feeds = {v.name: rng.integers(-4, 5, v.shape).astype(np.float32) for v in before.inputs}
    wanted, got = evaluate(before, feeds), evaluate(verify(after), feeds)
    for old, new in zip(before.outputs, after.outputs, strict=True):
        np.testing.assert_array_equal(got[new.name], wanted[old.name])


def product(a: Tensor, b: Tensor) -> Tensor:
    (m, k), n = a.shape, b.shape[1]
    return a.reduce([m, n], [k], lambda i, j, l: a.at(i, l) * b.at(l, j))  # noqa: E741


def relu(x: Tensor) -> Tensor:
    return elementwise(lambda e: maximum(e, 0.0), x)


def layer(x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
    return relu(product(x, w) + bias)


def attention(x: Tensor) -> Tensor:
    heads = x.reshape([5, 2, 4]).transpose([1, 0, 2])
    scores = heads.reduce([2, 5, 5], [4], lambda h, i, j, d: heads.at(h, i, d) * heads.at(h, j, d))
    mixed = heads.reduce([2, 5, 4], [5], lambda h, i, d, j: scores.at(h, i, j) * heads.at(h, j, d))
    return mixed.transpose([1, 0, 2]).reshape([5, 8]) + x


PROGRAMS: dict[str, Callable[[], Graph]] = {
    "layers": lambda: graph_of(
        lambda x, w, b: layer(layer(x, w, b), w, b), (3, 4), (4, 4), (4,)
    ),
    "residual": lambda: graph_of(lambda x, w: relu(product(x, w) + x), (4, 4), (4, 4)),
    "attention": lambda: graph_of(attention, (5, 8)),
    "views": lambda: graph_of(
        lambda x: x.reshape([6, 4]).transpose([1, 0]).reshape([2, 12]) * 2.0, (2, 3, 4)
    ),
    "read twice": lambda: graph_of(
        lambda x: [(y := x * 2.0 + 1.0) * y, y.reduce([], [3, 4], lambda i, j: y.at(i, j))], (3, 4)
    ),
    "scan": lambda: graph_of(lambda x: (x * 2.0).scan(1, reverse=True) + 1.0, (3, 4)),
    "scatter": lambda: graph_of(
        lambda x, y: (x + 1.0).scatter(
            [2], lambda i: [i * 2], lambda i: (y * 3.0).at(i), "sum"
        ),
        (5,), (2,),
    ),
    "broadcast": lambda: graph_of(
        lambda x, y: x.expand([4, 3, 4]) + y.reshape([4, 1, 1]), (3, 4), (4,)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("step", PIPELINE, ids=lambda step: step.__name__)
def test_each_pass_keeps_the_meaning(name: str, step: Callable[[Graph], Graph]) -> None:
    graph = PROGRAMS[name]()

    assert_keeps_meaning(graph, step(graph))


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_passes_together_keep_the_meaning(name: str) -> None:
    graph = PROGRAMS[name]()
    after = optimise(graph)

    assert_keeps_meaning(graph, after)
    assert len(after.nodes) <= len(graph.nodes)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_second_time_the_passes_find_no_more_to_fuse(name: str) -> None:
    once = optimise(PROGRAMS[name]())

    assert len(optimise(once).nodes) == len(once.nodes)


# Inlining


def test_constants_of_one_element_are_written_into_expressions() -> None:
    graph = graph_of(lambda x: x * x.like(np.full((1, 1), 2.5, np.float32)), (3, 4))

    after = inline_scalars(graph)

    assert not after.constants
    assert format_expr(after.nodes[0].body) == "(x0[i, j] * 2.5)"
    assert_keeps_meaning(graph, after)


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16], ids=str)
def test_halves_stay_where_they_are_stored(dtype: DType) -> None:
    builder = Builder()
    x = builder.input("x", (3,), dtype)

    graph = builder.graph([x * builder.constant([2.5], dtype)])

    assert inline_scalars(graph).constants


def test_views_become_one_read() -> None:
    graph = graph_of(
        lambda x: x.reshape([6, 4]).transpose([1, 0]).reshape([24]).reshape([4, 6]) + 1.0,
        (2, 3, 4),
    )

    after = inline_maps(graph)

    assert len(after.nodes) == 1
    assert_keeps_meaning(graph, after)


def test_arithmetic_that_is_read_once_is_computed_where_it_is_read() -> None:
    graph = graph_of(lambda x: apply("neg", x * 2.0) + 1.0, (3, 4))

    assert len(inline_maps(graph).nodes) == 1


def test_arithmetic_that_is_read_twice_stays_stored() -> None:
    graph = graph_of(lambda x: [(y := x * 2.0) + 1.0, y - 1.0], (3, 4))

    assert len(inline_maps(graph).nodes) == 3


def test_arithmetic_whose_elements_are_read_again_and_again_stays_stored() -> None:
    graph = graph_of(lambda x, w: product(x * 2.0 + 1.0, w), (3, 4), (4, 5))

    after = inline_maps(graph)

    assert len(after.nodes) == 2
    assert isinstance(after.nodes[1], Reduce)
    assert contraction(after.nodes[1]) is not None


def test_views_are_read_by_a_contraction_that_stays_one() -> None:
    graph = graph_of(
        lambda x, w: product(x.transpose([1, 0]), w.reshape([4, 5])), (4, 3), (2, 2, 5)
    )

    after = inline_maps(graph)

    assert isinstance(after.nodes[-1], Reduce)
    assert contraction(after.nodes[-1]) is not None


def times_weights(x: Tensor, builder: Builder) -> Tensor:
    weights = np.arange(24 * 3, dtype=np.float32).reshape(24, 3) % 7
    return product(x, builder.constant(weights))


@pytest.mark.parametrize(
    ("shape", "order", "extent"),
    [
        ((1, 6, 2, 2), (0, 1, 2, 3), (6, 2, 2)),
        ((1, 2, 2, 6), (0, 3, 1, 2), (6, 2, 2)),
        ((4, 6), (0, 1), (4, 6)),
        ((2, 4, 3), (1, 0, 2), (4, 2, 3)),
    ],
)
def test_what_a_product_with_weights_flattens_is_read_where_it_lies(
    shape: tuple[int, ...], order: tuple[int, ...], extent: tuple[int, ...]
) -> None:
    builder = Builder()
    x = builder.input("x", shape, DType.FLOAT32)
    graph = builder.graph([times_weights(x.transpose(order).reshape([1, 24]), builder)])

    after = inline_maps(graph)

    (*_, last) = after.nodes
    assert isinstance(last, Reduce)
    assert last.extent == extent
    assert last.inputs[0].name == "x"
    assert contraction(last, after.settled) is not None
    assert_keeps_meaning(graph, after)


def test_what_is_rearranged_beyond_that_is_copied_before_a_product() -> None:
    builder = Builder()
    x = builder.input("x", (4, 6), DType.FLOAT32)
    mixed = x.transpose([1, 0]).reshape([3, 8]).transpose([1, 0]).reshape([1, 24])
    graph = builder.graph([times_weights(mixed, builder)])

    after = inline_maps(graph)

    (*_, last) = after.nodes
    assert isinstance(last, Reduce)
    assert contraction(last, after.settled) is not None
    assert_keeps_meaning(graph, after)


def test_outputs_are_made_even_when_others_read_through_them() -> None:
    graph = graph_of(lambda x: [(y := x.transpose([1, 0])), y + 1.0], (3, 4))

    after = inline_maps(graph)

    assert len(after.nodes) == 2
    assert_keeps_meaning(graph, after)


def test_arithmetic_on_weights_is_not_moved_into_runs() -> None:
    builder = Builder()
    x = builder.input("x", (3, 4), DType.FLOAT32)
    scaled = apply("exp", builder.constant(np.ones((3, 4), np.float32)))

    after = inline_maps(builder.graph([x + scaled]))

    assert len(after.nodes) == 2
    assert after.settled >= {scaled.value}


def test_gathers_read_through_views() -> None:
    builder = Builder()
    x = builder.input("x", (2, 3, 4), DType.FLOAT32)
    where = builder.input("where", (5,), DType.INT64)
    rows = x.reshape([6, 4])
    picked = rows.compute([5, 4], lambda i, j: rows.at(where.at(i).cast(INDEX), j))

    after = inline_maps(builder.graph([picked]))

    assert len(after.nodes) == 1


# Views of results


def test_a_transposed_result_is_written_in_place() -> None:
    graph = graph_of(lambda x, w: product(x, w).transpose([1, 0]), (3, 4), (4, 5))

    after = fold_output_views(graph)

    (node,) = after.nodes
    assert isinstance(node, Reduce)
    assert list(map(format_expr, node.position)) == ["j", "i"]
    assert_keeps_meaning(graph, after)


def test_a_result_with_axes_of_one_more_or_less_is_written_in_place() -> None:
    graph = graph_of(lambda x, w: product(x, w).reshape([3, 1, 5]), (3, 4), (4, 5))

    after = fold_output_views(graph)

    assert len(after.nodes) == 1
    assert after.nodes[0].output.shape == (3, 1, 5)
    assert_keeps_meaning(graph, after)


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y.view([15], lambda k: [k % 3, k // 3]),
        lambda y: y.view([15, 1], lambda k, _: [k // 5, k % 5]),
    ],
    ids=["transposed", "plain"],
)
def test_a_result_whose_axes_become_one_is_written_in_place(
    view: Callable[[Tensor], Tensor],
) -> None:
    graph = graph_of(lambda x, w: view(product(x, w)), (3, 4), (4, 5))

    after = fold_output_views(graph)

    assert len(after.nodes) == 1
    assert_keeps_meaning(graph, after)


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y.view([3, 5], lambda i, j: [2 - i, j]),
        lambda y: y.view([15], lambda k: [k % 3, k % 5]),
        lambda y: y.view([15], lambda k: [k % 2, k // 3]),
        lambda y: y.view([2, 5], lambda i, j: [i, j]),
        lambda y: y.expand([2, 3, 5]),
        lambda y: y.view([3, 3], lambda i, _: [i, i]),
    ],
    ids=["reversed", "remainders", "halves", "cropped", "repeated", "diagonal"],
)
def test_other_views_stay_maps(view: Callable[[Tensor], Tensor]) -> None:
    graph = graph_of(lambda x, w: view(product(x, w)), (3, 4), (4, 5))

    after = fold_output_views(graph)

    assert len(after.nodes) == 2
    assert_keeps_meaning(graph, after)


@pytest.mark.parametrize("outputs", [1, 2])
def test_results_that_others_read_keep_their_shape(outputs: int) -> None:
    graph = graph_of(
        lambda x, w: [(y := product(x, w)).transpose([1, 0]), y + 1.0 if outputs == 1 else y],
        (3, 4), (4, 5),
    )  # fmt: skip

    assert len(fold_output_views(graph).nodes) == len(graph.nodes)


# Epilogues


def test_bias_activation_and_residual_end_in_the_reduction() -> None:
    graph = graph_of(lambda x, w, b: relu(product(x, w) + b) + x * 2.0, (4, 4), (4, 4), (4,))

    after = optimise(graph)

    assert [type(node) for node in after.nodes] == [Reduce]
    assert isinstance(after.nodes[0], Reduce)
    assert after.nodes[0].finish is not None
    assert_keeps_meaning(graph, after)


def test_a_result_that_is_read_twice_is_not_finished() -> None:
    graph = graph_of(lambda x, w: [relu(y := product(x, w)), y * 2.0], (3, 4), (4, 5))

    after = fuse_epilogues(graph)

    assert [type(node) for node in after.nodes] == [Reduce, Map, Map]


def test_an_output_is_not_finished() -> None:
    graph = graph_of(lambda x, w: [(y := product(x, w)), relu(y)], (3, 4), (4, 5))

    assert [type(node) for node in fuse_epilogues(graph).nodes] == [Reduce, Map]


def test_a_result_read_elsewhere_than_in_place_is_not_finished() -> None:
    graph = graph_of(
        lambda x, w: (y := product(x, w)).compute([3, 5], lambda i, j: y.at(i, 4 - j) + 1.0),
        (3, 4), (4, 5),
    )  # fmt: skip

    assert [type(node) for node in fuse_epilogues(graph).nodes] == [Reduce, Map]


def test_an_epilogue_follows_a_result_that_was_transposed() -> None:
    graph = graph_of(lambda x, w, b: product(x, w).transpose([1, 0]) + b, (3, 4), (4, 5), (5, 3))

    after = fuse_epilogues(fold_output_views(graph))

    assert len(after.nodes) == 1
    assert_keeps_meaning(graph, after)


def test_positions_of_extrema_have_no_epilogue() -> None:
    graph = graph_of(
        lambda x: x.reduce([3], [4], lambda i, j: x.at(i, j), "argmax").cast(DType.FLOAT32), (3, 4)
    )

    assert [type(node) for node in fuse_epilogues(graph).nodes] == [Reduce, Map]
