"""A browser, and a server that shows a site under a sub-path, as project pages are."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from edgesite.site.assets import Assets
from edgesite.site.build import build
from tests.sites import contents, render_site

from . import toys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REPOSITORY = Path(__file__).parents[2]
SUB_PATH = "/a/b/"

# Machines that test do other things, too.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Served:
    """A site on a server of its own."""

    url: str
    held: dict[str, threading.Event] = field(default_factory=dict)
    """Answers that wait: part of a path, and what they wait for."""

    missing: set[str] = field(default_factory=set)
    """Parts of paths that are answered with 404."""

    def hold(self, part: str) -> threading.Event:
        """Let the answers to paths with this part wait until the event is set."""
        return self.held.setdefault(part, threading.Event())


@dataclass
class Visit:
    """A page in the browser, and what it did that no page may."""

    page: Page
    served: Served
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the site."""
        self.page.goto(self.served.url + path)
        return self.page

    @property
    def foreign(self) -> list[str]:
        """Requests that left the site's folder."""
        inside = (self.served.url, "data:", "blob:" + self.served.url.split("/a/")[0])
        return [url for url in self.requests if not url.startswith(inside)]


def serve(
    files: Mapping[str, bytes], headers: Mapping[str, str] | None = None
) -> tuple[ThreadingHTTPServer, Served]:
    """Serve files from memory; what is missing is answered with the site's own 404 page.

    headers: are sent with every answer.
    """

    served: Served

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).removeprefix(SUB_PATH)
            for part, event in served.held.items():
                if part in path:
                    event.wait(60)
            path += "index.html" if path == "" or path.endswith("/") else ""
            is_there = path in files and not any(part in path for part in served.missing)
            body = files[path] if is_there else files["404.html"]
            self.send_response(200 if is_there else 404)
            kind = guess_type(path)[0] if is_there else "text/html"
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}{SUB_PATH}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, served


@pytest.fixture(scope="session")
def assets() -> Assets:
    return Assets.load()


@pytest.fixture
def look() -> str:
    """One of the stock looks; tests override it by parametrization."""
    return "plain"


@pytest.fixture
def toy_files(assets: Assets, look: str) -> dict[str, bytes]:
    return _toy_files(assets, look)


@lru_cache(maxsize=2)
def _toy_files(assets: Assets, look: str) -> dict[str, bytes]:
    demos = [
        toys.colour_demo(),
        toys.stroke_demo(tags=("drawing", "with examples")),
        toys.colour_demo(slug="bare", title="No examples", examples=(), description=""),
        toys.stroke_demo(slug="paper", examples=(), inputs_enabled=("draw",)),
        toys.colour_demo(slug="every", inputs_enabled=toys.EVERY_INPUT),
        toys.colour_demo(slug="strict", threshold=0.99),
        toys.colour_demo(slug="gold", accent="#ffcc00"),
        toys.colour_demo(slug="hostile", body_markdown="Hello <script>window.ran = 1</script>"),
        toys.colour_demo(slug="long", body_markdown=toys.LONG_WORDS),
    ]
    return render_site(toys.site(look=look), demos, assets, articles=[toys.ARTICLE])


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The site that `edgesite build` makes of this repository."""
    out = tmp_path_factory.mktemp("demos") / "dist"
    build(REPOSITORY, out)
    return contents(out)


@pytest.fixture
def served(toy_files: dict[str, bytes]) -> Iterator[Served]:
    server, served = serve(toy_files)
    yield served
    for event in served.held.values():
        event.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("the page tests need Chromium: apt-get install chromium, or run `make test`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic",
                # A camera that shows a green picture with a moving clock.
                "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            ]
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """What a test's browser window is like; tests override it by parametrization."""
    return {}


@pytest.fixture
def context(browser: Browser, context_options: dict[str, Any]) -> Iterator[BrowserContext]:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | context_options)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, served: Served) -> Visit:
    return visited(context, served)


def visited(context: BrowserContext, served: Served) -> Visit:
    """Open a tab that notes what its page complains of and asks for."""
    visit = Visit(context.new_page(), served)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.complaints.append(message.text)

    visit.page.on("console", note)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    context.on("request", lambda request: visit.requests.append(request.url))
    return visit
