"""Operators that show the same elements in another shape or order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import INDEX, DType, Expr, Tensor, broadcast_shape, equal, index, select
from edgesite.ops.axes import resolve_axes, resolve_axis
from edgesite.ops.registry import operator


@operator("Reshape")
def reshape_to_attribute(
    x: Tensor, *, shape: Sequence[int], consumed_inputs: Sequence[int] | None = None
) -> Tensor:
    """x in row-major order under another shape."""
    return x.reshape(resolve_shape(x.shape, shape, keep_zero=False))


@operator("Reshape", since=5)
def reshape(x: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    """x in row-major order under another shape."""
    sizes = shape.known("the shape of Reshape").tolist()
    return x.reshape(resolve_shape(x.shape, sizes, keep_zero=bool(allowzero)))


def resolve_shape(old: Sequence[int], new: Sequence[int], *, keep_zero: bool) -> list[int]:
    """The sizes a new shape stands for: 0 copies a size, unless kept, and -1 takes the rest.

    Raises ModelError when the elements do not fit.
    """
    copied = [
        old[k] if size == 0 and not keep_zero and k < len(old) else size
        for k, size in enumerate(new)
    ]
    rest = prod(old) // max(prod(size for size in copied if size != -1), 1)
    sizes = [rest if size == -1 else size for size in copied]
    if prod(sizes) != prod(old):
        raise ModelError(
            f"reshape of {list(old)} to {list(new)}; sizes must multiply to {prod(old)}"
        )
    return sizes


@operator("Flatten")
def flatten_to_matrix(x: Tensor, *, axis: int = 1) -> Tensor:
    """x as a matrix: the axes ahead of `axis` are its rows, the others its columns."""
    split = axis if axis == x.rank else resolve_axis(axis, x.rank)
    return x.reshape([prod(x.shape[:split]), prod(x.shape[split:])])


@operator("Squeeze")
def squeeze_attribute(x: Tensor, *, axes: Sequence[int] | None = None) -> Tensor:
    """x without axes of size 1: the named ones, or all."""
    named = [k for k, n in enumerate(x.shape) if n == 1] if axes is None else axes
    dropped = resolve_axes(named, x.rank)
    if any(x.shape[axis] != 1 for axis in dropped):
        raise ModelError(f"squeeze of axes {dropped} of {list(x.shape)}; their sizes must be 1")
    return x.reshape([n for axis, n in enumerate(x.shape) if axis not in dropped])


@operator("Squeeze", since=13)
def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    """x without axes of size 1: the named ones, or all."""
    named = None if axes is None else axes.known("the axes of Squeeze").ravel().tolist()
    return squeeze_attribute(x, axes=named)


@operator("Unsqueeze")
def unsqueeze_attribute(x: Tensor, *, axes: Sequence[int]) -> Tensor:
    """x with axes of size 1 inserted, which are numbered as in the result."""
    rank = x.rank + len(axes)
    inserted = resolve_axes(axes, rank)
    sizes = iter(x.shape)
    return x.reshape([1 if axis in inserted else next(sizes) for axis in range(rank)])


@operator("Unsqueeze", since=13)
def unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    """x with axes of size 1 inserted, which are numbered as in the result."""
    return unsqueeze_attribute(x, axes=axes.known("the axes of Unsqueeze").ravel().tolist())


@operator("Transpose")
def transpose(x: Tensor, *, perm: Sequence[int] | None = None) -> Tensor:
    """x with its axes in the order `perm`, or reversed."""
    return x.transpose(perm if perm else list(reversed(range(x.rank))))


@operator("Expand", since=8)
def expand(x: Tensor, shape: Tensor) -> Tensor:
    """x broadcast together with a shape."""
    return x.expand(broadcast_shape(x.shape, shape.known("the shape of Expand").tolist()))


@operator("Tile")
def tile_axis(x: Tensor, tiles: Tensor, axis: Tensor) -> Tensor:
    """x repeated along one axis."""
    along = resolve_axis(int(axis.known("the axis of Tile").item()), x.rank)
    repeats = [1] * x.rank
    repeats[along] = int(tiles.known("the tiles of Tile").item())
    return repeated(x, repeats)


@operator("Tile", since=6)
def tile(x: Tensor, repeats: Tensor) -> Tensor:
    """x repeated along every axis."""
    return repeated(x, repeats.known("the repeats of Tile").tolist())


def repeated(x: Tensor, repeats: Sequence[int]) -> Tensor:
    """x repeated along every axis as often as `repeats` says."""
    if len(repeats) != x.rank:
        raise ModelError(f"{len(repeats)} repeats for {x.rank} axes; give one per axis")
    shape = [n * times for n, times in zip(x.shape, repeats, strict=True)]
    return x.view(shape, lambda *axes: [p % max(n, 1) for p, n in zip(axes, x.shape, strict=True)])


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Channels moved into blocks of space; CRD has the block behind the channel, DCR ahead."""
    n, c, h, w = x.shape
    depth = c // blocksize**2
    if mode == "DCR":
        blocks = x.reshape([n, blocksize, blocksize, depth, h, w]).transpose([0, 3, 4, 1, 5, 2])
    else:
        blocks = x.reshape([n, depth, blocksize, blocksize, h, w]).transpose([0, 1, 4, 2, 5, 3])
    return blocks.reshape([n, depth, h * blocksize, w * blocksize])


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Blocks of space moved into channels; CRD has the block behind the channel, DCR ahead."""
    n, c, h, w = x.shape
    h, w = h // blocksize, w // blocksize
    blocks = x.reshape([n, c, h, blocksize, w, blocksize])
    order = [0, 3, 5, 1, 2, 4] if mode == "DCR" else [0, 1, 3, 5, 2, 4]
    return blocks.transpose(order).reshape([n, c * blocksize**2, h, w])


@operator("ReverseSequence", since=10)
def reverse_sequence(
    x: Tensor, sequence_lens: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    """The first elements along the time axis in reverse, as many as the sequence has."""

    def position(*axes: Expr) -> list[Expr]:
        time, length = axes[time_axis], sequence_lens.at(axes[batch_axis]).cast(INDEX)
        at = list(axes)
        at[time_axis] = select(time < length, length - 1 - time, time)
        return at

    return x.view(x.shape, position)


@operator("Shape")
def shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of x from one axis up to another."""
    if any(x.count(axis) for axis in range(x.rank)):
        sizes = [x.size_at(axis) for axis in range(x.rank)][start:end]

        def size(at: Expr) -> Expr:
            made: Expr = index(0)
            for number, one in enumerate(sizes):
                made = select(equal(at, number), one, made)
            return made.cast(DType.INT64)

        return x.compute([len(sizes)], size)
    return x.like(np.array(x.shape[start:end], np.int64))


@operator("Size")
def size_of(x: Tensor) -> Tensor:
    """The number of elements of x."""
    if any(x.count(axis) for axis in range(x.rank)):
        sizes = shape_of(x)
        return sizes.reduce([], sizes.shape, sizes.at, "prod")
    return x.like(np.array(x.size, np.int64))
