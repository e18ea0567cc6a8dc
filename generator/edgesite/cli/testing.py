"""Whether models still answer as their demos expect: test."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgesite.cli.app import AsJson, app
from edgesite.cli.junit import write_problems, write_report
from edgesite.cli.show import count, progress, reported, show
from edgesite.errors import EdgesiteError, ProblemsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgesite.site.build import Checked
    from edgesite.site.expectations import Verdict
    from edgesite.site.reports import Progress


@app.command(
    "test",
    short_help="Tell which examples are no longer answered as expected.",
    epilog=(
        "\b\nIn demo.yaml:\n"
        "  examples:\n"
        "    - {file: examples/cat.jpg, expected: cat}\n"
        "    - file: examples/ship.jpg\n"
        "      expected: {label: ship, probability: 0.98, tolerance: 0.02}\n\n"
        "\b\nExamples:\n  edgesite test\n  edgesite test my-site --junit report.xml"
    ),
)
def run_examples(
    site: Annotated[Path, typer.Argument(help="The site's folder, with edgesite.yaml.")] = Path(),
    junit: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xml", help="Write a report that CI services read."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run every example of which demo.yaml says what is expected, and compare.

    Compiles models and compares them with onnxruntime first, as check does. Exit status 0 where
    all answers are as expected, 1 where one is not or the site has problems, 2 where nothing is
    expected.
    """
    with reported(as_json):
        with progress(as_json) as tell:
            verdicts = _checked(site, tell, junit).verdicts
        if not verdicts:
            raise UsageError(
                f"{site}: no example says what is expected; add expected: and a label to one"
            )
        failed = [verdict for verdict in verdicts if verdict.failure]
        if junit is not None:
            write_report(junit, verdicts)
        facts = {
            "ok": not failed,
            "tests": len(verdicts),
            "failures": len(failed),
            "verdicts": [asdict(verdict) for verdict in verdicts],
        }
        show(as_json, facts, list(_lines(verdicts)))
        if failed:
            if not as_json:
                print(*failed, sep="\n", file=sys.stderr)
            raise typer.Exit(1)


def _checked(site: Path, tell: Progress | None, junit: Path | None) -> Checked:
    """Check the site; what keeps it from being tested goes into the report, too."""
    from edgesite.site.build import check

    try:
        return check(site, tell)
    except EdgesiteError as error:
        if junit is not None:
            problems = error.problems if isinstance(error, ProblemsError) else (error,)
            write_problems(junit, site, problems)
        raise


def _lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """A line per demo."""
    right = Counter(verdict.demo for verdict in verdicts if not verdict.failure)
    for demo, total in Counter(verdict.demo for verdict in verdicts).items():
        yield f"{demo}: {right[demo]} of {count(total, 'example')} as expected"
