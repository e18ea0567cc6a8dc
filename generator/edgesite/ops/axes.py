"""Axes as attributes and operands name them: negative, omitted, or known only as a tensor."""

from __future__ import annotations

from collections.abc import Iterable

from edgesite.errors import ModelError


def resolve_axis(axis: int, rank: int) -> int:
    """The axis counted from the front.

    Raises ModelError when a tensor of `rank` axes has no such axis.
    """
    if not -rank <= axis < rank:
        raise ModelError(f"axis {axis} of a tensor of rank {rank}; use -{rank} to {rank - 1}")
    return int(axis) % rank


def resolve_axes(axes: Iterable[int], rank: int) -> list[int]:
    """Several axes counted from the front, sorted.

    Raises ModelError when one of them does not exist.
    """
    return sorted({resolve_axis(int(axis), rank) for axis in axes})
