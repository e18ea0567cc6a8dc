"""A place where several machines keep what is costly to make: whatever fsspec reaches.

An entry is one object: a first line with the hash of the rest, a line of JSON that names key and
files, and the files. Whatever does not match its hash or its name, such as a half-written entry or
a file of somebody else, counts as absent. Without the place, builds go on and say so once.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgesite.errors import UsageError
from edgesite.site.cache import digest
from edgesite.site.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAGIC = b"edgesite-entry-1 "


class Store:
    """Entries by key, below an address such as s3://bucket/path, sftp://host/path or file:///path."""

    def __init__(self, url: str) -> None:
        """Open a place; UsageError where fsspec, or its part for such addresses, is missing."""
        self.url = url
        self.complaint: str | None = None
        """Why it cannot be used, once that is known; it is then left alone."""

        self._files, self._root = _opened(url)

    def get(self, key: str) -> dict[str, bytes] | None:
        """The files of an entry; None where there is none, or it is not as it was written."""
        if self.complaint:
            return None
        try:
            data = self._files.cat_file(self._path(key))
        except FileNotFoundError:
            return None
        except Exception as error:  # libraries of all kinds of places raise anything
            self._complain("read", error)
            return None
        return unpacked(key, data)

    def put(self, key: str, files: Mapping[str, bytes]) -> None:
        """Keep an entry; without effect where the place cannot be written."""
        if self.complaint:
            return
        path = self._path(key)
        try:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, packed(key, files))
        except Exception as error:
            self._complain("written", error)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key[:2]}/{key}"

    def _complain(self, what: str, error: Exception) -> None:
        reason = printable(" ".join(str(error).split())[:200]) or type(error).__name__
        self.complaint = (
            f"{_public(self.url)}: the store cannot be {what} ({reason}); "
            "this build goes on without it"
        )


@lru_cache(maxsize=4)
def open_store(url: str) -> Store:
    """The place at an address, opened once by a process; UsageError where it cannot be."""
    return Store(url)


def packed(key: str, files: Mapping[str, bytes]) -> bytes:
    """An entry as one object."""
    facts = {"key": key, "files": [[name, len(data)] for name, data in files.items()]}
    body = json.dumps(facts).encode() + b"\n" + b"".join(files.values())
    return _MAGIC + digest(body).encode() + b"\n" + body


def unpacked(key: str, data: bytes) -> dict[str, bytes] | None:
    """The files of an entry; None where it is none, a damaged one or another one."""
    first, _, body = data.partition(b"\n")
    if first != _MAGIC + digest(body).encode():
        return None
    line, _, rest = body.partition(b"\n")
    facts = json.loads(line)
    if facts["key"] != key:
        return None
    files, at = {}, 0
    for name, size in facts["files"]:
        files[name] = rest[at : at + size]
        at += size
    return files


def _opened(url: str) -> tuple[Any, str]:
    try:
        url_to_fs = import_module("fsspec.core").url_to_fs
    except ImportError:
        raise UsageError(
            "--store: needs a library that is not there; install it: pip install 'edgesite[store]'"
        ) from None
    try:
        files, root = url_to_fs(url)
    except ImportError as error:
        raise UsageError(f"--store: {_public(url)}: {error}") from None
    except (ValueError, OSError) as error:
        raise UsageError(
            f"--store: got {_public(url)} ({error}); write it as file:///folder, s3://bucket/path, "
            "gs://bucket/path or sftp://host/path"
        ) from None
    return files, str(root).rstrip("/")


def _public(url: str) -> str:
    """An address without the name and password that may stand before its host."""
    scheme, found, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{found}{host.rpartition('@')[2]}{slash}{path}" if found else url
