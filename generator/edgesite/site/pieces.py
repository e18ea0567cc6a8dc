"""The files of a site before they are written: some in memory, most where they lie already.

A page has tens of files and a site thousands, nearly all of which are in the cache, in the
author's folder and, from an earlier build, in the output folder. So a file is known by its hash
and read when it is needed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgesite.errors import BuildError
from edgesite.site.cache import digest
from edgesite.site.wording import shown


class LostError(BuildError):
    """A file is no longer what it was when the build began."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{shown(Path(path))}: was changed while the site was built; build again")
        self.path = path

    def __reduce__(self) -> tuple[type[LostError], tuple[str]]:
        return type(self), (self.path,)


@dataclass(frozen=True)
class Piece:
    """A file of the site, and where its content lies."""

    path: str
    digest: str
    size_bytes: int
    is_cached: bool = False
    """Whether it lies in an entry of the cache, and not in the author's folder."""

    def read(self) -> bytes:
        """The content; LostError where it is no longer there.

        A damaged entry of the cache is deleted, so that the next build makes it anew.
        """
        try:
            with open(self.path, "rb") as file:
                data = file.read()
        except OSError:
            raise LostError(self.path) from None
        if digest(data) != self.digest:
            if self.is_cached:
                shutil.rmtree(os.path.dirname(self.path), ignore_errors=True)
            raise LostError(self.path)
        return data

    def is_there(self) -> bool:
        """Whether there is a file of this size."""
        try:
            return os.stat(self.path).st_size == self.size_bytes
        except OSError:
            return False


Part = bytes | Piece
"""A file, in memory or where it lies."""


def content(part: Part) -> bytes:
    """The bytes of a file; LostError where they are no longer there."""
    return part.read() if isinstance(part, Piece) else part


def digest_of(part: Part) -> str:
    """The SHA-256 of a file, in hex; those that lie somewhere are not read for it."""
    return part.digest if isinstance(part, Piece) else digest(part)


def size_of(part: Part) -> int:
    """Bytes."""
    return part.size_bytes if isinstance(part, Piece) else len(part)


class Pieces(Mapping[str, bytes]):
    """The files of a site by POSIX path; each is read when it is asked for."""

    def __init__(self, files: Mapping[str, Part]) -> None:
        self.parts: dict[str, Part] = (
            dict(files.parts) if isinstance(files, Pieces) else dict(files)
        )

    def __getitem__(self, name: str) -> bytes:
        return content(self.parts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def __or__(self, others: Mapping[str, Part]) -> Pieces:
        """These files and others, which count where both have one."""
        return Pieces({**self.parts, **Pieces(others).parts})

    def digest(self, name: str) -> str:
        """The SHA-256 of a file, in hex; those that lie somewhere are not read for it."""
        return digest_of(self.parts[name])

    def size(self, name: str) -> int:
        """Bytes."""
        return size_of(self.parts[name])

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(map(self.size, self.parts))
