"""Builds on a cluster: two workers, each a process of its own, and a store between them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesite.errors import EdgesiteError, UsageError
from edgesite.site.build import build
from edgesite.site.reports import Step
from tests.site.models import classifier
from tests.sites import contents, edit

distributed = pytest.importorskip(
    "distributed", reason="builds on a cluster need pip install 'edgesite[dask]'"
)

_QUIET = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical", "PYTHONWARNINGS": "ignore"}


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of dask, in a folder where nothing of a site is."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={name: text for name, text in os.environ.items() if name != "EDGESITE_CACHE"} | _QUIET,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its workers."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    file = folder / "scheduler.json"
    common = ("--scheduler-file", str(file), "--no-dashboard")
    scheduler = started(folder, "distributed.cli.dask_scheduler", "--port", "0", *common)
    alone = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
    workers = [started(folder, "distributed.cli.dask_worker", *alone, *common) for _ in range(2)]
    try:
        with distributed.Client(scheduler_file=str(file), timeout=120) as client:
            client.wait_for_workers(2, timeout=120)
            address = client.scheduler.address
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def three(site: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of three demos and three models."""
    for name, softmax in (("first", False), ("second", True)):
        shutil.copytree(demo, demo.parent / name)
        model = classifier((1, 3, 32, 32), softmax=softmax)
        (demo.parent / name / "model.onnx").write_bytes(model)
    build(site, site / "expected")
    monkeypatch.setenv("EDGESITE_CACHE", str(site / "cold-cache"))
    return site


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("the cluster has done that")


def test_a_cluster_makes_the_same_site_though_a_worker_is_killed(
    three: Path,
    tmp_path: Path,
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, workers = cluster
    store = (tmp_path / "store").as_uri()
    monkeypatch.setattr("edgesite.compiler.prepare", refuse)
    monkeypatch.setattr("edgesite.site.answers.verify", refuse)
    steps: list[Step] = []

    def tell(step: Step) -> None:
        steps.append(step)
        if len(steps) == 1:  # in mid-build: one demo is made, the others are on their way
            workers[0].send_signal(signal.SIGKILL)

    build(three, three / "dist", tell, store=store, scheduler=address)

    assert contents(three / "dist") == contents(three / "expected")
    assert [step.stage for step in steps[:3]] == ["compiled by the cluster"] * 3


def test_what_is_wrong_is_told_as_always(
    three: Path, tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    (three / "demos" / "first" / "model.onnx").write_bytes(b"text")
    edit(three / "demos" / "second" / "demo.yaml", "color: RGB", "color: rgb")
    messages = []
    for options in ({}, {"scheduler": cluster[0], "store": (tmp_path / "store").as_uri()}):
        with pytest.raises(EdgesiteError) as caught:
            build(Path(), Path("dist"), **options)  # type: ignore[arg-type]
        messages.append(str(caught.value))

    assert messages[0] == messages[1]


def test_a_cluster_needs_a_store_and_a_scheduler(three: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers and this machine meet in a store"):
        build(three, three / "dist", scheduler="tcp://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"nothing answers at nowhere://1"):
        build(three, three / "dist", scheduler="nowhere://1", store=(tmp_path / "s").as_uri())


def test_a_missing_library_is_named(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(UsageError, match=r"pip install 'edgesite\[dask\]'"):
        build(three, three / "dist", scheduler="tcp://x:1", store=(tmp_path / "s").as_uri())
