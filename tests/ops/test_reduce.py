from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError, UnsupportedShapeError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

REDUCTIONS = [
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
]
CASES = [
    ((4,), [0]),
    ((2, 3), [0]),
    ((2, 3), [-1]),
    ((2, 3), [0, 1]),
    ((2, 3, 4), [1]),
    ((2, 3, 4), [-1, 0]),
    ((2, 3, 4, 2), [2, 3]),
    ((2, 3, 4, 2), [1, -1]),
    ((1, 2, 3, 2, 2), [4, 0, 2]),
    ((2, 1, 3), [1]),
]


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize(("shape", "axes"), CASES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_over_axes(
    name: str, shape: tuple[int, ...], axes: list[int], keepdims: int, rng: np.random.Generator
) -> None:
    x = rng.uniform(0.1, 2, shape).astype(np.float32)
    by_input = [x, np.array(axes)]

    assert_node(name, by_input, {"keepdims": keepdims}, opset=18, known=[1])


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_over_axes_in_an_attribute(
    name: str, keepdims: int, rng: np.random.Generator
) -> None:
    x = rng.uniform(0.1, 2, (2, 3, 4)).astype(np.float32)

    assert_node(name, [x], {"keepdims": keepdims, "axes": [0, -1]}, opset=11)
    assert_node(name, [x], {"keepdims": keepdims}, opset=11)


@pytest.mark.parametrize("axes", [None, []])
@pytest.mark.parametrize("noop", [0, 1])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_without_axes(
    name: str, noop: int, axes: list[int] | None, rng: np.random.Generator
) -> None:
    x = rng.uniform(-2, 2, (2, 3)).astype(np.float32)
    x = np.abs(x) if name == "ReduceLogSum" else x
    given = [] if axes is None else [np.array(axes, np.int64)]
    expected = _numpy_reduction(name, x, () if noop else (0, 1))

    (y,) = run_node(name, [x, *given], {"noop_with_empty_axes": noop}, opset=20, known=[1])

    np.testing.assert_allclose(y, expected, rtol=1e-5)


def _numpy_reduction(name: str, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    functions = {
        "ReduceL1": lambda: np.abs(x).sum(axes, keepdims=True),
        "ReduceL2": lambda: np.sqrt((x * x).sum(axes, keepdims=True)),
        "ReduceLogSum": lambda: np.log(x.sum(axes, keepdims=True)),
        "ReduceLogSumExp": lambda: np.log(np.exp(x).sum(axes, keepdims=True)),
        "ReduceMax": lambda: x.max(axes, keepdims=True),
        "ReduceMean": lambda: x.mean(axes, keepdims=True),
        "ReduceMin": lambda: x.min(axes, keepdims=True),
        "ReduceProd": lambda: x.prod(axes, keepdims=True),
        "ReduceSum": lambda: x.sum(axes, keepdims=True),
        "ReduceSumSquare": lambda: (x * x).sum(axes, keepdims=True),
    }
    return functions[name]()


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_of_a_scalar(name: str) -> None:
    assert_node(name, [np.array(2.5, np.float32)], opset=18)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ReduceL1", 0),
        ("ReduceL2", 0),
        ("ReduceLogSum", -np.inf),
        ("ReduceLogSumExp", -np.inf),
        ("ReduceMax", -np.inf),
        ("ReduceMean", np.nan),
        ("ReduceMin", np.inf),
        ("ReduceProd", 1),
        ("ReduceSum", 0),
        ("ReduceSumSquare", 0),
    ],
)
def test_reduction_of_nothing(name: str, expected: float) -> None:
    x = np.zeros((2, 0, 4), np.float32)

    (y,) = run_node(name, [x, np.array([1])], opset=18, known=[1])

    np.testing.assert_array_equal(y, np.full((2, 1, 4), expected, np.float32))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64])
@pytest.mark.parametrize("name", [name for name in REDUCTIONS if "Log" not in name])
def test_reduction_of_wide_numbers(name: str, dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = rng.integers(1, 7, (3, 4)).astype(dtype)

    assert_node(name, [x, np.array([1])], opset=18, known=[1])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool])
@pytest.mark.parametrize("name", ["ReduceMax", "ReduceMin"])
def test_extremes_of_narrow_numbers(name: str, dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = rng.integers(-100, 100, (3, 4)).astype(dtype)

    assert_node(name, [x, np.array([1])], opset=20, known=[1])


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_halves_sum_in_float32(name: str, dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 1, (3, 8)).astype(dtype)
    expected = _numpy_reduction(name, x.astype(np.float64), (1,))

    (y,) = run_node(name, [x, np.array([1])], opset=18, known=[1])

    assert y.dtype == x.dtype
    np.testing.assert_allclose(y.astype(np.float64), expected, rtol=4e-3)


def test_norm_of_halves_does_not_overflow() -> None:
    (y,) = run_node("ReduceL2", [np.full(4, 1000, np.float16)], opset=18)

    assert y.item() == 2000


@pytest.mark.parametrize("values", [[1000, 1000], [-1000, -1001], [np.inf, 1], [-np.inf, -np.inf]])
def test_log_sum_exp_does_not_overflow(values: list[float]) -> None:
    x = np.array(values, np.float32)

    (y,) = run_node("ReduceLogSumExp", [x], opset=18)

    np.testing.assert_allclose(y.item(), np.logaddexp.reduce(values), rtol=1e-6)


def test_axes_must_be_known() -> None:
    with pytest.raises(UnsupportedShapeError, match="axes of ReduceSum"):
        run_node("ReduceSum", [np.zeros(3, np.float32), np.array([0])], opset=13)


def test_an_axis_must_exist() -> None:
    with pytest.raises(ModelError, match="axis 2 of a tensor of rank 1; use -1 to 0"):
        run_node("ReduceSum", [np.zeros(3, np.float32), np.array([2])], opset=13, known=[1])


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize(
    ("shape", "axis"), [((4,), 0), ((2, 5), -1), ((5, 2, 3, 2), 0), ((2, 3, 2), 1)]
)
@pytest.mark.parametrize("name", ["ArgMax", "ArgMin"])
def test_position_of_extremes(
    name: str,
    shape: tuple[int, ...],
    axis: int,
    keepdims: int,
    last: int,
    rng: np.random.Generator,
) -> None:
    x = rng.integers(0, 3, shape).astype(np.float32)
    attributes = {"axis": axis, "keepdims": keepdims, "select_last_index": last}

    assert_node(name, [x], attributes, opset=13)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.float64, np.float16])
@pytest.mark.parametrize("name", ["ArgMax", "ArgMin"])
def test_position_of_extremes_of_other_dtypes(
    name: str, dtype: DTypeLike, rng: np.random.Generator
) -> None:
    assert_node(name, [rng.integers(0, 100, (3, 7)).astype(dtype)], {"axis": 1}, opset=13)


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize(("shape", "axis"), [((4,), 0), ((2, 5), -1), ((3, 2, 4), 1), ((0, 2), 0)])
def test_cumulative_sum(
    shape: tuple[int, ...], axis: int, exclusive: int, reverse: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal(shape, np.float32)
    attributes = {"exclusive": exclusive, "reverse": reverse}

    assert_node("CumSum", [x, np.array(axis)], attributes, opset=14, known=[1])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64])
def test_cumulative_sum_of_other_dtypes(dtype: DTypeLike) -> None:
    assert_node("CumSum", [np.arange(5).astype(dtype), np.array([0])], opset=14, known=[1])


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
def test_cumulative_product(exclusive: int, reverse: int, rng: np.random.Generator) -> None:
    x = rng.uniform(0.5, 2, (3, 4)).astype(np.float32)
    attributes = {"exclusive": exclusive, "reverse": reverse}

    assert_node("CumProd", [x, np.array(1)], attributes, opset=26, known=[1])
