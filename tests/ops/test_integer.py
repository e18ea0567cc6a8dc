from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.interpreter import run_node
from tests.ops.oracle import answer, assert_node

Array = np.ndarray[Any, np.dtype[Any]]


def whole(rng: np.random.Generator, dtype: DTypeLike, *shape: int) -> Array:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize("zero", [(None, None), ((), ()), ((), (4,)), ((3, 1), (1, 4))])
@pytest.mark.parametrize("dtypes", [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)])
def test_matmul_integer_subtracts_zero_points(
    dtypes: tuple[type, type], zero: tuple[Any, Any], rng: np.random.Generator
) -> None:
    matrices = [whole(rng, dtypes[0], 3, 5), whole(rng, dtypes[1], 5, 4)]
    zeros = [None if s is None else whole(rng, d, *s) for d, s in zip(dtypes, zero, strict=True)]

    assert_node("MatMulInteger", [*matrices, *zeros])


@pytest.mark.parametrize("columns", [(), (4,)])
def test_quantized_matmul_quantizes_again(
    columns: tuple[int, ...], rng: np.random.Generator
) -> None:
    inputs = [
        whole(rng, np.uint8, 2, 3, 5),
        np.float32(0.02),
        np.uint8(113),
        whole(rng, np.int8, 5, 4),
        rng.uniform(0.01, 0.02, columns).astype(np.float32),
        np.zeros(columns, np.int8),
        np.float32(0.05),
        np.uint8(118),
    ]

    assert_node("QLinearMatMul", [np.asarray(x) for x in inputs])


@pytest.mark.parametrize("zero", [None, (), (4,)])
def test_conv_integer_pads_with_the_zero_point(
    zero: tuple[int, ...] | None, rng: np.random.Generator
) -> None:
    x, w = whole(rng, np.uint8, 2, 3, 7, 5), whole(rng, np.int8, 4, 3, 3, 3)
    zeros = [] if zero is None else [np.array(17, np.uint8), whole(rng, np.int8, *zero)]

    attributes = {"pads": [1, 1, 1, 1], "strides": [2, 1]}
    expected = [x.astype(np.int32), w.astype(np.int32)]
    if zero is not None:
        expected[0] -= 17
        expected[1] -= zeros[1].reshape(-1, 1, 1, 1) if zero else zeros[1]
    doubles = [array.astype(np.float64) for array in expected]
    (reference,) = answer("Conv", doubles, attributes)
    (y,) = run_node("ConvInteger", [x, w, *zeros], attributes)

    np.testing.assert_array_equal(y, reference.astype(np.int32))


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("channels", [(), (6,)])
@pytest.mark.parametrize("biased", [False, True])
def test_quantized_conv_quantizes_again(
    biased: bool, channels: tuple[int, ...], group: int, rng: np.random.Generator
) -> None:
    inputs = [
        whole(rng, np.uint8, 2, 3, 7, 5),
        np.float32(0.02),
        np.uint8(113),
        whole(rng, np.int8, 6, 3 // group, 3, 3),
        rng.uniform(0.01, 0.02, channels).astype(np.float32),
        np.zeros(channels, np.int8),
        np.float32(0.05),
        np.uint8(118),
        *([rng.integers(-999, 999, 6).astype(np.int32)] if biased else []),
    ]
    attributes = {"pads": [1, 0, 1, 1], "group": group}

    assert_node("QLinearConv", [np.asarray(x) for x in inputs], attributes)
