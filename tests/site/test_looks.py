"""The colours of the stock looks."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest

from edgesite.site.accent import contrast
from edgesite.site.assets import theme_folder
from edgesite.site.looks import LOOKS

SHEETS = {"plain": "colours.css", "paper": "looks/paper.css"}
GROUNDS = ("paper", "card", "well")


def colours(look: str) -> tuple[dict[str, str], dict[str, str]]:
    """The custom properties of a look, in the light and in the dark."""
    parts = (theme_folder() / "styles" / SHEETS[look]).read_text().split("@media")
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in parts[:2])
    return light | {"accent": light["accent-light"]}, dark | {"accent": light["accent-dark"]}


@pytest.mark.parametrize("look", LOOKS)
def test_what_python_draws_has_the_colours_of_the_style_sheet(look: str) -> None:
    light, dark = colours(look)
    known = asdict(LOOKS[look])

    assert {name: known[name] for name in ("accent", "paper", "well", "ink", "soft")} == {
        name: light[name] for name in ("accent", "paper", "well", "ink", "soft")
    }
    assert (known["dark_card"], known["dark_accent"]) == (dark["card"], dark["accent"])


@pytest.mark.parametrize("look", LOOKS)
def test_every_text_of_a_look_can_be_read_on_every_ground(look: str) -> None:
    for scheme in colours(look):
        for text in ("ink", "soft", "accent", "alarm"):
            for ground in GROUNDS:
                assert contrast(scheme[text], scheme[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("look", LOOKS)
def test_edges_of_controls_are_seen(look: str) -> None:
    for scheme in colours(look):
        # 3: WCAG AA for what tells a control from its surroundings.
        assert contrast(scheme["edge"], scheme["paper"]) >= 3
        assert contrast(scheme["edge"], scheme["card"]) >= 3
