"""Pages of words alone: Markdown files beside the demos that become pages of their own.

A page keeps the place of its file, `docs/start.md` being `docs/start.html`, so that what the words
refer to lies where they say, and the same text reads well in a repository.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from html import unescape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from edgesite.errors import ConfigError
from edgesite.site.attachments import attachments
from edgesite.site.cache import key_of, page_tools
from edgesite.site.document import at, read_text
from edgesite.site.facts import SITE_FACTS
from edgesite.site.paths import files_below
from edgesite.site.wording import described

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from edgesite.site.attachments import Attachment
    from edgesite.site.cache import Cache
    from edgesite.site.document import Document
    from edgesite.site.problems import Problems

FOLDER = "docs"
"""Where pages of words may lie, other than beside edgesite.yaml."""

_TITLE = re.compile(r"\s*# +(.+?)(?: #*)?(?:\n|$)")
_SECTION = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_LINK = re.compile(r'(<a\b[^>]*?\bhref=")([^"]*)(")')


@dataclass(frozen=True)
class Article:
    """One Markdown file that is a page."""

    source: str
    """Its POSIX path in the site's folder: docs/start.md."""

    title: str
    """Its first heading."""

    body_markdown: str
    """What follows the first heading."""

    attachments: tuple[Attachment, ...]
    """The files that the words show or link to, other pages left out."""

    @property
    def path(self) -> str:
        """The file of the page: docs/start.html."""
        return page_of(self.source)

    @property
    def folder(self) -> str:
        """Where it lies in the site: "docs/", or "" beside edgesite.yaml."""
        return self.source[: self.source.rfind("/") + 1]


def sections(html: str) -> list[tuple[str, str]]:
    """Anchors and titles of the sections of words, as plain text."""
    return [(anchor, _plain(title)) for anchor, title in _SECTION.findall(html)]


def description(html: str) -> str:
    """The first sentence of the first paragraph of words."""
    found = _PARAGRAPH.search(html)
    text = _plain(found[1]) if found else ""
    return re.split(r"(?<=[.!?:;])\s", text, maxsplit=1)[0].rstrip(":;")


def load_articles(
    root: Path, names: Sequence[str], document: Document, problems: Problems, cache: Cache
) -> tuple[Article, ...]:
    """Read the files that `pages` of edgesite.yaml names, in that order, each once.

    What their words are as HTML is kept in the cache.
    What is wrong goes to problems: names without files, files that are no Markdown or lie
    elsewhere, and files without a heading.
    """
    files: dict[str, Path] = {}
    for number, name in enumerate(names):
        try:
            for file in files_below(root, name):
                files[_checked(file.relative_to(root).as_posix())] = file
        except ValueError as error:
            problems.add(document.problem(("pages", number), str(error)))
    found = []
    for file in files.values():
        with problems.gathered():
            found.append(_article(file, root, files, cache))
    return tuple(found)


def page_of(source: str) -> str:
    """Where the page of a Markdown file lies."""
    return source.removesuffix(".md") + ".html"


def led_to_pages(html: str, folder: str, sources: Collection[str]) -> str:
    """Let links to Markdown files that are pages lead to the pages.

    folder: where the words lie in the site, from which their links count.
    """

    def led(found: re.Match[str]) -> str:
        path, rest = _parted(found[2])
        is_page = _source(folder, path) in sources
        return found[1] + (page_of(path) + rest if is_page else found[2]) + found[3]

    return _LINK.sub(led, html)


def files_of(
    words: Path, text: str, html: str, root: Path, sources: Collection[str]
) -> tuple[Attachment, ...]:
    """Read the files that words show or link to, the pages of other words left out.

    html: the text as checked. Raises ProblemsError where a file is missing or cannot be shipped.
    """
    folder = words.parent.relative_to(root).as_posix()
    pages = {*sources, *map(page_of, sources)}

    def unless_page(found: re.Match[str]) -> str:
        is_page = _source(folder, _parted(found[2])[0]) in pages
        return found[1] + ("" if is_page else found[2]) + found[3]

    return attachments(words, text, _LINK.sub(unless_page, html))


def _article(file: Path, root: Path, sources: Collection[str], cache: Cache) -> Article:
    text = read_text(file)
    heading = _TITLE.match(text)
    if heading is None:
        raise ConfigError(f"{at(file)}: has no heading; begin with # and the title of the page")
    source = file.relative_to(root).as_posix()
    title = heading[1]

    def converted() -> dict[str, bytes]:
        from edgesite.site.words import checked_html, to_html

        html = checked_html(file, text, SITE_FACTS)
        return {"title": _plain(to_html(title)).encode(), "html": html.encode()}

    kept = cache.kept(key_of("article", page_tools(), text), converted)
    files = files_of(file, text, kept["html"].decode(), root, sources)
    return Article(source, kept["title"].decode(), text[heading.end() :], files)


def _checked(source: str) -> str:
    """The path, or ValueError where a page cannot lie."""
    path = PurePosixPath(source)
    if path.suffix != ".md":
        raise ValueError(f"{described(source)} is not Markdown; name files that end in .md")
    if len(path.parts) > 1 and path.parts[0] != FOLDER:
        raise ValueError(f"{described(source)} lies elsewhere; move it to {FOLDER}/")
    if source in ("index.md", "404.md"):
        raise ValueError(f"{described(source)} is a page of the site already; leave it out")
    return source


def _parted(address: str) -> tuple[str, str]:
    """A path, and what follows from # or ? on."""
    path = re.split(r"[?#]", address, maxsplit=1)[0]
    return path, address[len(path) :]


def _source(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path)) if path else ""


def _plain(html: str) -> str:
    return " ".join(unescape(_TAG.sub("", html)).split())
