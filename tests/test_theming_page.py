"""docs/theming.md names everything that it says it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgesite.site.assets import theme_folder

PAGE = (Path(__file__).parent.parent / "docs" / "theming.md").read_text(encoding="utf-8")
TEMPLATES = {path.name: path.read_text() for path in (theme_folder() / "templates").iterdir()}


def test_every_custom_property_is_documented() -> None:
    sheets = [theme_folder() / "styles" / name for name in ("colours.css", "type.css")]
    known = {name for sheet in sheets for name in re.findall(r"(--[\w-]+):", sheet.read_text())}

    assert set(re.findall(r"`(--[\w-]+)`", PAGE)) == known


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_block_of_a_template_is_documented(name: str) -> None:
    (row,) = [row for row in PAGE.splitlines() if row.startswith("|") and f"`{name}`" in row]
    inherited = set(re.findall(r"block (\w+)", TEMPLATES["layout.html"]))
    own = set(re.findall(r"block (\w+)", TEMPLATES[name]))

    named = set(re.findall(r"`(\w+)`", row.split("|")[3]))
    assert named == (own if name == "layout.html" else own - inherited)
