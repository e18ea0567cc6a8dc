"""Parts of a site, built on several machines, and the site put together from them on one.

A part is a folder of the pages of its demos, with a record of what they were made from. Merging
makes what is around the demos, and takes only what this very site would be built as.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesite.errors import BuildError, UsageError
from edgesite.site.build import (
    Checked,
    Way,
    check,
    files_of,
    frame_of,
    refuse_equal_slugs,
    whole_of,
)
from edgesite.site.cache import Cache
from edgesite.site.folders import digests_below
from edgesite.site.made import demo_of, key_of_demo, plain_of
from edgesite.site.output import check_output, write_output
from edgesite.site.pieces import Pieces
from edgesite.site.problems import Problems
from edgesite.site.reports import Report, Step, silent
from edgesite.site.source import load_site
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite.site.frame import Frame
    from edgesite.site.made import MadeDemo
    from edgesite.site.reports import Progress

RECORD = "shard.json"


@dataclass(frozen=True)
class Shard:
    """One of several parts."""

    number: int
    """From 1."""

    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """From its text, 1/4; UsageError where it is none."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f'--shard: got "{text}"; write the first of four parts as 1/4')
        return cls(int(found[1]), int(found[2]))

    @property
    def only(self) -> slice:
        """Every fourth demo of four parts, so that neighbours of a size are parted."""
        return slice(self.number - 1, None, self.count)


def build_shard(
    root: Path,
    out: Path,
    shard: Shard,
    progress: Progress | None = None,
    *,
    workers: int = 1,
    store: str | None = None,
) -> Report:
    """Build a part of a site into out.

    Raises the only problem or ProblemsError; out is then as it was.
    """
    started, tell = time.perf_counter(), progress or silent
    check_output(out, root)
    site = check(root, tell, way=Way(workers, store), only=shard.only)
    files = Pieces({name: part for demo in site.demos for name, part in demo.files.parts.items()})
    demos = {demo.folder.name: _record(site.frame, demo) for demo in site.demos}
    record = {"shard": [shard.number, shard.count], "demos": demos}
    files |= {RECORD: json.dumps(record).encode()}
    tell(Step("write", None, len(site.demos), len(site.demos)))
    write_output(out, files)
    return _report(out, files, site.reports, site.warnings, started)


def merge(root: Path, parts: Sequence[Path], out: Path, progress: Progress | None = None) -> Report:
    """Write the site whose parts were built elsewhere into out.

    Raises UsageError where parts are missing, and the only problem or ProblemsError where one was
    built from something else; out is then as it was.
    """
    started, tell, problems = time.perf_counter(), progress or silent, Problems()
    check_output(out, root)
    records = _records(parts)
    cache, site = Cache.of_site(root), load_site(root, problems)
    frame = frame_of(site, site.info, cache, problems)
    demos = []
    for folder in site.folders:
        with problems.gathered():
            demos.append(_found(frame, folder, records))
    refuse_equal_slugs(demos, problems)
    problems.raise_any()
    checked = Checked(frame, tuple(demos))
    whole = whole_of(checked, files_of(checked, cache))
    tell(Step("write", None, len(demos), len(demos)))
    write_output(out, whole.files)
    return _report(out, whole.files, whole.reports, whole.warnings, started)


def _record(frame: Frame, demo: MadeDemo) -> dict[str, Any]:
    """What a demo was made from and became; its files lie in the part by their own names."""
    key = key_of_demo(frame, demo.folder, digests_below(demo.folder))
    return {"key": key, **plain_of(demo, {name: (False, name) for name in demo.files})}


def _records(parts: Sequence[Path]) -> dict[str, tuple[Path, Mapping[str, Any]]]:
    """By the names of demos' folders: the part that has one, and its record there."""
    found: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    numbers: dict[int, Path] = {}
    counts = set()
    for part in parts:
        try:
            record = json.loads((part / RECORD).read_bytes())
            number, count = record["shard"]
        except (OSError, ValueError, KeyError):
            raise UsageError(
                f"{shown(part)}: is no part of a site; give folders that "
                "`edgesite build --shard` wrote"
            ) from None
        counts.add(count)
        if number in numbers:
            first = shown(numbers[number])
            raise UsageError(f"{shown(part)}: is part {number}, as {first} is; give each once")
        numbers[number] = part
        found |= {name: (part, demo) for name, demo in record["demos"].items()}
    if len(counts) > 1:
        raise UsageError(
            f"the parts are of {' and of '.join(map(str, sorted(counts)))}; give those of one build"
        )
    missing = [str(n) for count in counts for n in range(1, count + 1) if n not in numbers]
    if missing:
        raise UsageError(f"of {counts.pop()} parts {', '.join(missing)} is missing; give it, too")
    return found


def _found(
    frame: Frame, folder: Path, records: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> MadeDemo:
    if folder.name not in records:
        raise BuildError(f"{shown(folder)}: is in no part; build the parts again")
    part, record = records[folder.name]
    if record["key"] != key_of_demo(frame, folder, digests_below(folder)):
        raise BuildError(
            f"{shown(folder)}: {shown(part)} was built from other files, in another folder or by "
            "another edgesite; build it again"
        )
    return demo_of(record, folder, part, part)


def _report(
    out: Path,
    files: Pieces,
    pages: Sequence[Any],
    warnings: Sequence[str],
    started: float,
) -> Report:
    return Report(
        out=out,
        pages=tuple(pages),
        warnings=tuple(warnings),
        files=len(files),
        size_bytes=files.size_bytes,
        elapsed_ms=(time.perf_counter() - started) * 1000,
    )
