"""An answer as the page shows it before any script runs; `theme/ui/answer.ts` shows it the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgesite.site.language import fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.site.demo import DemoPage
    from edgesite.site.language import Language
    from edgesite.tasks.classification import Answer


@dataclass(frozen=True)
class Bar:
    """A row of the bar plot."""

    label: str
    text: str
    """The value as it is read: 98.2 %, or a score."""

    exact: str
    """The value with six decimals, which pointing at it tells."""

    width: str
    """Of the whole width, as SVG takes it: 98.17%."""


_EMPTY = Bar(label="", text="", exact="", width="0%")


def bars(demo: DemoPage, answers: Sequence[Answer], language: Language) -> tuple[Bar, ...]:
    """Make one row per class that the demo shows at most; the unused ones are empty and last."""
    shown = _above_threshold(demo, answers)
    if answers and not shown and demo.threshold is not None:
        share = language.figures.percent(demo.threshold)
        nothing = replace(_EMPTY, label=fill(language.say.nothing_above, share=share))
        return (nothing, *[_EMPTY] * (_rows(demo) - 1))
    # A model without activation may give probabilities all the same.
    unit = 1.0 if _are_shares(shown) else max(abs(answer.probability) for answer in shown)
    rows = [
        Bar(
            answer.label,
            _value(answer.probability, unit, language),
            f"{answer.probability:.6f}",
            f"{max(answer.probability / unit, 0) * 100:.2f}%",
        )
        for answer in shown
    ]
    return (*rows, *[_EMPTY] * (_rows(demo) - len(rows)))


def _rows(demo: DemoPage) -> int:
    return min(demo.top, len(demo.labels))


def _above_threshold(demo: DemoPage, answers: Sequence[Answer]) -> list[Answer]:
    lowest = float("-inf") if demo.threshold is None else demo.threshold
    return [answer for answer in answers[: demo.top] if answer.probability >= lowest]


def _are_shares(answers: Sequence[Answer]) -> bool:
    return all(0 <= answer.probability <= 1 for answer in answers)


def _value(number: float, unit: float, language: Language) -> str:
    figures = language.figures
    return figures.percent(number) if unit == 1.0 else figures.local(f"{number:.2f}")
