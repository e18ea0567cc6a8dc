"""Matrix products."""

from __future__ import annotations

from edgesite.errors import ModelError
from edgesite.ir import Expr, Tensor, broadcast_shape, elementwise
from edgesite.ops.registry import operator


@operator("MatMul")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """numpy.matmul: products of the matrices in the last two axes, the axes ahead broadcast."""
    if a.rank == 1:
        row = matmul(a.reshape([1, a.size]), b)
        return row.reshape([*row.shape[:-2], *row.shape[-1:]]) if b.rank > 1 else row.reshape(())
    if b.rank == 1:
        return matmul(a, b.reshape([b.size, 1])).reshape(a.shape[:-1])
    inner = a.shape[-1]
    if inner != b.shape[-2]:
        raise ModelError(f"product of {list(a.shape)} and {list(b.shape)}; inner sizes differ")

    def product(*axes: Expr) -> Expr:
        *batch, row, column, k = axes
        return a.broadcast_at(*batch, row, k) * b.broadcast_at(*batch, k, column)

    batch = broadcast_shape(a.shape[:-2], b.shape[:-2])
    return a.reduce([*batch, a.shape[-2], b.shape[-1]], [inner], product)


@operator("Gemm")
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 1,
) -> Tensor:
    """alpha * A B + beta * C, with A and B transposed on demand and C broadcast.

    `broadcast` is an attribute of versions before 7; it allows what is always allowed now.
    """
    rows, inner = reversed(a.shape) if transA else a.shape
    depth, columns = reversed(b.shape) if transB else b.shape
    if inner != depth:
        raise ModelError(f"product of {inner} columns and {depth} rows; they must be as many")

    def product(i: Expr, j: Expr, k: Expr) -> Expr:
        left = a.at(k, i) if transA else a.at(i, k)
        return left * (b.at(j, k) if transB else b.at(k, j))

    y = scaled(a.reduce([rows, columns], [inner], product), alpha)
    if c is None or beta == 0:
        return y
    return elementwise(lambda e, f: e + f, y, scaled(c, beta))


def scaled(x: Tensor, factor: float) -> Tensor:
    """x times a number, which integers are multiplied by as well."""
    if factor == 1:
        return x
    if not x.dtype.is_float and factor != int(factor):
        raise ModelError(f"a factor of {factor} for {x.dtype}; export with a whole number")
    return x * factor
