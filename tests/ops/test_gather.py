from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError
from edgesite.ir import Load, walk
from tests.ops.interpreter import express_node, run_node
from tests.ops.oracle import assert_node

Array = np.ndarray[Any, np.dtype[Any]]

REDUCTIONS = ["none", "add", "mul", "max", "min"]


def numbered(*shape: int, dtype: Any = np.float32) -> Array:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("known", [(), (1,)])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [0, -1, [2, 0], [[-1, 1, 0], [2, -3, 2]], [0, 1, 2], []])
def test_gather_takes_slices(indices: Any, axis: int, known: tuple[int, ...]) -> None:
    named = np.array(indices, np.int64)

    assert_node("Gather", [numbered(3, 3, 4)[:, :, :3], named], {"axis": axis}, known=known)


def test_gather_takes_int32_indices() -> None:
    assert_node("Gather", [numbered(3, 5), np.array([1, -1], np.int32)])


@pytest.mark.parametrize("indices", [2, -1, [1, 2, 3], [4, 2, 0]])
def test_gather_of_a_known_range_is_affine(indices: Any) -> None:
    arrays = [numbered(5, 3), np.array(indices, np.int64)]
    graph, _ = express_node("Gather", arrays, known=[1])

    (node,) = graph.nodes
    assert sum(isinstance(e, Load) for e in walk(node.body)) == 1


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_elements_replaces_one_coordinate(axis: int, rng: np.random.Generator) -> None:
    indices = rng.integers(-3, 3, (2, 3, 3))

    assert_node("GatherElements", [numbered(3, 3, 3), indices], {"axis": axis})


@pytest.mark.parametrize(
    ("shape", "indices", "batch_dims"),
    [
        ((3, 4), (2, 2), 0),
        ((3, 4, 5), (2, 3, 2), 0),
        ((3, 4, 5), (1,), 0),
        ((2, 3, 4), (2, 1), 1),
        ((2, 3, 4, 5), (2, 3, 2), 1),
        ((2, 2, 3, 4), (2, 2, 5, 1), 2),
    ],
)
def test_gather_nd_takes_what_rows_name(
    shape: tuple[int, ...], indices: tuple[int, ...], batch_dims: int, rng: np.random.Generator
) -> None:
    named = rng.integers(-3, 3, indices)

    assert_node("GatherND", [numbered(*shape), named], {"batch_dims": batch_dims})


def test_gather_nd_refuses_more_coordinates_than_axes() -> None:
    with pytest.raises(ModelError, match="at most 2"):
        run_node("GatherND", [numbered(2, 3), np.zeros((1, 3), np.int64)])


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_scatter_elements_combines_in_order(
    reduction: str, axis: int, rng: np.random.Generator
) -> None:
    indices = rng.integers(-3, 3, (2, 3, 2))
    updates = rng.integers(-9, 9, (2, 3, 2)).astype(np.float32)
    inputs = [numbered(3, 3, 3), indices, updates]

    assert_node("ScatterElements", inputs, {"axis": axis, "reduction": reduction}, opset=18)


def test_scatter_is_the_old_name() -> None:
    inputs = [numbered(3, 3), np.array([[1, 0]]), np.array([[-1, -2]], np.float32)]

    assert_node("Scatter", inputs, {"axis": 1}, opset=10)


@pytest.mark.parametrize(
    ("shape", "indices"), [((5,), (3, 1)), ((4, 5), (3, 2)), ((4, 5, 6), (2, 3, 1)), ((4, 5), (2,))]
)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_scatter_nd_combines_in_order(
    reduction: str, shape: tuple[int, ...], indices: tuple[int, ...], rng: np.random.Generator
) -> None:
    named = rng.integers(-3, 3, indices)
    updates = rng.integers(-9, 9, (*indices[:-1], *shape[indices[-1] :])).astype(np.float32)

    assert_node("ScatterND", [numbered(*shape), named, updates], {"reduction": reduction}, opset=18)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, np.uint8, np.bool_])
def test_scatter_nd_keeps_the_dtype_of_its_input(dtype: DTypeLike) -> None:
    inputs = [numbered(4, dtype=dtype), np.array([[1], [3]]), np.array([1, 1], dtype)]

    assert_node("ScatterND", inputs)


def test_scatter_refuses_an_unknown_reduction() -> None:
    inputs = [numbered(3), np.array([0]), numbered(1)]

    with pytest.raises(ModelError, match='reduction "mean"'):
        run_node("ScatterElements", inputs, {"reduction": "mean"})


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        ("GatherElements", [(3, 4), (2, 3, 4)]),
        ("ScatterElements", [(3, 4), (2, 2, 2), (2, 2, 2)]),
        ("ScatterElements", [(3, 4), (2, 2), (2, 1)]),
        ("ScatterND", [(3, 4), (2, 1), (2, 3)]),
        ("ScatterND", [(3, 4), (2, 3), (2,)]),
    ],
)
def test_indices_and_updates_that_do_not_fit_are_refused(
    op: str, shapes: list[tuple[int, ...]]
) -> None:
    x, indices, *updates = shapes
    feeds: list[Array] = [np.ones(x, np.float32), np.zeros(indices, np.int64)]
    feeds += [np.ones(u, np.float32) for u in updates]

    with pytest.raises(ModelError):
        run_node(op, feeds, {}, 18)
