"""What a visitor may ask of an answer: copies, the check, the timing, what mattered."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

from edgesite.tasks.images import prepare

from . import toys
from .test_demo_page import wait_until_live
from .test_drawing import DOWN, draw

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from .conftest import Visit

# A browser that protects its visitors: every canvas gives its pixels with a little noise.
NOISE = """{
  const contexts = OffscreenCanvasRenderingContext2D.prototype;
  const read = contexts.getImageData;
  contexts.getImageData = function (...box) {
    const image = read.apply(this, box);
    image.data[0] ^= 1;
    return image;
  };
}
"""


def copied(page: Page, button: str) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_the_tools_come_when_a_visitor_reaches_for_one(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    assert [url for url in visit.requests if "/tools." in url] == []

    with page.expect_response(lambda response: "/tools." in response.url):
        page.get_by_role("button", name="Copy JSON").hover()
        page.get_by_role("button", name="Copy CSV").hover()

    assert len([url for url in visit.requests if "/tools." in url]) == 1


def test_the_answer_is_copied_as_json(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)

    copy = json.loads(copied(page, "Copy JSON"))

    shares = toys.colours().probabilities(toys.patch("red"))
    assert copy["picture"] == "All red"
    assert copy["answers"][0]["label"] == "red"
    found = {row["label"]: row["value"] for row in copy["answers"]}
    assert [found[label] for label in toys.COLOURS] == pytest.approx(shares, abs=1e-6)


def test_the_answer_is_copied_as_csv(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)

    lines = copied(page, "Copy CSV").splitlines()

    assert lines[0] == "label,value"
    assert lines[1].startswith("red,0.")
    assert len(lines) == 1 + len(toys.COLOURS)


def test_the_threshold_is_marked_on_every_bar(visit: Visit) -> None:
    page = visit.open("strict/")

    expect(page.locator(".mark")).to_have_count(len(toys.COLOURS))
    expect(page.locator(".mark").first).to_have_attribute("x", "99.0%")
    expect(page.get_by_text(re.compile("classes below the mark, 99.0"))).to_be_visible()


def test_the_numbers_that_the_model_is_fed_are_described(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    fed = prepare(toys.patch("red"), toys.colours().spec)

    numbers = re.findall(r"[−\d.]+", page.locator("#statistics").inner_text())

    expected = [fed.min(), fed.max(), fed.mean(), fed.std()]
    assert [float(number.replace("−", "-")) for number in numbers] == pytest.approx(
        expected, abs=0.005
    )


def test_the_check_of_the_build_is_repeated_here(visit: Visit) -> None:
    page = visit.open("colour/")
    page.get_by_text("largest difference from onnxruntime").click()

    page.get_by_role("button", name="Repeat the check here").click()

    expect(page.locator("#check-result")).to_contain_text(
        "3 of 3 examples have the same best class as in the build"
    )
    expect(page.locator("#check-rows th")).to_have_text(["red", "blue", "black"])
    assert visit.complaints == []


def test_the_model_is_run_a_hundred_times(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    page.get_by_text("to run the model").click()

    page.get_by_role("button", name="Run 100 times").click()

    expect(page.locator("#histogram-words")).to_contain_text("of 100 runs")
    expect(page.locator("#histogram path")).to_have_attribute("d", re.compile("^M"))
    expect(page.locator("#repeat")).to_be_enabled()


def test_what_mattered_stays_visible(visit: Visit) -> None:
    page = visit.open("stroke/")
    draw(page, *DOWN)
    wait_until_live(page)

    page.get_by_role("button", name="Why this answer?").click()

    expect(page.locator("#why-words")).to_contain_text("What mattered for bar")
    alpha = np.reshape(
        page.locator("#why-map").evaluate(
            """c => [...c.getContext("2d").getImageData(0, 0, 28, 28).data]
              .filter((_, at) => at % 4 === 3)"""
        ),
        (28, 28),
    )
    assert alpha.max() > 250
    # The line is in the middle; nothing is at the sides.
    assert alpha[:, :4].max() < alpha[:, 12:16].max() / 2


def test_a_new_picture_ends_the_explanation_of_the_last(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    page.get_by_role("button", name="Why this answer?").click()
    expect(page.locator("#why-map")).to_be_visible()

    page.get_by_role("radio", name="All blue").check()

    expect(page.locator("#why-map")).to_be_hidden()
    expect(page.get_by_role("button", name="Why this answer?")).to_be_visible()


def test_an_explanation_is_stopped(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)

    page.evaluate("document.querySelector('#why').click(); document.querySelector('#why').click()")

    expect(page.get_by_role("button", name="Why this answer?")).to_be_visible()
    expect(page.locator("#why-map")).to_be_hidden()


def test_a_browser_that_falsifies_pixels_is_found_out(visit: Visit) -> None:
    def spoil(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=NOISE + response.text())

    visit.page.route("**/worker.*.js", spoil)

    page = visit.open("colour/")

    expect(page.locator("#falsified")).to_contain_text("changes the pixels")
    expect(page.locator("#falsified")).to_be_visible()


def test_a_browser_that_leaves_pixels_alone_is_not_accused(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)

    expect(page.locator("#falsified")).to_be_hidden()
