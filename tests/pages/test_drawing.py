"""The drawing pad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from .conftest import Visit

LABEL = "#answer th >> nth=2"

ACROSS = ((0.25, 0.5), (0.75, 0.52))
DOWN = ((0.5, 0.25), (0.52, 0.75))


def place(page: Page, at: tuple[float, float]) -> tuple[float, float]:
    """A point of the paper, which is the square in the middle of the pad."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    x = box["x"] + box["width"] / 2 + (at[0] - 0.5) * side
    y = box["y"] + box["height"] / 2 + (at[1] - 0.5) * side
    return x, y


def draw(page: Page, *points: tuple[float, float], release: bool = True) -> None:
    page.mouse.move(*place(page, points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, point), steps=8)
    if release:
        page.mouse.up()


def test_a_stroke_over_the_example_starts_a_drawing(visit: Visit) -> None:
    page = visit.open("stroke/")

    draw(page, *DOWN)

    expect(page.locator(LABEL)).to_have_text("bar")
    expect(page.locator("#caption")).to_have_text("Your drawing")
    expect(page.locator("#examples :checked")).to_have_count(0)
    assert visit.complaints == []


def test_the_answer_comes_while_the_stroke_is_drawn(visit: Visit) -> None:
    page = visit.open("stroke/")
    page.get_by_role("button", name="Draw").click()

    draw(page, *ACROSS, release=False)

    expect(page.locator(LABEL)).to_have_text("dash")
    expect(page.locator("#take")).to_have_attribute("data-state", "live")
    page.mouse.up()


def test_undo_takes_the_last_stroke_away(visit: Visit) -> None:
    page = visit.open("stroke/")
    draw(page, *DOWN)
    expect(page.locator(LABEL)).to_have_text("bar")
    draw(page, (0.1, 0.4), (0.9, 0.4))
    expect(page.locator(LABEL)).not_to_have_text("bar")

    page.get_by_role("button", name="Undo").click()
    expect(page.locator(LABEL)).to_have_text("bar")

    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#status")).to_have_text("Nothing drawn yet")


def test_clear_is_reached_by_keyboard_and_empties_the_pad(visit: Visit) -> None:
    page = visit.open("stroke/")
    draw(page, *ACROSS)
    expect(page.locator(LABEL)).to_have_text("dash")

    page.get_by_role("button", name="Clear").press("Enter")

    expect(page.locator("#take")).to_have_attribute("data-state", "empty")
    expect(page.locator(LABEL)).to_have_text("")
    expect(page.locator("#seen-live")).to_be_hidden()


def test_an_example_takes_the_place_of_a_drawing(visit: Visit) -> None:
    page = visit.open("stroke/")
    draw(page, *DOWN)
    expect(page.locator(LABEL)).to_have_text("bar")

    page.get_by_role("radio", name="A line across").check()

    expect(page.locator(LABEL)).to_have_text("dash")
    expect(page.locator("#shown")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()


def test_a_demo_for_drawing_alone_starts_with_an_empty_pad(visit: Visit) -> None:
    page = visit.open("paper/")
    expect(page.locator("#status")).to_have_text("Nothing drawn yet")

    draw(page, *ACROSS)

    expect(page.locator(LABEL)).to_have_text("dash")
    assert visit.complaints == []


@pytest.mark.parametrize(
    "context_options",
    [{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}],
)
def test_a_finger_draws_and_does_not_scroll(visit: Visit) -> None:
    page = visit.open("stroke/")
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [dict(zip("xy", place(page, point), strict=True)) for point in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (0.5, 0.8))
    for step in range(1, 10):
        touch("touchMove", (0.5, 0.8 - step * 0.06))
    touch("touchEnd")

    expect(page.locator(LABEL)).to_have_text("bar")
    assert page.evaluate("scrollY") == 0
