"""One measurement: a fresh browser, one page, one engine, one model."""

from __future__ import annotations

import gzip
import mimetypes
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edgesite.errors import BuildError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATIENCE_MS = 300_000

# Ten megabits a second and 40 ms there and back: a telephone in town.
NETWORK = {
    "offline": False,
    "latency": 40,
    "downloadThroughput": 10e6 / 8,
    "uploadThroughput": 10e6 / 8,
}

_PAGE = b'<!doctype html><title>edgesite bench</title><script type=module src="bench.js"></script>'

# The clock counts in 5 microseconds instead of 100 where the page is isolated.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}

_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)


@dataclass(frozen=True)
class Outcome:
    """What one page found; times in milliseconds."""

    load_ms: float
    first_ms: float
    cold_ms: float
    """From navigation to the first answer."""

    transfer_bytes: int
    """All that the engine loaded, compressed by gzip."""

    median_ms: float = 0.0
    p90_ms: float = 0.0
    best_ms: float = 0.0
    runs: int = 0
    memory_bytes: int = 0
    """Of WebAssembly, after the last run."""

    relative_error: float = 0.0
    """|answer - onnxruntime's| / |onnxruntime's|, Euclidean; of the worst output."""


def visit(files: Mapping[str, bytes], *, throttled: bool) -> Outcome:
    """Open the benchmark page over these files, and wait for what it finds.

    Raises BuildError where there is no browser, and where the page fails.
    """
    with _served({"": _PAGE, **files}) as (address, transferred), _browser() as browser:
        page = browser.new_page()
        if throttled:
            session = page.context.new_cdp_session(page)
            session.send("Network.enable")
            session.send("Network.emulateNetworkConditions", NETWORK)
        page.goto(address)
        found = page.wait_for_function("self.outcome", timeout=PATIENCE_MS).json_value()
        if "failed" in found:
            raise BuildError(f"the benchmark page failed: {found['failed']}")
        names = {field.name for field in fields(Outcome)} - {"transfer_bytes"}
        figures = {name: value for name, value in found.items() if name in names}
        return Outcome(**figures, transfer_bytes=sum(transferred.values()))


def find_browser() -> str:
    """Find Chromium. Raises BuildError where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise BuildError("chromium: not found; install Chromium or Chrome to run benchmarks in it")
    return found


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UsageError(
            "playwright: is not installed, and drives the browser; pip install 'edgesite[bench]'"
        ) from None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()


@lru_cache(maxsize=64)
def _compressed(data: bytes) -> bytes:
    """A file as it is sent; the files of a model and an engine serve every browser of a run."""
    return gzip.compress(data, 6, mtime=0)


@contextmanager
def _served(files: Mapping[str, bytes]) -> Iterator[tuple[str, dict[str, int]]]:
    """Serve files from memory, compressed; also what was sent of the engine, in bytes by name."""
    packed = {name: _compressed(data) for name, data in files.items()}
    sent: dict[str, int] = {}

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

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", sent
    finally:
        server.shutdown()
        server.server_close()
