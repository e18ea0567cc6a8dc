"""Demos made in this process or by several: the same outcomes, in the order they were asked for.

Processes share nothing but the cache. A demo is given to one when there is memory for it; where a
process dies, as it does when memory runs out, its demo and those that wait are made again, one
at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgesite.errors import BuildError
from edgesite.site.folders import size_below
from edgesite.site.made import is_finished, make
from edgesite.site.reports import DONE
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from edgesite.errors import EdgesiteError
    from edgesite.site.frame import Frame
    from edgesite.site.made import Outcome

Told = Callable[[str, str], None]
"""Is told the name of a demo's folder, and a stage that begins; DONE when it is made."""

Job = TypeVar("Job")
Result = TypeVar("Result")

_ALONE_S = 0.15
_PER_MEGABYTE_S = 0.6
"""What a demo takes on one core, roughly: the two of this repository, measured."""

_PAGE_S = 0.008
"""What a page takes whose demo is kept but for its words."""

_START_S = 1.0
"""What processes must save before they are worth their start."""

_QUICK_START = 0.4
"""The share of that where they need not compile."""

_WORKER_BYTES = 300_000_000
_PER_MODEL_BYTE = 12
"""What a process takes, and what it takes for each byte of a model: the graph, the constants on
their way through the compiler, the module's memory and onnxruntime's."""

_UNKNOWN_BYTES = 4_000_000_000
"""Assumed to be free where the system does not say."""

_RENDERS = ("edgesite.site.finished", "edgesite.site.render")
_COMPILES = ("edgesite.site.stages", "edgesite.compiler", "onnxruntime", "wasmtime")
"""What every worker imports; where processes are forked from a server, once for all."""

_SAMPLE = 8
"""Demos that are looked at to tell whether others need not be compiled either."""


def made_by(workers: int, frame: Frame, folders: Sequence[Path], told: Told) -> dict[Path, Outcome]:
    """Make demos, in at most so many processes where that is quicker."""
    sizes = {folder: size_below(folder) for folder in folders}
    if workers > 1 and is_worth_it(sizes.values(), workers):
        # All files of a sample are read, which can only speak against more processes.
        sample = folders[:: -(-len(folders) // _SAMPLE)]
        is_quick = all(is_finished(frame, folder) for folder in sample)
        if is_worth_it(sizes.values(), workers, is_quick=is_quick):
            modules = _RENDERS if is_quick else (*_RENDERS, *_COMPILES)
            return _made_apart(min(workers, len(sizes)), frame, sizes, told, modules)
    outcomes = {}
    for folder in folders:
        outcomes[folder] = make(frame, folder, told)
        told(folder.name, DONE)
    return outcomes


def spread(
    executor: Executor,
    function: Callable[[Job], Result],
    needs: Mapping[Job, int],
    most: int,
    free_bytes: int,
) -> Iterator[tuple[Job, Future[Result]]]:
    """Let an executor do jobs, at most so many at once and within the memory; as they are done.

    needs: the bytes that each job takes; the largest go first, and one always goes.
    """
    waiting = sorted(needs, key=lambda job: -needs[job])
    running: dict[Future[Result], Job] = {}
    while waiting or running:
        taken = sum(needs[job] for job in running.values())
        fitting = (job for job in waiting if not running or needs[job] + taken <= free_bytes)
        if len(running) < most and (job := next(fitting, None)) is not None:
            waiting.remove(job)
            running[executor.submit(function, job)] = job
            continue
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future


def is_worth_it(sizes: Collection[int], workers: int, *, is_quick: bool = False) -> bool:
    """Whether several processes save more than they take to start.

    is_quick: whether the demos are kept but for their words.
    """
    seconds = [_PAGE_S if is_quick else _ALONE_S + size / 1e6 * _PER_MEGABYTE_S for size in sizes]
    total = sum(seconds)
    saved = total - max(total / workers, *seconds, 0.0)
    return saved > (_START_S * _QUICK_START if is_quick else _START_S)


def _made_apart(
    workers: int,
    frame: Frame,
    sizes: Mapping[Path, int],
    told: Told,
    modules: Sequence[str],
) -> dict[Path, Outcome]:
    outcomes: dict[Path, Outcome] = {}
    needs = {folder: _WORKER_BYTES + _PER_MODEL_BYTE * size for folder, size in sizes.items()}
    with suppress(BrokenProcessPool), processes(workers, modules) as executor:
        # One more than there are processes, so that none waits for its next.
        jobs = spread(executor, partial(make, frame), needs, workers + 1, free_bytes())
        for folder, future in jobs:
            outcomes[folder] = future.result()
            told(folder.name, DONE)
    rest = deque(folder for folder in sizes if folder not in outcomes)
    while rest:
        outcomes[rest[0]] = _killed(rest[0])
        with suppress(BrokenProcessPool), processes(1) as executor:
            while rest:
                outcomes[rest[0]] = executor.submit(make, frame, rest[0]).result()
                told(rest.popleft().name, DONE)
        if rest and rest[0] in outcomes:
            rest.popleft()
    return outcomes


def _killed(folder: Path) -> tuple[EdgesiteError, ...]:
    return (
        BuildError(
            f"{shown(folder)}: the process that made it was killed, most likely because memory "
            "ran out; close other programs, or use a smaller model"
        ),
    )


def begin_aside(frame: Frame, folders: Sequence[Path]) -> BaseProcess:
    """Begin to make demos, into the cache, in a process that lets others go first.

    It ends with this process, too, which need not wait for it to end itself.
    """
    aside: BaseProcess = _context((*_RENDERS, *_COMPILES)).Process(
        target=_made_aside, args=(frame, folders), daemon=True
    )
    aside.start()
    return aside


def _made_aside(frame: Frame, folders: Sequence[Path]) -> None:
    _begin()
    if hasattr(os, "nice"):
        os.nice(10)
    for folder in folders:
        make(frame, folder)


@contextmanager
def processes(workers: int, modules: Sequence[str] = ()) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with this one, however it ends; modules: what they are likely to need."""
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, _context(modules), _begin)
    try:
        yield executor
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _context(modules: Sequence[str]) -> Any:
    """How processes are started: forked from a server where there can be one."""
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload([*modules])
    return context


def _begin() -> None:
    """Leave Ctrl+C to the process that waits for this one, and end when that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def free_bytes() -> int:
    """The memory that may be taken: what the system and the container leave, but for a reserve."""
    free = _number(Path("/proc/meminfo"), r"MemAvailable:\s*(\d+)", 1024)
    limit = _number(Path("/sys/fs/cgroup/memory.max"), r"(\d+)")
    used = _number(Path("/sys/fs/cgroup/memory.current"), r"(\d+)") or 0
    known = [bytes_ for bytes_ in (free, limit and limit - used) if bytes_ is not None]
    return int(min(known) * 0.8) if known else _UNKNOWN_BYTES


def _number(file: Path, pattern: str, unit: int = 1) -> int | None:
    try:
        found = re.search(pattern, file.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) * unit if found else None
