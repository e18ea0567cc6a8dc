"""A site's folder in, a folder of pages out: the whole path in a few readable functions.

Everything is checked before anything is written, and all problems of all demos are raised
together. Nothing here prints: progress is told to a function. What reads and makes demos is
imported when one has changed.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from edgesite.errors import ConfigError, EdgesiteError
from edgesite.site.cache import Cache, digest, key_of
from edgesite.site.folders import digests_of_demos, site_digests, site_stamps
from edgesite.site.hooks import has_hooks
from edgesite.site.links import broken_links
from edgesite.site.made import MadeDemo, known
from edgesite.site.output import check_output, write_output
from edgesite.site.pieces import LostError, Piece, Pieces
from edgesite.site.problems import Problems
from edgesite.site.reports import DONE, Report, Step, silent
from edgesite.site.unchanged import Whole, key_of_site, recall, remember
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from edgesite.site.demo import SiteInfo
    from edgesite.site.expectations import Verdict
    from edgesite.site.frame import Frame
    from edgesite.site.made import Outcome
    from edgesite.site.reports import PageReport, Progress
    from edgesite.site.source import SiteSource
    from edgesite.site.workers import Told

_NAMES = "files.json"
"""In the cache: the names of files, and their hashes."""


@dataclass(frozen=True)
class Checked:
    """A site without problems: its demos as they are shipped, and what is around them."""

    frame: Frame
    demos: tuple[MadeDemo, ...]
    """In the order of their folders' names."""

    @property
    def info(self) -> SiteInfo:
        """What every page shares."""
        return self.frame.info

    @property
    def shows(self) -> Mapping[str, str]:
        """What words around the demos show or link to, below the site's folder, by hash."""
        return {
            folder + file.name: digest(file.data)
            for folder, files in (
                ("", self.info.attachments),
                *((article.folder, article.attachments) for article in self.frame.articles),
            )
            for file in files
        }

    @property
    def reports(self) -> tuple[PageReport, ...]:
        """What became of each demo."""
        return tuple(demo.report for demo in self.demos)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether examples are answered as their demos expect."""
        return tuple(verdict for demo in self.demos for verdict in demo.verdicts)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What need not be an error."""
        return (*self.complaints, *(text for demo in self.demos for text in demo.warnings))

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is true of this build alone: that the store cannot be used."""
        return tuple(sorted({demo.complaint for demo in self.demos if demo.complaint}))


@dataclass
class Memory:
    """The demos that the same process made before: what has not changed is not looked at again."""

    demos: dict[Path, MadeDemo] = field(default_factory=dict)
    frame: Frame | None = None
    """That they were made in."""

    drafts: bool = False
    """Whether demos may be made with float32 weights for now, where that is quicker."""

    def forget(self, folder: Path) -> None:
        """Make a demo anew: something in its folder has changed."""
        self.demos.pop(folder, None)

    def within(self, frame: Frame) -> dict[Path, MadeDemo]:
        """The demos that still hold."""
        if self.frame != frame:
            self.demos.clear()
            self.frame = frame
        return self.demos


@dataclass(frozen=True)
class Way:
    """How a site is made, beside what its files say."""

    workers: int = 1
    """How many processes may share the work, if there is enough of it."""

    store: str | None = None
    """Where other machines keep what is costly, an address that fsspec knows; that of
    EDGESITE_STORE, or the site's own, if None."""

    scheduler: str | None = None
    """The address of a dask cluster that compiles, if one shall."""

    offline: bool | None = None
    """False leaves the service worker out, whatever the site says."""

    digests: Mapping[str, str] | None = None
    """Those of the site's files, if they were looked at already."""


_ALONE = Way()


def build(
    root: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    single: bool = False,
    workers: int = 1,
    store: str | None = None,
    scheduler: str | None = None,
) -> Report:
    """Build the site in root into out, which is replaced as a whole.

    single: write one page per demo, with everything inside, in place of a site.
    The others are those of a Way.
    Raises the only problem or ProblemsError; out is then as it was.
    """
    check_output(out, root)
    started, tell, cache = time.perf_counter(), progress or silent, Cache.of_site(root)
    way = Way(workers, store, scheduler)
    whole_site = partial(_single if single else _whole, root, tell, way)
    try:
        whole = _written(whole_site(), out, tell, cache)
    except LostError:  # something in the cache was damaged, or was deleted meanwhile
        cache.mend()
        whole = _written(whole_site(), out, tell, cache)
    cache.prune_daily()
    return Report(
        out=out,
        pages=whole.reports,
        warnings=whole.warnings,
        files=len(whole.files),
        size_bytes=whole.files.size_bytes,
        elapsed_ms=(time.perf_counter() - started) * 1000,
    )


def _written(whole: Whole, out: Path, tell: Progress, cache: Cache) -> Whole:
    tell(Step("write", None, len(whole.reports), len(whole.reports)))
    write_output(out, whole.files, cache)
    return whole


def _whole(root: Path, tell: Progress, way: Way) -> Whole:
    """The site, as it was if nothing has changed."""
    cache, stamps = Cache.of_site(root), site_stamps(root)
    digests = site_digests(root)
    key = key_of_site(root, digests, cache)
    if not has_hooks() and (whole := recall(root, key, cache)):
        return whole
    site, files = made(root, tell, way=replace(way, digests=digests))
    whole = whole_of(site, files)
    is_whole = site.frame.keeps and not site.complaints
    if is_whole and site_stamps(root) == stamps:  # else something was edited meanwhile
        remember(root, key, whole, site.shows, cache)
    return whole


def whole_of(site: Checked, files: Pieces) -> Whole:
    """A site that may be written: ConfigError where a page is over its budget."""
    _refuse_over_budget(site.demos)
    read = {name: page for demo in site.demos for name, page in demo.pages.items()}
    astray = broken_links(files, site.frame.info.site_url, read)
    warnings = (*site.warnings, *astray)
    return Whole(files, site.reports, warnings, site.info.site_url, bool(site.info.offline))


def _single(root: Path, tell: Progress, way: Way) -> Whole:
    """A page per demo with everything inside."""
    from edgesite.site.single import single_file

    site, files = made(root, tell, way=replace(way, offline=False))
    _refuse_over_budget(site.demos)
    pages = {f"{demo.slug}.html": single_file(demo.slug, files) for demo in site.demos}
    return Whole(Pieces(pages), site.reports, site.warnings)


def made(
    root: Path,
    progress: Progress | None = None,
    memory: Memory | None = None,
    way: Way = _ALONE,
) -> tuple[Checked, Pieces]:
    """Build a site without writing it: what is known of it, and every file by POSIX path.

    Raises the only problem or ProblemsError.
    """
    site = check(root, progress, memory, way)
    return site, files_of(site, Cache.of_site(root))


def frame_of(
    site: SiteSource, info: SiteInfo, cache: Cache, problems: Problems, store: str | None = None
) -> Frame:
    """What all pages share; raises every problem where it cannot be known."""
    from edgesite.site.frame import Frame

    try:
        return Frame.of(site, info, cache, store or os.environ.get("EDGESITE_STORE") or site.store)
    except EdgesiteError as error:
        problems.add(error)
        problems.raise_any()
        raise


def files_of(site: Checked, cache: Cache) -> Pieces:
    """Every file of a site by POSIX path: those of its demos, and what is around them."""
    demos = Pieces({name: part for demo in site.demos for name, part in demo.files.parts.items()})
    return demos | _around(site, demos, cache)


def check(
    root: Path,
    progress: Progress | None = None,
    memory: Memory | None = None,
    way: Way = _ALONE,
    *,
    only: slice = slice(None),
) -> Checked:
    """Do all that a build does for the demos, and write nothing but the cache.

    only: which of the demos, in the order of their folders' names.
    Raises the only problem, or ProblemsError with every problem of every demo.
    """
    from edgesite.site.source import load_site
    from edgesite.site.workers import made_by

    problems, cache = Problems(), Cache.of_site(root)
    site = load_site(root, problems)
    # An author who goes on editing must not be shown what a service worker has kept.
    keeps = memory is None and way.offline is None
    info = site.info if keeps else replace(site.info, offline=False)
    if way.offline is False:
        info = replace(info, isolate=False)
    frame = frame_of(site, info, cache, problems, way.store)
    found = {} if memory is None else memory.within(frame)
    frame = replace(frame, drafts=memory is not None and memory.drafts)
    looked_at = digests_of_demos(way.digests or {})
    outcomes: dict[Path, Outcome | None] = {
        folder: found.get(folder) or known(frame, folder, looked_at.get(folder.name))
        for folder in site.folders[only]
    }
    told = _counted(progress or silent, outcomes)
    if way.scheduler and (missing := _missing(outcomes)):
        from edgesite.site.cluster import compile_apart

        outcomes |= compile_apart(way.scheduler, frame.store, missing, told)
    outcomes |= made_by(way.workers, frame, _missing(outcomes), told)
    demos = []
    for folder, outcome in outcomes.items():
        if isinstance(outcome, MadeDemo):
            demo = outcome if memory is None else outcome.held()
            found[folder] = demo
            demos.append(demo)
        for problem in outcome if isinstance(outcome, tuple) else ():
            problems.add(problem)
    refuse_equal_slugs(demos, problems)
    problems.raise_any()
    return Checked(frame, tuple(demos))


def _around(site: Checked, demos: Pieces, cache: Cache) -> Pieces:
    """The index, pages of words, and all else that is not a demo's."""
    rows = [demo.row for demo in site.demos]
    # Only a service worker knows all files, and attachments must not take the place of others.
    names = demos if site.info.offline else site.shows.keys() & demos.keys()
    table = {name: demos.digest(name) for name in names}

    def render() -> dict[str, bytes]:
        from edgesite.site.made import workshop
        from edgesite.site.render import render_around

        files = render_around(workshop(site.frame), rows, demos)
        names = {name: digest(data) for name, data in files.items()}
        return {names[name]: data for name, data in files.items()} | {
            _NAMES: json.dumps(names).encode()
        }

    key = key_of("around", site.frame.key, rows, table)
    kept = cache.kept(key, render) if site.frame.keeps else render()
    parts: dict[str, bytes | Piece] = {}
    for name, hashed in json.loads(kept[_NAMES]).items():
        place = cache.noted.get(hashed)
        size = len(kept[hashed])
        parts[name] = Piece(place, hashed, size, is_cached=True) if place else kept[hashed]
    return Pieces(parts)


def _missing(outcomes: Mapping[Path, Outcome | None]) -> list[Path]:
    return [folder for folder, outcome in outcomes.items() if outcome is None]


def _counted(tell: Progress, outcomes: Mapping[Path, Outcome | None]) -> Told:
    """Tell of stages with the number of demos that are done."""
    total, done = len(outcomes), sum(outcome is not None for outcome in outcomes.values())

    def told(name: str, stage: str) -> None:
        nonlocal done
        done += stage == DONE
        tell(Step(stage, name, done, total))

    return told


def _refuse_over_budget(demos: Iterable[MadeDemo]) -> None:
    problems = Problems()
    for demo in demos:
        if demo.over_budget:
            problems.add(ConfigError(demo.over_budget))
    problems.raise_any()


def refuse_equal_slugs(demos: Iterable[MadeDemo], problems: Problems) -> None:
    """Note where two demos would be one page."""
    first: dict[str, MadeDemo] = {}
    for demo in demos:
        other = first.setdefault(demo.slug, demo)
        if other is not demo:
            problems.add(
                ConfigError(
                    f'{demo.slug_where}: slug: "{demo.slug}" is also the address of '
                    f"{shown(other.folder)}; give one of them another slug"
                )
            )
