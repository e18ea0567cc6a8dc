"""Operators that read or write where other tensors say."""

from __future__ import annotations

from edgesite.errors import ModelError
from edgesite.ir import INDEX, Expr, Tensor, index, select
from edgesite.ops.axes import resolve_axis
from edgesite.ops.registry import operator

REDUCTIONS = {"none": "set", "add": "sum", "mul": "prod", "max": "max", "min": "min"}
"""What ONNX calls the ways to combine an update with what is there already."""


def from_end(position: Expr, extent: int | Expr) -> Expr:
    """An index, counted from the end of its axis where it is negative."""
    size = extent.cast(position.dtype) if isinstance(extent, Expr) else extent
    return select(position < 0, position + size, position).cast(INDEX)


@operator("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """The slices of x along an axis that the indices name."""
    along = resolve_axis(axis, x.rank)
    extent = x.shape[along]

    def position(*axes: Expr) -> list[Expr]:
        named = axes[along : along + indices.rank]
        place = index_at(indices, named, extent)
        if x.count(along) is not None:
            place = from_end(indices.at(*named), x.size_at(along))
        return [*axes[:along], place, *axes[along + indices.rank :]]

    return x.view([*x.shape[:along], *indices.shape, *x.shape[along + 1 :]], position)


def index_at(indices: Tensor, at: tuple[Expr, ...], extent: int) -> Expr:
    """An index of an axis; affine if the indices are known and are a range."""
    if indices.constant is None:
        return from_end(indices.at(*at), extent)
    known = indices.constant.ravel().tolist()
    known = [k + extent if k < 0 else k for k in known]
    step = known[1] - known[0] if len(known) > 1 else 0
    if known and indices.rank <= 1 and known == [known[0] + k * step for k in range(len(known))]:
        return index(known[0]) + (at[0] * step if at else 0)
    return from_end(indices.at(*at), extent)


def check_ranks(x: Tensor, indices: Tensor) -> None:
    """Raise ModelError unless every index has a place in x."""
    if indices.rank != x.rank:
        raise ModelError(f"indices {list(indices.shape)} into {list(x.shape)}; ranks must be equal")


@operator("GatherElements", since=11)
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """x at every position of the indices, with the index in place of one coordinate."""
    along = resolve_axis(axis, x.rank)
    check_ranks(x, indices)

    def position(*axes: Expr) -> list[Expr]:
        return [*axes[:along], from_end(indices.at(*axes), x.shape[along]), *axes[along + 1 :]]

    return x.view(indices.shape, position)


@operator("GatherND", since=11)
def gather_nd(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """The parts of x that rows of coordinates name; the first axes of both run together."""
    outer, width = indices.shape[:-1], indices.shape[-1]
    first = batch_dims + width
    if first > x.rank:
        raise ModelError(f"{width} coordinates into {list(x.shape)}; at most {x.rank - batch_dims}")

    def position(*axes: Expr) -> list[Expr]:
        row = axes[: len(outer)]
        named = [from_end(indices.at(*row, k), x.shape[batch_dims + k]) for k in range(width)]
        return [*axes[:batch_dims], *named, *axes[len(outer) :]]

    return x.view([*outer, *x.shape[first:]], position)


@operator("Scatter", "ScatterElements")
def scatter_elements(
    x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    """x with the updates written at their positions, the index in place of one coordinate."""
    along = resolve_axis(axis, x.rank)
    check_ranks(x, indices)
    if updates.rank != indices.rank or any(
        have < need for have, need in zip(updates.shape, indices.shape, strict=True)
    ):
        raise ModelError(f"updates {list(updates.shape)} for indices {list(indices.shape)}")

    def position(*axes: Expr) -> list[Expr]:
        return [*axes[:along], from_end(indices.at(*axes), x.shape[along]), *axes[along + 1 :]]

    return x.scatter(indices.shape, position, updates.at, combination(reduction))


@operator("ScatterND", since=11)
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    """x with parts of the updates written where rows of coordinates say."""
    outer, width = indices.shape[:-1], indices.shape[-1]
    if width > x.rank or updates.shape != (*outer, *x.shape[width:]):
        raise ModelError(
            f"updates {list(updates.shape)} at indices {list(indices.shape)} of {list(x.shape)}"
        )

    def position(*axes: Expr) -> list[Expr]:
        row = axes[: len(outer)]
        named = [from_end(indices.at(*row, k), x.shape[k]) for k in range(width)]
        return [*named, *axes[len(outer) :]]

    shape = [*outer, *x.shape[width:]]
    return x.scatter(shape, position, updates.at, combination(reduction))


def combination(reduction: str) -> str:
    """The ir's name of a reduction.

    Raises ModelError for one that ONNX does not know.
    """
    if reduction not in REDUCTIONS:
        raise ModelError(f'reduction "{reduction}"; use one of {", ".join(REDUCTIONS)}')
    return REDUCTIONS[reduction]


@operator("TensorScatter", since=24)
def tensor_scatter(
    cache: Tensor,
    update: Tensor,
    write_indices: Tensor | None = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> Tensor:
    """The cache with an update along an axis, from a position on that each sample has."""
    along = resolve_axis(axis, cache.rank)

    def place(*at: Expr) -> list[Expr]:
        start = index(0) if write_indices is None else write_indices.at(at[0]).cast(INDEX)
        position = at[along] + start
        if mode == "circular":
            position = position % cache.shape[along]
        return [*at[:along], position, *at[along + 1 :]]

    return cache.scatter(update.shape, place, update.at)
