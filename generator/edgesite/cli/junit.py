"""Reports of `edgesite test` in the XML that began with JUnit, which CI services read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgesite.errors import EdgesiteError
    from edgesite.site.expectations import Verdict


def write_report(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write a suite per demo, with a case per example."""
    root = ET.Element("testsuites", name="edgesite")
    for demo in dict.fromkeys(verdict.demo for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.demo == demo]
        suite = _suite(root, demo, len(own), failures=sum(o.failure is not None for o in own))
        for verdict in own:
            file, line, _ = verdict.where.rsplit(":", 2)
            names = {"classname": demo, "name": verdict.example}
            case = ET.SubElement(suite, "testcase", names, file=file, line=line)
            if verdict.failure:
                failure = ET.SubElement(case, "failure", message=verdict.failure)
                failure.text = str(verdict)
    _write(path, root)


def write_problems(path: Path, site: Path, problems: Sequence[EdgesiteError]) -> None:
    """Write one case that could not be run."""
    root = ET.Element("testsuites", name="edgesite")
    suite = _suite(root, str(site), 1, errors=1)
    case = ET.SubElement(suite, "testcase", classname=str(site), name="check")
    error = ET.SubElement(case, "error", message=str(problems[0]))
    error.text = "\n".join(map(str, problems))
    _write(path, root)


def _suite(
    root: ET.Element, name: str, tests: int, *, failures: int = 0, errors: int = 0
) -> ET.Element:
    counts = {"tests": tests, "failures": failures, "errors": errors}
    texts = {key: str(count) for key, count in counts.items()}
    return ET.SubElement(root, "testsuite", {"name": name, **texts})


def _write(path: Path, root: ET.Element) -> None:
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
