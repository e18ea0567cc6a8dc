"""Commands about sites: new, add, check, build."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgesite.cli.app import (
    AsJson,
    Constants,
    Jobs,
    Root,
    Shapes,
    States,
    StoreUrl,
    app,
    constants,
    shapes,
    states,
    workers,
)
from edgesite.cli.models import check_model
from edgesite.cli.show import count, progress, reported, show, size, warn
from edgesite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.site.reports import PageReport


@app.command(
    short_help="Make a small site with one demo, ready to build.",
    epilog="\b\nExample:\n  edgesite new my-site && cd my-site && edgesite build",
)
def new(
    site: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Make a small site with one demo, ready to build.

    The demo's model is tiny and explained on its page; replace it with your own.
    """
    with reported(as_json):
        from edgesite.site.scaffold import new_site

        files = new_site(site)
        steps = (
            "next:",
            f"  cd {site}",
            "  edgesite serve --watch",
            "  edgesite build",
            "  edgesite add MODEL.onnx",
        )
        lines = (f"{site}: {count(len(files), 'file')}", "", *steps)
        show(as_json, {"site": site, "files": files}, lines)


@app.command(
    short_help="Add a demo for a model to a site, without questions.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite add resnet18.onnx\n"
        "  edgesite add model.onnx --name flowers --shape input=1,3,160,160"
    ),
)
def add(
    model: Annotated[Path, typer.Argument(help="The model.", metavar="MODEL.onnx")],
    name: Annotated[
        str | None, typer.Option(help="The demo's folder; made from the file's name if left out.")
    ] = None,
    site: Root = Path(),
    shape: Shapes = None,
    as_json: AsJson = False,
) -> None:
    """Add a demo for a model to a site, without questions.

    Shapes, layout and number of classes are read from the model. What the model does not say is
    guessed, and marked in demo.yaml for you to check.
    """
    with reported(as_json):
        from edgesite.site.add import add_demo

        added = add_demo(model, site, name, shapes(shape))
        lines = [f"{added.folder}: {', '.join(added.files)}", "", "check in demo.yaml:"]
        lines += [f"  {check}" for check in added.checks]
        lines += [
            "",
            "next:",
            f"  put pictures into {added.folder / 'examples'}",
            "  edgesite build",
        ]
        show(as_json, asdict(added), lines)


@app.command(
    short_help="Report every problem of a site or a model at once.",
    epilog=(
        "\b\nExamples:\n  edgesite check\n  edgesite check my-site --json\n"
        "  edgesite check model.onnx --shape height=240 --shape width=320"
    ),
)
def check(
    site: Annotated[
        Path, typer.Argument(metavar="[SITE|MODEL.onnx]", help="The site's folder, or a model.")
    ] = Path(),
    shape: Shapes = None,
    constant: Constants = None,
    state: States = None,
    jobs: Jobs = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Report every problem of every demo at once, as file:line:column: what; what to do.

    Does all that a build does, compiling and comparing with onnxruntime included, and writes
    nothing but the cache. Of a model: every node that cannot be compiled and what to do, or
    the work, memory and bytes that it will take; writes nothing at all.
    """
    with reported(as_json):
        sizes, fixed, kept = shapes(shape), constants(constant), states(state)
        if site.suffix == ".onnx" or site.is_file():
            facts, lines = check_model(site, sizes, fixed, kept)
            show(as_json, facts, lines)
            return
        if sizes or fixed or kept:
            raise UsageError(
                f"{site}: is a site, whose shapes and states stand in demo.yaml; "
                "give --shape, --constant and --state with a model"
            )
        from edgesite.site import build as site_build

        with progress(as_json) as tell:
            checked = site_build.check(site, tell, workers=workers(jobs), store=store)
        warn(checked.warnings)
        pages = checked.reports
        lines = [*map(_line, pages), f"{count(len(pages), 'demo')}, no problems"]
        show(as_json, _pages(pages, checked.warnings), lines)


@app.command(
    short_help="Build a site into a folder of static pages.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite build\n"
        "  edgesite build my-site --out public\n"
        "  edgesite build --single-file --out to-send"
    ),
)
def build(
    site: Annotated[Path, typer.Argument(help="The site's folder, with edgesite.yaml.")] = Path(),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="The folder to write; SITE/dist if left out."
        ),
    ] = None,
    single_file: Annotated[
        bool,
        typer.Option(
            "--single-file",
            help="Write one .html per demo that opens from a disk, with everything inside.",
        ),
    ] = False,
    jobs: Jobs = None,
    store: StoreUrl = None,
    as_json: AsJson = False,
) -> None:
    """Build a site: demos/ and theme/ become a folder that any web server can serve.

    Every model is compiled and compared with onnxruntime. Nothing is written unless all is
    well, and a folder that edgesite did not write is never replaced.
    """
    with reported(as_json):
        from edgesite.site import build as site_build

        with progress(as_json) as tell:
            report = site_build.build(
                site,
                out or site / "dist",
                tell,
                single=single_file,
                workers=workers(jobs),
                store=store,
            )
        warn(report.warnings)
        facts = {"out": report.out, "files": report.files, "size_bytes": report.size_bytes}
        pages = _pages(report.pages, report.warnings)
        total = (
            f"{report.out}: {count(len(report.pages), 'demo')}, {count(report.files, 'file')}, "
            f"{size(report.size_bytes)} in {report.elapsed_ms / 1000:.1f} s"
        )
        lines = [*map(_line, report.pages), total]
        show(as_json, {**facts, "elapsed_ms": report.elapsed_ms, **pages}, lines)


def _pages(reports: Sequence[PageReport], warnings: Sequence[str]) -> dict[str, Any]:
    return {"pages": [asdict(report) for report in reports], "warnings": list(warnings)}


def _line(report: PageReport) -> str:
    """What became of a demo, in a line."""
    code = f"{size(report.code_bytes)} ({size(report.code_gzip_bytes)} gzipped)"
    weights = size(report.weights_bytes)
    return (
        f"{report.slug}: code {code}, weights {weights}, {count(report.examples, 'example')}, "
        f"differs from onnxruntime by {report.proof.max_difference:.1e}, "
        f"{report.elapsed_ms:.0f} ms{' (from the cache)' if report.cached else ''}"
    )
