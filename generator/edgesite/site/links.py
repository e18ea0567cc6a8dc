"""Links that lead nowhere: to files that a site has not, and to anchors that its pages have not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from posixpath import dirname, join, normpath
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESSES = ("src", "href", "poster")

_CODE = re.compile(r"(<(?:script|style)\b[^>]*>).*?</(?:script|style)\s*>", re.DOTALL | re.I)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(
    r"<[a-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*?\s(?:id|src|href|poster|srcset)\s*="
    r"(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>",
    re.I,
)
"""A tag with an attribute that counts; quoted values may hold anything."""

_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*))")


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
    page = Page()
    for name, value in attributes(html.decode("utf-8", errors="replace")):
        if name == "id":
            page.ids.append(value)
        elif name in ADDRESSES:
            page.addresses.append(value)
        elif name == "srcset":
            page.addresses.extend(
                words[0] for source in value.split(",") if (words := source.split())
            )
    return page


def attributes(html: str) -> Iterator[tuple[str, str]]:
    """Names and values of attributes, of the tags where one is an id or has an address."""
    text = _COMMENT.sub("", _CODE.sub(r"\1", html))
    for tag in _TAG.finditer(text):
        for name, *values in _ATTRIBUTE.findall(tag[0]):
            if value := unescape("".join(values)):
                yield name.lower(), value


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
