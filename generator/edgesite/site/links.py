"""Links that lead nowhere: to files that a site has not, and to anchors that its pages have not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ADDRESSES = ("src", "href", "poster")

_CODE = re.compile(r"(<(?:script|style)\b[^>]*>).*?</(?:script|style)\s*>", re.DOTALL | re.I)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(
    r"<[a-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*?\s(?:id|src|href|poster|srcset)\s*="
    r"(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>",
    re.I,
)
"""A tag with an attribute that counts; quoted values may hold anything."""


@dataclass(frozen=True)
class Page:
    """What links of a page lead to, and what links can lead to in it."""

    addresses: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def has(self, fragment: str) -> bool:
        """Whether a link may end in this: an id, the top, or something for the page's script."""
        return not fragment or fragment == "top" or "=" in fragment or unquote(fragment) in self.ids


def read_page(html: bytes) -> Page:
    """Find the links and ids of a page."""
    text = _COMMENT.sub("", _CODE.sub(r"\1", html.decode("utf-8", errors="replace")))
    finder = _Finder()
    # Most tags have nothing to find, and a parser takes a while to say so.
    finder.feed("".join(found[0] for found in _TAG.finditer(text)))
    finder.close()
    return finder.page


def broken_links(
    files: Mapping[str, bytes],
    site_url: str | None,
    read: Mapping[str, Page] = MappingProxyType({}),
) -> Iterator[str]:
    """Say of every page, by path, which of its links lead nowhere, and which ids it has twice.

    read: the pages that were read already.
    """
    base = urlsplit(site_url).path if site_url else None
    names = [path for path in files if path.endswith(".html")]
    pages = {path: read.get(path) or read_page(files[path]) for path in names}
    for path, page in pages.items():
        for address in dict.fromkeys(page.addresses):
            target = _target(path, address, base)
            if target is None:
                continue
            file = _file(target, files)
            if file is None:
                yield f"{path}: links to {address}, which is not in the site; correct the address"
            elif file in pages and not pages[file].has(urlsplit(address).fragment):
                yield f"{path}: links to {address}, an anchor that {file} has not; correct it"
        for name in sorted({name for name in page.ids if page.ids.count(name) > 1}):
            yield f'{path}: has the id "{name}" twice; give one of the headings another {{#name}}'


def _target(page: str, address: str, base: str | None) -> str | None:
    """The file that an address stands for; None where it leads out of the site."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", address):
        return None
    path = unquote(urlsplit(address).path)
    if path.startswith("/"):
        if base is None or not path.startswith(base):
            return None if base is None else path
        return normpath(path.removeprefix(base) or ".") + ("/" if path.endswith("/") else "")
    if not path:
        return page
    return normpath(join(dirname(page), path)) + ("/" if path.endswith(("/", ".")) else "")


def _file(target: str, files: Mapping[str, bytes]) -> str | None:
    """The file that a server gives."""
    folder = target.rstrip("/")
    index = "index.html" if folder in ("", ".") else f"{folder}/index.html"
    if not target.endswith("/") and target in files:
        return target
    return index if index in files else None


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def set_cdata_mode(self, *_: object, **__: object) -> None:
        """Wait for no end of scripts and styles: tags come without what is between them."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        for name, value in attrs:
            if name == "id" and value:
                self.page.ids.append(value)
            elif name in _ADDRESSES and value:
                self.page.addresses.append(value)
            elif name == "srcset" and value:
                self.page.addresses.extend(source.split()[0] for source in value.split(","))
