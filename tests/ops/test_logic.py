from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.oracle import assert_node

COMPARISONS = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
BROADCASTS = [
    ((), ()),
    ((2, 3), (3,)),
    ((4, 1, 3), (2, 1)),
    ((1, 2, 3, 2, 2), (2,)),
    ((0, 3), (3,)),
]
NUMBERS = [
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.float16,
    np.float32,
    np.float64,
]


@pytest.mark.parametrize(("left", "right"), BROADCASTS)
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparison_broadcasts(
    name: str, left: tuple[int, ...], right: tuple[int, ...], rng: np.random.Generator
) -> None:
    a = rng.integers(0, 3, left).astype(np.float32)
    b = rng.integers(0, 3, right).astype(np.float32)

    assert_node(name, [a, b])


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparison_takes_every_number(name: str, dtype: DTypeLike) -> None:
    limits = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
    a = np.array([limits.max, limits.min, 1, 2, 3], dtype)
    b = np.array([limits.min, limits.max, 1, 3, 2], dtype)

    assert_node(name, [a, b])


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_nan_is_equal_to_nothing(name: str) -> None:
    a = np.array([np.nan, 1, np.nan, np.inf], np.float32)
    b = np.array([np.nan, np.nan, 1, np.inf], np.float32)

    assert_node(name, [a, b])


@pytest.mark.parametrize(("left", "right"), BROADCASTS)
@pytest.mark.parametrize("name", ["And", "Or", "Xor", "Equal"])
def test_truth_values_broadcast(
    name: str, left: tuple[int, ...], right: tuple[int, ...], rng: np.random.Generator
) -> None:
    a = rng.integers(0, 2, left).astype(bool)
    b = rng.integers(0, 2, right).astype(bool)

    assert_node(name, [a, b])


@pytest.mark.parametrize("dtype", NUMBERS[:8])
@pytest.mark.parametrize("name", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
def test_bits_combine(name: str, dtype: DTypeLike, rng: np.random.Generator) -> None:
    a = rng.integers(0, 128, (2, 3)).astype(dtype)
    b = rng.integers(0, 128, (3,)).astype(dtype)

    assert_node(name, [a, b])


@pytest.mark.parametrize("dtype", [*NUMBERS, bool])
def test_where_takes_every_dtype(dtype: DTypeLike, rng: np.random.Generator) -> None:
    condition = rng.integers(0, 2, (2, 3)).astype(bool)
    x = rng.integers(0, 2, (3,)).astype(dtype)
    y = rng.integers(0, 2, (4, 1, 1)).astype(dtype)

    assert_node("Where", [condition, x, y], opset=16)


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (1, 2, 3, 2, 2)])
def test_where_takes_every_rank(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    condition = np.asarray(rng.integers(0, 2, shape), bool)
    x = np.asarray(rng.standard_normal(shape), np.float32)

    assert_node("Where", [condition, x, np.asarray(-x)], opset=16)
