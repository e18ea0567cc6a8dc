"""What can be measured of a page's looks: nothing sticks out, moves, fades or goes unnamed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from edgesite.site.accent import contrast
from edgesite.site.looks import LOOKS

if TYPE_CHECKING:
    from .conftest import Visit

PAGES = ["", "404.html", "colour/", "stroke/", "bare/", "gold/", "docs/rich.html"]
WIDTHS = [320, 390, 900, 1280]

# Every text that is shown: its colour, the first opaque background behind it, and its size.
TEXTS = """() => {
  const hex = (colour) => "#" + colour.match(/[\\d.]+/g).slice(0, 3)
    .map((part) => Number(part).toString(16).padStart(2, "0")).join("");
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const { backgroundColor } = getComputedStyle(element);
      if (!backgroundColor.endsWith(", 0)")) return hex(backgroundColor);
    }
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const { color, fontSize } = getComputedStyle(element);
    texts.push([walker.currentNode.data.trim(), hex(color), behind(element), parseFloat(fontSize)]);
  }
  return texts;
}"""

# Elements that a screen reader would have no word for.
NAMELESS = """() => [...document.querySelectorAll("a, button, input, img, canvas, summary")]
  .filter((element) => element.checkVisibility() && !(
    element.ariaLabel || element.textContent.trim() || element.hasAttribute("alt")
    || [...element.labels ?? []].some((label) => label.textContent.trim() ||
      label.querySelector("img[alt]:not([alt=''])"))
    || element.id === "seen-live"))
  .map((element) => element.outerHTML)"""

SHIFTS = """() => new Promise((resolve) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) sum += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 100);
})"""


def window(width: int, scheme: str = "light") -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("context_options", [window(width) for width in WIDTHS], ids=str)
def test_no_page_scrolls_sideways(visit: Visit) -> None:
    for path in PAGES:
        page = visit.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        overhang = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (path, overhang) == (path, 0)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "context_options", [window(1280, scheme) for scheme in ("light", "dark")], ids=["light", "dark"]
)
def test_every_text_has_the_contrast_of_wcag_aa(visit: Visit) -> None:
    for path in PAGES:
        page = visit.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        texts = page.evaluate(TEXTS)
        assert texts
        faint = [
            (text, colour, behind)
            for text, colour, behind, size in texts
            if contrast(colour, behind) < (3 if size >= 24 else 4.5)
        ]
        assert (path, faint) == (path, [])


def test_everything_has_a_name(visit: Visit) -> None:
    for path in PAGES:
        page = visit.open(path)
        assert (path, page.evaluate(NAMELESS)) == (path, [])


def test_every_id_is_unique_and_headings_skip_no_level(visit: Visit) -> None:
    for path in PAGES:
        page = visit.open(path)
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        levels = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]))"
        )
        assert len(ids) == len(set(ids))
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("context_options", [window(390), window(1280)], ids=["phone", "desktop"])
@pytest.mark.parametrize("path", ["colour/", "stroke/", "bare/", "paper/"])
def test_nothing_moves_while_the_model_loads(visit: Visit, path: str) -> None:
    page = visit.open(path)
    expect(page.locator("#status")).not_to_contain_text("Loading")

    assert page.evaluate(SHIFTS) == 0


def test_the_answer_is_a_table_for_those_who_do_not_see_the_bars(visit: Visit) -> None:
    page = visit.open("stroke/")

    expect(page.locator("#answer")).to_match_aria_snapshot(
        """
        - table "The most likely classes":
          - rowgroup:
            - row "Class Probability":
              - columnheader "Class"
              - columnheader "Probability"
          - rowgroup:
            - row /dash .*%/:
              - rowheader "dash"
              - cell /%/
            - row /dot .*%/:
              - rowheader "dot"
              - cell /%/
            - row /bar .*%/:
              - rowheader "bar"
              - cell /%/
        """
    )


@pytest.mark.parametrize("context_options", [{"reduced_motion": "reduce"}])
def test_nothing_is_animated_for_those_who_prefer_that(visit: Visit) -> None:
    page = visit.open("colour/")

    durations = page.evaluate(
        "[...document.querySelectorAll('*')].map((e) => getComputedStyle(e).transitionDuration)"
    )

    assert set(durations) == {"0s"}


def test_no_motion_lasts_150_ms(visit: Visit) -> None:
    page = visit.open("stroke/")

    durations = page.evaluate(
        "[...document.querySelectorAll('*')].map((e) => getComputedStyle(e).transitionDuration)"
    )

    assert max(float(each.removesuffix("s")) for each in durations) < 0.15


def test_the_author_s_lines_hold_68_characters(visit: Visit) -> None:
    page = visit.open("long/")
    paragraph = page.locator(".words p")

    lines = paragraph.evaluate("e => e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight)")

    assert 60 <= len(paragraph.inner_text()) / lines <= 72


def test_print_shows_what_is_folded_and_no_controls(visit: Visit) -> None:
    page = visit.open("colour/")
    page.emulate_media(media="print")

    expect(page.get_by_text("Decode the picture")).to_be_visible()
    expect(page.get_by_text("Upload")).to_be_hidden()
