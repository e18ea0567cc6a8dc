"""The rules of axe-core, on every kind of page with everything unfolded, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgesite.site.looks import LOOKS

from .conftest import REPOSITORY
from .test_demo_page import wait_until_live
from .test_inputs import several

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from .conftest import Visit

AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ["", "404.html", "every/", "stroke/", "bare/", "strict/", "docs/rich.html"]

RUN = """async () => (await axe.run()).violations.flatMap(
  ({ id, nodes }) => nodes.map(({ target, failureSummary: why }) => [id, target.join(" "), why])
)"""

pytestmark = [
    # The policy of the pages lets no script in but their own.
    pytest.mark.parametrize(
        "context_options",
        [{"bypass_csp": True, "color_scheme": scheme} for scheme in ("light", "dark")],
        ids=["light", "dark"],
    ),
    pytest.mark.parametrize("look", LOOKS),
]


def violations(page: Page) -> list[list[str]]:
    page.add_script_tag(path=AXE)
    found: list[list[str]] = page.evaluate(RUN)
    return found


def test_no_page_breaks_a_rule(visit: Visit) -> None:
    for path in PAGES:
        page = visit.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert (path, violations(page)) == (path, [])


def test_no_state_of_a_page_breaks_a_rule(visit: Visit) -> None:
    page = visit.open("every/")
    wait_until_live(page)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.set_input_files("#upload", several())
    page.get_by_role("button", name="Link").click()
    page.get_by_role("button", name="Repeat the check here").click()
    page.get_by_role("button", name="Why this answer?").click()
    page.get_by_role("img", name="The parts of the picture that mattered").wait_for()
    page.get_by_text("have the same best class").wait_for()
    assert violations(page) == []

    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Take picture").wait_for()
    assert violations(page) == []
