"""The author's words."""

from __future__ import annotations

import pytest

from edgesite.site.words import to_html


@pytest.mark.parametrize("first", ["# One\n\n## Two", "## One\n\n### Two"])
def test_headings_start_below_the_title_of_the_page(first: str) -> None:
    assert to_html(first) == '<h2 id="one">One</h2>\n<h3 id="two">Two</h3>'


def test_code_has_the_classes_of_pygments() -> None:
    html = to_html("```python\nimport edgesite\n```")

    assert '<div class="code"><pre>' in html
    assert '<span class="kn">import</span>' in html


def test_code_in_no_language_is_left_alone() -> None:
    assert "<span class" not in to_html("```\nimport edgesite\n```")


def test_columns_are_aligned_without_style_attributes() -> None:
    html = to_html("| a | b |\n|---|--:|\n| 1 | 2 |")

    assert '<td align="right">2</td>' in html
    assert "style=" not in html


def test_footnotes_definitions_and_html_are_kept() -> None:
    html = to_html("Text[^1]\n\n[^1]: Note\n\nword\n:   meaning\n\n<video src='a.mp4'></video>")

    assert 'class="footnote"' in html
    assert "<dd>meaning</dd>" in html
    assert "<video src='a.mp4'>" in html
