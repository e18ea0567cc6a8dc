"""The page of a demo that computes in 8 bits what its model was made to compute in floats."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from edgesite.site.build import build
from tests.sites import contents

from .conftest import REPOSITORY, Visit, serve, visited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext


@pytest.fixture
def digits(context: BrowserContext, tmp_path: Path) -> Iterator[Visit]:
    """The demo of digits, quantised."""
    shutil.copytree(REPOSITORY / "demos" / "mnist", tmp_path / "site" / "demos" / "mnist")
    (tmp_path / "site" / "edgesite.yaml").write_text("title: Digits\n")
    demo = tmp_path / "site" / "demos" / "mnist" / "demo.yaml"
    demo.write_text(re.sub("^weights: .*", "quantize: int8", demo.read_text(), flags=re.MULTILINE))
    build(tmp_path / "site", tmp_path / "out")
    server, served = serve(contents(tmp_path / "out"))
    yield visited(context, served)
    server.shutdown()
    server.server_close()


def test_a_quantised_page_says_what_that_costs_and_answers_as_its_build_did(digits: Visit) -> None:
    page = digits.open("mnist/")
    page.locator(".fact").nth(1).locator("summary").click()
    page.locator(".fact").nth(2).locator("summary").click()
    facts = page.locator(".facts")
    expect(facts).to_contain_text("Weights, as int8")
    expect(facts).to_contain_text("This page computes in 8 bits")
    expect(facts.get_by_role("row", name="Same best class")).to_contain_text(
        re.compile(r"(9[0-9](\.[0-9])?|100)\s%")
    )
    page.get_by_role("button", name="Repeat the check here").click()

    expect(page.locator("#check-result")).to_contain_text("10 of 10")
    assert digits.complaints == []
    assert digits.foreign == []
