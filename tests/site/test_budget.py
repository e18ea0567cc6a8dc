"""Budgets: a page that costs more than its author allows is not built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgesite.errors import ConfigError
from edgesite.site.budget import page_parts
from edgesite.site.build import build, made
from tests.sites import edit

if TYPE_CHECKING:
    from collections.abc import Callable

OUT = Path("dist")


@pytest.fixture
def allow(demo: Path) -> Callable[[str], None]:
    return lambda size: edit(demo / "demo.yaml", "labels:", f"budget: {{page: {size}}}\nlabels:")


def test_a_page_above_its_budget_is_refused_with_what_is_how_large(
    site: Path, allow: Callable[[str], None]
) -> None:
    allow("2 kB")

    with pytest.raises(ConfigError) as error:
        build(site, OUT)

    text = str(error.value)
    assert text.startswith("demos/colours/demo.yaml:")
    assert "budget.page: opening the page takes " in text
    assert "the budget is 2.0 kB: " in text
    assert text.endswith(", or raise the budget")
    assert not OUT.exists()


@pytest.mark.parametrize("size", ["1MB", "900kB", "0.5 MiB", "900000"])
def test_a_page_within_its_budget_is_built(
    site: Path, allow: Callable[[str], None], size: str
) -> None:
    allow(size)

    assert build(site, OUT).pages


@pytest.mark.parametrize("size", ["0", "little", "3 parsecs", "[1]", "-5"])
def test_a_size_that_is_none_is_refused(
    site: Path, allow: Callable[[str], None], size: str
) -> None:
    allow(size)

    with pytest.raises(ConfigError, match=r"demo\.yaml:\d+:\d+: budget\.page: got "):
        build(site, OUT)


def test_the_parts_of_a_page_are_what_a_browser_loads(site: Path) -> None:
    _, files = made(site)

    parts = page_parts("colours", files, None)

    assert all(parts.values())
    assert set(parts) == {"scripts", "weights", "code", "style", "pictures", "text"}
