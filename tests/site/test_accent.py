"""Accents that can be read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesite.site.accent import accent_rule, contrast
from edgesite.site.looks import LOOKS


def test_contrast_spans_1_to_21() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#777") == 1


def test_contrast_is_that_of_wcag() -> None:
    # 4.54: the example every checker agrees on.
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@given(st.from_regex(r"#[0-9a-f]{6}", fullmatch=True), st.sampled_from(sorted(LOOKS)))
def test_every_accent_becomes_readable_in_both_themes(colour: str, look: str) -> None:
    light, dark = re.findall(r"#[0-9a-f]{6}", accent_rule(colour, LOOKS[look]))

    assert contrast(light, LOOKS[look].well) >= 4.5
    assert contrast(dark, LOOKS[look].dark_card) >= 4.5


def test_a_readable_accent_stays_what_it_is() -> None:
    assert "--accent-light:#0b6a80;" in accent_rule("#0b6a80", LOOKS["plain"])
