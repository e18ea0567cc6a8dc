"""Assigns every buffer its place in one arena, by lifetime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64
"""Bytes: a cache line, so that no two buffers share one."""


@dataclass(frozen=True)
class Buffer:
    """So many bytes that are needed from step `first` to step `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def plan_memory(buffers: Sequence[Buffer]) -> tuple[dict[str, int], int]:
    """The byte offset of every buffer, and the size of the arena.

    Greedy by size, best fit: the largest buffer is placed first, each into the
    smallest gap between those it meets in time (Pisarchyk and Lee, "Efficient Memory
    Management for Deep Neural Net Inference", 2020).
    """
    placed: list[tuple[int, Buffer]] = []
    for buffer in sorted(buffers, key=lambda b: (-b.size_bytes, b.first, b.name)):
        taken = sorted(
            ((at, _rounded(other.size_bytes)) for at, other in placed if other.meets(buffer)),
        )
        placed.append((_best_gap(taken, _rounded(buffer.size_bytes)), buffer))
    end = max((at + _rounded(buffer.size_bytes) for at, buffer in placed), default=0)
    return {buffer.name: at for at, buffer in placed}, end


def _best_gap(taken: list[tuple[int, int]], size: int) -> int:
    best: tuple[int, int] | None = None
    end = 0
    for at, length in taken:
        gap = at - end
        if gap >= size and (best is None or gap < best[0]):
            best = (gap, end)
        end = max(end, at + length)
    return end if best is None else best[1]


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
