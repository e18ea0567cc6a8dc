"""Builds that are killed: the next one finds nothing half-made.

    python -m tests.site.test_killed 50

kills that many builds at random moments, and compares what the next one makes.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgesite.site.build import build
from edgesite.site.output import MARKER
from edgesite.site.scaffold import new_site
from tests.sites import contents

_BUILD = "from edgesite.cli import main; main()"


def kill_builds(folder: Path, times: int, seed: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Kill builds of a site at random moments; what a build makes then, and what it should."""
    site, moments = folder / "site", random.Random(seed)
    new_site(site)
    shutil.copytree(site / "demos" / "colours", site / "demos" / "second")
    kept = {"EDGESITE_CACHE": str(folder / "reference-cache")}
    started = time.perf_counter()
    _build(site, folder / "reference", kept).wait()
    longest = time.perf_counter() - started
    kept = {"EDGESITE_CACHE": str(folder / "cache")}
    for number in range(times):
        if number % 3 == 2:  # so that the middle of a build is met as well as its beginning
            shutil.rmtree(folder / "cache", ignore_errors=True)
        running = _build(site, folder / "dist", kept)
        time.sleep(moments.uniform(0.2, 1.0) * longest)
        running.kill()
        running.wait()
    assert _build(site, folder / "dist", kept).wait() == 0
    return contents(folder / "dist"), contents(folder / "reference")


def _build(site: Path, out: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _BUILD, "build", str(site), "--out", str(out)],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_builds_that_are_killed_leave_what_the_next_one_completes(tmp_path: Path) -> None:
    found, expected = kill_builds(tmp_path, 4, seed=1)

    assert found == expected


def test_what_killed_builds_leave_is_swept_away_after_a_while(site: Path) -> None:
    for name, inside in (("draft", "."), ("aside", "old"), ("thesis", "chapters")):
        folder = site / f".dist-{name}"
        (folder / inside).mkdir(parents=True)
        if name != "thesis":
            (folder / inside / MARKER).write_text("")
        os.utime(folder, (0, 0))
    (site / ".dist-young").mkdir()
    (site / ".dist-young" / MARKER).write_text("")

    build(site, site / "dist")

    assert sorted(path.name for path in site.glob(".dist-*")) == [".dist-thesis", ".dist-young"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        found, expected = kill_builds(Path(name), int(sys.argv[1]), seed=2)
        print("the same bytes" if found == expected else "DIFFERENT", len(found), "files")
