"""Which files of a site have changed: found by looking at them, when there is reason to look.

Events of the system only say that it is time to look. What has changed comes from comparing the
files with what they were, so that renames, editors that save by replacing, and events that come
twice or never need no thought. Where there are no events, as on network mounts, the clock is
the reason to look.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesite.site.folders import SITE_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_QUIET_S = 0.008
"""Files must have been left alone this long: an editor writes a text at once."""

_SLOW_QUIET_S = 0.2
"""The same for what is copied in pieces, or replaced after it is deleted."""

_QUICK = (".css", ".html", ".json", ".md", ".ts", ".txt", ".yaml", ".yml")
_LONGEST_WAIT_S = 10.0
"""Even a file that never rests is built at last."""

_LOOK_S = 2.0
"""How often to look without an event: some get lost, when many come at once."""

_POLL_S = 0.3
_HASHED_BYTES = 4_000_000
"""Larger files are told apart by time and size alone."""


@dataclass(frozen=True)
class _Seen:
    """What a file was like."""

    stamp: tuple[int, int, int]
    digest: bytes | None


class Watcher:
    """Looks after the files of a site, until it is closed."""

    def __init__(self, root: Path, *, poll: bool = False) -> None:
        self.root = root
        self.is_polling = poll
        self._reason = threading.Event()
        self._closed = threading.Event()
        self._seen: dict[Path, _Seen] = {}
        self._listener = None if poll else _listener(root, self._reason.set)
        self.is_polling = self._listener is None
        self._seen = self._look()

    def changes(self) -> Iterator[list[Path]]:
        """Wait for the files that were changed, added or deleted, again and again."""
        while not self._closed.is_set():
            started = time.monotonic()
            now = self._look()
            cost = time.monotonic() - started
            if changed := self._differences(now):
                now, changed = self._settled(now, changed)
                self._seen = now
                if changed:
                    yield changed
                    continue
            # Looking takes at most a hundredth of a processor.
            pause = max(_POLL_S if self.is_polling else _LOOK_S, cost * 100)
            self._reason.wait(pause)
            self._reason.clear()
            if self._listener:
                self._listener.follow()

    def close(self) -> None:
        """End the waiting, from any thread."""
        self._closed.set()
        self._reason.set()
        if self._listener:
            self._listener.close()

    def _settled(
        self, now: dict[Path, _Seen], changed: list[Path]
    ) -> tuple[dict[Path, _Seen], list[Path]]:
        """Wait until files rest; the files as they are then, and what has changed."""
        until = time.monotonic() + _LONGEST_WAIT_S
        while time.monotonic() < until:
            is_slow = any(path.suffix not in _QUICK or path not in now for path in changed)
            quiet_s = _SLOW_QUIET_S if is_slow else _QUIET_S
            if self._closed.wait(quiet_s):
                return now, []
            before, now = now, self._look()
            changed = self._differences(now)
            if now == before or self._have_rested(changed, now, quiet_s):
                break
        return now, changed

    def _have_rested(self, changed: list[Path], now: Mapping[Path, _Seen], quiet_s: float) -> bool:
        """Whether files were written for the last time that long ago, by their own account.

        Then what two looks differ in was written right after the first. Files that are gone say
        nothing, and on network mounts, which are polled, another machine's clock does.
        """
        latest_ns = time.time_ns() - quiet_s * 1e9
        return not self.is_polling and all(
            path in now and now[path].stamp[0] <= latest_ns for path in changed
        )

    def _differences(self, now: Mapping[Path, _Seen]) -> list[Path]:
        then = self._seen
        return sorted(
            path
            for path in then.keys() | now.keys()
            if path not in then
            or path not in now
            or then[path].digest != now[path].digest
            or (then[path].digest is None and then[path].stamp != now[path].stamp)
        )

    def _look(self) -> dict[Path, _Seen]:
        """Every file; the content is read again only where time or size are others."""
        return {
            path: known
            if (known := self._seen.get(path)) and known.stamp == stamp
            else _Seen(stamp, _digest(path, stamp[1]))
            for path, stamp in _files(self.root)
        }


def _files(root: Path) -> Iterator[tuple[Path, tuple[int, int, int]]]:
    """The files of a site, with time, size and identity."""
    yield from _files_in(root, is_deep=False)
    for name in SITE_FOLDERS:
        yield from _files_in(root / name, is_deep=True)


def _files_in(folder: Path, *, is_deep: bool) -> Iterator[tuple[Path, tuple[int, int, int]]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # deleted, or not there yet
        return
    for entry in entries:
        if _is_noise(entry.name):
            continue
        try:
            if entry.is_dir():
                if is_deep and not entry.is_symlink():
                    yield from _files_in(Path(entry.path), is_deep=True)
                continue
            found = entry.stat()
        except OSError:
            continue
        yield Path(entry.path), (found.st_mtime_ns, found.st_size, found.st_ino)


def _is_noise(name: str) -> bool:
    """Whether a name is one that editors and tools use for themselves."""
    return name.startswith((".", "#")) or name.endswith(("~", ".tmp")) or name == "__pycache__"


def _digest(path: Path, size_bytes: int) -> bytes | None:
    if size_bytes > _HASHED_BYTES:
        return None
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None


class _Listener:
    """The system's events, on folders that may go and come back."""

    def __init__(self, observer: Any, root: Path, handler: Any) -> None:
        self._observer, self._root, self._handler = observer, root, handler
        self._watches: dict[Path, tuple[int, Any]] = {}
        self.follow()
        observer.start()

    def follow(self) -> None:
        """Listen to the folders that are there now."""
        for folder in (self._root, *(self._root / name for name in SITE_FOLDERS)):
            try:
                identity = folder.stat().st_ino
            except OSError:
                identity = None
            known, watch = self._watches.get(folder, (None, None))
            if known == identity:
                continue
            if watch is not None:
                self._watches.pop(folder)
                self._observer.unschedule(watch)
            if identity is not None:
                try:
                    made = self._observer.schedule(
                        self._handler, str(folder), recursive=folder != self._root
                    )
                except OSError:  # gone again, or too many are watched: the clock remains
                    continue
                self._watches[folder] = identity, made

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()


def _listener(root: Path, tell: Callable[[], None]) -> _Listener | None:
    """Listen to the system; None where it cannot tell."""
    from watchdog.events import (
        FileSystemEvent,
        FileSystemEventHandler,
    )
    from watchdog.observers import Observer

    # Said of a folder that is made while watchdog begins to watch the one around it, which it
    # then does twice, to the same end; the author can do nothing about it.
    warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, r"watchdog\.")

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type not in ("opened", "closed_no_write"):
                tell()

    try:
        return _Listener(Observer(), root, Handler())
    except OSError:
        return None
