"""What the forms of weights cost and save, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edgesite.targets.stored.choice import Choice, Layer, Row


def table(choice: Choice) -> list[str]:
    """The forms of all weights side by side, then what was chosen for every large tensor."""
    if not choice.rows:
        return []
    return [*_layers(choice.layers), "", *_rows(choice.rows, choice.inputs)]


def _rows(rows: Sequence[Row], inputs: int) -> list[str]:
    head = f"{'weights':<14} {'bytes':>12} {'gzip':>12} {'difference':>11} {'same best':>10}"
    lines = [
        f"{row.name:<14} {row.size_bytes:>12,} {row.gzip_bytes:>12,} "
        f"{row.effect.max_difference:>11.1e} {row.effect.agreement:>10.1%}"
        for row in rows
    ]
    return [head, *lines, f"compared with float32 weights on {inputs} inputs"]


def _layers(layers: Sequence[Layer]) -> list[str]:
    head = f"{'numbers':>10} {'form':<14} {'bits each':>9} {'of the error':>12}  operator"
    return [
        head,
        *(
            f"{each.weights:>10,} {each.form:<14} {each.bits:>9.2f} {each.share:>12.1%}  "
            f"{each.name or '-'}"
            for each in layers
        ),
    ]
