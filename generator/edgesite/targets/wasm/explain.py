"""What a program's time goes into, as far as its shapes tell: a row per operator of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.rounds import AnyStep, calls

MACS_PER_US = 30_000
"""What kernels of contractions reach of the 60 GFLOP/s of KERNELS.md, 1."""

BYTES_PER_US = 20_000
"""What streams through from the outer caches."""


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


def layers(steps: Sequence[AnyStep]) -> list[Layer]:
    """The layers of a program in their order, with predicted shares that add up to 1.

    A layer takes as long as its multiplications or as its memory traffic, whichever is more.
    """
    groups: list[list[Step]] = []
    for step in calls(steps):
        if groups and step.origin in ("", groups[-1][0].origin):
            groups[-1].append(step)
        else:
            groups.append([step])
    times = [_predicted_us(group) for group in groups]
    whole = sum(times) or 1.0
    return [
        Layer(
            group[0].origin,
            tuple(dict.fromkeys(step.kernel.name for step in group)),
            sum(step.macs for step in group),
            _size_bytes(group),
            time / whole,
        )
        for group, time in zip(groups, times, strict=True)
    ]


def table(rows: Sequence[Layer]) -> list[str]:
    """A line per layer, under a heading."""
    lines = [f"{'share':>6} {'Mmac':>9} {'KB':>9}  operator: kernels"]
    for row in rows:
        figures = f"{row.share:6.1%} {row.macs / 1e6:9.2f} {row.size_bytes / 1000:9.0f}"
        lines.append(f"{figures}  {row.origin or '-'}: {', '.join(row.kernels)}")
    return lines


def _predicted_us(steps: Sequence[Step]) -> float:
    work = sum(step.macs * step.effort for step in steps)
    return max(work / MACS_PER_US, _size_bytes(steps) / BYTES_PER_US)


def _size_bytes(steps: Sequence[Step]) -> int:
    values = {value for step in steps for value in (*step.reads, *step.writes)}
    return sum(value.size * value.dtype.size_bytes for value in values)
