"""Pages with everything inside, opened from a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from edgesite.errors import BuildError
from edgesite.site import single
from edgesite.site.single import single_file
from tests.sites import render_site

from . import toys
from .conftest import Served, Visit, visited
from .test_demo_page import gradient, picture, rows, wait_until_live
from .test_drawing import DOWN, draw

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import BrowserContext

    from edgesite.site.assets import Assets


@pytest.fixture
def disk(tmp_path: Path, toy_files: dict[str, bytes], context: BrowserContext) -> Visit:
    """A folder with nothing but pages of one file, in a browser without a network."""
    for slug in ("colour", "stroke", "hostile"):
        (tmp_path / f"{slug}.html").write_bytes(single_file(slug, toy_files))
    context.set_offline(True)
    return visited(context, Served(f"{tmp_path.as_uri()}/"))


def test_a_page_from_a_disk_answers_and_asks_for_nothing(disk: Visit) -> None:
    page = disk.open("colour.html")
    wait_until_live(page)

    assert rows(page)[0][0] == "red"
    page.get_by_role("radio", name="All blue").check()
    expect(page.locator("#answer th").nth(2)).to_have_text("blue")
    page.set_input_files("#upload", picture("mine.png", gradient()))
    expect(page.locator("#caption")).to_have_text("mine.png")
    wait_until_live(page)
    assert disk.complaints == []
    assert [url for url in disk.requests if not url.startswith(("data:", "blob:"))] == [
        f"{disk.served.url}colour.html"
    ]


def test_a_drawing_is_read_from_a_disk(disk: Visit) -> None:
    page = disk.open("stroke.html")

    draw(page, *DOWN)

    expect(page.locator("#answer th").nth(2)).to_have_text("bar")
    assert disk.complaints == []


def test_the_policy_of_a_single_file_still_stops_what_words_bring_along(disk: Visit) -> None:
    page = disk.open("hostile.html")
    wait_until_live(page)

    assert page.evaluate("typeof window.ran") == "undefined"
    assert page.get_by_role("link").count() == 0


def test_a_file_too_large_for_an_address_is_refused(
    toy_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "_LARGEST", 1000)

    with pytest.raises(BuildError, match=r"colour: weights.*without --single-file"):
        single_file("colour", toy_files)


def test_one_file_is_made_the_same_twice(assets: Assets) -> None:
    files = render_site(toys.site(), [toys.colour_demo()], assets)

    assert single_file("colour", files) == single_file("colour", files)
