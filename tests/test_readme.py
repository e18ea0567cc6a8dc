"""The examples of the README do what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from edgesite.cli import app
from tests.site.models import classifier
from tests.sites import pages_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    """The README's one block of code in this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return str(block)


@pytest.fixture
def beside_the_demos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for the demos, as the current one."""
    (tmp_path / "demos").symlink_to(ROOT / "demos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_of_the_readme_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "site" / "demos" / "flowers"
    (folder / "examples").mkdir(parents=True)
    (tmp_path / "site" / "edgesite.yaml").write_text("title: Flowers\n")
    (folder / "demo.yaml").write_text(example("yaml"))
    (folder / "model.onnx").write_bytes(classifier((1, 3, 224, 224), 5))
    (folder / "labels.txt").write_text("rose\ntulip\ndaisy\niris\npoppy\n")
    Image.new("RGB", (640, 480), "red").save(folder / "examples" / "tulip.jpg")

    (page,) = pages_of(tmp_path / "site")

    assert (page.slug, page.title, len(page.examples)) == ("flowers", "Garden flowers", 1)


def test_the_python_of_the_readme_runs(beside_the_demos: Path) -> None:
    names: dict[str, object] = {}

    exec(example("python"), names)

    assert list(names["answer"]) == ["logits"]  # type: ignore[call-overload]
    assert (beside_the_demos / "build" / "mnist" / "model.js").is_file()


def test_the_javascript_of_the_readme_runs_in_node(beside_the_demos: Path) -> None:
    node = shutil.which("node")
    assert node, "node is missing; install Node 20 or newer"
    (command,) = re.findall(r"^    edgesite (compile .*)$", README, re.MULTILINE)
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    script = beside_the_demos / "example.mjs"
    script.write_text(example("js") + "console.log(logits.length);\n")

    ran = subprocess.run([node, script], capture_output=True, text=True, check=False, timeout=60)

    assert (ran.stdout, ran.stderr) == ("10\n", "")


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_file_a_document_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r'\]\(([^)#:]+)\)|(?:src|srcset)="([^"]+)"', text)

    assert [name for pair in named for name in pair if name and not (ROOT / name).exists()] == []
