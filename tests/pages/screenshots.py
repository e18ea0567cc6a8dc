"""Pictures of the pages in dist/, to be looked at: `make screenshots` and `make picture`.

The first takes every page whole, at phone and desktop width, light and dark, into screenshots/;
the second what a visitor to one page sees first, into docs/, for the README.
"""

from __future__ import annotations

import io
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from .conftest import CHROMIUM, serve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.sync_api import Browser, ColorScheme

ROOT = Path(__file__).parent.parent.parent
DIST = ROOT / "dist"
SCHEMES: tuple[ColorScheme, ...] = ("light", "dark")


@dataclass(frozen=True)
class Shot:
    """A page as it is to be photographed."""

    path: str
    file: Path
    width: int
    scheme: ColorScheme
    whole: bool


def of_every_page(paths: Iterable[str]) -> list[Shot]:
    """Each page whole, at two widths."""
    return [
        Shot(path, ROOT / "screenshots" / f"{name(path)}-{width}-{scheme}.png", width, scheme, True)
        for path, width, scheme in itertools.product(paths, (390, 1280), SCHEMES)
    ]


def for_the_readme(path: str) -> list[Shot]:
    """What a wide window shows of one page."""
    return [
        Shot(path, ROOT / "docs" / f"{name(path)}-{scheme}.webp", 1280, scheme, False)
        for scheme in SCHEMES
    ]


def name(path: str) -> str:
    return path.removesuffix(".html").strip("/") or "index"


def take(shot: Shot, url: str, browser: Browser) -> None:
    """Save what the page looks like once its model has answered."""
    page = browser.new_page(viewport={"width": shot.width, "height": 800}, color_scheme=shot.scheme)
    page.goto(url + shot.path)
    answer = page.locator("#take")
    if answer.count():
        expect(answer).to_have_attribute("data-state", "live", timeout=60_000)
    shot.file.parent.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=shot.whole)))
    picture.save(shot.file, quality=90)
    page.close()
    print(shot.file.relative_to(ROOT))


def main(readme: bool) -> None:
    """Serve dist/ and take the pictures."""
    found = sorted(path for path in DIST.rglob("*") if path.is_file())
    files = {path.relative_to(DIST).as_posix(): path.read_bytes() for path in found}
    pages = [file.removesuffix("index.html") for file in files if file.endswith(".html")]
    server, served = serve(files)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for shot in for_the_readme("cifar10/") if readme else of_every_page(pages):
            take(shot, served.url, browser)
        browser.close()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main("--readme" in sys.argv)
