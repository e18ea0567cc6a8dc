"""Pages that `edgesite serve --watch` shows: they follow what the author changes."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import expect

from edgesite.site.scaffold import new_site
from edgesite.site.serve import LiveSite
from edgesite.site.serve_http import Server
from edgesite.site.watch import Watcher
from tests.pages.toys import png
from tests.site.models import classifier
from tests.sites import edit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, FilePayload, Page

GREEN: FilePayload = {
    "name": "green.png",
    "mimeType": "image/png",
    "buffer": png(Image.new("RGB", (9, 9), "lime")),
}


@dataclass
class Author:
    """Someone with a site, a server that follows it, and a page of it in a browser."""

    demo: Path
    page: Page
    complaints: list[str]
    live: LiveSite
    server: Server

    @property
    def site(self) -> Path:
        return self.demo.parents[1]

    def mark(self) -> None:
        """Put something on the page that a reload would take away."""
        self.page.evaluate("window.isTheSame = true")

    @property
    def is_the_same(self) -> bool:
        return bool(self.page.evaluate("window.isTheSame === true"))


@pytest.fixture(scope="module")
def live_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def author(
    tmp_path: Path, live_cache: Path, monkeypatch: pytest.MonkeyPatch, context: BrowserContext
) -> Iterator[Author]:
    monkeypatch.setenv("EDGESITE_CACHE", str(live_cache))
    site = tmp_path / "site"
    new_site(site)
    monkeypatch.chdir(site)
    edit(site / "edgesite.yaml", "title:", "site_url: https://user.github.io/a/b/\ntitle:")
    live = LiveSite(site, watched=True)
    watcher = Watcher(site)
    live.rebuild()
    server = Server("127.0.0.1", 0, live)

    def follow() -> None:
        for paths in watcher.changes():
            live.rebuild(paths)

    threads = [
        threading.Thread(target=follow),
        threading.Thread(target=server.serve_forever, args=(0.05,)),
    ]
    for thread in threads:
        thread.start()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{server.url}colours/")
    expect(page.locator("#status")).to_contain_text("Computed here")
    yield Author(site / "demos" / "colours", page, complaints, live, server)
    page.close()
    watcher.close()
    live.close()
    server.shutdown()
    server.server_close()
    for thread in threads:
        thread.join(10)
    assert complaints == []


def upload(author: Author) -> None:
    """Give a green picture of one's own."""
    author.page.set_input_files("#upload", files=[GREEN])
    expect(author.page.locator("#caption")).to_have_text("green.png")
    expect(author.page.locator("#answer tbody th").first).to_have_text("green")


def test_words_change_in_place_and_the_visitors_answer_stays(author: Author) -> None:
    upload(author)
    author.mark()

    (author.demo / "index.md").write_text("## Entirely new words\n\nAnd more.")

    expect(author.page.locator(".words h2").first).to_have_text("Entirely new words")
    expect(author.page.locator("#caption")).to_have_text("green.png")
    assert author.is_the_same


def test_a_title_and_a_description_change_in_place(author: Author) -> None:
    author.mark()

    edit(author.demo / "demo.yaml", "title: Red", "title: Blue, red")

    expect(author.page.locator("h1")).to_contain_text("Blue, red")
    expect(author.page).to_have_title(re.compile("^Blue, red"))
    assert author.is_the_same


def test_a_style_is_swapped(author: Author) -> None:
    author.mark()
    styles = author.site / "theme" / "styles"
    styles.mkdir(parents=True)

    (styles / "words.css").write_text("h1 { color: rgb(1, 2, 3) }")

    expect(author.page.locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
    assert author.is_the_same


def test_a_label_shows_and_the_visitors_picture_is_kept(author: Author) -> None:
    upload(author)

    labels = author.demo / "labels.txt"
    labels.write_text("rouge\nvert\nbleu\n")
    edit(author.demo / "demo.yaml", "label: red", "label: rouge")
    edit(author.demo / "demo.yaml", "label: green", "label: vert")

    expect(author.page.locator("#answer tbody th").first).to_have_text("vert")
    expect(author.page.locator("#caption")).to_have_text("green.png")
    expect(author.page.locator("#take")).to_have_attribute("data-state", "live")


def test_a_new_model_answers_again(author: Author) -> None:
    upload(author)
    before = author.page.locator("#answer tbody td").first.inner_text()

    (author.demo / "model.onnx").write_bytes(classifier((1, 3, 32, 32)))

    expect(author.page.locator("#answer tbody td").first).not_to_have_text(before)
    expect(author.page.locator("#caption")).to_have_text("green.png")
    expect(author.page.locator("#take")).to_have_attribute("data-state", "live")


def test_the_picture_outlives_a_second_change_that_comes_before_it_is_shown_again(
    author: Author,
) -> None:
    upload(author)
    author.page.add_init_script(
        "if (sessionStorage.getItem('again') === null) {"
        "  sessionStorage.setItem('again', 'no');"
        "  new MutationObserver((_, observer) => {"
        "    const stage = document.querySelector('.stage');"
        "    if (!stage) return;"
        "    stage.className += ' older';"
        "    document.querySelector('[name=edgesite-live]').content = 'older';"
        "    observer.disconnect();"
        "  }).observe(document, { childList: true, subtree: true });"
        "}"
    )

    with author.page.expect_event("load"):
        edit(author.demo / "demo.yaml", "top: 3", "top: 2")
    expect(author.page.locator(".older")).to_have_count(0)

    expect(author.page.locator("#answer tbody tr")).to_have_count(2)
    expect(author.page.locator("#caption")).to_have_text("green.png")


def test_the_chosen_example_is_kept(author: Author) -> None:
    author.page.locator("[name=example]").nth(1).check(force=True)
    caption = author.page.locator("#caption").inner_text()
    author.mark()

    edit(author.demo / "demo.yaml", "top: 3", "top: 2")

    expect(author.page.locator("#answer tbody tr")).to_have_count(2)
    expect(author.page.locator("#caption")).to_have_text(caption)
    assert not author.is_the_same


def test_a_drawing_is_kept(author: Author) -> None:
    edit(author.demo / "demo.yaml", "labels:", "inputs: [upload, draw]\nlabels:")
    page = author.page
    page.locator("#draw").click()
    box = page.locator("#pad").bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 120, steps=5)
    page.mouse.up()
    before = drawn(page)
    author.mark()

    edit(author.demo / "demo.yaml", "top: 3", "top: 2")

    expect(page.locator("#answer tbody tr")).to_have_count(2)
    expect(page.locator("#caption")).to_have_text("Your drawing")
    assert not author.is_the_same
    assert drawn(page) == before


def drawn(page: Page) -> str:
    return str(page.evaluate("document.getElementById('pad').toDataURL()"))


def test_a_problem_lies_over_the_last_good_page_until_it_is_mended(author: Author) -> None:
    upload(author)
    author.mark()

    edit(author.demo / "demo.yaml", "color: RGB", "color: RGBB")
    overlay = author.page.locator("edgesite-overlay")

    expect(overlay.locator("h2")).to_have_text("Not rebuilt: 1 problem")
    expect(overlay.locator("code")).to_contain_text("demos/colours/demo.yaml:")
    expect(overlay.locator("mark")).to_contain_text("color: RGBB")
    expect(author.page.locator("#caption")).to_have_text("green.png")

    edit(author.demo / "demo.yaml", "color: RGBB", "color: RGB")

    expect(overlay).to_have_count(0)
    assert author.is_the_same


def test_a_page_finds_a_server_that_comes_back(author: Author) -> None:
    author.mark()
    author.live.close()
    author.server.shutdown()
    author.server.server_close()
    (author.demo / "index.md").write_text("## Written meanwhile")
    live = LiveSite(author.site, watched=True)
    live.rebuild()
    server = Server("127.0.0.1", author.server.server_port, live)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    expect(author.page.locator(".words h2").first).to_have_text("Written meanwhile")
    assert author.is_the_same
    live.close()
    server.shutdown()
    server.server_close()


def test_a_problem_can_be_put_aside(author: Author) -> None:
    edit(author.demo / "demo.yaml", "title:", "titel:")
    author.page.locator("edgesite-overlay button").click()

    expect(author.page.locator("edgesite-overlay")).to_have_count(0)


def test_a_site_that_is_broken_from_the_start_shows_why(author: Author) -> None:
    whole = (author.demo / "demo.yaml").read_text()
    (author.demo / "demo.yaml").write_text("title: [")
    live = LiveSite(author.site, watched=True)
    live.rebuild()
    server = Server("127.0.0.1", 0, live)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = author.page.context.new_page()

    page.goto(f"{server.url}colours/")
    expect(page.locator("edgesite-overlay code")).to_contain_text("demo.yaml:1:")

    (author.demo / "demo.yaml").write_text(whole)
    live.rebuild([author.demo / "demo.yaml"])
    expect(page.locator("h1")).to_contain_text("Red")

    page.close()
    live.close()
    server.shutdown()
    server.server_close()
