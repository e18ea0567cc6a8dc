"""What is in a folder, as hashes: equal folders give equal results, wherever they are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE_FOLDERS = ("demos", "docs", "theme")
"""What a site is made from, with the files beside edgesite.yaml; words may show others."""

_PASSED_OVER = ("__pycache__",)


def site_digests(root: Path) -> dict[str, str]:
    """The SHA-256 of every file that a site is made from, by POSIX path below its folder."""
    beside = sorted(root.iterdir()) if root.is_dir() else []
    found = {path.name: file_digest(path) for path in beside if path.is_file()}
    for name in SITE_FOLDERS:
        found |= {f"{name}/{below}": h for below, h in digests_below(root / name).items()}
    return found


def digests_below(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file, by POSIX path below the folder, in order of the paths.

    A link counts by what it leads to and by where, and what is no file by that.
    """
    return {name: file_digest(Path(entry)) for name, entry in sorted(files_below(folder))}


def size_below(folder: Path) -> int:
    """Bytes of all files."""
    return sum(entry.stat().st_size for _, entry in files_below(folder) if entry.is_file())


def files_below(folder: str | Path, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder but folders: POSIX paths, and what the system says of them."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # gone, or not to be read
        return
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            yield prefix + entry.name, entry
        elif entry.name not in _PASSED_OVER:
            yield from files_below(entry.path, f"{prefix}{entry.name}/")


def file_digest(path: Path) -> str:
    """The SHA-256 of a file; of a link, with where it leads; of what is none, what it is."""
    try:
        target = f"{path.readlink()}: " if path.is_symlink() else ""
        if not path.is_file():  # nor could a pipe be read to its end
            return f"{target}no file"
        with path.open("rb", buffering=0) as file:
            return target + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"
