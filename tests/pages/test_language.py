"""A page in German: what its scripts say, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from edgesite.site.assets import theme_folder
from tests.sites import render_site

from . import toys
from .conftest import serve, visited
from .test_demo_page import NOTES, wait_until_live

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from edgesite.site.assets import Assets

GERMAN, ENGLISH = (
    json.loads((theme_folder() / "words" / f"{tag}.json").read_text()) for tag in ("de", "en")
)


def english_sentences() -> set[str]:
    """What only the English page says, as far as it is long enough to be known by."""
    pairs = [
        (text, GERMAN[group][name])
        for group in ENGLISH.keys() - {"name"}
        for name, text in ENGLISH[group].items()
    ]
    return {text for text, german in pairs if text != german and len(text) > 8 and "{" not in text}


def test_the_page_and_its_scripts_speak_one_language(
    assets: Assets, context: BrowserContext
) -> None:
    demo = toys.colour_demo(inputs_enabled=toys.EVERY_INPUT, body_markdown="", description="")
    server, served = serve(render_site(toys.site(language="de"), [demo], assets))
    visit = visited(context, served)
    page = visit.open("colour/")
    wait_until_live(page)

    expect(page.locator("#status")).to_contain_text("Hier in")
    expect(page.locator("#answer td").first).to_contain_text(",")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.get_by_role("button", name="Die Prüfung hier wiederholen").click()
    expect(page.locator("#check-result")).to_contain_text("von 3 Beispielen")
    page.get_by_role("button", name="100-mal ausführen").click()
    expect(page.locator("#histogram-words")).to_contain_text("Perzentil")
    page.get_by_role("button", name="Warum diese Antwort?").click()
    expect(page.locator("#why-words")).to_contain_text("abgedeckt")
    page.set_input_files("#upload", NOTES)
    expect(page.get_by_role("alert")).to_contain_text("kein Bild, das dieser Browser lesen kann")
    page.get_by_role("button", name="Zeichnen").click()
    expect(page.locator("#status")).to_have_text("Noch nichts gezeichnet")

    text = page.locator("html").inner_text() + page.content()
    assert {sentence for sentence in english_sentences() if sentence in text} == set()
    assert visit.complaints == []
    server.shutdown()
    server.server_close()
