"""What a page may not do: ask others for anything, run what the author's words bring along."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Visit

PAGES = ["", "colour/", "stroke/", "bare/", "paper/"]


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[str]]]:
    """Another server: its address, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_complaints_and_stays_in_its_folder(visit: Visit, path: str) -> None:
    page = visit.open(path)
    page.wait_for_load_state("networkidle")

    assert visit.complaints == []
    assert visit.foreign == []


def test_a_missing_page_is_styled_at_any_depth(visit: Visit) -> None:
    page = visit.open("no/such/demo/")

    expect(page.get_by_role("heading")).to_have_text("Nothing here")
    assert page.locator("body").evaluate("e => getComputedStyle(e).maxWidth") == "1216px"
    assert visit.foreign == []


def test_a_foreign_fetch_is_blocked(visit: Visit, stranger: tuple[str, list[str]]) -> None:
    url, asked = stranger
    page = visit.open("colour/")

    outcome = page.evaluate("url => fetch(url).then(() => 'sent', () => 'blocked')", url)

    assert outcome == "blocked"
    assert asked == []


def test_a_foreign_picture_is_blocked(visit: Visit, stranger: tuple[str, list[str]]) -> None:
    url, asked = stranger
    page = visit.open("colour/")

    outcome = page.evaluate(
        """url => new Promise((resolve) => {
          const image = new Image();
          image.onload = image.onerror = ({ type }) => resolve(type);
          image.src = url;
        })""",
        url,
    )

    assert outcome == "error"
    assert asked == []


def test_a_script_among_the_words_does_not_run(visit: Visit) -> None:
    page = visit.open("hostile/")

    assert page.locator("#take").get_attribute("data-state") is not None
    assert page.evaluate("typeof window.ran") == "undefined"
    assert any("Content Security Policy" in text for text in visit.complaints)
