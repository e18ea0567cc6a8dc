"""The output folder: replaced as a whole, and only if an earlier build wrote it.

Files are written to a folder beside it, which takes its place by renaming when everything is
there. Whatever goes wrong before leaves the old folder as it was.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.errors import BuildError, InternalError
from edgesite.site.cache import digest, key_of
from edgesite.site.pieces import Pieces
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edgesite.site.cache import Cache

MARKER = ".edgesite"
_LEFTOVER_S = 3600.0
"""No build takes this long to write its files: an older draft is one of a build that was killed."""

_LARGE = 2000
"""Files whose removal takes longer than to start a process."""

NOTICE = "edgesite wrote this folder, and each build replaces it as a whole.\n"


def check_output(out: Path, root: Path) -> None:
    """Make sure that a build may and can write here; call it before long work.

    Raises BuildError where the folder holds what no build wrote, holds the site itself, or
    cannot be written.
    """
    target, site = out.resolve(), root.resolve()
    if site.is_relative_to(target):
        raise BuildError(
            f"{shown(out)}: the output folder would replace the site itself; "
            "give a folder of its own, such as dist"
        )
    inside = target.relative_to(site).parts if target.is_relative_to(site) else ()
    if inside and inside[0] in ("demos", "theme"):
        raise BuildError(
            f"{shown(out)}: the output folder is among the sources in {inside[0]}/; "
            "give a folder of its own, such as dist"
        )
    if target.exists() and not target.is_dir():
        raise BuildError(f"{shown(out)}: is a file; give the name of a folder")
    if target.is_dir() and not _is_ours(target):
        raise BuildError(
            f"{shown(out)}: is not empty and was not written by edgesite, so it is left alone; "
            "empty it yourself or give another folder"
        )
    _remove(_staging(target, out))
    _sweep(target)


def write_output(out: Path, files: Mapping[str, bytes], cache: Cache | None = None) -> None:
    """Let the folder hold exactly these files, by POSIX path relative to it.

    cache: where it is noted what was written, so that files nobody has touched since need not be
    read to tell what they hold.
    Raises BuildError where it cannot be written; the folder is then as it was.
    """
    target = out.resolve()
    # The marker comes first, so that what a killed build leaves can be told to be ours.
    whole = Pieces({MARKER: NOTICE.encode()}) | files
    for name in whole:
        _check_name(name)
    found, written = dict(_found(str(target))), _written(target, cache)
    same = {name for name in whole if _holds(found.get(name), whole, name, written.get(name))}
    if len(same) == len(found) == len(whole):  # far quicker than to write anew and delete the old
        if len(written) != len(whole):
            _note(target, whole, cache)
        return
    staging = _staging(target, out)
    try:
        for folder in sorted({os.path.dirname(name) for name in whole}):
            os.makedirs(f"{staging}/{folder}", exist_ok=True)
        for name in whole:
            new = f"{staging}/{name}"
            if not (name in same and _linked(f"{target}/{name}", new)):
                Path(new).write_bytes(whole[name])
        staging.chmod(0o755)  # mkdtemp's folders are private, a web server's are not
        _swap(staging, target)
    except OSError as error:
        raise _unwritable(out, error) from None
    finally:
        _remove(staging)
    _note(target, whole, cache)


Stamp = list[int | str]
"""Of a file: time, size, identity, and the hash of what it held then."""


def _written(target: Path, cache: Cache | None) -> dict[str, Stamp]:
    """The files of the folder as they were when a build had written them."""
    record = cache and cache.get(key_of("output", str(target)))
    return json.loads(record[_STAMPS]) if record else {}


def _note(target: Path, files: Pieces, cache: Cache | None) -> None:
    if cache is None:
        return
    stamps: dict[str, Stamp] = {}
    for name in files:
        with suppress(OSError):  # somebody has deleted it already
            stamps[name] = [*_stamp(os.stat(f"{target}/{name}")), files.digest(name)]
    cache.put(key_of("output", str(target)), {_STAMPS: json.dumps(stamps).encode()})


def _stamp(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


_STAMPS = "stamps.json"


def _found(folder: str | Path, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str] | None]]:
    """All that is below a folder by POSIX path, folders that are empty included."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # there is none
        return
    if prefix and not entries:
        yield prefix, None
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _found(entry.path, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _holds(entry: os.DirEntry[str] | None, files: Pieces, name: str, written: Stamp | None) -> bool:
    """Whether a file is there as it shall be; written: what it was when a build wrote it."""
    try:
        if entry is None or entry.is_symlink():
            return False
        stat = entry.stat()
        if stat.st_size != files.size(name):
            return False
        if written and [*_stamp(stat)] == written[:3]:
            return written[3] == files.digest(name)
        with open(entry.path, "rb") as file:
            return digest(file.read()) == files.digest(name)
    except OSError:  # it cannot be read
        return False


def _linked(old: str, new: str) -> bool:
    """Give a file a second name, which costs nothing; False where the disk cannot."""
    try:
        os.link(old, new)
    except OSError:
        return False
    return True


def _is_ours(folder: Path) -> bool:
    try:
        names = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise _unwritable(folder, error) from None
    return not names or MARKER in names


def _staging(target: Path, out: Path) -> Path:
    """A new folder beside the target: on the same disk, so that a rename is enough."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise _unwritable(out, error) from None


def _sweep(target: Path) -> None:
    """Remove what builds that were killed have left beside the target."""
    for draft in target.parent.iterdir():
        if not draft.name.startswith(f".{target.name}-"):
            continue
        is_ours = (draft / MARKER).is_file() or (draft / "old" / MARKER).is_file()
        with suppress(OSError):
            if is_ours and time.time() - draft.stat().st_mtime > _LEFTOVER_S:
                _remove(draft)


def _swap(staging: Path, target: Path) -> None:
    """Put one folder into the place of another, or leave both if that fails."""
    if not target.exists():
        staging.rename(target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        target.rename(aside / "old")
        try:
            staging.rename(target)
        except BaseException:
            (aside / "old").rename(target)
            raise
    except BaseException:
        aside.rmdir()  # refuses where the old folder could not be put back, and so keeps it
        raise
    _remove_large(aside)


def _remove_large(folder: Path) -> None:
    """Remove a folder; where it holds much, in a process that nobody waits for."""
    if sum(1 for _ in _found(folder)) < _LARGE or not hasattr(os, "posix_spawn"):
        _remove(folder)
        return
    script = "import shutil, sys; shutil.rmtree(sys.argv[1], ignore_errors=True)"
    command = [sys.executable, "-I", "-S", "-c", script, str(folder)]
    # Who reads what this process prints must not wait for that one to end.
    closed = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    try:
        os.posix_spawn(sys.executable, command, os.environ, file_actions=closed, setsid=True)
    except (OSError, NotImplementedError):
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _check_name(name: str) -> None:
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise InternalError(f"a page cannot be written to {name!r}")


def _unwritable(out: Path, error: OSError) -> BuildError:
    reason = (error.strerror or str(error)).lower()
    return BuildError(
        f"{shown(out)}: cannot be written ({reason}); "
        "make its parent folder writable or give another one with --out"
    )
