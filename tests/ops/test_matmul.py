from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError
from edgesite.ir import Graph, Reduce
from edgesite.ir.contraction import contraction
from tests.ops.interpreter import express_node, run_node
from tests.ops.oracle import assert_node

PAIRS = [
    ((1, 1), (1, 1)),
    ((7, 5), (5, 11)),
    ((5,), (5,)),
    ((5,), (5, 3)),
    ((2, 5), (5,)),
    ((2, 3, 5), (5,)),
    ((5,), (2, 5, 3)),
    ((2, 3, 5), (5, 7)),
    ((3, 5), (2, 5, 7)),
    ((2, 1, 3, 5), (4, 5, 7)),
    ((2, 4, 3, 5), (2, 4, 5, 1)),
    ((3, 0), (0, 2)),
    ((0, 3, 5), (5, 2)),
]
EQUATIONS = [
    ("ij,jk->ik", [(2, 3), (3, 5)]),
    ("ij,jk", [(2, 3), (3, 5)]),
    ("bij, bjk -> bik", [(2, 3, 5), (2, 5, 7)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->i", [(2, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("bii->b", [(2, 3, 3)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i", [(3,), (3,)]),
    ("ij,kl->", [(2, 3), (4, 5)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 5), (4, 5, 7)]),
    ("...ij,jk", [(2, 3, 5), (5, 7)]),
    ("a...,a...->...", [(2, 3, 4), (2, 3, 4)]),
    ("bhwc,hkc->bhwk", [(2, 3, 4, 5), (3, 6, 5)]),
    ("nqhd,nkhd->nhqk", [(2, 3, 4, 5), (2, 6, 4, 5)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("ab,cd,ef->fda", [(2, 3), (4, 5), (6, 7)]),
    ("i,Aj->Aij", [(2,), (3, 4)]),
]


def uniform(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def contractions(graph: Graph) -> int:
    reductions = [node for node in graph.nodes if isinstance(node, Reduce)]
    return sum(contraction(node) is not None for node in reductions)


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_matmul_broadcasts_all_but_the_matrices(
    left: tuple[int, ...], right: tuple[int, ...], rng: np.random.Generator
) -> None:
    assert_node("MatMul", [uniform(rng, *left), uniform(rng, *right)])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64, np.float64])
def test_matmul_keeps_the_dtype_of_its_operands(dtype: DTypeLike, rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 100, (3, 5)), rng.integers(0, 100, (5, 4))

    assert_node("MatMul", [a.astype(dtype), b.astype(dtype)])


def test_matmul_of_integers_wraps_around() -> None:
    a, b = np.full((1, 4), 2**30, np.int32), np.ones((4, 1), np.int32)

    (y,) = run_node("MatMul", [a, b])

    np.testing.assert_array_equal(y, [[0]])


def test_matmul_refuses_inner_sizes_that_differ() -> None:
    with pytest.raises(ModelError, match="inner sizes differ"):
        run_node("MatMul", [np.zeros((2, 3), np.float32), np.zeros((4, 5), np.float32)])


@pytest.mark.parametrize("shapes", [((7, 5), (5, 3)), ((2, 3, 5), (5, 7)), ((2, 3, 5), (2, 5, 7))])
def test_matmul_is_one_contraction(shapes: tuple[tuple[int, ...], ...]) -> None:
    graph, _ = express_node("MatMul", [np.zeros(shape, np.float32) for shape in shapes])

    assert contractions(graph) == 1


@pytest.mark.parametrize("addend", [None, (), (1,), (3,), (7, 1), (1, 3), (7, 3)])
@pytest.mark.parametrize("transposed", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_gemm_transposes_and_adds(
    transposed: tuple[int, int], addend: tuple[int, ...] | None, rng: np.random.Generator
) -> None:
    a = uniform(rng, *((5, 7) if transposed[0] else (7, 5)))
    b = uniform(rng, *((3, 5) if transposed[1] else (5, 3)))
    c = [] if addend is None else [uniform(rng, *addend)]
    attributes = {"transA": transposed[0], "transB": transposed[1], "alpha": 0.5, "beta": 2.0}

    assert_node("Gemm", [a, b, *c], attributes)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, np.uint32])
def test_gemm_keeps_the_dtype_of_its_operands(dtype: DTypeLike, rng: np.random.Generator) -> None:
    arrays = [rng.integers(0, 100, shape).astype(dtype) for shape in [(3, 5), (5, 4), (4,)]]

    assert_node("Gemm", arrays, {"alpha": 2.0})


def test_gemm_refuses_a_fraction_of_integers() -> None:
    ones = np.ones((2, 2), np.int32)

    with pytest.raises(ModelError, match=r"factor of 0\.5"):
        run_node("Gemm", [ones, ones], {"alpha": 0.5})


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum_sums_what_the_result_lacks(
    equation: str, shapes: list[tuple[int, ...]], rng: np.random.Generator
) -> None:
    operands = [uniform(rng, *shape) for shape in shapes]

    (y,) = run_node("Einsum", operands, {"equation": equation})

    np.testing.assert_allclose(y, np.einsum(equation, *operands), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64])
def test_einsum_keeps_the_dtype_of_its_operands(dtype: DTypeLike, rng: np.random.Generator) -> None:
    a, b = (rng.integers(-9, 9, shape).astype(dtype) for shape in [(2, 3), (3, 4)])

    assert_node("Einsum", [a, b], {"equation": "ij,jk->ik"})


def test_einsum_of_two_operands_is_one_contraction() -> None:
    arrays = [np.zeros(shape, np.float32) for shape in [(2, 3, 4, 5), (2, 6, 4, 5)]]
    graph, _ = express_node("Einsum", arrays, {"equation": "nqhd,nkhd->nhqk"})

    assert contractions(graph) == len(graph.nodes) == 1


@pytest.mark.parametrize("equation", ["ij,jk->ik", "ij->ij->", "i"])
def test_einsum_refuses_an_equation_that_does_not_fit(equation: str) -> None:
    with pytest.raises(ModelError, match=r"einsum|equation"):
        run_node("Einsum", [np.zeros((2, 3), np.float32)], {"equation": equation})
