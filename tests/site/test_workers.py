"""Several processes: the same site as one makes, whatever happens to them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from edgesite.errors import BuildError, ProblemsError
from edgesite.site import workers
from edgesite.site.build import build
from edgesite.site.frame import Frame
from edgesite.site.made import Outcome, make
from edgesite.site.reports import Step
from tests.site.models import classifier
from tests.sites import contents, edit


@pytest.fixture
def three(site: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of three demos, with a cache of its own, for which processes are always started."""
    monkeypatch.delenv("EDGESITE_CACHE")
    monkeypatch.setattr(workers, "_START_S", -100.0)
    for name in ("first", "second"):
        shutil.copytree(demo, demo.parent / name)
        (demo.parent / name / "model.onnx").write_bytes(classifier((1, 3, 32, 32)))
    return site


def test_any_number_of_processes_gives_the_same_bytes(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Step] = []
    build(three, three / "one")
    monkeypatch.setenv("EDGESITE_CACHE", str(three / "other-cache"))
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")

    report = build(three, three / "two", steps.append, workers=2)

    assert contents(three / "two") == contents(three / "one")
    assert [page.slug for page in report.pages] == ["colours", "first", "second"]
    assert sorted(step.slug or "" for step in steps) == ["", "colours", "first", "second"]
    assert [(step.stage, step.done, step.total) for step in steps] == [
        ("done", 1, 3), ("done", 2, 3), ("done", 3, 3), ("write", 3, 3),
    ]  # fmt: skip


def test_problems_of_all_processes_come_in_the_order_of_the_demos(three: Path) -> None:
    for name in ("first", "second"):
        edit(three / "demos" / name / "demo.yaml", "color: RGB", "color: rgb")

    with pytest.raises(ProblemsError) as caught:
        build(three, three / "dist", workers=2)

    assert [str(problem).split(":")[0] for problem in caught.value.problems] == [
        "demos/first/demo.yaml",
        "demos/second/demo.yaml",
    ]


def test_a_process_that_is_killed_is_named_and_takes_no_other_demo_along(
    three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "make", dies_with_second)

    with pytest.raises(BuildError) as caught:
        build(three, three / "dist", workers=2)

    assert str(caught.value).startswith("demos/second: the process that made it was killed")


def dies_with_second(frame: Frame, folder: Path) -> Outcome:
    if folder.name == "second":
        os.kill(os.getpid(), signal.SIGKILL)
    return make(frame, folder)


def test_few_and_small_demos_are_not_worth_a_process() -> None:
    assert not workers.is_worth_it([1_500_000, 150_000], 2)
    assert not workers.is_worth_it([90_000_000], 8)
    assert workers.is_worth_it([10_000_000, 10_000_000], 2)
    assert workers.is_worth_it([1000] * 100, 2)
    assert not workers.is_worth_it([], 2)
    assert not workers.is_worth_it([100_000] * 20, 2, is_quick=True)
    assert workers.is_worth_it([100_000] * 200, 2, is_quick=True)


def test_jobs_share_the_memory_and_one_always_runs() -> None:
    lock, running, most = Lock(), set[str](), list[set[str]]()

    def job(name: str) -> str:
        with lock:
            running.add(name)
            most.append(set(running))
        time.sleep(0.02)
        with lock:
            running.discard(name)
        return name

    needs = {"huge": 500, "a": 40, "b": 40, "c": 40}
    with ThreadPoolExecutor(4) as executor:
        done = [future.result() for _, future in workers.spread(executor, job, needs, 4, 100)]

    assert sorted(done) == ["a", "b", "c", "huge"]
    assert most[0] == {"huge"}
    assert all(sum(needs[name] for name in names) <= 100 for names in most[1:])


def test_the_memory_that_is_free_is_known() -> None:
    assert 10_000_000 < workers.free_bytes() < 100_000_000_000_000


_SLOW = """
import sys, time
from pathlib import Path
from edgesite.site import workers
from tests.site.test_workers import sleeping
if __name__ == "__main__":
    with workers.processes(2) as executor:
        print(executor.submit(sleeping, 0).result(), flush=True)
        executor.submit(sleeping, 60).result()
"""


def sleeping(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "slow.py"
    script.write_text(_SLOW)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        assert running.stdout
        worker = int(running.stdout.readline())
        running.send_signal(how)
        running.wait()

    deadline = time.monotonic() + 30
    while is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(worker)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
