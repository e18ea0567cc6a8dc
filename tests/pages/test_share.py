"""Addresses that lead to an example or a drawing, and code that embeds a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from .test_demo_page import rows, wait_until_live
from .test_drawing import ACROSS, DOWN, draw

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from .conftest import Visit


def shared(page: Page) -> str:
    page.get_by_text("Share or embed").click()
    link = page.get_by_label("Link to what is on the stage")
    expect(link).not_to_have_value("")  # what writes it comes with the first look
    return link.input_value()


def test_a_link_leads_to_the_example(visit: Visit) -> None:
    page = visit.open("colour/")
    page.get_by_role("radio", name="All blue").check()

    link = shared(page)
    assert link == f"{visit.served.url}colour/#example=blue.png"
    page.goto("about:blank")
    page.goto(link)

    expect(page.get_by_role("radio", name="All blue")).to_be_checked()
    wait_until_live(page)
    assert rows(page)[0][0] == "blue"


def test_a_link_leads_to_the_drawing_bit_for_bit(visit: Visit) -> None:
    page = visit.open("stroke/")
    draw(page, *DOWN)
    draw(page, *ACROSS)
    wait_until_live(page)
    pixels = "document.querySelector('#pad').toDataURL()"
    drawn = page.evaluate(pixels)

    link = shared(page)
    page.goto("about:blank")
    page.goto(link)
    wait_until_live(page)

    expect(page.locator("#caption")).to_have_text("Your drawing")
    assert page.evaluate(pixels) == drawn
    assert visit.complaints == []


def test_a_spoiled_link_opens_the_page_as_usual(visit: Visit) -> None:
    for spoiled in ("example=../secret", "draw=abc", "draw=%00%00%00%00", "draw="):
        page = visit.open(f"stroke/?{spoiled}#{spoiled}")
        wait_until_live(page)
        expect(page.get_by_role("radio", name="A line across")).to_be_checked()
    assert visit.complaints == []


def test_the_code_with_a_script_shows_what_is_on_the_stage(visit: Visit) -> None:
    page = visit.open("colour/")
    page.get_by_role("radio", name="All blue").check()
    shared(page)

    code = page.get_by_label("Code for a page of your own").input_value()

    assert code.startswith(f'<script async="" src="{visit.served.url}embed.js"></script>\n')
    page.route("**/host.html", lambda route: route.fulfill(body=code, content_type="text/html"))
    visit.open("host.html")
    framed = page.frame_locator("edgesite-demo iframe")
    expect(framed.get_by_role("radio", name="All blue")).to_be_checked()


def test_the_code_of_a_frame_names_the_page_and_asks_for_the_camera(visit: Visit) -> None:
    page = visit.open("every/")
    shared(page)

    code = page.get_by_label("The same without a script").input_value()

    assert f'<iframe src="{visit.served.url}every/#example=red.png"' in code
    assert 'allow="camera; clipboard-write"' in code
    page.route("**/host.html", lambda route: route.fulfill(body=code, content_type="text/html"))
    visit.open("host.html")
    framed = page.frame_locator("iframe")
    expect(framed.locator("#take")).to_have_attribute("data-state", "live")
