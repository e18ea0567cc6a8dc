"""What is in a folder, as hashes: equal folders give equal results, wherever they are."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.errors import BuildError
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SITE_FILE = "edgesite.yaml"
DEMO_FILE = "demo.yaml"
DEMOS_FOLDER = "demos"
WORDS = "index.md"
SITE_FOLDERS = (DEMOS_FOLDER, "docs", "theme")
"""What a site is made from, with the files beside edgesite.yaml; words may show others."""

_PASSED_OVER = ("__pycache__",)


def check_is_site(root: Path) -> None:
    """Raise BuildError where a folder is no site."""
    if not root.is_dir():
        raise BuildError(f"{shown(root)}: no such folder; `edgesite new SITE` makes a site")
    if not (root / SITE_FILE).is_file():
        raise BuildError(
            f"{shown(root)}: has no {SITE_FILE}; "
            "give the folder of a site, or make one with `edgesite new SITE`"
        )


def site_digests(root: Path) -> dict[str, str]:
    """The SHA-256 of every file that a site is made from, by POSIX path below its folder."""
    return {name: file_digest(entry.path) for name, entry in sorted(_site_files(root))}


def site_stamps(root: Path) -> dict[str, tuple[int, int, int]]:
    """Time, size and identity of the same files: equal as long as nobody has changed one."""
    return _stamps(_site_files(root))


def digests_below(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file, by POSIX path below the folder, in order of the paths.

    A link counts by what it leads to and by where, and what is no file by that.
    """
    return {name: file_digest(entry.path) for name, entry in sorted(files_below(folder))}


def stamps_below(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Time, size and identity of the same files."""
    return _stamps(files_below(folder))


def real_name(folder: Path) -> str:
    """What a folder is called where it really is."""
    return os.path.basename(os.path.realpath(folder))


def digests_of_demos(digests: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Those of a site's files parted by the names of the demos' folders."""
    parted: dict[str, dict[str, str]] = {}
    for name, hashed in digests.items():
        if name.startswith("demos/") and name.count("/") > 1:
            _, demo, below = name.split("/", 2)
            parted.setdefault(demo, {})[below] = hashed
    return parted


def size_below(folder: Path) -> int:
    """Bytes of all files."""
    return sum(entry.stat().st_size for _, entry in files_below(folder) if entry.is_file())


def files_below(folder: str | Path, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder but folders: POSIX paths, and what the system says of them."""
    for entry in _entries(folder):
        if not entry.is_dir(follow_symlinks=False):
            yield prefix + entry.name, entry
        elif entry.name not in _PASSED_OVER:
            yield from files_below(entry.path, f"{prefix}{entry.name}/")


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file; of a link, with where it leads; of what is none, what it is."""
    try:
        target = f"{os.readlink(path)}: " if os.path.islink(path) else ""
        if not os.path.isfile(path):  # nor could a pipe be read to its end
            return f"{target}no file"
        with open(path, "rb", buffering=0) as file:
            return target + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _stamps(
    files: Iterable[tuple[str, os.DirEntry[str]]],
) -> dict[str, tuple[int, int, int]]:
    stamps = {}
    for name, entry in files:
        with suppress(OSError):  # it has just gone
            found = entry.stat(follow_symlinks=False)
            stamps[name] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return stamps


def _site_files(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    for entry in _entries(root):
        if entry.is_file():
            yield entry.name, entry
    for name in SITE_FOLDERS:
        yield from files_below(root / name, f"{name}/")


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except OSError:  # gone, or not to be read
        return []
