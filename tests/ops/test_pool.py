from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

WINDOWS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 1), {"kernel_shape": [1]}),
    ((2, 3, 7), {"kernel_shape": [3]}),
    ((1, 3, 11), {"kernel_shape": [4], "strides": [3], "pads": [2, 1]}),
    ((2, 3, 7, 5), {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 2, 1]}),
    ((1, 2, 13, 11), {"kernel_shape": [3, 3], "strides": [2, 3], "pads": [1, 1, 1, 1]}),
    ((1, 2, 5, 6, 7), {"kernel_shape": [2, 3, 3], "pads": [1, 0, 1, 0, 2, 1]}),
    ((0, 2, 7, 7), {"kernel_shape": [3, 3]}),
    ((1, 5, 9, 8), {"kernel_shape": [5, 5], "pads": [2, 2, 2, 2]}),
    ((2, 4, 13, 12), {"kernel_shape": [7, 6], "pads": [3, 2, 0, 5], "strides": [1, 2]}),
    ((1, 1, 7, 6, 5), {"kernel_shape": [4, 5, 3], "pads": [1, 2, 1, 2, 2, 1]}),
    ((1, 4, 17, 11), {"kernel_shape": [5, 4], "dilations": [3, 2]}),
]
CEILINGS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 5), {"kernel_shape": [2], "strides": [2]}),
    ((1, 1, 6), {"kernel_shape": [2], "strides": [3], "pads": [1, 1]}),
    ((1, 2, 7, 7), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ((1, 2, 7, 8), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 0]}),
    ((1, 1, 3, 3), {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [0, 0, 1, 1]}),
    ((1, 1, 9), {"kernel_shape": [2], "strides": [7]}),
    ((1, 1, 9), {"kernel_shape": [4], "strides": [6], "pads": [0, 3]}),
]
POOLS = ["AveragePool", "LpPool", "MaxPool"]


def uniform(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return rng.uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("shape", "attributes"), WINDOWS)
@pytest.mark.parametrize("name", POOLS)
def test_pool_combines_what_is_under_the_window(
    name: str, shape: tuple[int, ...], attributes: dict[str, Any], rng: np.random.Generator
) -> None:
    assert_node(name, [uniform(rng, *shape)], attributes, opset=22)


@pytest.mark.parametrize(("shape", "attributes"), CEILINGS)
@pytest.mark.parametrize("name", POOLS)
def test_pool_counts_windows_that_start_inside(
    name: str, shape: tuple[int, ...], attributes: dict[str, Any], rng: np.random.Generator
) -> None:
    assert_node(name, [uniform(rng, *shape)], attributes | {"ceil_mode": 1}, opset=22)


@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize(("shape", "attributes"), WINDOWS + CEILINGS)
def test_average_pool_counts_padding_on_demand(
    shape: tuple[int, ...], attributes: dict[str, Any], ceil_mode: int, rng: np.random.Generator
) -> None:
    counted = attributes | {"count_include_pad": 1, "ceil_mode": ceil_mode}

    assert_node("AveragePool", [uniform(rng, *shape)], counted, opset=22)


@pytest.mark.parametrize("auto_pad", ["VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 2, 3, 4])
@pytest.mark.parametrize("name", POOLS)
def test_pool_pads_by_itself(
    name: str, taps: int, stride: int, auto_pad: str, rng: np.random.Generator
) -> None:
    attributes = {"kernel_shape": [taps, 2], "strides": [stride, 1], "auto_pad": auto_pad}

    assert_node(name, [uniform(rng, 1, 2, 7, 5)], attributes)


@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("name", POOLS)
def test_pool_dilates(name: str, ceil_mode: int, rng: np.random.Generator) -> None:
    attributes = {
        "kernel_shape": [3, 2],
        "dilations": [2, 3],
        "strides": [2, 2],
        "pads": [1, 1, 0, 1],
        "ceil_mode": ceil_mode,
    }

    assert_node(name, [uniform(rng, 1, 2, 11, 10)], attributes, opset=22)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float16, np.float64])
def test_max_pool_takes_every_dtype(dtype: DTypeLike, rng: np.random.Generator) -> None:
    x = rng.integers(0, 100, (2, 3, 7, 5)).astype(dtype)

    assert_node("MaxPool", [x], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, opset=22)


def test_max_pool_prefers_minus_infinity_to_padding() -> None:
    x = np.full((1, 1, 2), -np.inf, np.float32)

    (y,) = run_node("MaxPool", [x], {"kernel_shape": [2], "pads": [1, 1]})

    np.testing.assert_array_equal(y, np.full((1, 1, 3), -np.inf))


def test_average_pool_of_halves_does_not_overflow_on_the_way() -> None:
    x = np.full((1, 1, 8, 8), 2000, np.float16)

    (y,) = run_node("AveragePool", [x], {"kernel_shape": [8, 8]})

    np.testing.assert_array_equal(y, np.full((1, 1, 1, 1), 2000, np.float16))


@pytest.mark.parametrize("storage_order", [0, 1])
@pytest.mark.parametrize(("shape", "attributes"), WINDOWS)
def test_max_pool_says_where_the_maximum_is(
    shape: tuple[int, ...],
    attributes: dict[str, Any],
    storage_order: int,
    rng: np.random.Generator,
) -> None:
    ordered = attributes | {"storage_order": storage_order}

    assert_node("MaxPool", [uniform(rng, *shape)], ordered, outputs=2)


@pytest.mark.parametrize("storage_order", [0, 1])
def test_max_pool_points_at_the_first_of_equals(storage_order: int) -> None:
    x = np.ones((1, 2, 4, 5), np.float32)
    attributes = {"kernel_shape": [2, 3], "pads": [1, 1, 1, 1], "storage_order": storage_order}

    assert_node("MaxPool", [x], attributes, outputs=2)


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("name", ["GlobalLpPool", "LpPool"])
def test_lp_pool_takes_any_power(name: str, power: int, rng: np.random.Generator) -> None:
    attributes = {"p": power} | ({"kernel_shape": [2, 3]} if name == "LpPool" else {})

    assert_node(name, [uniform(rng, 2, 3, 5, 4)], attributes)


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 3, 7), (2, 5, 7, 3), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("name", ["GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"])
def test_global_pool_leaves_one_number_per_channel(
    name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    assert_node(name, [uniform(rng, *shape)])


@pytest.mark.parametrize("shape", [(1, 1, 8), (2, 3, 6, 4), (1, 2, 4, 4, 6)])
def test_max_unpool_undoes_max_pool(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    window = {"kernel_shape": [2] * (len(shape) - 2), "strides": [2] * (len(shape) - 2)}
    pooled, indices = run_node("MaxPool", [uniform(rng, *shape)], window, outputs=2)

    assert_node("MaxUnpool", [pooled, indices], window)


def test_max_unpool_reads_indices_in_the_shape_it_infers() -> None:
    x = np.array([[[[1, 2], [3, 4]]]], np.float32)
    indices = np.array([[[[5, 7], [13, 15]]]], np.int64)
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2]}

    (y,) = run_node("MaxUnpool", [x, indices, np.array([1, 1, 5, 5])], attributes, known=[2])

    np.testing.assert_array_equal(y[0, 0, 1:4:2, 1:4:2], x[0, 0])
    assert y.sum() == x.sum()


@pytest.mark.parametrize("stride", [1, 4])
def test_pool_refuses_a_window_larger_than_the_padded_input(stride: int) -> None:
    attributes = {"kernel_shape": [5], "strides": [stride]}

    with pytest.raises(ModelError, match="window of 5"):
        run_node("MaxPool", [np.zeros((1, 1, 2), np.float32)], attributes)


def test_pool_refuses_an_unknown_auto_pad() -> None:
    attributes = {"kernel_shape": [2], "auto_pad": "same"}

    with pytest.raises(ModelError, match='auto_pad "same"'):
        run_node("MaxPool", [np.zeros((1, 1, 2), np.float32)], attributes)
