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

    from edgesite.site.reports import PageReport, Report


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
            way = site_build.Way(workers(jobs), store)
            checked = site_build.check(site, tell, way=way)
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
    executor: Annotated[
        str,
        typer.Option(
            help="What compiles: processes of this machine, or dask, a cluster (with --store)."
        ),
    ] = "processes",
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            show_default=False,
            help="With --executor dask: where its scheduler is, such as tcp://host:8786.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            show_default=False,
            help="Build the K-th of N parts of the demos alone, for `edgesite merge`.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a site: demos/ and theme/ become a folder that any web server can serve.

    Every model is compiled and compared with onnxruntime. Nothing is written unless all is
    well, and a folder that edgesite did not write is never replaced.
    """
    with reported(as_json):
        _check_ways(executor, scheduler, single_file, shard)
        where = out or site / "dist"
        with progress(as_json) as tell:
            if shard is not None:
                from edgesite.site.shards import Shard, build_shard

                part = Shard.of(shard)
                report = build_shard(site, where, part, tell, workers=workers(jobs), store=store)
            else:
                from edgesite.site.build import build as build_site

                report = build_site(
                    site,
                    where,
                    tell,
                    single=single_file,
                    workers=workers(jobs),
                    store=store,
                    scheduler=scheduler,
                )
        _show_report(report, as_json)


@app.command(
    short_help="Put a site together whose parts were built elsewhere.",
    epilog=(
        "\b\nExample:\n"
        "  edgesite build --shard 1/2 --out part-1     # on one machine\n"
        "  edgesite build --shard 2/2 --out part-2     # on another one\n"
        "  edgesite merge part-1 part-2"
    ),
)
def merge(
    parts: Annotated[
        list[Path],
        typer.Argument(
            metavar="PART...", help="The folders that --shard wrote.", show_default=False
        ),
    ],
    site: Root = Path(),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="The folder to write; SITE/dist if left out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a site together from parts that `edgesite build --shard` made of it.

    The result is that of one build, byte for byte. Parts that were built from other files are
    refused.
    """
    with reported(as_json):
        from edgesite.site.shards import merge as merge_parts

        with progress(as_json) as tell:
            report = merge_parts(site, parts, out or site / "dist", tell)
        _show_report(report, as_json)


def _check_ways(executor: str, scheduler: str | None, single_file: bool, shard: str | None) -> None:
    """Refuse options of `build` that say nothing together."""
    if executor not in ("processes", "dask"):
        raise UsageError(f'--executor: got "{executor}"; write processes or dask')
    if (executor == "dask") != (scheduler is not None):
        raise UsageError("--executor dask and --scheduler ADDRESS: belong together; give both")
    if shard is not None and (single_file or scheduler):
        raise UsageError("--shard: is a way of its own; leave --single-file and --executor out")


def _show_report(report: Report, as_json: bool) -> None:
    """Print what a build has written."""
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
