from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import UnsupportedShapeError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

BROADCASTS = [
    ((), ()),
    ((3,), ()),
    ((2, 3), (3,)),
    ((2, 3), (2, 1)),
    ((4, 1, 3), (2, 1)),
    ((2, 1, 4, 1), (3, 1, 5)),
    ((1, 2, 3, 2, 2), (2, 1, 1, 2)),
    ((0, 3), (1, 3)),
]
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
FLOATS = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64]


@pytest.mark.parametrize(("left", "right"), BROADCASTS)
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"])
def test_arithmetic_broadcasts(
    name: str, left: tuple[int, ...], right: tuple[int, ...], rng: np.random.Generator
) -> None:
    a = rng.standard_normal(left, np.float32)
    b = rng.standard_normal(right, np.float32)

    assert_node(name, [a, b])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UnsupportedShapeError, match=r"\[2\] and \[3\] do not broadcast"):
        run_node("Add", [np.zeros(2, np.float32), np.zeros(3, np.float32)])


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
def test_integer_arithmetic_wraps_and_truncates(name: str, dtype: DTypeLike) -> None:
    limits = np.iinfo(dtype)
    a = np.array([limits.max, limits.min, 7, 7, limits.max], dtype)
    b = np.array([2, 3, 2, 3, limits.max], dtype)

    assert_node(name, [a, b])


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
def test_division_of_signed_integers_truncates(dtype: DTypeLike) -> None:
    a = np.array([7, -7, 7, -7, 1, -1], dtype)
    b = np.array([2, 2, -2, -2, 3, 3], dtype)

    assert_node("Div", [a, b])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum"])
def test_arithmetic_takes_every_float(
    name: str, dtype: DTypeLike, rng: np.random.Generator
) -> None:
    a = rng.uniform(1, 2, (2, 3)).astype(dtype)
    b = rng.uniform(1, 2, (3,)).astype(dtype)

    assert_node(name, [a, b], rtol=1e-6 if dtype is np.float64 else 8e-3)


@pytest.mark.parametrize("name", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_variadic_operators_take_any_number(
    name: str, count: int, rng: np.random.Generator
) -> None:
    shapes = [(2, 3), (3,), (4, 1, 1), ()]
    arrays = [rng.standard_normal(shape, np.float32) for shape in shapes[:count]]

    assert_node(name, arrays)


@pytest.mark.parametrize("name", ["Max", "Min"])
def test_a_nan_wins(name: str) -> None:
    a = np.array([np.nan, 1, np.nan], np.float32)
    b = np.array([1, np.nan, np.nan], np.float32)

    assert_node(name, [a, b])


@pytest.mark.parametrize("exponent", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("base", [np.float32, np.float64, np.int32, np.int64])
def test_power_of_mixed_dtypes_keeps_the_base(base: DTypeLike, exponent: DTypeLike) -> None:
    x = np.array([1, 2, 3, 4, 5], base)
    y = np.array([0, 1, 2, 3, 4], exponent)

    assert_node("Pow", [x, y], opset=15)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, np.int8, np.float16])
def test_power_of_other_dtypes(dtype: DTypeLike) -> None:
    x = np.array([1, 2, 3], dtype)
    y = np.array([3, 2, 4], np.float32)

    assert_node("Pow", [x, y], opset=15)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 0.5, -1.0])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_constant_powers(exponent: float, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.uniform(0.1, 3, 5).astype(np.float32)
    y = np.full(shape, exponent, np.float32)

    assert_node("Pow", [x, y], opset=15, known=[1])


def test_powers_of_negative_numbers() -> None:
    x = np.array([-2, -2, -2, -0.0, 0, -8], np.float32)
    y = np.array([2, 3, -1, 3, 0, 1 / 3], np.float32)

    assert_node("Pow", [x, y], opset=15)


@pytest.mark.parametrize("fmod", [0, 1])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_remainder_of_signed_integers(dtype: DTypeLike, fmod: int) -> None:
    a = np.array([7, -7, 7, -7, 6, -6, 0], dtype)
    b = np.array([3, 3, -3, -3, 3, 3, -5], dtype)

    assert_node("Mod", [a, b], {"fmod": fmod})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_remainder_of_unsigned_integers(dtype: DTypeLike) -> None:
    a = np.array([7, 200, np.iinfo(dtype).max], dtype)
    b = np.array([3, 7, 2], dtype)

    assert_node("Mod", [a, b])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_remainder_of_floats_with_the_sign_of_the_dividend(dtype: DTypeLike) -> None:
    a = np.array([5.3, -5.3, 5.3, -5.3, 1e4, np.inf, 3], dtype)
    b = np.array([2.1, 2.1, -2.1, -2.1, 0.3, 2, np.inf], dtype)

    assert_node("Mod", [a, b], {"fmod": 1}, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_remainder_of_floats_with_the_sign_of_the_divisor(dtype: DTypeLike) -> None:
    a = np.array([5.3, -5.3, 5.3, -5.3, 0.0, -0.0, np.inf, 3, -3, 3], dtype)
    b = np.array([2.1, 2.1, -2.1, -2.1, 2, 2, 2, np.inf, np.inf, 0], dtype)

    with np.errstate(invalid="ignore"):
        expected = np.mod(a, b)
    (y,) = run_node("Mod", [a, b], {"fmod": 0}, opset=28)

    np.testing.assert_allclose(y, expected, rtol=1e-3)
    np.testing.assert_array_equal(np.signbit(y[:6]), np.signbit(expected[:6]))


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
def test_shifts_of_unsigned_integers(dtype: DTypeLike, direction: str) -> None:
    x = np.array([200, 1, 37, 255, 255], dtype)
    y = np.array([0, 3, 7, np.iinfo(dtype).bits, 255], dtype)

    assert_node("BitShift", [x, y], {"direction": direction}, opset=28)


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
def test_shifts_of_signed_integers(dtype: DTypeLike, direction: str) -> None:
    x = np.array([100, -1, -37, -100, 127, -5, 5], dtype)
    y = np.array([0, 3, 2, 1, np.iinfo(dtype).bits, 100, -1], dtype)

    assert_node("BitShift", [x, y], {"direction": direction}, opset=28)


@pytest.mark.parametrize("known", [(), (1, 2)])
@pytest.mark.parametrize(("low", "high"), [(None, None), (-0.5, None), (None, 0.5), (-0.5, 0.5)])
def test_clip_with_inputs(
    low: float | None, high: float | None, known: tuple[int, ...], rng: np.random.Generator
) -> None:
    x = rng.standard_normal((3, 4), np.float32)
    limits = [None if limit is None else np.float32(limit) for limit in (low, high)]

    assert_node(
        "Clip", [x, *(None if n is None else np.asarray(n) for n in limits)], opset=13, known=known
    )


@pytest.mark.parametrize("attributes", [{}, {"min": -0.5}, {"max": 0.5}, {"min": 0.1, "max": 0.2}])
def test_clip_with_attributes(attributes: dict[str, float], rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4), np.float32)

    assert_node("Clip", [x], attributes, opset=7)


def test_clip_between_crossed_limits_is_the_upper_one() -> None:
    x = np.array([-3, 0, 3], np.float32)

    assert_node("Clip", [x, np.array(2, np.float32), np.array(1, np.float32)], opset=13)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float64])
def test_clip_takes_other_dtypes(dtype: DTypeLike) -> None:
    x = np.array([0, 5, 100], dtype)

    assert_node("Clip", [x, np.array(3, dtype), np.array(50, dtype)], opset=13)
