from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.interpreter import express_node, run_node
from tests.ops.oracle import assert_node


@pytest.mark.parametrize("shape", [[], [0], [2, 3], [4, 0, 1]])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8, np.bool_])
def test_constant_of_shape_repeats_its_value(shape: list[int], dtype: DTypeLike) -> None:
    sizes, value = np.array(shape, np.int64), np.array([1], dtype)

    (y,) = run_node("ConstantOfShape", [sizes], {"value": value}, known=[0])

    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.ones(shape, dtype))


def test_constant_of_shape_is_zero_by_itself() -> None:
    assert_node("ConstantOfShape", [np.array([2, 3])], known=[0])


def test_constant_of_shape_stays_one_number() -> None:
    graph, _ = express_node("ConstantOfShape", [np.array([1000, 1000])], known=[0])

    assert graph.constants == {}


@pytest.mark.parametrize(
    ("bounds", "dtype"),
    [
        ((1, 10, 2), np.int64),
        ((10, 4, -2), np.int32),
        ((4, 4, 1), np.int16),
        ((5, 1, 1), np.int64),
        ((0, 1, 0.3), np.float32),
        ((1.5, -2, -0.5), np.float64),
    ],
)
def test_range_counts_up_to_its_limit(bounds: tuple[Any, ...], dtype: DTypeLike) -> None:
    assert_node("Range", [np.array(bound, dtype) for bound in bounds], known=[0, 1, 2])
