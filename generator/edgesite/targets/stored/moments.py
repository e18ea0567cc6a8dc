"""What the weights of a model are multiplied with: the second moments of their inputs.

A program runs step by step on the inputs of a calibration. Ahead of a step that multiplies with
weights its left operand lies in memory, and the loops of the kernel say where: no copy has to
be arranged to have the factors of every weight side by side, in the order of the weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from edgesite.ir import Value
from edgesite.targets.host import Instance
from edgesite.targets.wasm.contract import ContractKernel
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.schedule import FIRST_BYTE, Schedule
from edgesite.targets.wasm.tiles import BYTES
from edgesite.targets.wasm.winograd_kernels import FilterKernel, InputKernel

Array = np.ndarray[Any, np.dtype[Any]]
Axes = tuple[tuple[int, int], ...]
"""Of each its extent and its step in bytes."""

LONGEST = 2048
"""Weights of a filter: the moments have the square of that, and rounding takes its cube."""


@dataclass(frozen=True)
class Use:
    """Where in memory the factors of a part of the weights are, ahead of what reads them."""

    part: int
    offset: int
    outer: Axes
    """Along these the weights change, but for those without a step."""
    rows: Axes
    """Along these the same weights are used again."""
    inner: Axes
    """What is summed over, in the order of the weights."""

    @property
    def factors(self) -> int:
        """How many weights a filter has."""
        return prod(extent for extent, _ in self.inner)

    def moments(self, instance: Instance) -> Array:
        """The sum of products of two factors: float32 (outer, factors, factors)."""
        axes = (*((e if step else 1, step) for e, step in self.outer), *self.rows, *self.inner)
        size = sum((extent - 1) * step for extent, step in axes) + BYTES
        memory = instance.memory(self.offset, size)
        shape, steps = [extent for extent, _ in axes], [step for _, step in axes]
        view = np.ndarray(shape, np.float32, memory, 0, steps)
        groups = prod(shape[: len(self.outer)])
        factors = view.reshape(groups, -1, self.factors)
        return np.stack([each.T @ each for each in factors])


def second_moments(
    instance: Instance,
    schedule: Schedule,
    inputs: Sequence[Mapping[str, Any]],
    parts: Collection[int],
) -> dict[int, Array]:
    """The mean products of factors of some parts: float64 (outer, factors, factors) by number.

    `instance` runs single steps of the schedule as its layers. Parts are missing that nothing is
    known of: of loops, and of filters with very many weights.
    """
    wanted = uses(schedule, parts)
    found: dict[int, Array] = {}
    for feeds in inputs:
        instance.reset()
        instance.feed(feeds)
        for number in range(len(schedule.steps)):
            for use in wanted.get(number, ()):
                more = use.moments(instance)
                found.setdefault(use.part, np.zeros(more.shape))
                found[use.part] += more
            instance.layer(number)
    return {part: total / len(inputs) for part, total in found.items()}


def uses(schedule: Schedule, parts: Collection[int]) -> dict[int, list[Use]]:
    """The known uses of some parts, by the numbers of the steps that they are ahead of."""
    starts = accumulate((len(part.data) for part in schedule.parts), initial=FIRST_BYTE)
    numbers = {start: number for number, start in enumerate(starts)}
    places = schedule.placement.offsets
    found: dict[int, list[Use]] = {}
    kinds: dict[int, tuple[Axes, int]] = {}
    for number, right, use in _uses(schedule):
        part = numbers.get(places.get(right, 0))
        steps = [step for _, step in (*use.outer, *use.rows, *use.inner)]
        if part is None or part not in parts or use.factors > LONGEST or min(steps, default=0) < 0:
            continue
        # Of equal weights that are used in unlike ways the first use counts.
        if kinds.setdefault(part, (use.outer, use.factors)) == (use.outer, use.factors):
            found.setdefault(number, []).append(replace(use, part=part))
    return found


def _uses(schedule: Schedule) -> Iterator[tuple[int, Value, Use]]:
    """The steps that read factors, the weights that these are multiplied with, and how."""
    places = schedule.placement.offsets
    filters = {
        step.writes[0]: step.reads[0]
        for step in schedule.preparation
        if isinstance(step, Step) and isinstance(step.kernel, FilterKernel)
    }
    tiles: dict[Value, tuple[int, Use]] = {}
    for number, step in enumerate(schedule.steps):
        match step:
            case Step(kernel=InputKernel() as kernel):
                y, x, numbers = kernel.row_step, kernel.column_step, kernel.arithmetic
                m, stride, taps = numbers.m, numbers.stride, numbers.taps
                rows = ((kernel.rows * m, y * stride), (kernel.columns * m, x * stride))
                inner = ((taps, y), (taps, x), (kernel.channels, BYTES))
                start = places[step.reads[0]] + step.offsets[0]
                tiles[step.writes[0]] = number, Use(0, start, (), rows, inner)
            case Step(kernel=ContractKernel() as kernel, reads=(left, right, *_)):
                if right in filters:
                    ahead, use = tiles[left]
                    yield ahead, filters[right], use
                else:
                    loops = kernel.outer, kernel.rows, kernel.inner
                    axes = [tuple((each.extent, each.steps[0]) for each in one) for one in loops]
                    yield number, right, Use(0, places[left] + kernel.starts[0], *axes)
