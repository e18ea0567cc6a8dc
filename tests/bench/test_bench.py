"""Measuring models in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from edgesite.bench.bench import Outcome, Row, over_budget
from edgesite.bench.engines import peer_files
from edgesite.bench.report import milliseconds, svg, table
from edgesite.bench.subject import subject
from edgesite.cli import app
from edgesite.errors import BuildError, ConfigError
from edgesite.site.scaffold import new_site
from tests.sites import edit


def outcome(median_ms: float) -> Outcome:
    return Outcome(
        load_ms=50.5,
        first_ms=2.25,
        cold_ms=60,
        transfer_bytes=40_960,
        median_ms=median_ms,
        p90_ms=2 * median_ms,
        best_ms=median_ms / 2,
        runs=100,
        memory_bytes=1_500_000,
        relative_error=3.2e-7,
    )


ROWS = [
    Row("small & fast", "edgesite", outcome(0.5), 700.0, 1.0),
    Row("small & fast", "ort-web", outcome(2.0), 3600.0, 4.0),
    Row("large", "edgesite", outcome(10.0), None, 1.0),
    Row("large", "ort-web", outcome(90.0), None, 9.0),
]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench") / "site"
    new_site(root)
    return root / "demos" / "colours"


def test_a_demo_is_measured_in_chromium(demo: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    options = ("--browsers", 1, "--seconds", 0.1, "--json", "--chart", chart)
    code, stdout, stderr = run("bench", demo, *options)

    assert (code, stderr) == (0, ""), stdout
    (row,) = json.loads(stdout)["rows"]
    assert (row["model"], row["engine"], row["ratio"]) == ("colours", "edgesite", 1.0)
    found = row["outcome"]
    assert found["relative_error"] < 1e-5
    assert found["runs"] >= 30
    assert 0 < found["best_ms"] <= found["median_ms"] <= found["p90_ms"]
    assert found["memory_bytes"] >= 65_536
    assert 1_000 < found["transfer_bytes"] < 100_000
    assert row["cold_ms"] > found["first_ms"]
    assert "colours" in chart.read_text()


@pytest.mark.parametrize(("allowed", "problems"), [(0.4, 1), (0.6, 0)])
def test_a_demo_slower_than_its_budget_is_a_problem(
    tmp_path: Path, allowed: float, problems: int
) -> None:
    new_site(tmp_path / "site")
    demo = tmp_path / "site" / "demos" / "colours"
    edit(demo / "demo.yaml", "labels:", f"budget: {{latency_ms: {allowed}}}\nlabels:")
    rows = [Row("colours", "edgesite", outcome(0.5), None, 1.0)]

    found = over_budget([subject(demo)], rows)

    assert len(found) == problems
    assert all("budget.latency_ms: a prediction takes 0.5 ms" in str(problem) for problem in found)


def test_a_benchmark_over_budget_has_status_1_and_shows_what_it_found(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgesite.bench.bench.bench", lambda *_, **__: ROWS[:2])
    monkeypatch.setattr("edgesite.bench.bench.over_budget", lambda *_: [ConfigError("too slow")])

    assert run("bench", demo)[::2] == (1, "too slow\n")
    code, stdout, _ = run("bench", demo, "--json")
    report = json.loads(stdout)
    assert (code, report["ok"], len(report["rows"])) == (1, False, 2)


def test_a_table_has_a_line_per_engine_and_the_geometric_mean() -> None:
    lines = table(ROWS)

    assert " ".join(lines[2].split()) == (
        "small & fast ort-web 2.00 ms 4.00 ms 2.25 ms 50.5 ms 3600 ms 1.5 MB 41 KB 3.2e-07"
    )
    assert " ".join(lines[3].split()).endswith("50.5 ms - 1.5 MB 41 KB 3.2e-07")
    assert lines[-1] == "edgesite is 6.00 times as fast as ort-web (geometric mean of 2 models)"


def test_a_chart_is_valid_and_its_longest_bar_is_the_slowest_engine() -> None:
    root = ET.fromstring(svg(ROWS))
    bars = root.findall("{*}rect")
    widths = [float(bar.get("width", "")) for bar in bars]

    assert [bar.get("class") for bar in bars] == ["ours", "peer"] * 2
    assert widths[1] == widths[3] == max(widths)
    assert widths[0] == pytest.approx(widths[1] / 4, rel=0.01)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0621, "0.062 ms"), (1.2345, "1.23 ms"), (12.35, "12.3 ms"), (1630.4, "1630 ms")],
)
def test_times_have_three_digits(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_bad_subjects_and_peers_are_refused(demo: Path, tmp_path: Path) -> None:
    code, _, stderr = run("bench", tmp_path)
    assert (code, "has no demo.yaml; give a model or the folder of a demo" in stderr) == (2, True)

    code, _, stderr = run("bench", demo, "--against", "onnx-web")
    assert (code, '--against: got "onnx-web"; known is ort-web' in stderr) == (2, True)

    code, _, stderr = run("bench", demo, "--browser", "lynx")
    assert (code, '--browser: got "lynx"; known are chromium' in stderr) == (2, True)

    code, _, stderr = run("bench", demo, "--browser", "firefox", "--cold")
    assert (code, "only chromium imitates a slow network" in stderr) == (2, True)


def test_a_peer_that_cannot_be_installed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(BuildError, match=r"cannot install onnxruntime-web@.* \(no network\)"):
        peer_files("ort-web")
    assert list((tmp_path / "cache" / "edgesite" / "peers").iterdir()) == []
