"""How fast models are, and where their time goes: bench, profile."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from edgesite.cli.app import AsJson, Shapes, app, shapes
from edgesite.cli.show import reported, show

Browser = Annotated[
    str,
    typer.Option(metavar="NAME", help="chromium, firefox (ESR or not) or webkit (WebKitGTK)."),
]


@app.command(
    short_help="Measure models in a real browser, alone or beside onnxruntime-web.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite bench demos/cifar10\n"
        "  edgesite bench a.onnx b.onnx --against ort-web --chart bench.svg\n"
        "  edgesite bench model.onnx --shape image=1,3,224,224 --browsers 5 --json\n"
        "  edgesite bench model.onnx --browser firefox --against ort-web"
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
    browser: Browser = "chromium",
    browsers: Annotated[int, typer.Option(min=1, help="Fresh browsers per engine.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="Time of predictions in each.")] = 3.0,
    cold: Annotated[
        bool | None,
        typer.Option(
            "--cold/--no-cold",
            help="Also measure a first visit over 10 Mbit/s and 40 ms; only Chromium can.",
            show_default="in Chromium",
        ),
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Write a bar chart of the medians.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure models in a real browser without a window, on one thread.

    Engines take turns, each time in a fresh browser; figures are medians over the browsers, and
    copying the input in and the output out belongs to every prediction. The last column is how
    far the answer is from onnxruntime's, relative to its length. A demo with a budget for its
    latency that takes longer is an error.
    """
    with reported(as_json):
        from edgesite.bench.bench import bench as measure
        from edgesite.bench.bench import over_budget
        from edgesite.bench.report import svg, table
        from edgesite.bench.subject import subject

        sizes = shapes(shape)
        measured = [subject(path, sizes) for path in subjects]
        rows = measure(
            measured,
            against or (),
            browser=browser,
            repetitions=browsers,
            seconds=seconds,
            cold=browser == "chromium" if cold is None else cold,
            progress=_quiet if as_json else _told,
        )
        if chart is not None:
            chart.write_text(svg(rows), encoding="utf-8")
        problems = over_budget(measured, rows)
        facts: dict[str, Any] = {"browser": browser, "rows": [asdict(row) for row in rows]}
        if problems:
            facts |= {"ok": False, "errors": [{"message": str(problem)} for problem in problems]}
        show(as_json, facts, table(rows))
        if problems:
            if not as_json:
                print(*problems, sep="\n", file=sys.stderr)
            raise typer.Exit(1)


@app.command(
    short_help="Time every layer of a model in a real browser.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite profile demos/cifar10\n"
        "  edgesite profile model.onnx --shape image=1,3,224,224 --target simd --browser firefox"
    ),
)
def profile(
    subject: Annotated[Path, typer.Argument(metavar="MODEL.onnx|DEMO", help="What to take apart.")],
    shape: Shapes = None,
    target: Annotated[
        Literal["relaxed", "simd"], typer.Option(help="With or without relaxed SIMD.")
    ] = "relaxed",
    browser: Browser = "chromium",
    seconds: Annotated[float, typer.Option(min=0.1, help="Time of predictions.")] = 3.0,
    as_json: AsJson = False,
) -> None:
    """Run a model layer by layer in a real browser, and list what each layer takes.

    The columns behind the measured ones are those of `edgesite compile --explain`. Layers run in
    the order of a prediction, each once; a layer is an operator with what is fused with it.
    """
    with reported(as_json):
        from edgesite.bench.profile import profile as measure
        from edgesite.bench.profile import table

        found = measure(subject, shapes(shape), target=target, browser=browser, seconds=seconds)
        show(as_json, asdict(found), table(found))


def _told(line: str) -> None:
    print(line, file=sys.stderr)


def _quiet(line: str) -> None:
    """Tell nobody."""
