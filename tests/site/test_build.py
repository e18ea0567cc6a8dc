"""From a folder to pages."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgesite
from edgesite.errors import EdgesiteError, ProblemsError, VerificationError
from edgesite.site import build as site_build
from edgesite.site import stages
from edgesite.site.answers import verified
from edgesite.site.build import build, check, made
from edgesite.site.output import MARKER
from edgesite.site.reports import Step
from edgesite.verify import Reference
from tests.site.models import classifier
from tests.sites import contents, edit, finished_demos, pages_of


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Path:
    """A new site and its dist, which tests may read only."""
    from edgesite.site.scaffold import new_site

    root = tmp_path_factory.mktemp("built") / "site"
    new_site(root)
    os.environ["EDGESITE_CACHE"] = str(shared_cache)
    build(root, root / "dist")
    del os.environ["EDGESITE_CACHE"]
    return root


def test_a_site_has_an_index_a_page_per_demo_and_a_page_for_lost_visitors(built: Path) -> None:
    files = set(contents(built / "dist"))

    assert {"index.html", "404.html", "colours/index.html", MARKER} <= files


def test_the_compiled_model_ships_with_the_page(built: Path) -> None:
    model = edgesite.load(built / "dist" / "colours")
    image = np.zeros((1, 3, 32, 32), np.float32)

    np.testing.assert_array_equal(model.run({"image": image})["scores"], [[0, 0, 0]])


def test_example_pictures_ship_as_they_are(built: Path) -> None:
    source = built / "demos" / "colours" / "examples" / "tomato.png"
    shipped = built / "dist" / "colours" / "examples" / "tomato.png"

    assert shipped.read_bytes() == source.read_bytes()


def test_the_same_site_gives_the_same_bytes_anywhere(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "demos", tmp_path / "else where" / "demos")
    shutil.copy(built / "edgesite.yaml", tmp_path / "else where")
    shutil.copy(built / "index.md", tmp_path / "else where")

    build(tmp_path / "else where", tmp_path / "out")

    assert contents(tmp_path / "out") == contents(built / "dist")


def test_answers_are_those_of_pillow_and_onnxruntime(built: Path) -> None:
    folder = built / "demos" / "colours"
    image = Image.open(folder / "examples" / "leaf.png").resize((32, 32), Image.Resampling.BILINEAR)
    values = np.asarray(image, np.float32).transpose(2, 0, 1)[np.newaxis] / np.float32(255)
    scores = Reference(folder / "model.onnx").run({"image": values})["scores"][0].astype(float)
    expected = np.exp(scores) / np.exp(scores).sum()

    example = pages_of(built)[0].examples[1]

    assert [answer.label for answer in example.answers] == ["green", "red", "blue"]
    np.testing.assert_allclose(
        [answer.probability for answer in example.answers], np.sort(expected)[::-1], rtol=1e-6
    )


def test_a_second_build_compiles_and_compares_nothing(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    (first,) = finished_demos(site)
    monkeypatch.setattr("edgesite.compiler.prepare", refuse)
    monkeypatch.setattr(edgesite, "load", refuse)
    monkeypatch.setattr("edgesite.site.answers.verify", refuse)

    (second,) = finished_demos(site)

    assert second.page == first.page
    assert (first.report.cached, second.report.cached) == (False, True)


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("not again")


@pytest.mark.parametrize("change", ["model", "shape"])
def test_what_the_model_is_made_from_renews_it(
    site: Path, demo: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    check(site)
    if change == "model":
        (demo / "model.onnx").write_bytes(classifier((1, 3, 32, 32)))
    else:
        edit(demo / "demo.yaml", "  shape: [1, 3, 32, 32]", "  shape: {}".format("{n: 1}"))
        (demo / "model.onnx").write_bytes(classifier(("n", 3, 32, 32)))

    assert not check(site).reports[0].cached


def test_a_change_of_words_renews_nothing(site: Path, demo: Path) -> None:
    check(site)
    edit(demo / "demo.yaml", "title: Red", "title: Blue, red")
    (demo / "index.md").write_text("Other words.")

    checked = check(site)

    assert checked.reports[0].cached
    assert pages_of(site)[0].body_markdown == "Other words."


def test_a_change_of_activation_changes_the_answers(site: Path, demo: Path) -> None:
    check(site)
    edit(demo / "demo.yaml", "activation: softmax", "activation: none")

    answers = pages_of(site)[0].examples[0].answers

    assert sum(answer.probability for answer in answers) != pytest.approx(1, abs=1e-3)


def test_a_corrupt_cache_is_made_anew(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    _, first = made(site)
    for path in (site / ".edgesite-cache").rglob("*.*"):
        if path.is_file():
            path.write_bytes(b"corrupt")

    checked, second = made(site)

    assert second == first
    assert not checked.reports[0].cached


def test_a_site_without_a_writable_cache_builds(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(site / "edgesite.yaml" / "cache"))

    assert len(check(site).demos) == 1


@pytest.mark.usefixtures("site")
def test_a_model_that_answers_wrongly_is_never_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    run = edgesite.CompiledModel.run

    def wrong(self: edgesite.CompiledModel, *args: object, **options: object) -> object:
        answers = run(self, *args, **options)  # type: ignore[arg-type]
        return {name: values + 1 for name, values in answers.items()}

    monkeypatch.setattr(edgesite.CompiledModel, "run", wrong)

    with pytest.raises(VerificationError) as caught:
        build(Path(), Path("dist"))

    assert re.fullmatch(
        r'demos/colours/demo\.yaml:6:8: model: output "scores", simd module, '
        r"example tomato\.png: differs from onnxruntime by 1, 0\.0\d+ is allowed; .*",
        str(caught.value),
    )
    assert not Path("dist").exists()


def test_a_tolerance_may_be_granted(
    site: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    run = edgesite.CompiledModel.run

    def nearly(self: edgesite.CompiledModel, *args: object, **options: object) -> object:
        answers = run(self, *args, **options)  # type: ignore[arg-type]
        return {name: values + np.float32(1e-2) for name, values in answers.items()}

    monkeypatch.setattr(edgesite.CompiledModel, "run", nearly)
    edit(demo / "demo.yaml", "title:", "tolerance: 0.5\ntitle:")

    assert check(site).reports[0].proof.max_difference == pytest.approx(1e-2, rel=1e-2)


def test_a_needless_softmax_is_a_warning(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], np.float32)
    monkeypatch.delenv("EDGESITE_CACHE")
    monkeypatch.setattr(
        stages,
        "verified",
        lambda *args: type(found := verified(*args))(found.proof, rows),
    )

    assert "already sums to 1" in check(site).warnings[0]


def test_problems_of_all_demos_and_stages_come_together(site: Path, demo: Path) -> None:
    for name in ("config", "model", "labels"):
        shutil.copytree(demo, site / "demos" / name)
    edit(site / "demos" / "config" / "demo.yaml", "color: RGB", "color: rgb")
    (site / "demos" / "model" / "model.onnx").write_bytes(b"text")
    (site / "demos" / "labels" / "labels.txt").write_text("one\n")
    edit(site / "demos" / "labels" / "demo.yaml", ", label: red", "")
    edit(site / "demos" / "labels" / "demo.yaml", ", label: green", "")

    with pytest.raises(ProblemsError) as caught:
        check(Path())

    starts = [str(problem).split(": ")[0] for problem in caught.value.problems]
    assert starts == [
        "demos/config/demo.yaml:10:10",
        "demos/labels/labels.txt:1:1",
        "demos/model/demo.yaml:6:8",
    ]


def test_progress_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    steps: list[Step] = []

    check(site, steps.append)

    assert [(step.stage, step.slug, step.done, step.total) for step in steps] == [
        ("compile", "colours", 0, 1),
        ("verify", "colours", 0, 1),
        ("render", "colours", 0, 1),
        ("done", "colours", 1, 1),
    ]


def test_an_interrupted_build_leaves_the_old_one(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(site, site / "dist")
    before = contents(site / "dist")
    edit(site / "edgesite.yaml", "title: Site", "title: Other")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(site, site / "dist")

    assert contents(site / "dist") == before
    assert not list(site.glob(".dist-*"))


def test_the_report_counts_what_was_written(site: Path) -> None:
    report = build(site, site / "dist")
    files = contents(site / "dist")
    del files[MARKER]

    assert (report.files, report.size_bytes) == (len(files), sum(map(len, files.values())))
    assert report.pages[0].examples == 2
    manifest = json.loads(files["colours/manifest.json"])
    assert report.pages[0].weights_bytes == manifest["weights"]["size_bytes"]


def test_an_output_folder_of_someone_else_is_refused_before_any_work(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "dist").mkdir()
    (site / "dist" / "thesis.tex").write_text("ten years of work")
    monkeypatch.setattr(site_build, "check", refuse)

    with pytest.raises(EdgesiteError, match="left alone"):
        build(site, site / "dist")

    assert contents(site / "dist") == {"thesis.tex": b"ten years of work"}


def test_links_that_lead_nowhere_are_warned_of(site: Path, demo: Path) -> None:
    (demo / "index.md").write_text("See [below](#lost) and [the list](../#demos).\n")

    (warning,) = build(site, site / "dist").warnings

    assert warning == (
        "colours/index.html: links to #lost, an anchor that colours/index.html has not; correct it"
    )
