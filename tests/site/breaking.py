"""Break and mend every kind of file of a site: for tests, and at length as a script.

    python -m tests.site.breaking 200

serves a new site on one process, breaks and mends its files in turn as an editor would, and
waits each time until a page that follows has heard of it. In the end it prints how far threads,
open files and memory have grown.
"""

from __future__ import annotations

import gc
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesite.site.scaffold import new_site
from edgesite.site.serve import LiveSite
from edgesite.site.serve_http import Server
from edgesite.site.watch import Watcher


@dataclass(frozen=True)
class Breakage:
    """A way to break a site."""

    name: str
    file: str
    content: bytes | None
    """What the file becomes; None deletes it."""

    says: str
    """A part of what is said about it."""

    has_excerpt: bool = True


BREAKAGES = (
    Breakage("yaml", "demos/colours/demo.yaml", b"title: [one", "not YAML"),
    Breakage("key", "demos/colours/demo.yaml", b"titel: x\n", "unknown key"),
    Breakage("deleted", "demos/colours/demo.yaml", None, "has no demo.yaml", has_excerpt=False),
    Breakage("config", "edgesite.yaml", b"language: 3\n", "edgesite.yaml"),
    Breakage("labels", "demos/colours/labels.txt", b"red\n\nblue\n", "the line is empty"),
    Breakage("encoding", "demos/colours/index.md", b"words \xff\n", "is not UTF-8"),
    Breakage("reference", "demos/colours/index.md", b"![x](absent.png)\n", "no such file"),
    Breakage("model", "demos/colours/model.onnx", b"\x08\x07 half a model", "model"),
    Breakage("no-model", "demos/colours/model.onnx", None, "no such file"),
    Breakage("picture", "demos/colours/examples/leaf.png", b"no picture", "leaf.png",
             has_excerpt=False),
    Breakage("template", "theme/templates/demo.html", b"{% if %}", "correct the template"),
    Breakage("expression", "theme/templates/demo.html", b"\n{{ 1 // 0 }}", "correct the template"),
    Breakage("variable", "theme/templates/index.html", b"{{ absent.x }}", "correct the template"),
    Breakage("typescript", "theme/ui/page.ts", b"const = 3;\n", "esbuild refuses it"),
    Breakage("style", "theme/styles/site.css", b'@import "absent.css";\n', "esbuild refuses it"),
)  # fmt: skip


def break_and_mend(site: Path, breakage: Breakage) -> tuple[list[Path], Callable[[], list[Path]]]:
    """Break a file; the paths that changed, and what mends them and gives those paths."""
    path = site / breakage.file
    before = path.read_bytes() if path.exists() else None
    _become(path, breakage.content)

    def mend() -> list[Path]:
        _become(path, before)
        return [path]

    return [path], mend


def _become(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.swp")
    draft.write_bytes(content)
    draft.replace(path)


@dataclass(frozen=True)
class Growth:
    """What a process has more than before."""

    threads: int
    files: int
    megabytes: float


class Run:
    """A site, served and followed, that is broken and mended."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.live = LiveSite(site, watched=True)
        self.live.rebuild()

    def repeat(self, times: int) -> Growth:
        """Break and mend so many times; how much the process has grown after a first round."""
        watcher = Watcher(self.site)
        server = Server("127.0.0.1", 0, self.live)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        rebuilding = threading.Thread(target=self._rebuild, args=(watcher,), daemon=True)
        rebuilding.start()
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", server.server_port)) as page:
                page.request("GET", "/_edgesite/events?page=colours/index.html")
                states = page.getresponse()
                next_state(states)
                self._round(len(BREAKAGES) if times > len(BREAKAGES) else 1, states)
                before = _measured()
                self._round(times, states)
                return _grown(before, _measured())
        finally:
            watcher.close()
            rebuilding.join(10)
            self.live.close()
            server.shutdown()
            server.server_close()

    def _rebuild(self, watcher: Watcher) -> None:
        for paths in watcher.changes():
            self.live.rebuild(paths)

    def _round(self, times: int, states: http.client.HTTPResponse) -> None:
        for number in range(times):
            breakage = BREAKAGES[number % len(BREAKAGES)]
            _, mend = break_and_mend(self.site, breakage)
            problems = next_state(states)["problems"]
            assert any(breakage.says in json.dumps(problem) for problem in problems), breakage
            mend()
            assert next_state(states)["problems"] == [], breakage


def next_state(states: http.client.HTTPResponse) -> dict[str, Any]:
    """The next state that a page is told."""
    while line := states.readline():
        if line.startswith(b"data: "):
            state: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return state
    raise AssertionError("the server has hung up")


def _measured() -> tuple[int, int, float]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), megabytes


def _grown(before: tuple[int, int, float], after: tuple[int, int, float]) -> Growth:
    return Growth(after[0] - before[0], after[1] - before[1], after[2] - before[2])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        new_site(Path(folder) / "site")
        started = time.perf_counter()
        grown = Run(Path(folder) / "site").repeat(int(sys.argv[1]))
        print(f"{grown} after {sys.argv[1]} times in {time.perf_counter() - started:.0f} s")
