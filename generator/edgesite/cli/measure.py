"""How fast models are: bench."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgesite.cli.app import AsJson, Shapes, app, shapes
from edgesite.cli.show import reported, show


@app.command(
    short_help="Measure models in a real browser, alone or beside onnxruntime-web.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite bench demos/cifar10\n"
        "  edgesite bench a.onnx b.onnx --against ort-web --chart bench.svg\n"
        "  edgesite bench model.onnx --shape image=1,3,224,224 --browsers 5 --json"
    ),
)
def bench(
    subjects: Annotated[
        list[Path], typer.Argument(metavar="MODEL.onnx|DEMO...", help="What to measure.")
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="PEER", help="Another engine to measure in turns with ours: ort-web."),
    ] = None,
    shape: Shapes = None,
    browsers: Annotated[int, typer.Option(min=1, help="Fresh browsers per engine.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time of predictions in each.")] = 3.0,
    cold: Annotated[
        bool, typer.Option(help="Also measure a first visit over 10 Mbit/s and 40 ms.")
    ] = True,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Write a bar chart of the medians.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure models in headless Chromium, on one thread.

    Engines take turns, each time in a fresh browser; figures are medians over the browsers, and
    copying the input in and the output out belongs to every prediction. The last column is how
    far the answer is from onnxruntime's, relative to its length.
    """
    with reported(as_json):
        from edgesite.bench.bench import bench as measure
        from edgesite.bench.report import svg, table
        from edgesite.bench.subject import subject

        sizes = shapes(shape)
        rows = measure(
            [subject(path, sizes) for path in subjects],
            against or (),
            repetitions=browsers,
            seconds=seconds,
            cold=cold,
            progress=_quiet if as_json else _told,
        )
        if chart is not None:
            chart.write_text(svg(rows), encoding="utf-8")
        show(as_json, {"rows": [asdict(row) for row in rows]}, table(rows))


def _told(line: str) -> None:
    print(line, file=sys.stderr)


def _quiet(line: str) -> None:
    """Tell nobody."""
