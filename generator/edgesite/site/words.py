"""The author's words: Markdown to HTML.

The author is trusted, so HTML in the text stays; what it could run, the page's
Content-Security-Policy does not let it.
"""

from __future__ import annotations

from markdown import Markdown

_EXTENSIONS = (
    "attr_list",
    "codehilite",
    "def_list",
    "fenced_code",
    "footnotes",
    "sane_lists",
    "tables",
    "toc",
)

_SETTINGS: dict[str, dict[str, object]] = {
    "codehilite": {"css_class": "code", "guess_lang": False},
    # The policy forbids the style attributes that are the default.
    "tables": {"use_align_attribute": True},
}


def to_html(markdown: str) -> str:
    """Render the text; headings have an id and start at h2, the page's title being h1.

    Code has Pygments' classes.
    """
    html = _convert(markdown, level=1)
    return _convert(markdown, level=2) if "<h1" in html else html


def _convert(markdown: str, *, level: int) -> str:
    settings = _SETTINGS | {"toc": {"baselevel": level}}
    return Markdown(
        extensions=_EXTENSIONS, extension_configs=settings, output_format="html"
    ).convert(markdown)
