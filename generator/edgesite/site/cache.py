"""Results kept between builds, found by the hash of everything they depend on.

An entry is a folder of files and an index with the hash of each. Entries appear by one rename,
so that builds side by side and builds that are killed leave none half-written; an entry whose
files do not match its index counts as absent and is replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from edgesite.site.store import Store

INDEX = "index.json"
FOLDER = ".edgesite-cache"
TOOLS = ("edgesite", "onnx", "numpy")
"""The packages whose versions decide what is compiled."""

PAGE_TOOLS = (
    "jinja2",
    "latex2mathml",
    "markdown",
    "nh3",
    "onnxruntime",
    "pillow",
    "pydantic",
    "pygments",
    "pyyaml",
    "wasmtime",
)
"""Those that decide in addition how pages come out, and what is said of them."""


LIMIT_BYTES = 4_000_000_000
"""Above this a build forgets what was not used for longest; EDGESITE_CACHE_LIMIT, in MB."""

_LEFTOVER_S = 3600.0
"""No build takes this long to write one entry: an older draft is one of a build that was killed."""

_DAY_S = 86400.0


@dataclass(frozen=True)
class Entry:
    """What the cache keeps under one key."""

    folder: Path
    size_bytes: int
    used_at: float
    """When it was last put or got, in seconds since 1970."""


class Cache:
    """A folder of entries; works as an always empty one where it cannot be written."""

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        """Use a folder; store: where other machines keep the same, for what is costly."""
        self.folder, self.store = folder, store
        self.noted: dict[str, str] = {}
        """Where the files lie that were got or put, by hash."""

    @classmethod
    def of_site(cls, root: Path) -> Cache:
        """The cache of a site: beside edgesite.yaml, or where EDGESITE_CACHE says."""
        elsewhere = os.environ.get("EDGESITE_CACHE")
        return cls(Path(elsewhere) if elsewhere else root / FOLDER)

    def path(self, key: str) -> Path:
        """The folder of an entry, whether there is one or not."""
        return self.folder / key[:2] / key

    def get(self, key: str) -> dict[str, bytes] | None:
        """The files of an entry; None where there is none or it is not as it was written."""
        folder = self.path(key)
        found = _sound(str(folder))
        if found is None:
            return None
        files, index = found
        self.noted |= {index[name]: f"{folder}/{name}" for name in index}
        self.touch(folder)
        return files

    def mend(self) -> None:
        """Forget every entry that is not as it was written."""
        for entry in self.entries():
            if _sound(str(entry.folder)) is None:
                self.remove(entry.folder)

    def touch(self, folder: Path | str) -> None:
        """Note that an entry is in use, so that it is among the last to be forgotten."""
        with suppress(OSError):  # a cache that may only be read is one all the same
            os.utime(f"{folder}/{INDEX}")

    def touch_all(self, places: Iterable[str]) -> None:
        """Note that the entries of these files, by their paths in the cache, are in use."""
        for entry in {place[:67] for place in places}:  # two digits, a slash, and a key
            self.touch(f"{self.folder}/{entry}")

    def kept(self, key: str, make: Callable[[], Mapping[str, bytes]]) -> Mapping[str, bytes]:
        """The files of an entry, which is made and kept where there is none."""
        files = self.get(key)
        if files is not None:
            return files
        made = make()
        self.put(key, made)
        return made

    def place(self, key: str, name: str) -> tuple[str, str, int] | None:
        """Where a file of an entry lies, its hash and size, without a look into it."""
        folder = self.path(key)
        try:
            with open(folder / INDEX, "rb") as file:
                hashed = json.loads(file.read())[name]
            size = os.stat(folder / name).st_size
        except (OSError, ValueError, TypeError, KeyError):
            return None
        self.touch(folder)
        self.noted[hashed] = f"{folder}/{name}"
        return f"{folder}/{name}", hashed, size

    def fetch(self, key: str) -> dict[str, bytes] | None:
        """The files of an entry that may be in the store as well, and is here then."""
        files = self.get(key)
        if files is None and self.store and (found := self.store.get(key)) is not None:
            files = found if self.put(key, found) else None
        return files

    def share(self, key: str, files: Mapping[str, bytes]) -> bool:
        """Keep files here and in the store; whether they are here then."""
        if self.store:
            self.store.put(key, files)
        return self.put(key, files)

    def put(self, key: str, files: Mapping[str, bytes]) -> bool:
        """Keep files under a key; whether they are there then, as the folder may be read-only."""
        target = self.path(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._mark()
            staging = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        except OSError:
            return False
        try:
            index = {name: digest(data) for name, data in sorted(files.items())}
            for name, data in files.items():
                (staging / name).write_bytes(data)
            (staging / INDEX).write_text(json.dumps(index), encoding="utf-8")
            if target.exists() and self.get(key) != files:
                self.remove(target)
            staging.rename(target)
        except OSError:  # another build was first, or the disk is full
            shutil.rmtree(staging, ignore_errors=True)
            return self.get(key) == files
        self.noted |= {hashed: f"{target}/{name}" for name, hashed in index.items()}
        return True

    def entries(self) -> list[Entry]:
        """All that is kept, what was not used for longest first."""
        found = []
        for folder in self.folder.glob("[0-9a-f][0-9a-f]/" + "[0-9a-f]" * 64):
            with suppress(OSError):  # another build replaces it just now
                used_at = (folder / INDEX).stat().st_mtime
                size = sum(path.stat().st_size for path in folder.iterdir())
                found.append(Entry(folder, size, used_at))
        return sorted(found, key=lambda entry: entry.used_at)

    def prune(self, limit_bytes: int) -> tuple[Entry, ...]:
        """Forget what was not used for longest, until the rest is within the limit.

        Also removes what builds that were killed have left. The entries forgotten are returned.
        """
        self._sweep()
        entries = self.entries()
        total, forgotten = sum(entry.size_bytes for entry in entries), 0
        while total > limit_bytes:
            total -= entries[forgotten].size_bytes
            self.remove(entries[forgotten].folder)
            forgotten += 1
        return tuple(entries[:forgotten])

    def prune_daily(self) -> None:
        """Keep within the limit; looks once a day, as looking takes longer than a small build."""
        stamp = self.folder / "pruned"
        try:
            if stamp.exists() and time.time() - stamp.stat().st_mtime < _DAY_S:
                return
            stamp.touch()
        except OSError:
            return
        megabytes = os.environ.get("EDGESITE_CACHE_LIMIT", "")
        self.prune(int(megabytes) * 1_000_000 if megabytes.isdecimal() else LIMIT_BYTES)

    def _sweep(self) -> None:
        for draft in self.folder.glob("[0-9a-f][0-9a-f]/.*"):
            with suppress(OSError):
                if time.time() - draft.stat().st_mtime > _LEFTOVER_S:
                    shutil.rmtree(draft)

    def remove(self, folder: Path) -> None:
        """Take an entry away by one rename, so that no build finds half of it."""
        with suppress(OSError):
            aside = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
            folder.rename(aside / "entry")
            shutil.rmtree(aside, ignore_errors=True)

    def _mark(self) -> None:
        """Keep the folder out of git and of backups."""
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
            (self.folder / "CACHEDIR.TAG").write_text(
                "Signature: 8a477f597d28d172789f06886806bc55\n", encoding="utf-8"
            )


def _sound(folder: str) -> tuple[dict[str, bytes], dict[str, str]] | None:
    """The files of an entry and their hashes; None where they do not match."""
    try:
        with open(f"{folder}/{INDEX}", "rb") as file:
            index = json.loads(file.read())
        files = {}
        for name in index:
            with open(f"{folder}/{name}", "rb") as file:
                files[name] = file.read()
            if digest(files[name]) != index[name]:
                return None
    except (OSError, ValueError, TypeError):
        return None
    return files, index


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def key_of(*parts: bytes | str | object) -> str:
    """A key for what depends on all parts: bytes as they are, other values as sorted JSON."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


@cache
def version(package: str) -> str:
    """The version of a package, which a process looks up once; "none" where it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


@cache
def page_tools() -> str:
    """A hash of all tools that pages are made with."""
    return key_of(tool_hash(), [f"{name} {version(name)}" for name in PAGE_TOOLS])


@cache
def tool_hash() -> str:
    """A hash of edgesite's own code and bundles, and of the tools that decide what it makes."""
    package = Path(__file__).parents[1]
    total = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in TOOLS).encode())
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return total.hexdigest()
