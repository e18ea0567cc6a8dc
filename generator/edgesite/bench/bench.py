"""Engines side by side: they take turns, each time in a fresh browser; medians are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from statistics import median
from typing import TYPE_CHECKING

from edgesite.bench.engines import peer_files
from edgesite.bench.visit import visit
from edgesite.site.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.bench.subject import Subject
    from edgesite.errors import EdgesiteError

OURS = "edgesite"
WARM_MS = 1500.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What one page found; times in milliseconds."""

    load_ms: float
    first_ms: float
    cold_ms: float
    """From navigation to the first answer."""

    transfer_bytes: int
    """All that the engine loaded, compressed by gzip."""

    median_ms: float = 0.0
    p90_ms: float = 0.0
    best_ms: float = 0.0
    runs: int = 0
    memory_bytes: int = 0
    """Of WebAssembly, after the last run."""

    relative_error: float = 0.0
    """|answer - onnxruntime's| / |onnxruntime's|, Euclidean; of the worst output."""


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
    browser: str = "chromium",
    repetitions: int = 3,
    seconds: float = 3.0,
    cold: bool = True,
    progress: Progress,
) -> list[Row]:
    """Measure every model with our engine and each of the peers.

    Raises UsageError for an unknown peer or browser, BuildError where it is not there.
    """
    script = Assets.load().bench.data

    def outcome(subject: Subject, engine: str, timed_s: float | None) -> Outcome:
        """Measure once: for some seconds, or the first prediction over a slow network."""
        cold = timed_s is None
        task = subject.task(engine, warm_ms=WARM_MS, timed_ms=1000 * (timed_s or 0), cold=cold)
        files = {**subject.files(), **engines[engine], "task.json": task}
        report = visit(script, files, browser, throttled=cold)
        names = {field.name for field in fields(Outcome)} & report.facts.keys()
        figures = {name: report.facts[name] for name in names}
        return Outcome(**figures, transfer_bytes=report.transfer_bytes)

    engines = {OURS: {}, **{peer: peer_files(peer) for peer in against}}
    rows: list[Row] = []
    for subject in subjects:
        steady: dict[str, list[Outcome]] = {engine: [] for engine in engines}
        first: dict[str, list[float]] = {engine: [] for engine in engines}
        for turn in range(repetitions):
            for engine in engines:
                progress(f"{subject.name}: {engine}, {browser} {turn + 1} of {repetitions}")
                steady[engine].append(outcome(subject, engine, seconds))
                if cold:
                    first[engine].append(outcome(subject, engine, None).cold_ms)
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


def over_budget(subjects: Sequence[Subject], rows: Sequence[Row]) -> list[EdgesiteError]:
    """Name the demos whose predictions take longer than their budget allows."""
    times = {row.model: row.outcome.median_ms for row in rows if row.engine == OURS}
    problems: list[EdgesiteError] = []
    for subject in subjects:
        allowed = subject.demo and subject.demo.config.budget.latency_ms
        if subject.demo and allowed and times[subject.name] > allowed:
            what = f"a prediction takes {times[subject.name]:.3g} ms, and the budget is"
            remedy = "train a smaller model, or raise the budget"
            problems.append(
                subject.demo.document.problem(
                    ("budget", "latency_ms"), f"{what} {allowed:g} ms; {remedy}"
                )
            )
    return problems


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
