from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import UnsupportedOperatorError
from tests.ops.interpreter import Array, run_node
from tests.ops.oracle import assert_node

MICROSOFT = "com.microsoft"


def check(
    op_type: str,
    inputs: list[Array | None],
    attributes: dict[str, Any] | None = None,
    outputs: int = 1,
    **options: Any,
) -> None:
    assert_node(op_type, inputs, attributes, 1, outputs, domain=MICROSOFT, **options)


def numbers(rng: np.random.Generator, *shape: int, dtype: DTypeLike = np.float32) -> Array:
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_fused_matmul(
    batch: tuple[int, ...], left: int, right: int, rng: np.random.Generator
) -> None:
    a = numbers(rng, *batch, *((5, 3) if left else (3, 5)))
    b = numbers(rng, *batch, *((4, 5) if right else (5, 4)))
    attributes = {"alpha": 0.5, "transA": left, "transB": right}

    check("FusedMatMul", [a, b], attributes, atol=1e-5)


@pytest.mark.parametrize("side", ["transBatchA", "transBatchB"])
def test_fused_matmul_with_the_batch_inside(side: str, rng: np.random.Generator) -> None:
    a = numbers(rng, *((3, 2, 5) if side == "transBatchA" else (2, 3, 5)))
    b = numbers(rng, *((5, 2, 4) if side == "transBatchB" else (2, 5, 4)))

    check("FusedMatMul", [a, b], {side: 1}, atol=1e-5)


@pytest.mark.parametrize("op_type", ["Gelu", "QuickGelu", "FastGelu"])
@pytest.mark.parametrize("size", [1, 4, 5])
def test_gelus(op_type: str, size: int, rng: np.random.Generator) -> None:
    check(op_type, [3 * numbers(rng, 2, size)])


@pytest.mark.parametrize("op_type", ["BiasGelu", "FastGelu"])
def test_gelus_with_a_bias(op_type: str, rng: np.random.Generator) -> None:
    check(op_type, [numbers(rng, 2, 3, 7), numbers(rng, 7)])


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [("Relu", []), ("Sigmoid", []), ("Tanh", []), ("LeakyRelu", [0.1]), ("Clip", [-0.5, 0.5])],
)
def test_fused_conv(activation: str, parameters: list[float], rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 1, 3, 5, 5), numbers(rng, 4, 3, 3, 3), numbers(rng, 4)]
    attributes: dict[str, Any] = {"activation": activation, "kernel_shape": [3, 3]}
    attributes |= {"activation_params": parameters} if parameters else {}

    check("FusedConv", [*inputs], attributes, atol=1e-5)


def test_fused_gemm(rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 3, 5), numbers(rng, 4, 5), numbers(rng, 4)]
    attributes = {"activation": "LeakyRelu", "activation_alpha": 0.1, "transB": 1}

    check("FusedGemm", [*inputs], attributes, atol=1e-5)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("op_type", ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"])
def test_skip_layer_normalization(op_type: str, with_bias: bool, rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 2, 3, 8), numbers(rng, 2, 3, 8), numbers(rng, 8)]
    inputs += [numbers(rng, 8)] if op_type == "SkipLayerNormalization" else []
    inputs += [numbers(rng, 8)] if with_bias else []

    check(op_type, [*inputs], {"epsilon": 1e-5}, atol=1e-5)


def test_the_sum_of_a_skip_layer_normalization(rng: np.random.Generator) -> None:
    x, skip, gamma = numbers(rng, 2, 3, 8), numbers(rng, 2, 3, 8), numbers(rng, 8)

    made = run_node("SkipLayerNormalization", [x, skip, gamma], {}, 1, 4, domain=MICROSOFT)

    np.testing.assert_array_equal(made[3], x + skip)


@pytest.mark.parametrize("with_mask", [False, True])
def test_embed_layer_normalization(with_mask: bool, rng: np.random.Generator) -> None:
    ids = rng.integers(0, 10, (2, 5)).astype(np.int32)
    segments = rng.integers(0, 2, (2, 5)).astype(np.int32)
    tables = [numbers(rng, 10, 8), numbers(rng, 6, 8), numbers(rng, 2, 8)]
    mask = [np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)] if with_mask else []
    inputs = [ids, segments, *tables, numbers(rng, 8), numbers(rng, 8), *mask]

    check("EmbedLayerNormalization", [*inputs], {"epsilon": 1e-5}, 2, atol=1e-5)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("places", ["first", "each"])
def test_rotary_embedding(
    interleaved: int, rank: int, places: str, rng: np.random.Generator
) -> None:
    x = numbers(rng, 2, 5, 12) if rank == 3 else numbers(rng, 2, 3, 5, 4)
    position = np.array([2]) if places == "first" else rng.integers(0, 9, (2, 5))
    angles = rng.uniform(0, 6, (9, 2))
    tables = [np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]

    check("RotaryEmbedding", [x, position, *tables], {"interleaved": interleaved})


def test_rotary_embedding_of_a_part(rng: np.random.Generator) -> None:
    x, position = numbers(rng, 2, 5, 18), rng.integers(0, 9, (2, 5))
    tables = [numbers(rng, 9, 2), numbers(rng, 9, 2)]

    check("RotaryEmbedding", [x, position, *tables], {"num_heads": 3, "rotary_embedding_dim": 4})


def test_packed_batches_are_refused(rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 1, 2, 4), np.array([0]), numbers(rng, 9, 2), numbers(rng, 9, 2)]

    with pytest.raises(UnsupportedOperatorError, match="packed batches"):
        run_node("RotaryEmbedding", inputs, {"is_packed_batching": 1}, 1, domain=MICROSOFT)
