"""One demo, from its folder to the files of its page: what the processes of a build do.

What came of a demo is kept by the hash of its folder and of what all pages share, so that a demo
in which nothing has changed costs a look at its files.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesite.errors import EdgesiteError, ProblemsError
from edgesite.site.cache import key_of
from edgesite.site.expectations import Verdict
from edgesite.site.folders import WORDS, digests_below, real_name, stamps_below
from edgesite.site.links import Page, read_page
from edgesite.site.pieces import Piece, Pieces, content, digest_of, size_of
from edgesite.site.problems import Problems
from edgesite.site.reports import PageReport
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgesite.site.attachments import Attachment
    from edgesite.site.cache import Cache
    from edgesite.site.finished import Finished
    from edgesite.site.frame import Frame
    from edgesite.site.render import Workshop

_RECORD = "made.json"

_COUNT = b"site.demos"
"""The fact by which words tell how many demos there are."""


@dataclass(frozen=True)
class MadeDemo:
    """A demo whose page is there."""

    folder: Path
    slug: str
    slug_where: str
    """Where the slug stands, for messages."""

    row: Mapping[str, Any]
    """What the index of demos shows of it."""

    report: PageReport
    warnings: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    """Whether examples are answered as demo.yaml expects."""

    over_budget: str | None
    """Why the page may not be published as it is; None where it may."""

    pages: Mapping[str, Page]
    """By path: what links of its pages lead to, and what links can lead to in them."""

    files: Pieces
    """By POSIX path below the output folder."""

    complaint: str | None = None
    """Why the store could not be used."""

    is_draft: bool = False
    """Whether smaller forms of its weights are still to be looked for."""

    def held(self) -> MadeDemo:
        """The same with all that lies in its folder in memory, as that may change."""
        parts = {
            name: part.read() if isinstance(part, Piece) and not part.is_cached else part
            for name, part in self.files.parts.items()
        }
        return replace(self, files=Pieces(parts))


Outcome = MadeDemo | tuple[EdgesiteError, ...]
"""A demo, or what is wrong with it."""


def known(frame: Frame, folder: Path, digests: Mapping[str, str] | None) -> MadeDemo | None:
    """A demo as an earlier build made it from the same files, if it is kept.

    digests: those of the files in its folder, if they were looked at already.
    """
    if not frame.keeps:
        return None
    started, cache = time.perf_counter(), frame.cache
    key = key_of_demo(frame, folder, digests or digests_below(folder))
    made = _recalled(cache, key, folder)
    if not made:
        return None
    elapsed_ms = (time.perf_counter() - started) * 1000
    return replace(made, report=replace(made.report, elapsed_ms=elapsed_ms))


def _recalled(cache: Cache, key: str, folder: Path) -> MadeDemo | None:
    record = (cache.get(key) or {}).get(_RECORD)
    return _read(json.loads(record), folder, cache) if record else None


def make(frame: Frame, folder: Path, begun: Callable[[str, str], None] | None = None) -> Outcome:
    """Make the page of a demo, and keep it; begun: is told folder name and stage."""
    started, cache = time.perf_counter(), frame.cache
    stamps, before = stamps_below(folder), digests_below(folder)

    def is_as_before() -> bool:
        return stamps_below(folder) == stamps

    try:
        made = _made(frame, folder, before, is_as_before, begun or _silent)
    except ProblemsError as error:
        return error.problems
    except EdgesiteError as error:
        return (error,)
    # What was edited meanwhile must not be kept as what came of the files before.
    if frame.keeps and not made.is_draft and is_as_before():
        made = _kept(made, before, cache, key_of_demo(frame, folder, before))
    if cache.store:
        made = replace(made, complaint=cache.store.complaint)
    elapsed_ms = (time.perf_counter() - started) * 1000
    return replace(made, report=replace(made.report, elapsed_ms=elapsed_ms))


def is_finished(frame: Frame, folder: Path) -> bool:
    """Whether a demo is kept but for its words."""
    from edgesite.site.finished import key_of_finished

    key = key_of_finished(folder, digests_below(folder), threads=frame.info.isolate)
    return frame.cache.path(key).exists()


def _made(
    frame: Frame,
    folder: Path,
    digests: Mapping[str, str],
    is_as_before: Callable[[], bool],
    begun: Callable[[str, str], None],
) -> MadeDemo:
    """A demo's page: its shell with other words in it, if that is kept, or else all of it."""
    from edgesite.site.source import load_words

    key, cache = _key_of_shell(frame, folder, digests), frame.cache
    shell = None if key is None else _recalled(cache, key, folder)
    if shell and (made := _filled(frame, shell, *load_words(folder))):
        return made
    finished = _finished(frame, folder, digests, cache, partial(begun, folder.name))
    begun(folder.name, "render")
    page = finished.page
    # A budget counts the words, and what was edited meanwhile must not be kept.
    if key and not finished.is_draft and finished.budget is None:
        shell = _shell(frame, folder, finished, cache)
        made = shell and _filled(frame, shell, page.body_markdown, page.attachments)
        if shell and made:
            if is_as_before():
                _kept(shell, digests, cache, key)
            return made
    return _rendered(frame, folder, finished, cache)


_GAP = "<!-- the words -->"
"""What a shell has where the words go."""


def _key_of_shell(frame: Frame, folder: Path, digests: Mapping[str, str]) -> str | None:
    """A hash of all that a demo's page without its words depends on.

    None where templates or hooks, which are not the stock theme's, may do more with the words than
    put them into the page.
    """
    from edgesite.site.finished import key_of_finished

    if not frame.keeps or (frame.theme and (frame.theme / "templates").exists()):
        return None
    count = frame.demos if _COUNT in (frame.info.footer or "").encode() else 0
    finished = key_of_finished(folder, digests, threads=frame.info.isolate)
    return key_of("shell", frame.key, finished, count)


def _shell(frame: Frame, folder: Path, finished: Finished, cache: Cache) -> MadeDemo | None:
    """A demo's page with a gap for words, its links read on both sides of that."""
    made = _rendered(frame, folder, finished, cache, _GAP)
    parts = made.files[f"{made.slug}/index.html"].split(_GAP.encode())
    if len(parts) != 2:
        return None
    pages = dict(zip(_SIDES, map(read_page, parts), strict=True))
    return replace(made, pages=pages)


_SIDES = ("before", "after")


def _filled(
    frame: Frame, shell: MadeDemo, words: str, attachments: Sequence[Attachment]
) -> MadeDemo | None:
    """A shell with words; None where these need more: facts, or files of their own."""
    if "{{" in words or attachments:
        return None
    filling = workshop(frame).words(words, f"{shell.slug}/", ()).encode()
    if not filling:
        return None
    name = f"{shell.slug}/index.html"
    html = shell.files[name].replace(_GAP.encode(), filling)
    before, own, after = shell.pages["before"], read_page(filling), shell.pages["after"]
    page = Page(
        [*before.addresses, *own.addresses, *after.addresses], [*before.ids, *own.ids, *after.ids]
    )
    return replace(shell, files=Pieces({**shell.files.parts, name: html}), pages={name: page})


def _rendered(
    frame: Frame, folder: Path, finished: Finished, cache: Cache, words: str | None = None
) -> MadeDemo:
    from edgesite.site.budget import over_budget
    from edgesite.site.render import render_demo

    rendered = render_demo(replace(workshop(frame), cache=cache), finished.page, words)
    return MadeDemo(
        folder=folder,
        slug=finished.page.slug,
        slug_where=finished.slug_where,
        row=rendered.row,
        report=finished.report,
        warnings=finished.warnings,
        verdicts=finished.verdicts,
        over_budget=over_budget(finished, rendered.files, cache),
        pages={
            name: read_page(rendered.files[name])
            for name in rendered.files
            if name.endswith(".html")
        },
        files=rendered.files,
        is_draft=finished.is_draft,
    )


def _finished(
    frame: Frame,
    folder: Path,
    digests: Mapping[str, str],
    cache: Cache,
    begun: Callable[[str], None],
) -> Finished:
    """The demo with its words; of one in which nothing else has changed only these are read."""
    from edgesite.site.finished import key_of_finished, recall, remember
    from edgesite.site.source import load_demo, load_words

    threads = frame.info.isolate
    key = key_of_finished(folder, digests, threads=threads)
    found = recall(folder, cache, key)
    if found is not None:
        body, attachments = load_words(folder)
        page = replace(found.page, body_markdown=body, attachments=attachments)
        return replace(found, page=page)
    from edgesite.site.stages import finish

    problems = Problems()
    finished = None
    with problems.gathered():
        source = load_demo(folder, problems)
        finished = source and finish(
            source, cache, problems, begun, threads=threads, draft=frame.drafts
        )
    problems.raise_any()
    assert finished  # else there was a problem
    # What was edited meanwhile must not be kept as what came of the files before.
    if not finished.is_draft and digests_below(folder) == digests:
        remember(finished, folder, digests, cache, key)
    return finished


@lru_cache(maxsize=1)
def workshop(frame: Frame) -> Workshop:
    """What pages are made with; scripts and styles are read once by a process."""
    from edgesite.site.facts import site_facts
    from edgesite.site.hooks import Hooks
    from edgesite.site.render import Workshop

    return Workshop(
        site=frame.info,
        assets=frame.assets,
        templates=frame.templates,
        language=frame.language,
        facts=site_facts(frame.info, frame.demos, frame.language.figures),
        hooks=Hooks.installed(),
        articles=frame.articles,
        cache=frame.cache,
    )


def _silent(name: str, stage: str) -> None:
    """Tell nobody."""


def key_of_demo(frame: Frame, folder: Path, digests: Mapping[str, str]) -> str:
    """A hash of all that a demo's page and warnings depend on.

    Warnings name the folder as it is seen from here, its name may become the address, and words
    may tell how many demos there are.
    """
    name = real_name(folder)
    count = frame.demos if _tells_count(frame, folder) else 0
    return key_of("demo", frame.key, shown(folder), name, count, digests)


def _tells_count(frame: Frame, folder: Path) -> bool:
    try:
        with open(f"{folder}/{WORDS}", "rb") as file:
            words = file.read()
    except OSError:
        words = b""
    return _COUNT in words or _COUNT in (frame.info.footer or "").encode()


def _kept(made: MadeDemo, sources: Mapping[str, str], cache: Cache, key: str) -> MadeDemo:
    """Keep a demo in the cache; files that lie there, or in its folder, stay where they are."""
    parts = made.files.parts
    hashes = {
        name: _digest_of_asset(part)
        if name.startswith("assets/") and isinstance(part, bytes)
        else digest_of(part)
        for name, part in parts.items()
    }
    _keep_assets(made.files, hashes, cache)
    lying = {hashed: f"{made.folder}/{name}" for name, hashed in sources.items()} | cache.noted
    lying |= {part.digest: part.path for part in parts.values() if isinstance(part, Piece)}
    own = {hashes[name]: content(part) for name, part in parts.items() if hashes[name] not in lying}
    lying |= {hashed: f"{cache.path(key)}/{hashed}" for hashed in own}
    kept, own_folder = f"{cache.folder}/", f"{made.folder}/"
    pieces = {
        name: Piece(
            lying[hashed],
            hashed,
            size_of(parts[name]),
            is_cached=lying[hashed].startswith(kept),
        )
        for name, hashed in hashes.items()
    }
    places = {
        name: (piece.is_cached, piece.path.removeprefix(kept if piece.is_cached else own_folder))
        for name, piece in pieces.items()
    }
    whole = replace(made, files=Pieces(pieces))
    record = json.dumps(plain_of(whole, places)).encode()
    is_kept = cache.put(key, {**own, _RECORD: record})
    return whole if is_kept else made


def _keep_assets(files: Pieces, hashes: Mapping[str, str], cache: Cache) -> None:
    """Keep the scripts and styles, which demos share, in entries of their own."""
    places = _places_of_assets(cache.folder)
    for name, hashed in hashes.items():
        if name.startswith("assets/") and hashed not in cache.noted:
            if not Path(places.get(hashed, "missing")).exists():
                cache.kept(key_of("asset", hashed), partial(dict, {hashed: files[name]}))
                places |= {hashed: cache.noted[hashed]} if hashed in cache.noted else {}
            elif hashed in places:
                cache.noted[hashed] = places[hashed]


@lru_cache(maxsize=64)
def _digest_of_asset(data: bytes) -> str:
    """The hash of a script or style, which a process needs for every demo."""
    return digest_of(data)


@lru_cache(maxsize=1)
def _places_of_assets(folder: Path) -> dict[str, str]:  # noqa: ARG001
    """Where this process has found or put them in a cache, by hash."""
    return {}


def plain_of(made: MadeDemo, places: Mapping[str, tuple[bool, str]]) -> dict[str, Any]:
    """A demo as JSON; places: of each file, whether it is in the cache, and its path there."""
    files = {
        name: (*place, made.files.digest(name), made.files.size(name))
        for name, place in places.items()
    }
    return {
        "slug": made.slug,
        "slug_where": made.slug_where,
        "row": made.row,
        "report": made.report.plain(),
        "warnings": made.warnings,
        "verdicts": [asdict(verdict) for verdict in made.verdicts],
        "over_budget": made.over_budget,
        "pages": {name: vars(page) for name, page in made.pages.items()},
        "files": files,
    }


def _read(plain: Mapping[str, Any], folder: Path, cache: Cache) -> MadeDemo | None:
    """A demo from its record; None where one of its files is no longer there."""
    made = demo_of(plain, folder, cache.folder, folder)
    if not all(part.is_there() for part in made.files.parts.values() if isinstance(part, Piece)):
        return None
    cache.touch_all(place for is_cached, place, _, _ in plain["files"].values() if is_cached)
    return made


def demo_of(plain: Mapping[str, Any], folder: Path, cached: Path, others: Path) -> MadeDemo:
    """A demo from its record, its files being in the cache and in another folder."""
    files = {
        name: Piece(f"{cached if is_cached else others}/{place}", hashed, size, is_cached)
        for name, (is_cached, place, hashed, size) in plain["files"].items()
    }
    return MadeDemo(
        folder=folder,
        slug=plain["slug"],
        slug_where=plain["slug_where"],
        row=plain["row"],
        report=PageReport.of(plain["report"]),
        warnings=tuple(plain["warnings"]),
        verdicts=tuple(Verdict(**verdict) for verdict in plain["verdicts"]),
        over_budget=plain["over_budget"],
        pages={name: Page(**page) for name, page in plain["pages"].items()},
        files=Pieces(files),
    )
