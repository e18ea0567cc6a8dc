"""What a host would refuse, or show broken: found before anything leaves the machine."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgesite.errors import BuildError, EdgesiteError
from edgesite.site.links import broken_links

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# GitHub's limits: docs.github.com, "GitHub Pages limits" and "About large files on GitHub".
MOST_SITE_BYTES = 1_000_000_000
MOST_FILE_BYTES = 100 * 1024 * 1024

_POINTER = b"version https://git-lfs"


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
    problems = [
        BuildError(text) for find in (_large, _pointers, _colliding) for text in find(files)
    ]
    problems += [BuildError(text) for text in broken_links(files, site_url)]
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
