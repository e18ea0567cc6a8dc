"""A demo page as a visitor uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from .conftest import Visit


def test_the_first_example_is_answered_live(visit: Visit) -> None:
    page = visit.open("colour/")

    expect(page.locator("#take")).to_have_attribute("data-state", "live")

    expect(page.locator("#status")).to_contain_text("Computed here in")
    assert visit.complaints == []
    assert visit.foreign == []
