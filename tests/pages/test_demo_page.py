"""A demo page as a visitor uses it: examples, files of one's own, what goes wrong."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from edgesite.site.language import find_language
from tests.sites import render_site

from . import toys
from .conftest import serve, visited

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, FilePayload, Page

    from edgesite.site.assets import Assets

    from .conftest import Visit

NOTES: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"not a picture"}

ENGLISH = find_language("en").figures

DROP = """([bytes, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type }));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector("#stage").dispatchEvent(event);
  }
}"""


def picture(name: str, image: Image.Image) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": toys.png(image)}


def gradient() -> Image.Image:
    """A picture that the colour model is in two minds about."""
    ramp = Image.linear_gradient("L").resize((300, 200))
    green = ramp.rotate(180).point(lambda value: value * 9 // 10)
    return Image.merge("RGB", (ramp, green, ramp.point(lambda value: value // 2)))


def rows(page: Page) -> list[tuple[str, str]]:
    """The answer on the page: labels and probabilities."""
    cells = page.locator("#answer tbody tr")
    return [(row.locator("th").inner_text(), row.locator("td").inner_text()) for row in cells.all()]


def wait_until_live(page: Page) -> None:
    expect(page.locator("#take")).to_have_attribute("data-state", "live", timeout=60_000)


def test_the_first_example_is_answered_live(visit: Visit) -> None:
    page = visit.open("colour/")

    wait_until_live(page)

    expect(page.locator("#status")).to_contain_text("Computed here in")
    expect(page.locator("#verdict")).to_contain_text("red, ")
    assert visit.complaints == []
    assert visit.foreign == []


def test_every_live_answer_equals_the_one_of_the_build(visit: Visit) -> None:
    page = visit.open("colour/")
    model = toys.colours()

    for name in ("blue", "black", "red"):
        page.get_by_role("radio", name=f"All {name}").check()
        wait_until_live(page)
        shares = model.probabilities(toys.patch(name))
        best = max(range(len(shares)), key=shares.__getitem__)
        assert rows(page)[0] == (toys.COLOURS[best], ENGLISH.percent(shares[best]))


def test_a_chosen_example_shows_its_answer_before_the_model_is_there(visit: Visit) -> None:
    visit.served.hold("weights")
    page = visit.open("colour/")

    page.get_by_role("radio", name="All blue").check()

    assert rows(page)[0][0] == "blue"
    expect(page.locator("#take")).to_have_attribute("data-state", "built")
    expect(page.locator("#shown")).to_have_attribute("src", "examples/blue.png")


def test_an_uploaded_picture_is_answered_as_python_answers_it(visit: Visit) -> None:
    page = visit.open("colour/")
    shares = toys.colours().probabilities(gradient())

    page.set_input_files("#upload", picture("mine.png", gradient()))
    expect(page.locator("#caption")).to_have_text("mine.png")
    wait_until_live(page)

    expected = sorted(zip(shares, toys.COLOURS, strict=True), reverse=True)
    assert rows(page) == [(label, ENGLISH.percent(share)) for share, label in expected]


def test_a_picture_may_be_dropped_on_the_stage(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    data = base64.b64encode(toys.png(toys.patch("white"))).decode()

    page.evaluate(DROP, [data, "dropped.png", "image/png"])

    expect(page.locator("#caption")).to_have_text("dropped.png")
    expect(page.locator("#answer th").nth(2)).to_have_text("white")
    expect(page.locator("#examples :checked")).to_have_count(0)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (NOTES, "not a picture"),
        (NOTES | {"name": "empty.png", "buffer": b""}, "empty"),
        (picture("cut.png", gradient()) | {"buffer": toys.png(gradient())[:-30]}, "cut off"),
    ],
    ids=["text", "empty", "truncated"],
)
def test_a_bad_file_is_explained_and_leaves_the_page_usable(
    visit: Visit, file: FilePayload, sentence: str
) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    before = rows(page)

    page.set_input_files("#upload", file)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.locator("#shown")).to_have_attribute("src", "examples/red.png")
    assert rows(page) == before
    expect(page.get_by_role("radio", name="All red")).to_be_checked()

    page.set_input_files("#upload", picture("mine.png", toys.patch("blue")))
    expect(page.locator("#answer th").nth(2)).to_have_text("blue")
    expect(page.locator("#message")).to_be_hidden()
    assert visit.complaints == []


def test_of_pictures_that_come_fast_the_latest_wins(visit: Visit) -> None:
    weights = visit.served.hold("weights")
    page = visit.open("colour/")

    for name in ("white", "green", "black"):
        page.set_input_files("#upload", picture(f"{name}.png", toys.patch(name)))
    expect(page.locator("#take")).to_have_attribute("data-state", "loading")
    expect(page.locator("#take")).to_have_attribute("aria-busy", "true")
    weights.set()
    wait_until_live(page)

    expect(page.locator("#caption")).to_have_text("black.png")
    assert rows(page)[0][0] == "black"


def test_loading_is_shown_in_bytes(visit: Visit) -> None:
    weights = visit.served.hold("weights")
    page = visit.open("colour/")

    page.set_input_files("#upload", picture("mine.png", gradient()))

    expect(page.locator("#status")).to_contain_text("Loading the model")
    weights.set()
    wait_until_live(page)


def test_without_the_model_the_page_says_so_and_keeps_the_answers_of_the_build(
    visit: Visit,
) -> None:
    visit.served.missing.add("weights")

    page = visit.open("colour/")

    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    page.get_by_role("radio", name="All blue").check()
    assert rows(page)[0][0] == "blue"


def test_the_page_is_used_with_the_keyboard_alone(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)

    page.keyboard.press("Tab")
    expect(page.locator("#upload")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="All blue")).to_be_checked()
    expect(page.locator("#answer th").nth(2)).to_have_text("blue")

    for name in ("Copy JSON", "Copy CSV", "Save as picture", "Why this answer?"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Decode the picture")).to_be_visible()


def test_the_facts_name_the_module_that_ran(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)

    page.get_by_text("to run the model").click()

    expect(page.locator("#latency")).to_contain_text("ms")
    expect(page.locator("#target")).to_have_text("relaxed")
    expect(page.locator("#ms-total")).to_contain_text("ms")


def test_a_demo_without_examples_invites(visit: Visit) -> None:
    page = visit.open("bare/")

    expect(page.locator("#caption")).to_have_text("Upload a picture, or drop one here.")
    expect(page.locator("#status")).to_have_text("No picture yet")
    page.set_input_files("#upload", picture("mine.png", toys.patch("green")))
    wait_until_live(page)

    assert rows(page)[0][0] == "green"
    assert visit.complaints == []


def test_a_bad_file_leaves_an_empty_stage_empty(visit: Visit) -> None:
    page = visit.open("bare/")

    page.set_input_files("#upload", NOTES)

    expect(page.get_by_role("alert")).to_contain_text("not a picture")
    expect(page.locator("#take")).to_have_attribute("data-state", "empty")
    expect(page.locator("#caption")).to_have_text("Upload a picture, or drop one here.")
    expect(page.locator("#shown")).to_be_hidden()


def test_classes_below_the_threshold_are_left_out(visit: Visit) -> None:
    page = visit.open("strict/")
    wait_until_live(page)

    page.set_input_files("#upload", picture("mine.png", gradient()))
    expect(page.locator("#caption")).to_have_text("mine.png")
    wait_until_live(page)

    assert rows(page)[0] == (f"Nothing above {ENGLISH.percent(0.99)}", "")
    assert rows(page)[1] == ("", "")


def test_a_large_example_is_shown_by_a_copy_and_answered_by_its_file(
    assets: Assets, context: BrowserContext
) -> None:
    noise = np.random.default_rng(1).integers(0, 60, (700, 1000, 3), dtype=np.uint8)
    image = Image.fromarray(noise + np.array([190, 0, 0], np.uint8))
    model = toys.colours()
    example = toys.example(model, toys.COLOURS, "large.png", "Red noise", image)
    small = toys.example(model, toys.COLOURS, "blue.png", "All blue", toys.patch("blue"))
    server, served = serve(
        render_site(toys.site(), [toys.colour_demo(examples=(example, small))], assets)
    )
    visit = visited(context, served)
    page = visit.open("colour/")
    wait_until_live(page)

    shown = page.locator("#shown").evaluate("image => image.currentSrc")
    page.get_by_role("radio", name="All blue").check()
    wait_until_live(page)

    assert shown.endswith("colour/shown/large.png.avif")
    assert rows(page)[0][0] == "blue"
    expect(page.locator("#shown")).to_have_js_property("naturalWidth", 320)
    assert visit.complaints == []
    server.shutdown()
    server.server_close()
