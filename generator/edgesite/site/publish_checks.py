"""What a host would refuse, or show broken: found before anything leaves the machine."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from html.parser import HTMLParser
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from edgesite.errors import BuildError, EdgesiteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# GitHub's limits: docs.github.com, "GitHub Pages limits" and "About large files on GitHub".
MOST_SITE_BYTES = 1_000_000_000
MOST_FILE_BYTES = 100 * 1024 * 1024

_POINTER = b"version https://git-lfs"
_ADDRESSES = ("src", "href", "poster")


@dataclass(frozen=True)
class Findings:
    """What is wrong, which stops publishing, and what may be wrong."""

    problems: tuple[EdgesiteError, ...]
    warnings: tuple[str, ...]


def inspected(
    files: Mapping[str, bytes], site_url: str | None, remote_url: str | None = None
) -> Findings:
    """Look through the files of a site, by path, that are to be published.

    remote_url is the git remote that they go to, if they go to one.
    """
    base = urlsplit(site_url).path if site_url else None
    problems = [
        BuildError(text) for find in (_large, _pointers, _colliding) for text in find(files)
    ]
    problems += [BuildError(text) for text in _broken_links(files, base)]
    warnings = [*_hidden(files), *_address(site_url, remote_url)]
    return Findings(tuple(problems), tuple(warnings))


def _large(files: Mapping[str, bytes]) -> Iterator[str]:
    for name, data in files.items():
        if len(data) > MOST_FILE_BYTES:
            yield (
                f"{name}: has {len(data) / 1e6:.0f} MB, GitHub takes files up to "
                f"{MOST_FILE_BYTES / 1e6:.0f} MB; use a smaller or quantised model, "
                "or another host with --to"
            )
    total = sum(map(len, files.values()))
    if total > MOST_SITE_BYTES:
        yield (
            f"the site has {total / 1e9:.1f} GB, GitHub Pages takes 1 GB; "
            "part it into several sites, or use another host with --to"
        )


def _pointers(files: Mapping[str, bytes]) -> Iterator[str]:
    for name, data in files.items():
        if data.startswith(_POINTER):
            yield f"{name}: is a Git LFS pointer, not the file; fetch it with `git lfs pull`"


def _colliding(files: Mapping[str, bytes]) -> Iterator[str]:
    by_lower: dict[str, list[str]] = defaultdict(list)
    for name in files:
        by_lower[name.lower()].append(name)
    for names in by_lower.values():
        if len(names) > 1:
            yield (
                f"{' and '.join(sorted(names))}: differ in upper and lower case alone, "
                "which not every host and machine tells apart; rename one"
            )


def _broken_links(files: Mapping[str, bytes], base: str | None) -> Iterator[str]:
    for page, data in files.items():
        if not page.endswith(".html"):
            continue
        finder = _Finder()
        finder.feed(data.decode("utf-8", errors="replace"))
        finder.close()
        for address in dict.fromkeys(finder.addresses):
            target = _target(page, address, base)
            if target is not None and not _is_there(target, files):
                yield f"{page}: links to {address}, which is not in the site; correct the address"


def _target(page: str, address: str, base: str | None) -> str | None:
    """The file that an address stands for; None where it leads out of the site."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|#", address):
        return None
    path = unquote(urlsplit(address).path)
    if path.startswith("/"):
        if base is None or not path.startswith(base):
            return None if base is None else path
        return normpath(path.removeprefix(base) or ".") + ("/" if path.endswith("/") else "")
    if not path:
        return page
    return normpath(join(dirname(page), path)) + ("/" if path.endswith(("/", ".")) else "")


def _is_there(target: str, files: Mapping[str, bytes]) -> bool:
    folder = target.rstrip("/")
    index = "index.html" if folder in ("", ".") else f"{folder}/index.html"
    return index in files or (not target.endswith("/") and target in files)


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.addresses += [value for name, value in attrs if name in _ADDRESSES and value]


def _hidden(files: Mapping[str, bytes]) -> Iterator[str]:
    names = [name for name in files if any(part[0] in "._" for part in name.split("/"))]
    if names:
        yield (
            f"{', '.join(names[:3])}{' and more' if len(names) > 3 else ''}: names that start with "
            ". or _ are left out by some hosts; rename them if they are missing there"
        )


def _address(site_url: str | None, remote_url: str | None) -> Iterator[str]:
    if site_url is None:
        yield (
            "edgesite.yaml: site_url is missing; with it the page for lost visitors finds home, "
            "and search engines find the site's own address"
        )
        return
    match = re.search(r"github\.com[:/]([^/]+)/([^/]+?)(\.git)?/?$", remote_url or "")
    host = urlsplit(site_url).hostname or ""
    if match and host.endswith(".github.io"):
        user, repository = match[1].lower(), match[2]
        path = "/" if repository.lower() == f"{user}.github.io" else f"/{repository}/"
        expected = f"https://{user}.github.io{path}"
        if site_url.lower() != expected.lower():
            yield (
                f"edgesite.yaml: site_url is {site_url}, "
                f"but this repository's pages are at {expected}; correct it"
            )
