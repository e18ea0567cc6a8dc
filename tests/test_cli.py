"""The command line: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import parser
from typer.testing import CliRunner, Result

import edgesite
from edgesite.cli import app
from edgesite.errors import InternalError
from tests.site.models import classifier
from tests.sites import contents, edit

COMMANDS = (
    "new",
    "add",
    "check",
    "build",
    "merge",
    "test",
    "serve",
    "publish",
    "cache",
    "compile",
    "info",
    "schema",
)


@pytest.fixture(scope="module", autouse=True)
def _cached(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One cache for all tests of the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == status, result.output
    return result


def answer(*arguments: str, status: int = 0) -> dict[str, Any]:
    """The JSON document of a command."""
    loaded: dict[str, Any] = json.loads(run(*arguments, "--json", status=status).stdout)
    return loaded


@pytest.fixture
def model() -> str:
    Path("model.onnx").write_bytes(classifier(("N", 3, "height", "width")))
    return "model.onnx"


def test_help_lists_every_command_with_a_sentence() -> None:
    output = run("--help").output

    for command in COMMANDS:
        assert f"\n  {command}" in output
    assert "..." not in output.split("Commands:")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    output = run(command, "--help").output

    assert "Usage: " in output
    assert "Example" in output or command == "info"


def test_help_is_quick() -> None:
    """Processor time, as a person waits on an idle machine; the best of three."""
    assert min(processor_seconds("--help") for _ in range(3)) < 0.3


def processor_seconds(*arguments: str) -> float:
    code = "from edgesite.cli import main; main()"
    before = os.times()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom edgesite.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('numpy', 'onnx', 'pydantic', 'PIL') if name in sys.modules])"
    )

    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout

    assert output.decode().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["bild"],
        ["build", "--nonsense"],
        ["compile"],
        ["compile", "model.onnx"],
        ["compile", "model.onnx", "-o", "out", "--shape", "image"],
        ["compile", "model.onnx", "-o", "out", "--shape", "image=1,x"],
        ["compile", "model.onnx", "-o", "out", "--shape", "=1"],
        ["compile", "model.onnx", "-o", "out", "--constant", "rate=fast"],
        ["compile", "model.onnx", "-o", "out", "--constant", "mask=absent.npy"],
        ["compile", "model.onnx", "-o", "out", "--shape", "h=8", "--shape", "image=1,3,8,8"],
        ["schema", "page"],
    ],
)
@pytest.mark.usefixtures("model")
def test_wrong_usage_has_status_2(arguments: list[str]) -> None:
    assert run(*arguments, status=2).stderr

    assert not Path("out").exists()


def test_a_site_is_made_checked_and_built() -> None:
    made = run("new", "my-site")
    checked = run("check", "my-site")
    built = run("build", "my-site")

    assert made.stdout.startswith("my-site: 12 files\n")
    assert "edgesite build" in made.stdout
    assert checked.stdout.endswith("1 demo, no problems\n")
    assert checked.stderr == (
        "colours: compile\ncolours: verify\ncolours: render\ncolours: done, 1 of 1\n"
    )
    assert "\nmy-site/dist: 1 demo, " in built.stdout
    assert built.stderr == "write\n"
    assert Path("my-site/dist/index.html").is_file()


def test_the_working_directory_is_the_site_if_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("new", "site")
    monkeypatch.chdir("site")

    run("build")

    assert Path("dist/colours/index.html").is_file()


def test_a_site_is_built_in_parts_and_put_together() -> None:
    run("new", "site")
    for number in ("1", "2"):
        run("build", "site", "--shard", f"{number}/2", "--out", f"part-{number}")
    run("build", "site", "--jobs", "2")

    merged = run("merge", "part-1", "part-2", "--site", "site", "--out", "merged")

    assert "merged: 1 demo, " in merged.stdout
    assert contents(Path("merged")) == contents(Path("site/dist"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "spark"), '--executor: got "spark"; write processes or dask'),
        (("--executor", "dask"), "belong together; give both"),
        (("--scheduler", "tcp://host:1"), "belong together; give both"),
        (("--shard", "1/2", "--single-file"), "--shard: is a way of its own"),
        (("--shard", "3/2"), "write the first of four parts as 1/4"),
    ],
)
def test_ways_to_build_that_are_none_are_refused(options: tuple[str, ...], message: str) -> None:
    run("new", "site")

    assert message in run("build", "site", *options, status=2).stderr


def test_the_output_folder_may_be_chosen() -> None:
    run("new", "site")

    run("build", "site", "--out", "public")

    assert Path("public/index.html").is_file()
    assert not Path("site/dist").exists()


def test_a_build_reports_in_json() -> None:
    run("new", "site")
    report = answer("build", "site")

    assert report["ok"]
    assert report["out"] == "site/dist"
    assert report["pages"][0]["slug"] == "colours"
    assert report["pages"][0]["proof"]["targets"] == ["simd", "relaxed"]
    assert report["warnings"] == []


def test_problems_report_in_json_with_their_places() -> None:
    run("new", "site")
    edit(Path("site/demos/colours/demo.yaml"), "color: RGB", "colour: RGB")
    report = answer("check", "site", status=1)

    assert report == {
        "ok": False,
        "errors": [
            {
                "file": "site/demos/colours/demo.yaml",
                "line": 10,
                "column": 3,
                "message": 'input.colour: unknown key; did you mean "color"?',
            }
        ],
    }


def test_several_problems_are_counted() -> None:
    run("new", "site")
    edit(Path("site/demos/colours/demo.yaml"), "color: RGB", "color: rgb\n  sclae: 1")
    result = run("check", "site", status=1)

    assert result.stdout == ""
    assert result.stderr.endswith("\n2 problems\n")


def test_an_error_of_our_own_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InternalError("a broken invariant")

    monkeypatch.setattr("edgesite.site.build.check", fail)
    result = run("check", status=1)

    assert "Traceback (most recent call last)" in result.stderr
    assert "a broken invariant" in result.stderr
    assert result.stderr.endswith("report it with the above\n")


def test_a_demo_is_added(model: str) -> None:
    run("new", "site")
    result = run("add", model, "--site", "site", "--name", "flowers")

    assert result.stdout.startswith(
        "site/demos/flowers: demo.yaml, index.md, labels.txt, model.onnx\n"
    )
    assert "  input.shape: the model leaves sizes open\n" in result.stdout
    assert run("check", "site").stdout.endswith("2 demos, no problems\n")


def test_a_model_is_compiled(model: str) -> None:
    result = run("compile", model, "-o", "out", "--shape", "height=8", "--shape", "width=6")

    assert result.stdout.startswith(
        "input image: float32[1, 3, 8, 6]\noutput scores: float32[1, 3]"
    )
    assert "differs from onnxruntime by " in result.stdout
    loaded = edgesite.load("out")
    image = np.ones((1, 3, 8, 6), np.float32)
    assert loaded.run({"image": image}, target="simd")["scores"].shape == (1, 3)
    assert {"manifest.json", "model.js", "model.d.ts"} <= set(contents(Path("out")))


def test_compile_explains_without_writing(model: str) -> None:
    lines = run("compile", model, "--explain", "--shape", "image=1,3,8,6").stdout.splitlines()

    assert lines[0].split()[:3] == ["share", "Mmac", "KB"]
    assert lines[-1].startswith("transposes: 0 between layers")
    assert list(contents(Path())) == [model]


def test_compile_wants_a_folder_or_explains(model: str) -> None:
    result = run("compile", model, "--shape", "image=1,3,8,6", status=2)

    assert "--out: is missing; say which folder to write, or --explain" in result.output


def test_compile_takes_whole_shapes(model: str) -> None:
    report = answer("compile", model, "-o", "out", "--shape", "image=1,3,5,7")

    assert report["manifest"]["inputs"][0]["shape"] == [1, 3, 5, 7]
    assert report["proof"]["max_difference"] < 1e-5


@pytest.mark.parametrize("as_file", [True, False])
def test_compile_fixes_inputs(as_file: bool) -> None:
    from onnx import TensorProto, helper

    from tests.site.models import graph_of

    pair = (TensorProto.FLOAT, (2,))
    data = graph_of(
        [helper.make_node("Mul", ["a", "b"], ["c"])], {"a": pair, "b": pair}, {"c": pair}
    )
    Path("mul.onnx").write_bytes(data)
    np.save("b.npy", np.array([2, 3], np.float32))
    constant = "b=b.npy" if as_file else "b=2,3"

    run("compile", "mul.onnx", "-o", "out", "--constant", constant)

    outputs = edgesite.load("out").run({"a": np.array([1, 1], np.float32)})
    np.testing.assert_array_equal(outputs["c"], [2, 3])


def step_model() -> str:
    """A model of one size or another, that adds up what it is given."""
    text = """
        <ir_version: 9, opset_import: ["": 18]>
        g (float[n] x, float[n] past) => (float[n] y, float[n] present)
        { present = Add(x, past)  y = Neg(present) }
    """
    onnx.save(parser.parse_model(text), "step.onnx")
    return "step.onnx"


def test_compile_keeps_state_and_takes_several_sizes() -> None:
    model = step_model()
    sizes = ("--binding", "n=2", "--binding", "n=5")
    result = run("compile", model, "-o", "out", *sizes, "--state", "present=past")

    first = edgesite.load("out").run({"x": np.ones(5, np.float32)})["y"]

    assert "state past: float32[2]" in result.output
    assert "or x: [5]" in result.output
    assert first.tolist() == [-1] * 5


@pytest.mark.parametrize("option", ["present", "=past", "present="])
def test_a_state_that_is_no_pair_is_refused(option: str) -> None:
    result = run("compile", step_model(), "-o", "out", "--state", option, status=2)

    assert result.stderr == f'--state: got "{option}"; write it as --state present=past\n'


def test_check_says_what_a_model_costs_and_writes_nothing(model: str) -> None:
    before = contents(Path())
    shape = ("--shape", "height=32", "--shape", "width=32")

    lines = run("check", model, *shape).stdout.splitlines()
    facts = answer("check", model, *shape)

    assert lines[0] == "input image: float32[1, 3, 32, 32]"
    assert lines[-1] == "model.onnx: no problems"
    assert facts["ok"]
    assert facts["parameters"] > 0
    assert facts["memory_bytes"] % 65536 == 0
    assert {"macs", "code_bytes", "code_gzip_bytes", "weights_bytes"} <= facts.keys()
    assert contents(Path()) == before


def test_check_lists_every_node_that_cannot_be_compiled() -> None:
    text = """
        <ir_version: 9, opset_import: ["": 18, "com.example": 1]>
        g (float[2] x) => (float[2] y)
        { ["one"] a = com.example.Magic(x)  ["two"] y = com.example.Wonder(a) }
    """
    onnx.save(parser.parse_model(text), "magic.onnx")

    errors = answer("check", "magic.onnx", status=1)["errors"]

    assert [(error["node"], error["operator"]) for error in errors] == [
        ("one", "Magic"), ("two", "Wonder"),
    ]  # fmt: skip
    assert errors[0]["domain"] == "com.example"
    assert errors[0]["reason"] == "the operator is not supported, and is none of ONNX's"
    assert errors[0]["remedy"].startswith("export the model without it")


def test_check_takes_no_shapes_for_a_site() -> None:
    run("new", "site")

    result = run("check", "site", "--shape", "n=2", status=2)

    assert "is a site, whose shapes and states stand in demo.yaml" in result.stderr


def test_compile_compares_the_forms_of_weights(model: str) -> None:
    np.savez("one.npz", image=np.ones((1, 3, 8, 8), np.float32))
    sizes = ("--shape", "image=1,3,8,8", "--calibration", ".")

    lines = run("compile", model, "-o", "out", "--weights", "auto", *sizes).output
    facts = answer("compile", model, "-o", "out", "--weights", "auto", *sizes)

    assert re.search(r"weights +bytes +gzip +difference +same best\nfloat32 ", lines)
    assert [row["name"] for row in facts["forms"]][::8] == ["float32", "auto"]
    assert facts["proof"]["agreement"] == 1


def test_compile_says_what_computing_in_integers_costs(model: str) -> None:
    for number in range(4):
        image = np.random.default_rng(number).random((1, 3, 8, 8), np.float32)
        np.savez(f"{number}.npz", image=image)
    ways = ("--shape", "image=1,3,8,8", "--quantize", "int8", "--calibration", ".")

    proof = answer("compile", model, "-o", "out", *ways)["proof"]

    assert proof["code_difference"] < proof["max_difference"]
    assert "same best value in" in run("compile", model, "-o", "out", *ways).output


def test_compile_needs_inputs_to_compute_in_integers(model: str) -> None:
    output = run("compile", model, "-o", "out", "--quantize", "int8", status=2).output

    assert "quantize: there are 0 inputs to calibrate with" in output


def test_compile_names_the_forms_that_there_are(model: str) -> None:
    output = run("compile", model, "-o", "out", "--weights", "int4", status=2).output

    assert 'weights: got "int4"; give one of float32, float16, int8, palette, auto' in output


def test_compile_refuses_a_folder_of_someone_else(model: str) -> None:
    Path("out").mkdir()
    Path("out/thesis.tex").write_text("ten years of work")

    run("compile", model, "-o", "out", "--shape", "image=1,3,8,8", status=2)

    assert contents(Path("out")) == {"thesis.tex": b"ten years of work"}


def test_info_names_the_versions() -> None:
    report = answer("info")

    assert report["edgesite"] == edgesite.__version__
    assert report["targets"] == "simd, relaxed"
    assert "onnxruntime" in run("info").stdout


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"{edgesite.__version__}\n"


@pytest.mark.parametrize(("kind", "key"), [("site", "site_url"), ("demo", "task")])
def test_schemas_are_printed(kind: str, key: str) -> None:
    assert key in json.loads(run("schema", kind).stdout)["properties"]


def test_a_reader_that_has_read_enough_is_no_problem() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    command = [sys.executable, "-c", "from edgesite.cli import main; main()", "schema"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)

    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_site_is_published_to_a_branch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "A")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "a@example.org")
    for command in (["init", "-q", "--bare", "bare"], ["init", "-q", "-b", "main", "work"]):
        subprocess.run(["git", *command], check=True)
    subprocess.run(["git", "remote", "add", "origin", "../bare"], cwd="work", check=True)
    run("new", "work/site")

    planned = run("publish", "work/site", "--dry-run")
    pushed = answer("publish", "work/site")
    again = run("publish", "work/site")

    assert re.search(
        r"would push \d+ files, \d+ KB to gh-pages of ../bare, which makes", planned.stdout
    )
    assert (pushed["ok"], pushed["branch"], pushed["dry_run"]) == (True, "gh-pages", False)
    assert "is up to date" in again.stdout
    assert (tmp_path / "bare" / "refs" / "heads" / "gh-pages").read_text().strip() == pushed["new"]


def test_a_site_is_published_into_a_folder() -> None:
    run("new", "my-site")
    planned = run("publish", "my-site", "--to", "out", "--dry-run")
    was_there = Path("out").exists()

    run("publish", "my-site", "--to", "out", "--preset", "netlify", "--compress")

    assert "would write" in planned.stdout
    assert not was_there
    assert {"_headers", "index.html", "index.html.gz"} <= set(contents(Path("out")))


def test_a_workflow_is_written_into_the_repository() -> None:
    subprocess.run(["git", "init", "-q", "-b", "trunk", "work"], check=True)
    subprocess.run(["git", "remote", "add", "origin", "../bare"], cwd="work", check=True)
    run("new", "work/site")

    run("publish", "work/site", "--workflow")

    text = Path("work/.github/workflows/edgesite.yml").read_text()
    assert "branches: [trunk]" in text
    assert "edgesite check site" in text


def test_a_site_with_a_broken_link_is_not_published() -> None:
    run("new", "my-site")
    Path("my-site/demos/colours/index.md").write_text("[elsewhere](../absent/)")

    result = run("publish", "my-site", "--to", "out", status=1)

    assert "colours/index.html: links to ../absent/, which is not in the site" in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "arguments",
    [["--preset", "netlify"], ["--compress"], ["--to", "out", "--workflow"],
     ["--to", "out", "--preset", "geocities"]],
)  # fmt: skip
def test_ways_to_publish_that_contradict_each_other_are_refused(arguments: list[str]) -> None:
    run("new", "my-site")

    run("publish", "my-site", *arguments, status=2)

    assert not Path("out").exists()


def test_the_cache_is_counted_and_cleared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path / "kept"))
    run("new", "my-site")
    run("check", "my-site")

    before = answer("cache", "info", "--site", "my-site")
    pruned = answer("cache", "prune", "--site", "my-site")
    cleared = run("cache", "clear", "--site", "my-site")
    after = answer("cache", "info", "--site", "my-site")

    assert before["entries"] > 1
    assert pruned["entries"] == 0
    assert " freed" in cleared.stdout
    assert (after["entries"], after["size_bytes"]) == (0, 0)
