"""A build in which nothing has changed: found by a look at all files that a site is made from.

What a site came out as is kept under the hash of those files. The files that words show from
elsewhere are listed in the record, with their hashes.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.site.assets import Assets, theme_folder
from edgesite.site.cache import Cache, key_of, page_tools
from edgesite.site.folders import digests_below, file_digest
from edgesite.site.pieces import Piece, Pieces
from edgesite.site.reports import PageReport
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_RECORD = "site.json"


@dataclass(frozen=True)
class Whole:
    """A site as it came out."""

    files: Pieces
    reports: tuple[PageReport, ...]
    warnings: tuple[str, ...]
    site_url: str | None = None
    is_offline: bool = False
    """Whether a service worker keeps its pages."""


def key_of_site(root: Path, digests: Mapping[str, str], cache: Cache) -> str:
    """A hash of all that a site is made from; digests: those of its files."""
    theme = root / "theme"
    stamp = Assets.load(theme if theme.is_dir() else None, cache).stamp
    stock = digests_below(theme_folder())
    return key_of("site", page_tools(), stamp, stock, shown(root), digests)


def recall(root: Path, key: str, cache: Cache) -> Whole | None:
    """The site as an earlier build made it from the same files, if all of it is there."""
    packed = (cache.get(key) or {}).get(_RECORD)
    if packed is None:
        return None
    plain = json.loads(zlib.decompress(packed))
    if any(file_digest(root / name) != hashed for name, hashed in plain["elsewhere"].items()):
        return None
    bases = {True: _within(cache.folder), False: _within(root)}
    files = {
        name: Piece(bases[is_cached] + place, hashed, size, is_cached)
        for name, (is_cached, place, hashed, size) in plain["files"].items()
    }
    if not all(piece.is_there() for piece in files.values()):
        return None
    reports = tuple(PageReport.of(report) for report in plain["reports"])
    return Whole(
        Pieces(files), reports, tuple(plain["warnings"]), plain["site_url"], plain["is_offline"]
    )


def remember(root: Path, key: str, whole: Whole, shows: Mapping[str, str], cache: Cache) -> None:
    """Keep what a site came out as, if all its files lie somewhere.

    shows: what the words of the site show or link to, by POSIX path below its folder, and hashes.
    """
    files, bases = {}, {True: _within(cache.folder), False: _within(root)}
    for name, piece in whole.files.parts.items():
        if not isinstance(piece, Piece):
            return
        base = bases[piece.is_cached]
        if not piece.path.startswith(base):
            return
        place = piece.path.removeprefix(base)
        files[name] = (piece.is_cached, place, piece.digest, piece.size_bytes)
    plain = {
        "files": files,
        "reports": [report.plain() for report in whole.reports],
        "warnings": whole.warnings,
        "site_url": whole.site_url,
        "is_offline": whole.is_offline,
        "elsewhere": shows,
    }
    cache.put(key, {_RECORD: zlib.compress(json.dumps(plain).encode(), 1)})


def _within(folder: Path) -> str:
    """What stands before the names of files in a folder; nothing in the working directory."""
    return str(folder / "_")[:-1]
