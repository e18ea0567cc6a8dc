"""ONNX's own test suite: nothing wrong, nothing crashes, and nothing that passed is lost.

The harness lies beside the repository. What passes is in `accepted.json`; renew it with
`python -m tests.conformance.test_onnx_suite` after a change for the better.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HARNESS = ROOT.parent / "shared" / "conformance" / "run.py"
ACCEPTED = Path(__file__).parent / "accepted.json"


def run_suite(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HARNESS), "edgesite.onnx_backend:EdgesiteBackend", "--brief"]
    return subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=1500
    )


@pytest.mark.skipif(not HARNESS.exists(), reason="the conformance harness is not beside the repo")
def test_no_case_of_the_suite_is_wrong_crashes_or_is_lost() -> None:
    done = run_suite("--baseline", str(ACCEPTED), "--forbid", "wrong,crash,timeout")
    lines = [
        line
        for line in done.stdout.splitlines()
        if line.startswith(("forbidden", "regression", "baseline", "conformance"))
    ]
    print("\n".join(lines))

    assert any(line.startswith("conformance") for line in lines), done.stderr
    assert [line for line in lines if line.startswith("regression")] == []
    assert [line for line in lines if line.startswith("forbidden")] == []


def renew() -> None:
    """Accept what passes now."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "now.json"
        print(run_suite("--json", str(report)).stdout.splitlines()[-1])
        cases = json.loads(report.read_text())["cases"]
    passed = {name: {"state": "pass"} for name, case in cases.items() if case["state"] == "pass"}
    ACCEPTED.write_text(json.dumps({"cases": passed}, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    renew()
