"""Whether a demo's examples are answered as its demo.yaml expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.site.answers import Scores
    from edgesite.site.config import Expected
    from edgesite.site.source import DemoSource
    from edgesite.tasks.classification import Answer


@dataclass(frozen=True)
class Verdict:
    """Whether an example is answered as it is expected to be."""

    demo: str
    """Its slug."""

    example: str
    """The picture's file name."""

    where: str
    """Where the expectation stands, as file:line:column."""

    expected: str
    answered: str
    probability: float
    """Of the class that is expected."""

    failure: str | None
    """What is not as expected; None where all is."""

    def __str__(self) -> str:
        return f"{self.where}: {self.example}: {self.failure or 'as expected'}"


def verdicts(demo: DemoSource, rows: Scores) -> tuple[Verdict, ...]:
    """Compare the examples that something is expected of; rows: examples x classes."""
    from edgesite.tasks.classification import best

    return tuple(
        _verdict(demo, picture.name, picture.entry, picture.wanted, best(row, demo.labels))
        for picture, row in zip(demo.pictures, rows, strict=True)
        if picture.wanted is not None
    )


def _verdict(
    demo: DemoSource, name: str, entry: int, wanted: Expected, ranked: Sequence[Answer]
) -> Verdict:
    share = next(answer.probability for answer in ranked if answer.label == wanted.label)
    return Verdict(
        demo=demo.slug,
        example=name,
        where=demo.document.where(("examples", entry, "expected")),
        expected=wanted.label,
        answered=ranked[0].label,
        probability=share,
        failure=_failure(wanted, ranked[0], share),
    )


def _failure(wanted: Expected, first: Answer, share: float) -> str | None:
    if first.label != wanted.label:
        return (
            f'expected "{wanted.label}", got "{first.label}" '
            f'({first.probability:.4g}; "{wanted.label}" has {share:.4g})'
        )
    if wanted.probability is None or abs(share - wanted.probability) <= wanted.tolerance:
        return None
    return (
        f'expected "{wanted.label}" with {wanted.probability:g} +- {wanted.tolerance:g}, '
        f"got {share:.4g}"
    )
