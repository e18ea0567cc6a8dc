"""Problems as a page and a terminal show them: with the place and the lines around it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesite.errors import EdgesiteError, InternalError, ProblemsError
from edgesite.site.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_AROUND = 2
"""Lines shown before and after the one with the problem."""

_WIDEST = 160
"""Characters of a line that are shown; of longer ones those around the place."""

_LARGEST_BYTES = 1_000_000
"""Above this a file is not read for an excerpt."""

_PLACE = re.compile(r"(?P<file>[^\n:]+(?::\\[^\n:]+)?):(?P<line>\d+)(?::(?P<column>\d+))?: ")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `theme/ui/live-reload/overlay.ts` shows it."""

    where: str
    """file:line:column, or less where less is known; may be empty."""

    message: str
    excerpt: tuple[tuple[int, str], ...] = ()
    """Lines around the place, by number."""

    line: int | None = None
    caret: int | None = None
    """The column in the excerpt, which counts from 1 as all others do."""

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def problems_of(error: BaseException) -> tuple[Problem, ...]:
    """What an error that ended a build says; anything at all may be given."""
    if isinstance(error, ProblemsError):
        return tuple(problem for part in error.problems for problem in problems_of(part))
    if isinstance(error, EdgesiteError):
        return (_placed(str(error)),)
    if isinstance(error, OSError) and error.filename:
        reason = (error.strerror or str(error)).lower()
        return (Problem(printable(str(error.filename)), f"cannot be read ({reason})"),)
    name = "an error" if isinstance(error, InternalError) else f"an error ({type(error).__name__})"
    return (Problem("", f"{name} of edgesite itself, please report it: {error}"),)


def _placed(message: str) -> Problem:
    match = _PLACE.match(message)
    if match is None:
        file, found, rest = message.partition(": ")
        return Problem(file, rest) if found and Path(file).exists() else Problem("", message)
    line, column = int(match["line"]), int(match["column"] or 0)
    skipped = max(column - _WIDEST // 2, 0) if column > _WIDEST else 0
    return Problem(
        where=match[0].removesuffix(": "),
        message=message[match.end() :],
        excerpt=_excerpt(Path(match["file"]), line, skipped),
        line=line,
        caret=column - skipped if column else None,
    )


def _excerpt(path: Path, line: int, skipped: int) -> tuple[tuple[int, str], ...]:
    """Lines around one, without so many of their first characters."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return ()
        lines = _lines(path.read_text(encoding="utf-8-sig", errors="replace"))
    except OSError:
        return ()
    first, last = max(line - _AROUND, 1), min(line + _AROUND, len(lines))
    numbers = range(first, last + 1)
    return tuple((number, _printed(lines[number - 1][skipped:])) for number in numbers)


def _lines(text: str) -> Sequence[str]:
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def _printed(line: str) -> str:
    return printable(line.replace("\t", " "))[:_WIDEST]
