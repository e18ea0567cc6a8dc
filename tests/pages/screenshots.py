"""Pictures of the pages, to be looked at: `make screenshots` and `make picture`.

The first takes every page whole and in every state, at phone and desktop width, light and dark,
into screenshots/, and the most telling ones in the other look and language, too; the second what a
visitor to one page sees first, into docs/, for the README.
"""

from __future__ import annotations

import io
import itertools
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from edgesite.site.build import made
from tests.sites import edit

from .conftest import CHROMIUM, serve
from .test_drawing import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from playwright.sync_api import Browser, FilePayload, Page

    from .conftest import Served

ROOT = Path(__file__).parent.parent.parent
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
HEIGHTS = {390: 844, 1280: 800}

BROWSER = (
    "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
NOTES: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"}
SEVEN = ((0.3, 0.2), (0.7, 0.18), (0.57, 0.5), (0.48, 0.82))


@dataclass(frozen=True)
class Shot:
    """A page as it is to be photographed."""

    path: str
    state: str
    file: Path
    width: int
    scheme: Scheme
    whole: bool


def answered(page: Page, _served: Served) -> None:
    """Wait for the first example's answer, and for what fades."""
    if page.locator("#take").count():
        expect(page.locator("#take")).to_have_attribute("data-state", "live")
        page.wait_for_timeout(300)


def refused(page: Page, served: Served) -> None:
    answered(page, served)
    page.set_input_files("#upload", NOTES)
    expect(page.get_by_role("alert")).to_be_visible()


def loading(page: Page, served: Served) -> None:
    """Give a picture before the model is there."""
    served.hold("weights")
    page.reload()
    page.set_input_files("#upload", next((ROOT / "demos").glob("*/examples/*.jpg")))
    page.wait_for_timeout(500)


def unfolded(page: Page, served: Served) -> None:
    answered(page, served)
    for summary in page.locator("summary").all():
        summary.click()


def printed(page: Page, served: Served) -> None:
    answered(page, served)
    page.emulate_media(media="print")


def emptied(page: Page, served: Served) -> None:
    answered(page, served)
    page.locator("#draw").click()


def drawn(page: Page, served: Served) -> None:
    emptied(page, served)
    draw(page, *SEVEN)
    answered(page, served)


def filmed(page: Page, served: Served) -> None:
    answered(page, served)
    page.locator("#camera").click()
    expect(page.locator("#status")).to_contain_text("frames/s")


def several(page: Page, served: Served) -> None:
    answered(page, served)
    page.set_input_files("#upload", sorted((ROOT / "demos" / "cifar10").glob("examples/*.jpg")))
    expect(page.locator("#strip-status")).to_contain_text("pictures answered")
    page.wait_for_timeout(300)


def narrowed(page: Page, _served: Served) -> None:
    page.get_by_role("searchbox").fill("digits")
    page.get_by_role("status").wait_for()


def without_a_hit(page: Page, _served: Served) -> None:
    page.get_by_role("searchbox").fill("zebra")
    page.get_by_role("button", name="Show all").wait_for()


def explained(page: Page, served: Served) -> None:
    unfolded(page, served)
    page.locator("#why").click()
    page.locator("#check").click()
    page.locator("#repeat").click()
    expect(page.locator("#why-map")).to_be_visible()
    expect(page.locator("#check-result")).to_contain_text("have the same best class")
    expect(page.locator("#histogram-words")).to_contain_text("of 100 runs")


STATES: dict[str, Callable[[Page, Served], None]] = {
    "": answered,
    "narrowed": narrowed,
    "without-a-hit": without_a_hit,
    "refused": refused,
    "loading": loading,
    "unfolded": unfolded,
    "printed": printed,
    "emptied": emptied,
    "drawn": drawn,
    "filmed": filmed,
    "several": several,
    "explained": explained,
}
NEEDED = {
    "narrowed": b'id="find"',
    "without-a-hit": b'id="find"',
    "emptied": b'id="pad"',
    "drawn": b'id="pad"',
    "filmed": b'id="video"',
}
"""What a page must have to come into a state."""


def states_of(html: bytes) -> Iterable[str]:
    """What can become of a page: only demos have states that need nothing."""
    is_demo = b'id="edgesite-demo"' in html
    return [
        state
        for state in STATES
        if state == "" or (NEEDED[state] in html if state in NEEDED else is_demo)
    ]


def of_every_page(pages: dict[str, bytes], folder: str, states: Sequence[str]) -> list[Shot]:
    """Each page whole, in each of these states that it can be in, at two widths."""
    return [
        Shot(path, state, ROOT / folder / f"{label}-{width}-{scheme}.png", width, scheme, True)
        for path, html in pages.items()
        for state in states_of(html)
        if state in states
        for label in ["-".join(filter(None, (name(path), state)))]
        for width, scheme in itertools.product(HEIGHTS, SCHEMES)
    ]


def for_the_readme(path: str) -> list[Shot]:
    """What a wide window shows of one page."""
    return [
        Shot(path, "", ROOT / "docs" / f"{name(path)}-{scheme}.webp", 1280, scheme, False)
        for scheme in SCHEMES
    ]


def name(path: str) -> str:
    return path.removesuffix(".html").strip("/").replace("/", "-") or "index"


def take(shot: Shot, served: Served, browser: Browser) -> None:
    """Save what the page looks like in its state."""
    window = {"width": shot.width, "height": HEIGHTS[shot.width]}
    page = browser.new_page(viewport=window, color_scheme=shot.scheme)  # type: ignore[arg-type]
    page.goto(served.url + shot.path)
    STATES[shot.state](page, served)
    shot.file.parent.mkdir(exist_ok=True, parents=True)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=shot.whole)))
    picture.save(shot.file, quality=90)
    while served.held:
        served.held.popitem()[1].set()
    page.close()
    print(shot.file.relative_to(ROOT))


VARIANTS = {"paper": "language: en\ntheme: {look: paper}", "german": "language: de"}
"""Names of sites that are this one but for a line of edgesite.yaml, and what takes its place."""

ELSEWHERE = (".*", "build", "dist", "generator", "node_modules", "screenshots", "tests", "theme")
"""What no site is made from."""


def sites() -> Iterator[tuple[str, dict[str, bytes], Sequence[str]]]:
    """The site as it is, in the other look and in German: a folder, files, and states to take."""
    yield "screenshots", dict(made(ROOT)[1]), tuple(STATES)
    for variant, line in VARIANTS.items():
        with tempfile.TemporaryDirectory() as folder:
            site = Path(folder) / "site"
            shutil.copytree(ROOT, site, ignore=shutil.ignore_patterns(*ELSEWHERE))
            edit(site / "edgesite.yaml", "language: en", line)
            files = dict(made(site)[1])
        yield f"screenshots/{variant}", files, ("", "unfolded", "refused", "drawn", "printed")


def main(readme: bool) -> None:
    """Build, serve and take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER)
        for folder, files, states in sites():
            pages = {
                file.removesuffix("index.html"): data
                for file, data in files.items()
                if file.endswith(".html")
            }
            server, served = serve(files)
            shots = for_the_readme("cifar10/") if readme else of_every_page(pages, folder, states)
            for shot in shots:
                take(shot, served, browser)
            server.shutdown()
            server.server_close()
            if readme:
                break
        browser.close()


if __name__ == "__main__":
    main("--readme" in sys.argv)
