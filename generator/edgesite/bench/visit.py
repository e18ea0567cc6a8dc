"""One measurement: a page served to a fresh browser, and what its script reports."""

from __future__ import annotations

import gzip
import json
import mimetypes
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgesite.bench.browser import opened
from edgesite.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE_S = 300

_PAGE = b'<!doctype html><title>edgesite</title><script type=module src="script.js"></script>'

# The clock counts in 5 microseconds instead of 100 where the page is isolated.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Report:
    """What a page has found out."""

    facts: dict[str, Any]
    transfer_bytes: int
    """All that the engine loaded, compressed by gzip."""


def visit(
    script: bytes,
    files: Mapping[str, bytes],
    browser: str = "chromium",
    *,
    throttled: bool = False,
) -> Report:
    """Run a script in a page beside these files until it posts its `outcome`.

    Raises BuildError where there is no browser, and where the page fails.
    """
    with _served({"": _PAGE, "script.js": script, **files}) as (address, sent, outcomes):
        give_up = time.monotonic() + PATIENCE_S
        with opened(browser, address, throttled=throttled) as wait:
            while outcomes.empty() and time.monotonic() < give_up:
                wait()
        try:
            facts = outcomes.get_nowait()
        except Empty:
            raise BuildError(f"{browser}: no answer in {PATIENCE_S} seconds; try again") from None
        if "failed" in facts:
            raise BuildError(f"the page in {browser} failed: {facts['failed']}")
        return Report(facts, sum(sent.values()))


@lru_cache(maxsize=64)
def _compressed(data: bytes) -> bytes:
    """A file as it is sent; the files of a model and an engine serve every browser of a run."""
    return gzip.compress(data, 6, mtime=0)


@contextmanager
def _served(
    files: Mapping[str, bytes],
) -> Iterator[tuple[str, dict[str, int], SimpleQueue[dict[str, Any]]]]:
    """Serve files from memory, compressed.

    Also what was sent of the engine, in bytes by name, and the outcomes that were posted.
    """
    packed = {name: _compressed(data) for name, data in files.items()}
    sent: dict[str, int] = {}
    outcomes: SimpleQueue[dict[str, Any]] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = urlsplit(self.path).path.removeprefix("/")
            body = packed.get(name)
            self.send_response(404 if body is None else 200)
            kind = "text/html" if name == "" else mimetypes.guess_type(name)[0]
            headers = {
                "Content-Type": kind or "application/octet-stream",
                "Content-Length": str(len(body or b"")),
                **({"Content-Encoding": "gzip"} if body else {}),
                **_HEADERS,
            }
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body or b"")
            if name.startswith(("model", "peer/")):
                sent[name] = len(body or b"")

        def do_POST(self) -> None:
            outcomes.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", sent, outcomes
    finally:
        server.shutdown()
        server.server_close()
