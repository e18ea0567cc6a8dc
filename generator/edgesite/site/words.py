"""The author's words: Markdown to HTML.

The author is trusted, so HTML in the text stays; what it could run, the page's
Content-Security-Policy does not let it. `sanitize` in edgesite.yaml is for texts of others.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.extensions.admonition import AdmonitionProcessor
from markdown.extensions.footnotes import FootnoteExtension
from markdown.extensions.toc import TocExtension
from markdown.treeprocessors import Treeprocessor
from pygments.formatters.html import HtmlFormatter

from edgesite.errors import ConfigError, EdgesiteError, ProblemsError
from edgesite.site.captions import add_captions
from edgesite.site.document import at, position_of
from edgesite.site.facts import add_facts
from edgesite.site.language import ENGLISH, Language, find_language
from edgesite.site.mathml import add_math
from edgesite.site.sanitize import sanitized

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from markdown.blockparser import BlockParser

    from edgesite.site.copies import Copies

_EXTENSIONS = (
    "attr_list",
    "codehilite",
    "def_list",
    "fenced_code",
    "md_in_html",
    "sane_lists",
    "tables",
)


def _formatter(**options: Any) -> HtmlFormatter[str]:
    """What writes highlighted code; making one takes as long as a short code."""
    lines = tuple(options.pop("hl_lines", ()))
    return _remembered_formatter(lines, tuple(options.items()))


@lru_cache(maxsize=16)
def _remembered_formatter(
    lines: tuple[int, ...], options: tuple[tuple[str, Any], ...]
) -> HtmlFormatter[str]:
    return HtmlFormatter(hl_lines=lines, **dict(options))


_SETTINGS: dict[str, dict[str, object]] = {
    "codehilite": {
        "css_class": "code",
        "guess_lang": False,
        "pygments_formatter": _formatter,
    },
    # The policy forbids the style attributes that are the default.
    "tables": {"use_align_attribute": True},
}


@cache
def _english() -> Language:
    return find_language(ENGLISH)


@dataclass(frozen=True)
class Setting:
    """What a text is rendered with."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """What {{ name }} stands for."""

    language: Language = field(default_factory=_english)
    pictures: Mapping[str, Copies] = field(default_factory=dict)
    """Those beside the text, by name."""

    sanitize: bool = False
    """Whether HTML that could run or disguise is taken out."""


def to_html(markdown: str, setting: Setting | None = None) -> str:
    """Render a text that has been checked; headings have an id and start at h2.

    Code has Pygments' classes.
    """
    return _rendered(markdown, setting or Setting())[0]


def checked_html(path: Path, text: str, facts: Iterable[str], markdown: str | None = None) -> str:
    """Render a text as far as it can be before anything is built.

    facts: the names of those that will be known. text is that of the file, of which the Markdown
    may be a part. Raises ProblemsError for what cannot be rendered.
    """
    markdown = text if markdown is None else markdown
    html, complaints = _rendered(markdown, Setting(facts={name: name for name in facts}))
    problems: list[EdgesiteError] = []
    for part, what in complaints:
        place = position_of(text, max(text.find(part), text.find(markdown[:40]), 0))
        problems.append(ConfigError(f"{at(path, place)}: {what}"))
    if problems:
        raise ProblemsError(problems)
    return html


def _rendered(markdown: str, setting: Setting) -> tuple[str, list[tuple[str, str]]]:
    """The HTML, and complaints: a part of the text, and what is wrong with it."""
    if setting.pictures or setting.sanitize:
        return _converted(markdown, setting)
    facts = setting.facts.items() if "{{" in markdown else ()
    told = tuple((name, value, type(value)) for name, value in facts)
    return _remembered(markdown, setting.language, told)


@lru_cache(maxsize=128)
def _remembered(
    markdown: str, language: Language, facts: tuple[tuple[str, str, type], ...]
) -> tuple[str, list[tuple[str, str]]]:
    """The same of a text that depends on nothing else: most are, and are asked for often."""
    told = {name: value for name, value, _ in facts}
    return _converted(markdown, Setting(facts=told, language=language))


def _converted(markdown: str, setting: Setting) -> tuple[str, list[tuple[str, str]]]:
    converter = _converter(setting.language, threading.get_ident())
    html = converter.convert(markdown, setting)
    return (sanitized(html) if setting.sanitize else html), [*converter.complaints]


@lru_cache(maxsize=8)
def _converter(language: Language, thread: int) -> _Converter:  # noqa: ARG001
    """One that a thread uses again and again: to make one takes as long as a page of words."""
    return _Converter(language)


class _Converter:
    """Python-Markdown with all that words may hold, and what a text is rendered with."""

    def __init__(self, language: Language) -> None:
        self.facts: dict[str, str] = {}
        self.pictures: dict[str, Copies] = {}
        self.complaints: list[tuple[str, str]] = []

        def complain(part: str, what: str) -> None:
            self.complaints.append((part, what))

        back = language.say.footnote_back.replace("{number}", "%d")
        self._markdown = Markdown(
            extensions=[
                *_EXTENSIONS,
                FootnoteExtension(BACKLINK_TITLE=back),
                TocExtension(toc_depth="2-4"),
                _Boxes(language),
            ],
            extension_configs=_SETTINGS,
            output_format="html",
        )
        add_math(self._markdown, complain)
        add_facts(self._markdown, self.facts, complain)
        add_captions(self._markdown, self.pictures)
        # After what makes headings (20), and before the table of contents (5).
        self._markdown.treeprocessors.register(_Levels(self._markdown), "levels", 6)

    def convert(self, markdown: str, setting: Setting) -> str:
        """The HTML of a text; complaints about it are there then."""
        for mine, given in ((self.facts, setting.facts), (self.pictures, setting.pictures)):
            mine.clear()
            mine.update(given)  # type: ignore[arg-type]
        self.complaints.clear()
        return self._markdown.reset().convert(markdown)


class _Levels(Treeprocessor):
    """Moves all headings of a text one level down that has one of the first, as the page has."""

    def run(self, root: Element) -> None:
        raw = (block for block in self.md.htmlStash.rawHtmlBlocks if isinstance(block, str))
        if root.find(".//h1") is None and not any("<h1" in block for block in raw):
            return
        for element in root.iter():
            if re.fullmatch("h[1-5]", str(element.tag)):
                element.tag = f"h{int(element.tag[1]) + 1}"


class _Boxes(Extension):
    """Notes and warnings, `!!! note`, whose titles are in the language of the page."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self.language = language

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        md.registerExtension(self)
        md.parser.blockprocessors.register(_Box(md.parser, self.language), "admonition", 105)


class _Box(AdmonitionProcessor):
    def __init__(self, parser: BlockParser, language: Language) -> None:
        super().__init__(parser)
        self.language = language

    def get_class_and_title(self, match: re.Match[str]) -> tuple[str, str | None]:
        kind, title = super().get_class_and_title(match)
        known = getattr(self.language.say, f"box_{kind.split()[0]}", None)
        return kind, known if known and match.group(2) is None else title
