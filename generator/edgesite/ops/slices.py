"""Operators that cut tensors, join them, and pad them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import Expr, Select, Tensor, const, maximum, minimum, select
from edgesite.ops.axes import resolve_axis
from edgesite.ops.registry import operator


@operator("Concat", since=4)
def concat(*parts: Tensor, axis: int) -> Tensor:
    """The parts one after the other along an axis."""
    along = resolve_axis(axis, parts[0].rank)
    starts = np.cumsum([0, *(part.shape[along] for part in parts)]).tolist()
    shape = list(parts[0].shape)
    shape[along] = starts[-1]

    def choose(first: int, last: int, axes: Sequence[Expr]) -> Expr:
        """An element of one of the parts from `first` to `last`, by a search of halves."""
        if first == last:
            at = list(axes)
            at[along] = axes[along] - starts[first]
            return parts[first].at(*at)
        middle = (first + last) // 2
        ahead = axes[along] < starts[middle + 1]
        return select(ahead, choose(first, middle, axes), choose(middle + 1, last, axes))

    return parts[0].compute(shape, lambda *axes: choose(0, len(parts) - 1, axes))


@operator("Concat")
def concat_channels(*parts: Tensor, axis: int = 1) -> Tensor:
    """The parts one after the other along an axis, the channels if it is omitted."""
    return concat(*parts, axis=axis)


@operator("Split")
def split_attribute(
    x: Tensor,
    sizes: Tensor | None = None,
    *,
    axis: int = 0,
    split: Sequence[int] | None = None,
    places: int = 1,
) -> tuple[Tensor, ...]:
    """Consecutive parts of x along an axis, of equal sizes unless they are named."""
    if sizes is not None:
        split = sizes.known("the sizes of Split").tolist()
    return parts_of(x, axis, split, places)


@operator("Split", since=13)
def split(
    x: Tensor,
    sizes: Tensor | None = None,
    *,
    axis: int = 0,
    num_outputs: int | None = None,
    places: int = 1,
) -> tuple[Tensor, ...]:
    """Consecutive parts of x along an axis, of equal sizes unless they are named."""
    named = None if sizes is None else sizes.known("the sizes of Split").tolist()
    return parts_of(x, axis, named, num_outputs or places)


def parts_of(x: Tensor, axis: int, sizes: Sequence[int] | None, count: int) -> tuple[Tensor, ...]:
    """Consecutive parts along an axis; the last of equal ones may be smaller."""
    along = resolve_axis(axis, x.rank)
    extent = x.shape[along]
    if sizes is None:
        size = -(-extent // count)
        sizes = [max(min(size, extent - k * size), 0) for k in range(count)]
    if sum(sizes) != extent:
        raise ModelError(f"parts of sizes {list(sizes)} of an axis of {extent}; they must add up")
    starts = np.cumsum([0, *sizes]).tolist()
    return tuple(
        cut(x, {along: slice(start, start + size)})
        for start, size in zip(starts, sizes, strict=False)
    )


def cut(x: Tensor, along: dict[int, slice]) -> Tensor:
    """The elements that Python slices of some axes select."""
    ranges = [range(n)[along.get(axis, slice(None))] for axis, n in enumerate(x.shape)]
    return x.view(
        [len(r) for r in ranges],
        lambda *axes: [p * r.step + r.start for p, r in zip(axes, ranges, strict=True)],
    )


@operator("Slice")
def slice_attributes(
    x: Tensor, *, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int] | None = None
) -> Tensor:
    """Elements from starts up to ends, along some axes or the first ones."""
    return sliced(x, starts, ends, axes or range(len(starts)), [1] * len(starts))


@operator("Slice", since=10)
def slice_inputs(
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """Elements from starts up to ends in steps, along some axes or the first ones."""
    first = starts.known("the starts of Slice").tolist()
    return sliced(
        x,
        first,
        ends.known("the ends of Slice").tolist(),
        range(len(first)) if axes is None else axes.known("the axes of Slice").tolist(),
        [1] * len(first) if steps is None else steps.known("the steps of Slice").tolist(),
    )


def sliced(
    x: Tensor,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int],
    steps: Sequence[int],
) -> Tensor:
    """Slices as numpy takes them, bounds outside of the axis included."""
    if 0 in steps:
        raise ModelError("a step of 0; use another")
    return cut(
        x,
        {
            resolve_axis(axis, x.rank): slice(start, end, step)
            for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
        },
    )


@operator("Pad", since=2)
def pad_attributes(
    x: Tensor, *, pads: Sequence[int], mode: str = "constant", value: float = 0.0
) -> Tensor:
    """x with elements added around it, or with negative pads taken off."""
    return padded(x, pads, mode, const(value, x.dtype))


@operator("Pad")
def pad_old_name(
    x: Tensor, *, paddings: Sequence[int], mode: str = "constant", value: float = 0.0
) -> Tensor:
    """x with elements added around it, or with negative pads taken off."""
    return pad_attributes(x, pads=paddings, mode=mode, value=value)


@operator("Pad", since=11)
def pad(
    x: Tensor,
    pads: Tensor,
    constant_value: Tensor | None = None,
    axes: Tensor | None = None,
    *,
    mode: str = "constant",
) -> Tensor:
    """x with elements added around some axes or all, or with negative pads taken off."""
    named = range(x.rank) if axes is None else axes.known("the axes of Pad").tolist()
    given = pads.known("the pads of Pad").ravel().tolist()
    spread = [0] * (2 * x.rank)
    for k, axis in enumerate(named):
        at = resolve_axis(axis, x.rank)
        spread[at], spread[x.rank + at] = given[k], given[len(named) + k]
    return padded(x, spread, mode, scalar(constant_value, x))


def scalar(value: Tensor | None, x: Tensor) -> Expr:
    """The only element of an operand, 0 of the dtype of x if it is omitted."""
    if value is None or value.size == 0:
        return const(0, x.dtype)
    if value.constant is not None:
        return const(value.constant.item(), x.dtype)
    return value.at(*[0] * value.rank)


def padded(x: Tensor, pads: Sequence[int], mode: str, fill: Expr) -> Tensor:
    """x with pads, which come as in ONNX: all in front, then all behind.

    Raises ModelError for an unknown mode.
    """
    if len(pads) != 2 * x.rank:
        raise ModelError(f"{len(pads)} pads for {x.rank} axes; give two per axis")
    front, behind = pads[: x.rank], pads[x.rank :]
    if min([0, *pads]) < 0:
        x = cut(
            x,
            {
                axis: slice(max(-a, 0), max(n - max(-b, 0), 0))
                for axis, (n, a, b) in enumerate(zip(x.shape, front, behind, strict=True))
            },
        )
        front, behind = [max(a, 0) for a in front], [max(b, 0) for b in behind]
    shape = [a + n + b for a, n, b in zip(front, x.shape, behind, strict=True)]
    if mode == "constant":
        return x.compute(shape, lambda *axes: element_or(x, fill, moved(axes, front)))
    if mode not in SOURCES:
        raise ModelError(f'pad mode "{mode}"; use constant, {", ".join(SOURCES)}')
    source = SOURCES[mode]
    return x.view(
        shape,
        lambda *axes: [
            p if size == n else source(p, n)
            for p, n, size in zip(moved(axes, front), x.shape, shape, strict=True)
        ],
    )


def moved(axes: Sequence[Expr], front: Sequence[int]) -> list[Expr]:
    """Positions counted from the first element behind the padding."""
    return [p - a for p, a in zip(axes, front, strict=True)]


def element_or(x: Tensor, fill: Expr, at: Sequence[Expr]) -> Expr:
    """The element of x at a position, or `fill` where that lies outside."""
    element = x.at_or(0, *at)
    return replace(element, b=fill) if isinstance(element, Select) else element


def mirrored(p: Expr, n: int) -> Expr:
    """The source of a position beyond the ends when the ends are mirrors."""
    period = max(2 * (n - 1), 1)
    return minimum(p % period, period - p % period)


SOURCES: dict[str, Callable[[Expr, int], Expr]] = {
    "reflect": mirrored,
    "edge": lambda p, n: minimum(maximum(p, 0), n - 1),
    "wrap": lambda p, n: p % max(n, 1),
}
"""Where an element of padding comes from, given its position and the size of the axis."""
