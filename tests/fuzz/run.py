"""Mutants in processes of their own, so that one that takes its process down is only a finding."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# As many as are made before memory that is never given back could matter.
CHUNK = 2000


def run(seed: int, first: int, count: int, *, official: bool) -> Iterator[tuple[int, str]]:
    """The number of every mutant, and what came of it; a finding begins in capitals."""
    end = first + count
    while first < end:
        for number, outcome in _chunk(seed, first, min(CHUNK, end - first), official):
            yield number, outcome
            first = number + 1


def _chunk(seed: int, first: int, count: int, official: bool) -> Iterator[tuple[int, str]]:
    """As far as one process comes."""
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as scratch,
        tempfile.TemporaryFile() as complaints,  # no pipe: who fills one waits for its reader
    ):
        (Path(scratch) / "out").mkdir()
        arguments = [Path(scratch).resolve(), int(official), seed, first, count]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.trial", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=ROOT,
        ) as process:
            begun = None
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b"["):
                    facts = json.loads(line)
                    begun = facts[0] if len(facts) == 1 else None
                    if len(facts) == 2:
                        yield facts[0], facts[1]
        complaints.seek(0)
        said = complaints.read().decode(errors="replace")
        if begun is not None:
            yield begun, _end_of(process.returncode, said)
        elif process.returncode:
            raise RuntimeError(f"the fuzzer itself failed: {said}")


def _end_of(code: int, said: str) -> str:
    frames = [line.strip() for line in said.splitlines() if line.startswith("  File ")]
    where = " < ".join(frame.rpartition("/")[2] for frame in frames[:5])
    if code == -signal.SIGPROF:
        return f"HANG {where}"
    return f"DEAD exit status {code} {where} {said.strip()[-200:]}"
