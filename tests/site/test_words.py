"""The author's words."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from markupsafe import Markup
from PIL import Image

from edgesite.errors import ProblemsError
from edgesite.site.attachments import Attachment
from edgesite.site.copies import copied
from edgesite.site.language import find_language
from edgesite.site.words import Setting, checked_html, to_html


@pytest.mark.parametrize("first", ["# One\n\n## Two", "## One\n\n### Two"])
def test_headings_start_below_the_title_of_the_page(first: str) -> None:
    assert to_html(first) == '<h2 id="one">One</h2>\n<h3 id="two">Two</h3>'


def test_nothing_of_one_text_is_left_in_the_next() -> None:
    first = (
        "[a]: https://example.org\n\n## A {#b}\n\n[^1] {{ x }}\n\n[^1]: Note.\n\n!!! note\n    In"
    )
    to_html(first, Setting(facts={"x": "1"}))

    assert to_html("[a] {{ x }}[^1]\n\n## B", Setting(facts={"y": "1"})) == (
        '<p>[a] [^1]</p>\n<h2 id="b">B</h2>'
    )


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


def complaints(text: str) -> str:
    with pytest.raises(ProblemsError) as error:
        checked_html(Path("index.md"), text, ("model.params", "proof.difference"))
    return str(error.value)


def test_formulas_become_mathml() -> None:
    html = to_html("With $p_i$:\n\n$$\np = \\frac{a}{b}\n$$\n\nand so on")

    assert '<p>With <math xmlns="http://www.w3.org/1998/Math/MathML" display="inline">' in html
    assert "<mfrac>" in html
    assert '</p>\n<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in html
    assert "style=" not in html


@pytest.mark.parametrize(
    "text", ["from $5 to $10", "a $ b $ c", r"\$x$", "`$x$`", "```\n$$x$$\n```"]
)
def test_dollars_that_enclose_no_formula_stay(text: str) -> None:
    assert "<math" not in to_html(text)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("a^b^c", "index.md:3:3: not a formula: double superscripts; correct the LaTeX"),
        (r"\foo x", r"index.md:3:3: a formula has the unknown command \foo; correct it"),
        (r"\text{a<b>}", "index.md:3:3: a formula has < or & inside of text; write it outside"),
        (r"\href{x}{y}", "index.md:3:3: a formula sets href; leave that to the style sheet"),
    ],
)
def test_what_is_no_formula_is_refused_where_it_stands(formula: str, message: str) -> None:
    assert message in complaints(f"One\n\na ${formula}$ b")


def test_facts_of_the_build_stand_in_the_text() -> None:
    facts = {"model.params": "1 < 2", "proof.difference": Markup("10<sup>-6</sup>")}
    text = "Has {{ model.params }}, {{proof.difference}}, `{{ code }}` and \\{{ braces }}."

    html = to_html(text, Setting(facts=facts))

    assert "Has 1 &lt; 2, 10<sup>-6</sup>, <code>{{ code }}</code> and {{ braces }}." in html


def test_an_unknown_fact_is_refused_with_the_nearest_name() -> None:
    text = "Words.\n\nIt has {{ model.param }} of them."

    assert complaints(text) == 'index.md:3:8: no fact "model.param"; did you mean "model.params"?'


def test_boxes_have_titles_in_the_language_of_the_page() -> None:
    text = '!!! note\n    Mind this.\n\n!!! warning "Hot"\n    And this.\n\nA note.[^1]\n\n[^1]: B.'

    html = to_html(text, Setting(language=find_language("de")))

    assert '<div class="admonition note">\n<p class="admonition-title">Hinweis</p>' in html
    assert '<p class="admonition-title">Hot</p>' in html
    assert 'title="Zurück zur Stelle von Fußnote 1"' in html


def test_a_picture_with_a_title_is_a_figure_with_a_caption_and_a_size() -> None:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "PNG")
    known = copied([Attachment("a b.png", file.getvalue(), "")], None)

    text = '![A cat](./a%20b.png "The *cat*")\n\nAn ![icon](c.png "title") inside'
    html = to_html(text, Setting(pictures=known))

    picture = '<img alt="A cat" height="20" loading="lazy" src="./a%20b.png" width="30">'
    assert f"<figure>{picture}<figcaption>The *cat*</figcaption>" in html
    assert html.count("<figure>") == 1


def test_a_table_of_contents_leads_to_the_headings() -> None:
    html = to_html("[TOC]\n\n## One\n\n### Two")

    assert '<div class="toc">' in html
    assert '<a href="#two">Two</a>' in html


def test_texts_of_others_lose_what_could_run_and_keep_the_rest() -> None:
    text = (
        "<script>a()</script><iframe src='//x'></iframe><p onclick='a()' style='x'>kept</p>\n\n"
        "[x](javascript:a)\n\n![far](https://x.org/a.png) ![near](a.png)\n\n$x^2$ [^1]\n\n"
        "| a |\n|--:|\n| 1 |\n\n[^1]: Note."
    )

    html = to_html(text, Setting(sanitize=True))

    for gone in ("script", "iframe", "onclick", "style=", "x.org"):
        assert gone not in html
    for kept in ("<p>kept</p>", 'src="a.png"', "<msup>", '<td align="right">', 'class="footnote"'):
        assert kept in html
