"""The list of demos, narrowed down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from .conftest import Visit


def titles(visit: Visit) -> list[str]:
    return visit.page.locator(".demo:visible h2").all_inner_texts()


def test_words_and_tags_narrow_the_list_down(visit: Visit) -> None:
    page = visit.open("")

    page.get_by_role("searchbox").fill("WHAT stroke")
    expect(page.get_by_role("status")).to_have_text("2 of 9 demos")
    page.get_by_role("button", name="with examples").click()

    expect(page.get_by_role("status")).to_have_text("1 of 9 demos")
    assert titles(visit) == ["What is this stroke?"]
    assert visit.complaints == []


def test_what_is_looked_for_is_in_the_address(visit: Visit) -> None:
    page = visit.open("#q=stroke&tag=with+examples")

    expect(page.get_by_role("status")).to_have_text("1 of 9 demos")
    expect(page.get_by_role("searchbox")).to_have_value("stroke")
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="with examples").click()
    assert page.url == visit.served.url


def test_where_nothing_is_found_there_is_a_way_back(visit: Visit) -> None:
    page = visit.open("")

    page.get_by_role("searchbox").fill("zebra")
    expect(page.get_by_text("No demo has all of that.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()

    expect(page.locator(".demo:visible")).to_have_count(9)


@pytest.mark.parametrize("context_options", [{"java_script_enabled": False}])
def test_without_a_script_all_demos_are_there_and_no_search(visit: Visit) -> None:
    page = visit.open("")

    expect(page.locator(".demo:visible")).to_have_count(9)
    expect(page.locator(".find")).to_be_hidden()
