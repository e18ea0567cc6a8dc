from __future__ import annotations

import numpy as np
import pytest

from edgesite.ir import Builder, DType, Tensor, select, verify
from tests.ops.interpreter import evaluate


def _run(result: Tensor, **feeds: np.ndarray) -> np.ndarray:
    graph = verify(result.builder.graph([result]))
    return evaluate(graph, feeds)[result.value.name]


def _input(shape: list[int], dtype: DType = DType.FLOAT32) -> Tensor:
    return Builder().input("x", shape, dtype)


def test_a_read_outside_of_a_value_is_an_error() -> None:
    x = _input([3])

    with pytest.raises(AssertionError, match="reads outside of x: float32"):
        _run(x.compute([4], lambda i: x.at(i)), x=np.zeros(3, np.float32))


def test_the_side_of_a_select_that_is_not_chosen_is_not_read() -> None:
    x = _input([3])

    y = _run(x.compute([5], lambda i: x.at_or(7, i - 1)), x=np.arange(3, dtype=np.float32))

    np.testing.assert_array_equal(y, [7, 0, 1, 2, 7])


def test_nested_selects_guard_their_reads_together() -> None:
    x = _input([3])
    y = x.compute([9], lambda i: select(i < 6, select(i >= 3, x.at(i - 3), 1), 2))

    np.testing.assert_array_equal(
        _run(y, x=np.arange(3, dtype=np.float32)), [1, 1, 1, 0, 1, 2, 2, 2, 2]
    )


def test_halves_are_computed_in_float32() -> None:
    x = _input([1], DType.FLOAT16)

    y = _run(x.compute([1], lambda i: x.at(i) * 1000 / 1000), x=np.array([100], np.float16))

    np.testing.assert_array_equal(y, np.array([100], np.float16))


def test_halves_are_rounded_where_they_are_stored() -> None:
    x = _input([1], DType.FLOAT16)

    y = _run(x * 1000 / 1000, x=np.array([100], np.float16))

    np.testing.assert_array_equal(y, np.array([np.inf], np.float16))


@pytest.mark.parametrize(
    ("combine", "neutral"), [("sum", 0), ("prod", 1), ("max", -np.inf), ("min", np.inf)]
)
def test_what_is_combined_of_nothing_is_neutral(combine: str, neutral: float) -> None:
    x = _input([2, 0])

    y = _run(x.reduce([2], [0], lambda i, k: x.at(i, k), combine), x=np.zeros((2, 0), np.float32))

    np.testing.assert_array_equal(y, [neutral, neutral])


def test_later_updates_of_a_scatter_win() -> None:
    x = _input([4])
    where = x.like(np.array([1, 1, 9, -1]), DType.INT32)
    y = x.scatter([4], lambda k: [where.at(k)], lambda k: k.cast(DType.FLOAT32))

    np.testing.assert_array_equal(_run(y, x=np.zeros(4, np.float32)), [0, 1, 0, 0])


def test_scatters_accumulate() -> None:
    x = _input([2])
    where = x.like(np.array([1, 1, 0]), DType.INT32)
    y = x.scatter([3], lambda k: [where.at(k)], lambda _: x.at(1), "sum")

    np.testing.assert_array_equal(_run(y, x=np.array([5, 2], np.float32)), [7, 6])


@pytest.mark.parametrize(
    ("exclusive", "reverse", "expected"),
    [
        (False, False, [1, 3, 6]),
        (True, False, [0, 1, 3]),
        (False, True, [6, 5, 3]),
        (True, True, [5, 3, 0]),
    ],
)
def test_scans(exclusive: bool, reverse: bool, expected: list[float]) -> None:
    x = _input([3])

    y = _run(x.scan(0, exclusive=exclusive, reverse=reverse), x=np.array([1, 2, 3], np.float32))

    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (DType.INT8, [-1, 44, -1, 0, 0]),
        (DType.UINT8, [255, 44, 255, 0, 0]),
        (DType.UINT32, [2**32 - 1, 300, 2**32 - 1, 0, 0]),
        (DType.INT32, [-1, 300, 2**31 - 1, -(2**31), 0]),
    ],
)
def test_casts_of_floats_to_integers_truncate(dtype: DType, expected: list[int]) -> None:
    x = _input([5])

    y = _run(x.cast(dtype), x=np.array([-1.5, 300.7, 1e30, -1e30, np.nan], np.float32))

    np.testing.assert_array_equal(y, np.array(expected, dtype.numpy))
