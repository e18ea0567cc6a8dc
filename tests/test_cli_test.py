"""`edgesite test`: which examples are no longer answered as expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from edgesite.cli import app
from edgesite.site.scaffold import new_site
from tests.sites import edit

DEMO = Path("demos/colours/demo.yaml")


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _in_a_new_site(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(shared_cache))
    new_site(tmp_path / "site")
    monkeypatch.chdir(tmp_path / "site")


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["test", *arguments])
    assert result.exit_code == status, result.output
    return result


def expect(*expectations: str) -> None:
    """Give the first examples of the new site, red and green, what is expected of them."""
    for colour, expected in zip(("red", "green"), expectations, strict=False):
        edit(DEMO, f"label: {colour}}}", f"label: {colour}, expected: {expected}}}")


def test_answers_as_expected_pass() -> None:
    expect("red", "{label: green, probability: 1, tolerance: 0.5}")

    assert run().stdout == "colours: 2 of 2 examples as expected\n"


def test_a_changed_answer_fails_and_names_its_example_and_place() -> None:
    expect("green")

    result = run(status=1)

    assert "colours: 0 of 1 example as expected" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("demos/colours/demo.yaml:")
    assert ': tomato.png: expected "green", got "red" (' in result.stderr


def test_a_changed_probability_fails() -> None:
    expect("{label: red, probability: 0.25}")

    assert 'expected "red" with 0.25 +- 0.01, got' in run(status=1).stderr


def test_where_nothing_is_expected_nothing_is_tested() -> None:
    assert "no example says what is expected; add expected:" in run(status=2).stderr


def test_a_label_that_does_not_exist_is_refused_at_its_place() -> None:
    expect("gren")

    assert '.expected.label: "gren" is not among the labels; did you mean' in run(status=1).stderr


@pytest.mark.parametrize("wrong", ["[red]", "{probability: 1}", "{label: red, tolerance: 0}"])
def test_an_expectation_that_says_nothing_is_refused(wrong: str) -> None:
    expect(wrong)

    assert "expected" in run(status=1).stderr


def test_a_report_for_ci_has_every_example() -> None:
    expect("red", "red")

    run("--junit", "report.xml", status=1)

    suite = ET.parse("report.xml").getroot()[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("colours", "2", "1")
    assert [case.get("name") for case in suite] == ["tomato.png", "leaf.png"]
    assert [case.find("failure") is not None for case in suite] == [False, True]
    assert suite[1].get("file") == "demos/colours/demo.yaml"


def test_a_site_with_problems_is_an_error_in_the_report() -> None:
    edit(DEMO, "color: RGB", "colour: RGB")

    run("--junit", "report.xml", status=1)

    error = ET.parse("report.xml").getroot()[0][0].find("error")
    assert error is not None
    assert "unknown key" in error.get("message", "")


def test_verdicts_report_in_json() -> None:
    expect("red", "red")

    report: dict[str, Any] = json.loads(run("--json", status=1).stdout)

    assert (report["ok"], report["tests"], report["failures"]) == (False, 2, 1)
    assert [row["answered"] for row in report["verdicts"]] == ["red", "green"]


def test_other_commands_do_not_mind_what_is_expected() -> None:
    expect("green")

    assert CliRunner().invoke(app, ["check"]).exit_code == 0
