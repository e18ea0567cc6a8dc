"""What a benchmark found: lines for a terminal, a bar chart for a page."""

from __future__ import annotations

from statistics import geometric_mean
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from edgesite.bench.bench import OURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.bench.bench import Row

_COLUMNS = ("model", "engine", "median", "p90", "first", "load", "cold", "memory", "bytes", "error")


def table(rows: Sequence[Row]) -> list[str]:
    """Lines of aligned columns; under them each peer's geometric mean."""
    cells = [_COLUMNS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return [*lines, *_means(rows)]


def _cells(row: Row) -> tuple[str, ...]:
    outcome = row.outcome
    return (
        row.model,
        row.engine,
        milliseconds(outcome.median_ms),
        milliseconds(outcome.p90_ms),
        milliseconds(outcome.first_ms),
        milliseconds(outcome.load_ms),
        "-" if row.cold_ms is None else milliseconds(row.cold_ms),
        f"{outcome.memory_bytes / 1e6:.1f} MB",
        f"{outcome.transfer_bytes / 1e3:.0f} KB",
        f"{outcome.relative_error:.1e}",
    )


def _means(rows: Sequence[Row]) -> list[str]:
    ratios: dict[str, list[float]] = {}
    for row in rows:
        if row.engine != OURS:
            ratios.setdefault(row.engine, []).append(row.ratio)
    return [
        f"{OURS} is {geometric_mean(found):.2f} times as fast as {peer}"
        + (f" (geometric mean of {len(found)} models)" if len(found) > 1 else "")
        for peer, found in ratios.items()
    ]


def milliseconds(value: float) -> str:
    """Three digits: 0.062 ms, 12.4 ms, 1630 ms."""
    decimals = max(0, 2 - len(str(int(value))) + 1) if value >= 1 else 3
    return f"{value:.{decimals}f} ms"


_ROW, _BAR, _LEFT, _RIGHT, _WIDTH = 22, 14, 190, 90, 760


def svg(rows: Sequence[Row]) -> str:
    """An SVG with a bar per engine and model; per model the slowest fills the width.

    Colours follow the reader's light or dark scheme.
    """
    slowest: dict[str, float] = {}
    for row in rows:
        slowest[row.model] = max(slowest.get(row.model, 0.0), row.outcome.median_ms)
    parts: list[str] = []
    top, last = 8, ""
    for row in rows:
        top += 12 if last and row.model != last else 0
        label = row.engine if row.model == last else f"{row.model} · {row.engine}"
        width = (_WIDTH - _LEFT - _RIGHT) * row.outcome.median_ms / slowest[row.model]
        kind = "ours" if row.engine == OURS else "peer"
        text = milliseconds(row.outcome.median_ms)
        middle = top + _BAR - 3
        parts += [
            f'<text x="{_LEFT - 8}" y="{middle}" class="label">{escape(label)}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{max(width, 1):.1f}" height="{_BAR}" '
            f'class="{kind}"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{middle}">{text}</text>',
        ]
        top, last = top + _ROW, row.model
    return _SVG.format(width=_WIDTH, height=top, body="\n".join(parts))


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-label="Median time of a prediction, per model and engine">
<style>
text {{ font: 12px system-ui, sans-serif; fill: #333 }}
.label {{ text-anchor: end }}
.ours {{ fill: #2b6cb0 }}
.peer {{ fill: #b9c0c8 }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #ddd }} .ours {{ fill: #63a4e8 }} .peer {{ fill: #59616b }}
}}
</style>
{body}
</svg>
"""
