"""What a program's time goes into, as far as its shapes tell: a row per operator of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from edgesite.targets.wasm.cuts import operations
from edgesite.targets.wasm.rounds import AnyStep, Rounds, calls

MACS_PER_US = 30_000
"""What kernels of contractions reach of the 60 GFLOP/s of KERNELS.md, 1."""

BYTES_PER_US = 20_000
"""What streams through from the outer caches."""

BRIEF_OPERATIONS = 80_000_000
"""What takes a millisecond or two."""


@dataclass(frozen=True)
class Layer:
    """The calls that compute an operator, and those fused with it."""

    origin: str
    """The operator's name in the model."""
    kernels: tuple[str, ...]
    macs: int
    """Multiplications of its definition; a kernel may need fewer."""
    size_bytes: int
    """All buffers that it reads and writes."""
    share: float
    """Of the predicted time of a run."""


def grouped(steps: Sequence[AnyStep]) -> list[list[AnyStep]]:
    """The steps of each layer: an operator's and those fused with it; a loop is one layer."""
    groups: list[list[AnyStep]] = []
    for step in steps:
        if groups and _origin([step]) in ("", _origin(groups[-1])):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def layers(steps: Sequence[AnyStep]) -> list[Layer]:
    """The layers of a program in their order, with predicted shares that add up to 1.

    A layer takes as long as its multiplications or as its memory traffic, whichever is more.
    """
    groups = grouped(steps)
    times = [_predicted_us(group) for group in groups]
    whole = sum(times) or 1.0
    return [
        Layer(
            _origin(group),
            tuple(dict.fromkeys(call.kernel.name for call in calls(group))),
            sum(step.macs for step in group),
            _size_bytes(group),
            time / whole,
        )
        for group, time in zip(groups, times, strict=True)
    ]


def is_brief(steps: Sequence[AnyStep]) -> bool:
    """Whether a run is over in a moment, whatever it is given."""
    return _operations(steps) <= BRIEF_OPERATIONS


def _operations(steps: Sequence[AnyStep]) -> float:
    """The arithmetic of all calls; without end where data decide how often they are done."""
    done = 0.0
    for step in steps:
        if isinstance(step, Rounds):
            if not isinstance(step.times, int) or step.going is not None:
                return inf
            done += step.times * _operations(step.steps)
        else:
            done += operations(step)
    return done


def table(rows: Sequence[Layer]) -> list[str]:
    """A line per layer, under a heading."""
    lines = [f"{'share':>6} {HEADING}"]
    return [*lines, *(f"{row.share:6.1%} {described(row)}" for row in rows)]


HEADING = f"{'Mmac':>9} {'KB':>9}  operator: kernels"


def described(row: Layer) -> str:
    """The end of a layer's line: its work, its bytes, its name and its kernels."""
    figures = f"{row.macs / 1e6:9.2f} {row.size_bytes / 1000:9.0f}"
    return f"{figures}  {row.origin or '-'}: {', '.join(row.kernels)}"


def _origin(steps: Sequence[AnyStep]) -> str:
    return next((call.origin for call in calls(steps) if call.origin), "")


def _predicted_us(steps: Sequence[AnyStep]) -> float:
    return max(_work(steps) / MACS_PER_US, _size_bytes(steps) / BYTES_PER_US)


def _work(steps: Sequence[AnyStep]) -> float:
    """The multiplications that are really done."""
    work = 0.0
    for step in steps:
        if isinstance(step, Rounds):
            work += _work(step.steps) * (step.times if isinstance(step.times, int) else 1)
        else:
            work += step.macs * step.effort
    return work


def _size_bytes(steps: Sequence[AnyStep]) -> int:
    values = {value for step in calls(steps) for value in (*step.reads, *step.writes)}
    return sum(value.size * value.dtype.size_bytes for value in values)
