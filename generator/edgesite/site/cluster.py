"""Models compiled and compared by the workers of a cluster, which meets in a store.

What a demo is made of goes to a worker, its model by the store. The results go into the store, too,
and the build, which then finds everything made, is the same as always. A worker that dies loses
nothing: its demos go to another one, and what it has put into the store stays there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.errors import BuildError, EdgesiteError, ProblemsError, UsageError
from edgesite.site.cache import Cache, digest, key_of
from edgesite.site.compiled import outside_files
from edgesite.site.problems import Problems
from edgesite.site.source import load_demo
from edgesite.site.stages import finish
from edgesite.site.store import open_store
from edgesite.site.wording import shown
from edgesite.site.workers import spread

if TYPE_CHECKING:
    from edgesite.site.source import DemoSource
    from edgesite.site.workers import Told

Wrong = tuple[EdgesiteError, ...]

COMPILED = "compiled by the cluster"

_PER_THREAD = 2
"""Demos that are on their way to each thread of the cluster, so that none waits."""

_UNLIMITED = 1 << 62
"""Workers of a cluster look after their memory themselves."""

_RETRIES = 2


@dataclass(frozen=True, eq=False)
class Parcel:
    """A demo as it goes to a worker."""

    source: DemoSource
    """With paths as messages show them."""

    model: str
    """The key of the model's files in the store."""

    names: tuple[str, ...]
    """Their names below the demo's folder, the model first."""


def compile_apart(
    scheduler: str, store: str | None, folders: Sequence[Path], told: Told
) -> dict[Path, Wrong]:
    """Let a cluster compile and compare demos; what is wrong with those that cannot be.

    Raises UsageError where there is no such cluster or no store.
    """
    if store is None:
        raise UsageError(
            "--executor dask: workers and this machine meet in a store; give one with --store"
        )
    wrong: dict[Path, Wrong] = {}
    parcels: dict[Parcel, Path] = {}
    sent: set[str] = set()
    for folder in folders:
        try:
            parcels[_packed(folder, store, sent)] = folder
        except EdgesiteError as error:
            wrong[folder] = _parts(error)
    if complaint := open_store(store).complaint:
        raise BuildError(f"{complaint.partition(';')[0]}; workers get models from there")
    with _cluster(scheduler) as (executor, threads):
        needs = dict.fromkeys(parcels, 1)
        most = max(threads, 1) * _PER_THREAD
        for parcel, future in spread(executor, partial(deliver, store), needs, most, _UNLIMITED):
            if found := _result(parcel, future):
                wrong[parcels[parcel]] = found
            told(parcels[parcel].name, COMPILED)
    return wrong


def deliver(store: str, parcel: Parcel) -> Wrong:
    """Compile and compare a demo on a worker, into the store; what is wrong with it."""
    problems = Problems()
    with tempfile.TemporaryDirectory(prefix="edgesite-") as name:
        here = Path(name)
        kept = os.environ.get("EDGESITE_CACHE")
        cache = Cache(Path(kept) if kept else here / "cache", open_store(store))
        source = _unpacked(parcel, cache, here / "demo")
        with problems.gathered():
            finish(source, cache, problems, lambda stage: None)  # noqa: ARG005
        try:
            problems.raise_any()
        except EdgesiteError as error:
            folder = parcel.source.folder.as_posix()
            there = str(here / "demo")
            return tuple(type(e)(str(e).replace(there, folder)) for e in _parts(error))
    return ()


def _packed(folder: Path, store: str, sent: set[str]) -> Parcel:
    """Read a demo and put its model into the store, unless that has been done."""
    problems = Problems()
    source = load_demo(folder, problems)
    problems.raise_any()
    assert source  # else there was a problem
    data = source.model.read_bytes()
    paths = [source.model, *outside_files(source.model, data)]
    names = tuple(path.relative_to(folder).as_posix() for path in paths)
    files = {str(number): path.read_bytes() for number, path in enumerate(paths)}
    key = key_of("model", names, [digest(data) for data in files.values()])
    if key not in sent:
        open_store(store).put(key, files)
        sent.add(key)
    document = replace(source.document, path=Path(shown(source.document.path)))
    light = replace(
        source, folder=Path(shown(folder)), document=document, attachments=(), body_markdown=""
    )
    return Parcel(light, key, names)


def _unpacked(parcel: Parcel, cache: Cache, folder: Path) -> DemoSource:
    """The demo with its files in a folder of the worker."""
    files = cache.fetch(parcel.model)
    if files is None:
        raise BuildError("the store has lost a model that the build has put there; build again")
    for number, name in enumerate(parcel.names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(files[str(number)])
    pictures = []
    for number, picture in enumerate(parcel.source.pictures):
        path = folder / f".{number}" / picture.path.name
        path.parent.mkdir()
        path.write_bytes(picture.data)
        pictures.append(replace(picture, path=path))
    return replace(parcel.source, model=folder / parcel.names[0], pictures=tuple(pictures))


def _result(parcel: Parcel, future: Future[Wrong]) -> Wrong:
    """What is wrong with a demo: what its worker says, or what has become of that."""
    try:
        return future.result()
    except EdgesiteError as error:
        return _parts(error)
    except Exception as error:  # dask's own, and whatever a worker's machine does
        what = f"{type(error).__name__}: {error}"
        folder = parcel.source.folder.as_posix()
        return (BuildError(f"{folder}: the cluster fails ({what}); look at its workers' logs"),)


def _parts(error: EdgesiteError) -> Wrong:
    return error.problems if isinstance(error, ProblemsError) else (error,)


@contextmanager
def _cluster(scheduler: str) -> Iterator[tuple[Executor, int]]:
    """An executor whose jobs the cluster does, and how many it does at once."""
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise UsageError(
            "--executor dask: needs a library that is not there; install it: "
            "pip install 'edgesite[dask]'"
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"--scheduler: nothing answers at {scheduler} ({reason}); "
            "give the address that `dask scheduler` prints, such as tcp://host:8786"
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        yield client.get_executor(pure=False, retries=_RETRIES), threads
