"""The author's loop: a site in memory, rebuilt when a file changes, followed by open pages.

A build that fails leaves the last good pages as they are, and its problems go to the pages and
to the terminal. Nothing an author can write ends the loop.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgesite.errors import EdgesiteError
from edgesite.site.assets import Assets
from edgesite.site.build import Memory, Way, made
from edgesite.site.cache import Cache
from edgesite.site.folders import DEMOS_FOLDER, SITE_FILE, digests_below, site_digests
from edgesite.site.hooks import has_hooks
from edgesite.site.looks import LOOKS
from edgesite.site.pieces import LostError, Pieces
from edgesite.site.restyle import restyled
from edgesite.site.serve_problems import Problem, problems_of
from edgesite.site.unchanged import key_of_site, recall
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.process import BaseProcess

    from edgesite.site.frame import Frame
    from edgesite.site.reports import Progress

_PING_S = 5.0
"""How often a page that hears nothing is asked whether it is still there."""

_SHELL = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Not built yet</title>
</head>
<body>
<p>The page appears as soon as it can be built.</p>
</body>
</html>
"""
"""What is shown where there is no good page yet."""


@dataclass(frozen=True)
class Change:
    """What a rebuild did."""

    changed: tuple[Path, ...]
    pages: int
    """Pages that are not as they were."""

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    elapsed_ms: float
    drafts: int = 0
    """Demos whose weights are float32 until smaller forms of them are found."""


@dataclass(frozen=True)
class _State:
    """The site at a moment; replaced as a whole."""

    files: Pieces = field(default_factory=lambda: Pieces({}))
    hashes: Mapping[str, str] = field(default_factory=dict)
    """By page: everything that is loaded with it."""

    problems: tuple[Problem, ...] = ()
    is_ready: bool = False
    """Whether there was a build yet, good or bad."""


class LiveSite:
    """A site that is built again and again; `serve_http` asks it from many threads."""

    def __init__(
        self,
        root: Path,
        *,
        watched: bool,
        workers: int = 1,
        told: Callable[[Change], None] | None = None,
    ) -> None:
        """Begin with nothing built.

        workers: how many processes may share what is much work.
        told: is told of changes that no file has caused. Without it pages wait for the smallest
        weights; else those with float32 weights are shown first.
        """
        self.root = root
        self.base = "/"
        self._watched, self._workers = watched, workers
        self._told = told
        self._memory = Memory(drafts=told is not None)
        self._drafts: tuple[Frame, tuple[Path, ...]] | None = None
        self._finishing: threading.Thread | None = None
        self._aside: BaseProcess | None = None
        self._state = _State()
        self._script = b""
        self._building = threading.Lock()
        self._changed = threading.Condition()
        self._closed = False

    def recall(self) -> Change | None:
        """Show what the last build made, if nothing has changed since; None if something has.

        What an edit is made from is read by the first rebuild, which may follow later.
        """
        started, cache = time.perf_counter(), Cache.of_site(self.root)
        key = key_of_site(self.root, site_digests(self.root), cache)
        whole = None if has_hooks() else recall(self.root, key, cache)
        # An author who goes on editing must not be shown what a service worker has kept.
        if whole is None or (self._watched and whole.is_offline):
            return None
        if self._watched:
            theme = self.root / "theme"
            self._script = Assets.load(theme if theme.is_dir() else None, cache).live.data
        self.base = _path(whole.site_url)
        self._state = _State(whole.files, _hashes(whole.files), (), is_ready=True)
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Change((), 0, (), whole.warnings, elapsed_ms)

    def rebuild(self, changed: Sequence[Path] = (), progress: Progress | None = None) -> Change:
        """Build what the changed files need; never raises for anything an author wrote."""
        with self._building:
            return self._rebuild(changed, progress)

    def _rebuild(self, changed: Sequence[Path], progress: Progress | None) -> Change:
        started = time.perf_counter()
        for path in changed:
            self._forget(path)
        before, warnings, drafts = self._state, tuple[str, ...](), tuple[Path, ...]()
        self._restyle(changed)
        try:
            memory = self._memory if self._watched else None
            site, files = made(self.root, progress, memory, Way(self._workers))
            if self._watched and (not self._script or any(p.suffix == ".ts" for p in changed)):
                cache = Cache.of_site(self.root)
                self._script = Assets.load(site.frame.theme, cache).live.data
            self.base = _path(site.info.site_url)
            state = _State(files, _hashes(files), (), is_ready=True)
            warnings = site.warnings
            drafts = tuple(demo.folder for demo in site.demos if demo.is_draft)
            self._finish(site.frame, drafts)
        except Exception as error:  # whatever it is, the next edit may mend it
            state = _State(before.files, before.hashes, problems_of(error), is_ready=True)
            self._drafts = None
            if not before.is_ready:
                self.base = _base(self.root)
            self._script = self._script or _stock_script()
        self._show(state)
        pages = [name for name, now in state.hashes.items() if before.hashes.get(name) != now]
        elapsed_ms = (time.perf_counter() - started) * 1000
        return Change(tuple(changed), len(pages), state.problems, warnings, elapsed_ms, len(drafts))

    def _show(self, state: _State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _restyle(self, changed: Sequence[Path]) -> None:
        """Show other styles at once, ahead of the pages that are then made with them."""
        frame, state, styles = self._memory.frame, self._state, self.root / "theme" / "styles"
        is_style = [path.suffix == ".css" and path.is_relative_to(styles) for path in changed]
        if not changed or not all(is_style) or frame is None or state.problems:
            return
        look = LOOKS[frame.info.look]
        with suppress(EdgesiteError, OSError):  # which the build then tells of
            fresh = Assets.load(self.root / "theme", Cache.of_site(self.root)).style(look)
            files = restyled(state.files, frame.assets.style(look).data, fresh.data)
            self._show(_State(files, _hashes(files), (), is_ready=True))

    def _finish(self, frame: Frame, drafts: tuple[Path, ...]) -> None:
        """Let smaller weights be found meanwhile."""
        self._drafts = (frame, drafts) if drafts else None
        if drafts and self._finishing is None:
            self._finishing = threading.Thread(target=self._finish_drafts, daemon=True)
            self._finishing.start()

    def _finish_drafts(self) -> None:
        """Make drafts in full beside the loop, and show them, until there are none."""
        from edgesite.site.workers import begin_aside

        while True:
            with self._building:
                if self._drafts is None or self._closed:
                    self._finishing = None
                    return
                frame, folders = self._drafts
                before = {folder: digests_below(folder) for folder in folders}
                aside = self._aside = begin_aside(replace(frame, drafts=False), folders)
            aside.join()
            with self._building:
                if self._aside is not aside or self._drafts is None:
                    continue
                self._aside = None
                if aside.exitcode != 0:  # killed: the next change tries again
                    self._finishing = None
                    return
                for folder in folders:
                    if digests_below(folder) == before[folder]:
                        self._memory.forget(folder)
                # What is wrong with weights in smaller forms must show, not be left to a draft.
                self._memory.drafts = False
                change = self._rebuild((), None)
                self._memory.drafts = True
            if self._told:
                self._told(change)

    def prepare(self) -> None:
        """Import what compiles, so that a new model need not wait for that."""
        for name in ("edgesite.site.stages", "edgesite.compiler", "onnxruntime", "wasmtime"):
            if not self._closed:
                import_module(name)

    def close(self) -> None:
        """Let everything that waits for a change go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def answer(self, path: str) -> tuple[bool, str, bytes]:
        """Whether a path is there; name and bytes of what to send. Waits for the first build."""
        try:
            return self._answer(path)
        except LostError:  # somebody has cleared the cache, which most files lie in
            Cache.of_site(self.root).mend()
            self._memory.demos.clear()
            self.rebuild()
            return self._answer(path)

    def _answer(self, path: str) -> tuple[bool, str, bytes]:
        with self._changed:
            self._changed.wait_for(lambda: self._state.is_ready or self._closed)
            state = self._state
        if path == "_edgesite/live.js" and self._watched:
            return True, path, self._script
        names = (path + "index.html",) if path == "" or path.endswith("/") else (path,)
        for name in (*names, f"{path}/index.html"):
            if name in state.files:
                return True, name, self._page(name, state)
        if not state.files:
            return False, "index.html", self._live("index.html", _SHELL, "")
        return False, "404.html", self._page("404.html", state)

    def follow(self, page: str) -> Iterator[Mapping[str, Any] | None]:
        """The state of a page now, then at every change, and None where a while passes without."""
        told: Mapping[str, Any] | None = None
        while not self._closed:
            state = self._state
            now = {
                "page": state.hashes.get(page, ""),
                "problems": [problem.plain() for problem in state.problems],
            }
            if state.is_ready and now != told:
                told = now
                yield now
            if not self._wait(state):
                yield None

    def _wait(self, state: _State) -> bool:
        """Whether another state, or the end, comes within a while."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state is not state or self._closed, _PING_S)

    def _forget(self, path: Path) -> None:
        try:
            parts = path.relative_to(self.root / DEMOS_FOLDER).parts
        except ValueError:
            return
        folder = self.root / DEMOS_FOLDER / parts[0]
        self._memory.forget(folder)
        if path.suffix == ".onnx" and self._aside and self._drafts and folder in self._drafts[1]:
            self._aside.kill()  # smaller weights of a model that is no more
            self._aside = None

    def _page(self, name: str, state: _State) -> bytes:
        data = state.files.get(name, b"")
        if not self._watched or not name.endswith(".html"):
            return data
        return self._live(name, data, state.hashes.get(name, ""))

    def _live(self, name: str, page: bytes, state: str) -> bytes:
        """A page with the script that follows changes, before all its own."""
        if not self._watched:
            return page
        script = (
            f'<meta name="edgesite-live" content="{state}" data-page="{escape(name)}" '
            f'data-base="{escape(self.base)}">\n'
            f'<script type="module" src="{escape(self.base)}_edgesite/live.js"></script>\n'
        ).encode()
        place = re.search(rb"<script\b|</head>", page)
        at = place.start() if place else 0
        return page[:at] + script + page[at:]


def _base(root: Path) -> str:
    """Where a site wants to be, even if it cannot be built just now."""
    from edgesite.site.config import SiteConfig
    from edgesite.site.validate import load_config

    try:
        return _path(load_config(root / SITE_FILE, SiteConfig)[0].site_url)
    except EdgesiteError:
        return "/"


def _path(site_url: str | None) -> str:
    return urlsplit(site_url or "/").path


def _hashes(files: Pieces) -> dict[str, str]:
    """A hash for every page, of itself and of all it may load from its own folder."""
    folders = {name.rpartition("/")[0] for name in files if name.endswith("/index.html")}
    totals = {
        name: hashlib.sha256(files.digest(name).encode())
        for name in files
        if name.endswith(".html")
    }
    for name in sorted(files):
        folder = name.partition("/")[0]
        if name in totals or folder == "assets":  # whose names tell what is in them
            continue
        page = f"{folder}/index.html" if folder in folders else "index.html"
        for reader in {page, "index.html"} if name.endswith("/cover.webp") else {page}:
            if reader in totals:
                totals[reader].update(f"{name} {files.digest(name)}".encode())
    return {name: total.hexdigest()[:16] for name, total in totals.items()}


def _stock_script() -> bytes:
    try:
        return Assets.load().live.data
    except (EdgesiteError, OSError):  # pages then follow only once they are loaded anew
        return b""


def said(change: Change) -> str:
    """A change in a line: `demos/cifar10/index.md changed: 1 page, 38 ms`."""
    names = [shown(path) for path in change.changed]
    what = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    if change.problems:
        count = len(change.problems)
        result = f"{count} problem{'' if count == 1 else 's'}"
    else:
        result = f"{change.pages} page{'' if change.pages == 1 else 's'}"
    cause = f"{what} changed" if names else "smaller weights found"
    rest = "; looks for smaller weights" if change.drafts else ""
    return f"{cause}: {result}, {change.elapsed_ms:.0f} ms{rest}"
