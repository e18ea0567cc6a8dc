"""File names that an author writes: resolved, and refused where they leave the demo's folder."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edgesite.site.wording import described, nearest

if TYPE_CHECKING:
    from collections.abc import Collection


def file_below(folder: Path, name: str) -> Path:
    """The file that a name stands for.

    Raises ValueError, with `what; what to do`, where the name is not one of a file in the folder.
    """
    path = _checked(folder, name)
    if path.is_dir():
        raise ValueError(f"{described(name)} is a folder; name a file in it")
    if not path.is_file():
        raise ValueError(f"no such file: {described(name)}; {_hint(folder, path)}")
    _refuse_links(folder, path)
    return path


def files_below(folder: Path, pattern: str) -> list[Path]:
    """The files that a name or a pattern (*, ?, [abc], **) stands for, in order of their names.

    Raises ValueError where there is none.
    """
    if not re.search(r"[*?\[]", pattern) or (folder / pattern).is_file():
        return [file_below(folder, pattern)]
    _checked(folder, pattern)
    hidden = re.compile(r"(^|/)[.]")
    found = sorted(
        path
        for path in folder.glob(pattern)
        if path.is_file() and not hidden.search(path.relative_to(folder).as_posix())
    )
    if not found:
        raise ValueError(f"no file matches {described(pattern)}; add one or correct the pattern")
    for path in found:
        _checked(folder, path.relative_to(folder).as_posix())
        _refuse_links(folder, path)
    return found


def slug_of(name: str) -> str:
    """A name for addresses: ASCII lower-case letters, digits and single dashes; may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def shipped_name(name: str, taken: Collection[str]) -> str:
    """The name under which a file ships: safe in every address and file system, and free."""
    path = PurePosixPath(name)
    stem, suffix = slug_of(path.stem) or "picture", path.suffix.lower()
    number, candidate = 1, f"{stem}{suffix}"
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}{suffix}"
    return candidate


def _checked(folder: Path, name: str) -> Path:
    """The path below the folder; ValueError for a name that is none."""
    if not name.strip():
        raise ValueError("is empty; write a file name")
    if not name.isprintable():
        raise ValueError(f"{described(name)} has a character that cannot be seen; rename the file")
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", name):
        raise ValueError(f"{described(name)} is an address; put the file into the demo's folder")
    if "\\" in name:
        raise ValueError(f"{described(name)} has a backslash; write / between folder and file")
    if name.startswith(("/", "~")) or re.match(r"[a-zA-Z]:", name):
        raise ValueError(
            f"{described(name)} is an absolute path; write it from the demo's folder on"
        )
    if ".." in PurePosixPath(name).parts:
        raise ValueError(f"{described(name)} leaves the demo's folder; copy the file into it")
    return folder / name


def _refuse_links(folder: Path, path: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"{described(path.relative_to(folder).as_posix())} is a link that leaves the demo's "
            "folder; put a copy of the file in its place"
        )


def _hint(folder: Path, path: Path) -> str:
    """The file that may have been meant."""
    if not path.parent.is_dir():
        return f"the folder {described(path.parent.relative_to(folder).as_posix())} is missing too"
    names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    close = nearest(path.name, names, likeness=0.7)  # suffixes alone make names alike
    if close is None:
        return "add the file or correct the name"
    return f"did you mean {described((path.parent / close).relative_to(folder).as_posix())}?"
