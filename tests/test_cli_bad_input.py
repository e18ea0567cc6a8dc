"""What `edgesite build` says to bad input: where, what, what to do; and the old dist stays."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from edgesite.cli import app
from edgesite.site.output import MARKER
from edgesite.site.scaffold import new_site
from tests.site.models import classifier, graph_of
from tests.sites import contents, edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

YAML = "demos/colours/demo.yaml"
DEMO = Path("demos/colours")
CONFIG, MODEL = DEMO / "demo.yaml", DEMO / "model.onnx"


@pytest.fixture(scope="module", autouse=True)
def _cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all tests of the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound site with a dist from before, as the working directory."""
    new_site(tmp_path / "site")
    monkeypatch.chdir(tmp_path / "site")
    Path("dist/assets").mkdir(parents=True)
    for name in (MARKER, "index.html", "assets/page.js"):
        Path("dist", name).write_text(f"the old {name}")


def failure(*arguments: str) -> list[str]:
    """The messages of a build that must fail and must leave dist as it was."""
    before = contents(Path("dist"))
    result = CliRunner().invoke(app, ["build", *arguments])

    assert result.exit_code == 1, result.output
    assert contents(Path("dist")) == before
    assert not list(Path().glob(".dist-*"))
    assert "Traceback" not in result.stderr
    step = re.compile(r"[Cc]olours: (compile|verify|render|done, \d of \d)")
    return [line for line in result.stderr.splitlines() if not step.fullmatch(line)]


def unsupported() -> bytes:
    """A model with two operators that no version of ONNX has."""
    image, scores = (TensorProto.FLOAT, (1, 3, 32, 32)), (TensorProto.FLOAT, (1, 3))
    nodes = [
        helper.make_node("Magic", ["image"], ["a"], name="/head/magic", domain="com.example"),
        helper.make_node("Wonder", ["a"], ["scores"], name="/head/wonder", domain="com.example"),
    ]
    return graph_of(nodes, {"image": image}, {"scores": scores})


def write(path: Path, data: bytes | str) -> Callable[[], object]:
    return lambda: path.write_bytes(data if isinstance(data, bytes) else data.encode())


def change(old: str, new: str) -> Callable[[], object]:
    return lambda: edit(CONFIG, old, new)


def together(*changes: Callable[[], object]) -> Callable[[], None]:
    def make_all() -> None:
        for make in changes:
            make()

    return make_all


BAD_INPUT: dict[str, tuple[Callable[[], object], list[str]]] = {
    "missing model": (
        lambda: MODEL.rename(DEMO / "modell.onnx"),
        [rf'{YAML}:6:8: model: no such file: "model\.onnx"; did you mean "modell\.onnx"\?'],
    ),
    "Git LFS pointer": (
        write(MODEL, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        [rf"{YAML}:6:8: model: .*is a Git LFS pointer.*; fetch it with `git lfs pull`"],
    ),
    "truncated ONNX": (
        lambda: MODEL.write_bytes(classifier((1, 3, 32, 32), classes=900)[:-200]),
        [rf"{YAML}:6:8: model: .*truncated.*export or download it again"],
    ),
    "text file named .onnx": (
        write(MODEL, "this is not the model you are looking for\n"),
        [rf"{YAML}:6:8: model: .*is a text file, not an ONNX model; give the binary \.onnx file"],
    ),
    "unsupported operators": (
        write(MODEL, unsupported()),
        [
            rf"{YAML}:6:8: model: node /head/magic \(Magic, com\.example .*\): .*not supported.*",
            rf"{YAML}:6:8: model: node /head/wonder \(Wonder, com\.example .*\): .*not supported.*",
        ],
    ),
    "unbound dynamic dimension": (
        together(
            write(MODEL, classifier(("N", 3, "height", "width"))),
            change("  shape: [1, 3, 32, 32]", "  # shape: left out"),
        ),
        [rf"{YAML}:\d+:\d+: input\.shape: .*height.*is open.*; give .*"],
    ),
    "unknown name of a dimension": (
        together(
            write(MODEL, classifier(("N", 3, "height", "width"))),
            change("[1, 3, 32, 32]", "{hieght: 32, width: 32}"),
        ),
        [
            rf"{YAML}:9:10: input\.shape: .*hieght.*did you mean height\?",
            rf"{YAML}:9:10: input\.shape: .*height.*is open.*; give .*",
        ],
    ),
    "wrong input rank": (
        change("[1, 3, 32, 32]", "[3, 32, 32]"),
        [rf"{YAML}:9:10: input\.shape: .*got \[3, 32, 32\], which has 3 axes; .*\[1, 3, 32, 32\]"],
    ),
    "label count unlike the output": (
        write(DEMO / "labels.txt", "red\ngreen\nblue\nyellow\n"),
        [
            r"demos/colours/labels\.txt:1:1: there are 4 labels, "
            r'but output "scores" is float32\[1, 3\]; give 3, in the order of the output'
        ],
    ),
    "unknown key": (
        change("color: RGB", "colour: RGB"),
        [rf'{YAML}:10:3: input\.colour: unknown key; did you mean "color"\?'],
    ),
    "syntax error": (
        change("title: Red", "title: [Red"),
        [rf"{YAML}:3:8: not YAML: expected ',' or '\]'.*; close the list with \].*"],
    ),
    "duplicate key": (
        change("task:", "title: Again\ntask:"),
        [rf'{YAML}:5:1: "title" is given twice, first in line 3; keep one'],
    ),
    "missing example": (
        lambda: (DEMO / "examples" / "leaf.png").unlink(),
        [
            rf'{YAML}:19:5: examples\.1: no such file: "examples/leaf\.png"; '
            "add the file or correct the name"
        ],
    ),
    "broken example picture": (
        lambda: (DEMO / "examples" / "leaf.png").write_bytes(
            (DEMO / "examples" / "leaf.png").read_bytes()[:900]
        ),
        [
            r"demos/colours/examples/leaf\.png: the picture is truncated or damaged \(.*\); "
            "save it again"
        ],
    ),
    "two demos with one slug": (
        lambda: shutil.copytree(DEMO, "demos/Colours"),
        [
            rf'{YAML}:3:1: slug: "colours" is also the address of demos/Colours; '
            "give one of them another slug"
        ],
    ),
    "problem of the site itself": (
        write(Path("edgesite.yaml"), "title: S\nthem: {}\n"),
        [r'edgesite\.yaml:2:1: them: unknown key; did you mean "theme"\?'],
    ),
}


@pytest.mark.parametrize(("spoil", "messages"), BAD_INPUT.values(), ids=list(BAD_INPUT))
def test_bad_input_has_a_place_and_a_remedy(
    spoil: Callable[[], object], messages: list[str]
) -> None:
    spoil()

    found = failure()

    assert len(found) == len(messages) + (len(messages) > 1 and found[-1].endswith("problems"))
    for line, message in zip(found, messages, strict=False):
        assert re.fullmatch(message, line), line


def test_an_output_folder_that_is_not_ours_is_never_wiped() -> None:
    Path("public").mkdir()
    Path("public/thesis.tex").write_text("ten years of work")

    assert failure("--out", "public") == [
        "public: is not empty and was not written by edgesite, so it is left alone; "
        "empty it yourself or give another folder"
    ]
    assert contents(Path("public")) == {"thesis.tex": b"ten years of work"}


def test_an_output_folder_that_cannot_be_written_is_told() -> None:
    Path("file").write_text("")

    assert re.fullmatch(
        r"file/dist: cannot be written \(.*\); "
        r"make its parent folder writable or give another one with --out",
        failure("--out", "file/dist")[0],
    )


def test_a_folder_that_refuses_writing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)

    assert failure()[0].startswith("dist: cannot be written (permission denied); make its parent")


def test_no_site_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("demos")
    result = CliRunner().invoke(app, ["build"])

    assert result.exit_code == 1
    assert result.stderr.endswith(
        "demos: has no edgesite.yaml; "
        "give the folder of a site, or make one with `edgesite new SITE`\n"
    )
