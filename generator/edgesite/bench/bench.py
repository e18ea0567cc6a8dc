"""Engines side by side: they take turns, each time in a fresh browser; medians are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from edgesite.bench.browser import Outcome, visit
from edgesite.bench.engines import peer_files
from edgesite.site.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite.bench.subject import Subject

OURS = "edgesite"
WARM_MS = 1500.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One engine with one model: the median over the browsers, field by field."""

    model: str
    engine: str
    outcome: Outcome
    cold_ms: float | None
    """From navigation to the first answer over 10 Mbit/s and 40 ms; None if not measured."""

    ratio: float
    """This engine's median time of a prediction over ours."""


def bench(
    subjects: Sequence[Subject],
    against: Sequence[str] = (),
    *,
    repetitions: int = 3,
    seconds: float = 3.0,
    cold: bool = True,
    progress: Progress,
) -> list[Row]:
    """Measure every model with our engine and each of the peers.

    Raises UsageError for an unknown peer, BuildError where there is no browser or no peer.
    """
    script = Assets.load().bench.data
    engines = {OURS: {}, **{peer: peer_files(peer) for peer in against}}
    rows: list[Row] = []
    for subject in subjects:
        steady: dict[str, list[Outcome]] = {engine: [] for engine in engines}
        first: dict[str, list[float]] = {engine: [] for engine in engines}
        for turn in range(repetitions):
            for engine, extra in engines.items():
                progress(f"{subject.name}: {engine}, browser {turn + 1} of {repetitions}")
                files = {**subject.files(), **extra, "bench.js": script}
                steady[engine].append(_visit(subject, engine, files, seconds))
                if cold:
                    first[engine].append(_visit(subject, engine, files, None).cold_ms)
        ours = median(outcome.median_ms for outcome in steady[OURS])
        for engine, outcomes in steady.items():
            middle = _middle(outcomes)
            rows.append(
                Row(
                    subject.name,
                    engine,
                    middle,
                    median(first[engine]) if cold else None,
                    middle.median_ms / ours,
                )
            )
    return rows


def _visit(
    subject: Subject, engine: str, files: Mapping[str, bytes], seconds: float | None
) -> Outcome:
    """Measure once: for some seconds, or the first prediction over a slow network."""
    cold = seconds is None
    task = subject.task(engine, warm_ms=WARM_MS, timed_ms=1000 * (seconds or 0), cold=cold)
    return visit({**files, "task.json": task}, throttled=cold)


def _middle(outcomes: Sequence[Outcome]) -> Outcome:
    """The median of every figure; of the errors the largest."""
    columns = {name: [getattr(o, name) for o in outcomes] for name in Outcome.__annotations__}
    worst = max(columns.pop("relative_error"))
    counts = {name: int(median(columns.pop(name))) for name in _COUNTS}
    return Outcome(
        **{name: median(column) for name, column in columns.items()},
        **counts,
        relative_error=worst,
    )


_COUNTS = ("transfer_bytes", "runs", "memory_bytes")
