"""A page with JavaScript off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from .conftest import Visit

pytestmark = pytest.mark.parametrize("context_options", [{"java_script_enabled": False}])


def test_title_words_and_the_first_answer_are_there(visit: Visit) -> None:
    page = visit.open("colour/")

    expect(page.get_by_role("heading", level=1)).to_have_text("What is this colour?")
    expect(page.get_by_text("every picture is some colour to it")).to_be_visible()
    expect(page.locator("#shown")).to_be_visible()
    expect(page.locator("#answer th").nth(2)).to_have_text("red")
    expect(page.locator("#answer td").first).to_contain_text("%")
    expect(page.locator("#seen")).to_be_visible()


def test_every_example_is_there_with_its_answer(visit: Visit) -> None:
    page = visit.open("colour/")

    answers = page.get_by_role("region", name="Answers to the examples").get_by_role("listitem")

    expect(answers).to_have_count(3)
    expect(answers.nth(1)).to_contain_text("All blue")
    expect(answers.nth(1)).to_contain_text("blue 9")


def test_controls_that_need_a_script_are_away(visit: Visit) -> None:
    page = visit.open("stroke/")

    for control in ("#upload", "#draw", "#undo", "#pad", "#examples"):
        expect(page.locator(control)).to_be_hidden()


def test_the_facts_open_all_the_same(visit: Visit) -> None:
    page = visit.open("colour/")

    page.get_by_text("loaded, with gzip").click()

    expect(page.get_by_text("Model code")).to_be_visible()
