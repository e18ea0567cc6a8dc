"""Which reductions are matrix products in disguise."""

from __future__ import annotations

import numpy as np
import pytest

from edgesite.ir import INDEX, Builder, DType, Reduce, Tensor, select
from edgesite.ir.contraction import Contraction, contraction, overhang


def tensors(*shapes: tuple[int, ...], dtype: DType = DType.FLOAT32) -> list[Tensor]:
    builder = Builder()
    return [builder.input(f"x{k}", shape, dtype) for k, shape in enumerate(shapes)]


def recognised(tensor: Tensor) -> Contraction | None:
    node = tensor.builder.nodes[-1]
    assert isinstance(node, Reduce)
    return contraction(node, tensor.builder.constants)


def test_a_matrix_product_has_rows_and_columns() -> None:
    a, b = tensors((4, 6), (6, 5))

    product = recognised(a.reduce([4, 5], [6], lambda m, n, k: a.at(m, k) * b.at(k, n)))

    assert product is not None
    assert (product.rows, product.columns, product.batch, product.inner) == ((0,), (1,), (), (2,))
    assert product.macs == 4 * 5 * 6
    assert not product.guarded


def test_a_batched_product_has_a_batch() -> None:
    a, b = tensors((3, 4, 6), (3, 6, 5))

    product = recognised(a.reduce([3, 4, 5], [6], lambda g, m, n, k: a.at(g, m, k) * b.at(g, k, n)))

    assert product is not None
    assert (product.batch, product.rows, product.columns) == ((0,), (1,), (2,))


def test_the_constant_operand_is_the_right_one() -> None:
    (a,) = tensors((6, 5))
    w = a.builder.constant(np.ones((4, 6), np.float32))

    product = recognised(a.reduce([4, 5], [6], lambda m, n, k: w.at(m, k) * a.at(k, n)))

    assert product is not None
    assert product.right.value == w.value
    assert (product.rows, product.columns) == ((1,), (0,))


def test_a_padded_convolution_is_guarded() -> None:
    x, w = tensors((1, 3, 8, 8), (16, 3, 3, 3))

    product = recognised(
        x.reduce(
            [1, 16, 8, 8], [3, 3, 3],
            lambda n, o, y, z, c, i, j: x.at_or(0.0, n, c, y + i - 1, z + j - 1) * w.at(o, c, i, j),
        )
    )  # fmt: skip

    assert product is not None
    assert product.guarded
    assert (product.rows, product.columns) == ((2, 3), (1,))
    assert overhang(product.left) == ((0, 0), (0, 0), (1, 1), (1, 1))


def test_groups_are_a_batch() -> None:
    x, w = tensors((1, 2, 3, 8), (2, 4, 3, 3))

    product = recognised(
        x.reduce(
            [1, 2, 4, 6], [3, 3], lambda n, g, o, y, c, i: x.at(n, g, c, y + i) * w.at(g, o, c, i)
        )
    )

    assert product is not None
    assert (product.batch, product.columns, product.rows) == ((1,), (2,), (3,))


def test_a_depthwise_convolution_has_no_columns() -> None:
    x, w = tensors((1, 6, 8), (6, 1, 3))

    product = recognised(
        x.reduce([1, 6, 6], [3], lambda n, c, y, i: x.at(n, c, y + i) * w.at(c, 0, i))
    )

    assert product is not None
    assert (product.columns, product.batch, product.rows) == ((), (1,), (2,))


def refused() -> dict[str, Tensor]:
    """Reductions that are no contraction, by the reason."""
    a, b = tensors((4, 6), (6, 5))
    p, q = tensors((4, 6), (6, 5), dtype=DType.INT32)
    (places,) = tensors((6,), dtype=DType.INT64)
    return {
        "a maximum": a.reduce([4, 5], [6], lambda m, n, k: a.at(m, k) * b.at(k, n), "max"),
        "a sum of sums": a.reduce([4, 5], [6], lambda m, n, k: a.at(m, k) + b.at(k, n)),
        "integers": p.reduce([4, 5], [6], lambda m, n, k: p.at(m, k) * q.at(k, n)),
        "a gather": a.reduce(
            [4, 5], [6], lambda m, n, k: a.at(m, places.at(k).cast(INDEX)) * b.at(k, n)
        ),
        "a remainder": a.reduce([4, 5], [12], lambda m, n, k: a.at(m, k % 6) * b.at(k % 6, n)),
        "a fill of one": a.reduce([4, 5], [6], lambda m, n, k: a.at_or(1.0, m, k + 1) * b.at(k, n)),
        "another test": a.reduce(
            [4, 5], [6], lambda m, n, k: select(m < 2, a.at(m, k), 0.0) * b.at(k, n)
        ),
        "both guarded": a.reduce(
            [4, 5], [6], lambda m, n, k: a.at_or(0.0, m, k + 1) * b.at_or(0.0, k - 1, n)
        ),
    }


@pytest.mark.parametrize("reason", list(refused()))
def test_other_reductions_are_none(reason: str) -> None:
    assert recognised(refused()[reason]) is None
