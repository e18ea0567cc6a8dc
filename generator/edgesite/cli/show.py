"""What commands print: results, problems, progress; for people, or as JSON for programs."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from edgesite.errors import EdgesiteError, InternalError, ProblemsError
from edgesite.site.reports import DONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from edgesite.site.reports import Progress, Step


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Turn errors into messages and an exit status."""
    try:
        yield
    except EdgesiteError as error:
        problems = error.problems if isinstance(error, ProblemsError) else (error,)
        if as_json:
            print_json({"ok": False, "errors": [_parts(str(problem)) for problem in problems]})
        else:
            print(*problems, sep="\n", file=sys.stderr)
            if len(problems) > 1:
                print(f"{len(problems)} problems", file=sys.stderr)
        raise typer.Exit(error.exit_status) from None
    except BrokenPipeError:  # whoever reads has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"{error.filename or 'edgesite'}: {reason}; check the path and its permissions"
        if as_json:
            print_json({"ok": False, "errors": [{"message": message}]})
        else:
            print(message, file=sys.stderr)
        raise typer.Exit(1) from None
    except InternalError:
        traceback.print_exc()
        print("this is an error of edgesite itself; report it with the above", file=sys.stderr)
        raise typer.Exit(1) from None


_PLACE = re.compile(r"(?P<file>[^\n]+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)", re.S)
_NODE = re.compile(
    r"(?:\w+: )?node (?P<node>.*?) \((?P<operator>\w+)"
    r"(?:, (?P<domain>\S+) version (?P<version>\d+))?\): (?P<reason>.*?)(?:; (?P<remedy>.*))?",
    re.S,
)
"""How messages name nodes, and what to do, behind the last thing that is wrong."""


def _parts(message: str) -> dict[str, Any]:
    """A message with its place and its node apart, where it has them."""
    place = _PLACE.match(message)
    parts: dict[str, Any] = place.groupdict() if place else {"message": message}
    node = _NODE.fullmatch(parts["message"])
    parts |= {name: text for name, text in node.groupdict().items() if text} if node else {}
    return parts | {name: int(parts[name]) for name in _NUMBERS if name in parts}


_NUMBERS = ("line", "column", "version")


@contextmanager
def progress(as_json: bool) -> Iterator[Progress | None]:
    """A bar on a terminal, a line per step elsewhere; always on stderr."""
    if as_json:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("reading", total=None)
            yield lambda step: bar.update(
                task, description=said(step), completed=step.done, total=step.total
            )
    else:
        yield lambda step: print(said(step), file=sys.stderr)


def said(step: Step) -> str:
    """A step of a build, in a line."""
    if step.stage == DONE:
        return f"{step.slug}: done, {step.done} of {step.total}"
    return f"{step.slug}: {step.stage}" if step.slug else step.stage


def size(size_bytes: int) -> str:
    """Bytes for people: 1 KB is 1000 bytes, as file managers and networks count."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1e3:.0f} KB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"


def count(number: int, noun: str) -> str:
    """A number of things: 1 page, 2 pages."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def warn(warnings: Sequence[str]) -> None:
    """Print what need not be an error."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def show(as_json: bool, facts: Mapping[str, Any], lines: Sequence[str]) -> None:
    """A result: one JSON document, or lines for people."""
    if as_json:
        print_json({"ok": True, **facts})
    else:
        print(*lines, sep="\n")


def print_json(value: object) -> None:
    """Print a document; what JSON has no form for, such as a path, as text."""
    print(json.dumps(value, indent=2, default=str))
