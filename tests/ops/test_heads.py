from __future__ import annotations

import numpy as np
import pytest

from edgesite.errors import UnsupportedOperatorError
from tests.ops.interpreter import Array, run_node
from tests.ops.oracle import assert_node
from tests.ops.test_fused import MICROSOFT, check, numbers


@pytest.mark.parametrize("unidirectional", [0, 1])
@pytest.mark.parametrize("with_bias", [False, True])
def test_multi_head_attention(
    with_bias: bool, unidirectional: int, rng: np.random.Generator
) -> None:
    inputs: list[Array | None] = [numbers(rng, 2, 5, 12) for _ in range(3)]
    inputs += [numbers(rng, 36)] if with_bias else []
    attributes = {"num_heads": 3, "unidirectional": unidirectional}

    check("MultiHeadAttention", inputs, attributes, atol=1e-5)


@pytest.mark.parametrize("shape", [(2,), (2, 7)])
def test_multi_head_attention_with_masked_keys(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    mask = np.array([3, 7]) if shape == (2,) else rng.integers(0, 2, shape)
    inputs = [numbers(rng, 2, 5, 12), numbers(rng, 2, 7, 12), numbers(rng, 2, 7, 12)]

    check("MultiHeadAttention", [*inputs, None, mask.astype(np.int32)], {"num_heads": 3}, atol=1e-5)


def test_multi_head_attention_with_a_past(rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 2, 1, 12) for _ in range(3)]
    past = [numbers(rng, 2, 3, 4, 4) for _ in range(2)]
    bias = numbers(rng, 1, 3, 1, 5)

    check(
        "MultiHeadAttention",
        [*inputs, None, None, bias, *past],
        {"num_heads": 3, "scale": 0.3},
        3,
        atol=1e-5,
    )


@pytest.mark.parametrize("unidirectional", [0, 1])
def test_attention(unidirectional: int, rng: np.random.Generator) -> None:
    inputs = [numbers(rng, 2, 5, 8), numbers(rng, 8, 36), numbers(rng, 36)]
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32)
    attributes = {"num_heads": 3, "unidirectional": unidirectional}

    check("Attention", [*inputs, mask], attributes, atol=1e-5)


@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("past", [0, 4])
def test_group_query_attention(past: int, rotary: int, rng: np.random.Generator) -> None:
    length = 1 if past else 3
    inputs: list[Array | None] = [numbers(rng, 1, length, n * 16) for n in (4, 2, 2)]
    inputs += [numbers(rng, 1, 2, past, 16) if past else None for _ in range(2)]
    inputs += [np.array([past + length - 1], np.int32), np.array(past + length, np.int32)]
    inputs += [numbers(rng, 16, 8), numbers(rng, 16, 8)] if rotary else []
    attributes = {"num_heads": 4, "kv_num_heads": 2, "do_rotary": rotary}

    assert_node(
        "GroupQueryAttention",
        inputs,
        attributes,
        1,
        3,
        domain=MICROSOFT,
        known=(5, 6),
        atol=1e-5,
    )


def test_group_query_attention_of_unknown_lengths_is_refused(rng: np.random.Generator) -> None:
    inputs: list[Array | None] = [numbers(rng, 1, 1, n * 8) for n in (4, 2, 2)]
    inputs += [None, None, np.array([0], np.int32), np.array(1, np.int32)]

    with pytest.raises(UnsupportedOperatorError, match="seqlens_k"):
        run_node(
            "GroupQueryAttention",
            inputs,
            {"num_heads": 4, "kv_num_heads": 2},
            1,
            3,
            domain=MICROSOFT,
        )
