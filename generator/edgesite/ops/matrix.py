"""Operators that know rows from columns: triangles, diagonals, indicators, determinants."""

from __future__ import annotations

from edgesite.errors import UnsupportedShapeError
from edgesite.ir import INDEX, DType, Expr, Tensor, const, equal, select
from edgesite.ops.axes import resolve_axis
from edgesite.ops.casting import dtype_of
from edgesite.ops.registry import operator

LARGEST_DETERMINANT = 4
"""Rows up to which a determinant is expanded; the terms grow as the factorial."""


@operator("Trilu")
def trilu(x: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    """The triangle of every matrix on one side of diagonal k, which is kept; zeros elsewhere."""

    def body(*axes: Expr) -> Expr:
        diagonal = axes[-1] - axes[-2]
        edge: Expr | int = 0
        if k is not None:
            edge = k.at(*[0] * k.rank).cast(INDEX)
            if k.constant is not None:
                edge = int(k.constant.item())
        kept = diagonal >= edge if upper else diagonal <= edge
        return select(kept, x.at(*axes), const(0, x.dtype))

    return x.compute(x.shape, body)


@operator("EyeLike")
def eye_like(x: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    """Ones on diagonal k of a matrix of the shape of x, zeros elsewhere."""
    one = const(1, x.dtype if dtype is None else dtype_of(dtype))
    return x.compute(x.shape, lambda i, j: select(equal(j - i, k), one, 0))


@operator("OneHot")
def one_hot(indices: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    """values[1] where the new axis is at its index, values[0] elsewhere.

    A negative index counts from the end; one outside of the axis is nowhere.
    """
    classes = int(depth.known("depth of OneHot").item())
    new = resolve_axis(axis, indices.rank + 1)

    def body(*axes: Expr) -> Expr:
        at = indices.at(*axes[:new], *axes[new + 1 :]).cast(DType.INT64)
        hit = equal(select(at < 0, at + classes, at), axes[new].cast(DType.INT64))
        return select(hit, values.at(1), values.at(0))

    return indices.compute([*indices.shape[:new], classes, *indices.shape[new:]], body)


@operator("Det")
def det(x: Tensor) -> Tensor:
    """The determinant of every matrix, expanded along its rows."""
    rows = x.shape[-1]
    if rows > LARGEST_DETERMINANT:
        raise UnsupportedShapeError(
            f"the determinant of {rows} rows; up to {LARGEST_DETERMINANT} work"
        )

    def minor(axes: tuple[Expr, ...], row: int, columns: list[int]) -> Expr:
        total: Expr = const(0 if columns else 1, x.dtype)
        for place, column in enumerate(columns):
            rest = columns[:place] + columns[place + 1 :]
            term = x.at(*axes, row, column)
            if rest:
                term = term * minor(axes, row + 1, rest)
            total = term if place == 0 else total - term if place % 2 else total + term
        return total

    return x.compute(x.shape[:-2], lambda *axes: minor(axes, 0, list(range(rows))))
