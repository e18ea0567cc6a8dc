from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from tests.ops.interpreter import Array
from tests.ops.test_fused import check, numbers

DTYPES = [np.uint8, np.int8]


def codes(rng: np.random.Generator, dtype: DTypeLike, *shape: int) -> Array:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)


def step(size: float, zero: int, dtype: DTypeLike) -> list[Array]:
    return [np.array(size, np.float32), np.array(zero, dtype)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op_type", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("shape", [(2, 5), (5,), (1, 5), (2, 1)])
def test_arithmetic(
    op_type: str, shape: tuple[int, ...], dtype: DTypeLike, rng: np.random.Generator
) -> None:
    left = [codes(rng, dtype, 2, 5), *step(0.03, 7, dtype)]
    right = [codes(rng, dtype, *shape), *step(0.017, 5, dtype)]

    check(op_type, [*left, *right, *step(0.05, 9, dtype)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("QLinearSigmoid", {}),
        ("QLinearLeakyRelu", {"alpha": 0.2}),
        ("QLinearAveragePool", {"kernel_shape": [2, 3], "pads": [1, 1, 0, 1]}),
        ("QLinearGlobalAveragePool", {}),
        ("QLinearGlobalAveragePool", {"channels_last": 1}),
    ],
)
def test_functions(
    op_type: str, attributes: dict[str, Any], dtype: DTypeLike, rng: np.random.Generator
) -> None:
    inputs = [codes(rng, dtype, 1, 4, 5, 6), *step(0.03, 7, dtype), *step(0.0213, -3 % 128, dtype)]

    check(op_type, [*inputs], attributes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("opset", [11, 13])
def test_softmax(opset: int, dtype: DTypeLike, rng: np.random.Generator) -> None:
    low = np.iinfo(dtype).min
    inputs = [codes(rng, dtype, 3, 10), *step(0.05, 7, dtype), *step(1 / 256, low, dtype)]

    check("QLinearSoftmax", [*inputs], {"axis": -1, "opset": opset})


@pytest.mark.parametrize("dtype", DTYPES)
def test_concat(dtype: DTypeLike, rng: np.random.Generator) -> None:
    parts = [
        part
        for size in (0.03, 0.02, 0.05)
        for part in (codes(rng, dtype, 2, 3, 4), *step(size, 3, dtype))
    ]

    check("QLinearConcat", [*step(0.05, 9, dtype), *parts], {"axis": 1})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("is_quantised", [True, False])
def test_gemm(
    is_quantised: bool, transposed: int, dtype: DTypeLike, rng: np.random.Generator
) -> None:
    weights = codes(rng, dtype, *((4, 7) if transposed else (7, 4)))
    scales = rng.uniform(0.01, 0.02, 4).astype(np.float32)
    inputs = [codes(rng, dtype, 3, 7), *step(0.03, 7, dtype), weights, scales, np.zeros(4, dtype)]
    inputs += [rng.integers(-99, 99, 4).astype(np.int32)]
    inputs += step(0.1, 5, dtype) if is_quantised else []

    check("QGemm", [*inputs], {"transB": transposed}, rtol=1e-4)


@pytest.mark.parametrize("with_bias", [False, True])
def test_dynamically_quantised_products(with_bias: bool, rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 3, 7), codes(rng, np.uint8, 7, 4), np.array(0.02, np.float32)]
    inputs += [np.array(100, np.uint8)] + ([numbers(rng, 4)] if with_bias else [])

    check("DynamicQuantizeMatMul", [*inputs], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("bits", "size", "zeros"),
    [(4, 16, "none"), (4, 16, "codes"), (4, 32, "floats"), (8, 32, "none"), (8, 32, "codes")],
)
@pytest.mark.parametrize("depth", [32, 48, 50])
def test_products_with_weights_of_few_bits(
    bits: int, size: int, zeros: str, depth: int, rng: np.random.Generator
) -> None:
    rows, blocks = 5, -(-depth // size)
    weights = codes(rng, np.uint8, rows, blocks, size * bits // 8)
    scales = rng.uniform(0.01, 0.02, (rows, blocks)).astype(np.float32)
    inputs = [numbers(rng, 3, depth), weights, scales]
    if zeros == "codes":
        inputs.append(codes(rng, np.uint8, rows, -(-blocks * bits // 8)))
    elif zeros == "floats":
        inputs.append(rng.uniform(0, 15, (rows, blocks)).astype(np.float32))
    attributes = {"K": depth, "N": rows, "bits": bits, "block_size": size}

    check("MatMulNBits", [*inputs], attributes, rtol=1e-4, atol=1e-4)
