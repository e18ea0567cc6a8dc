"""The largest elements, at every length that a network may have trouble with."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.interpreter import express_node
from tests.ops.oracle import assert_node
from tests.targets.programs import answers


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 101])
@pytest.mark.parametrize("largest", [0, 1])
def test_all_in_order_equal_ones_as_they_come(
    count: int, largest: int, rng: np.random.Generator
) -> None:
    x = rng.integers(-5, 6, (2, count)).astype(np.float32)

    assert_node("TopK", [x, np.array([count])], {"largest": largest}, outputs=2, known=(1,))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_the_first_along_any_axis(axis: int, k: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((4, 5, 3), np.float32)

    assert_node("TopK", [x, np.array([k])], {"axis": axis}, outputs=2, known=(1,))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float64])
def test_every_kind_of_element(dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = rng.integers(0, 200, (3, 20)).astype(dtype)

    assert_node("TopK", [x, np.array([20])], outputs=2, known=(1,), opset=24)


def test_a_nan_is_above_all_numbers_and_loses_nothing() -> None:
    x = np.array([3, np.nan, 1, 2, np.nan, 0], np.float32)
    graph, feeds = express_node("TopK", [x, np.array([6])], outputs=2, known=(1,))

    values, places = answers(graph, feeds, fused=True)

    assert places.tolist() == [1, 4, 0, 3, 2, 5]
    np.testing.assert_array_equal(values, x[places])
