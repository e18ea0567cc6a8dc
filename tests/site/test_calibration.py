"""Demos whose weights are stored in smaller forms, and the pictures that these are tried on."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

import edgesite
from edgesite.errors import EdgesiteError
from edgesite.site.build import build, check
from edgesite.site.scaffold import new_site
from tests.sites import contents, pages_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A new site with a demo that leaves its weights as they are."""
    new_site(tmp_path / "site")
    return tmp_path / "site"


def written(site: Path, lines: str) -> Path:
    """The demo's configuration with more lines."""
    path = site / "demos" / "colours" / "demo.yaml"
    path.write_text(path.read_text() + lines)
    return path


def test_the_proof_says_what_is_lost_by_rounding_and_what_by_the_code(site: Path) -> None:
    exact = check(site).reports[0].proof
    written(site, "weights: float16\ntolerance: 0.01\n")
    rounded = check(site).reports[0].proof

    assert exact.code_difference is None
    assert rounded.code_difference is not None
    assert rounded.code_difference <= rounded.max_difference or rounded.max_difference == 0


def integers(site: Path, lines: str = "") -> Path:
    """The demo's configuration, with a folder to calibrate with, computing in 8 bits."""
    folder = site / "demos" / "colours" / "trial"
    folder.mkdir()
    for number, colour in enumerate(["#d22", "#2b3", "#23c", "#b52", "#4a4"]):
        Image.new("RGB", (40, 30), colour).save(folder / f"{number}.png")
    return written(site, f"quantize: int8\ncalibration: trial\n{lines}")


def test_the_proof_says_what_is_lost_by_integers_and_what_by_the_code(site: Path) -> None:
    integers(site)
    checked = check(site)
    proof = checked.reports[0].proof

    assert proof.quantized
    assert proof.code_difference is not None
    assert proof.code_difference < proof.max_difference
    assert proof.top1_agreement == 1
    assert checked.warnings == ()
    given = sha256((site / "demos" / "colours" / "model.onnx").read_bytes()).hexdigest()
    assert pages_of(site)[0].manifest["source"]["sha256"] == given
    assert check(site).reports[0].proof == proof


def test_a_model_in_integers_is_made_once_and_the_same_everywhere(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    integers(site)
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path / "cache"))
    first = build(site, tmp_path / "first")
    again = build(site, tmp_path / "again")
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path / "other"))
    elsewhere = build(site, tmp_path / "elsewhere")

    assert [report.pages[0].cached for report in (first, again, elsewhere)] == [False, True, False]
    assert contents(tmp_path / "first") == contents(tmp_path / "elsewhere")


def test_answers_of_examples_are_those_of_the_integers_that_ship(site: Path) -> None:
    exact = [answer.probability for answer in pages_of(site)[0].examples[0].answers]
    integers(site)
    page = pages_of(site)[0]
    model = edgesite.load(build(site, site / "dist").out / page.slug)
    example = page.examples[0]
    shown = [answer.probability for answer in example.answers]
    shipped = [answer.probability for answer in model.predict(example.source)]

    np.testing.assert_allclose(shown, shipped, rtol=1e-6)
    assert np.abs(np.subtract(shown, exact)).max() > 1e-4


def test_a_loss_of_more_than_a_percent_is_a_warning_with_its_place(site: Path) -> None:
    path = integers(site)
    nearly_equal(site)
    (warning,) = check(site).warnings
    line = path.read_text().splitlines().index("quantize: int8") + 1

    assert re.match(rf"\S*demo.yaml:{line}:\d+: quantize: \d+\.\d% of 96 calibration", warning)


def test_an_agreement_that_is_asked_for_and_not_reached_is_an_error(site: Path) -> None:
    integers(site, "agreement: 1\n")
    nearly_equal(site)

    with pytest.raises(EdgesiteError, match="quantize: int8: the outputs differ"):
        check(site)


def nearly_equal(site: Path) -> None:
    """Let the demo's first two classes differ by less than a step of 8 bits."""
    path = site / "demos" / "colours" / "model.onnx"
    model = onnx.load(path)
    for each in model.graph.initializer:
        array = numpy_helper.to_array(each).copy()
        if array.ndim == 2 or (array.ndim == 4 and array.shape[0] == 3):
            array[1] = array[0] * np.float32(1 + 1e-3) + np.float32(1e-5)
            each.CopyFrom(numpy_helper.from_array(array, each.name))
    onnx.save(model, path)


def test_too_few_pictures_for_integers_are_refused(site: Path) -> None:
    for path in (site / "demos" / "colours" / "examples").iterdir():
        path.unlink()
    demo = site / "demos" / "colours" / "demo.yaml"
    demo.write_text(demo.read_text().split("examples:")[0] + "quantize: int8\n")

    with pytest.raises(EdgesiteError, match=r"demo.yaml:\d+:\d+: quantize: there are 0 pictures"):
        check(site)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("weights: auto\nquantize: int8\n", "quantize: says what weights become, and so does"),
        ("quantize: int8\nstate: {a: b}\n", "state: goes from run to run, which quantize cannot"),
        ("quantize: int4\n", r'quantize: got "int4"; '),
    ],
)
def test_what_does_not_go_with_integers_is_refused_with_its_place(
    site: Path, lines: str, message: str
) -> None:
    written(site, lines)

    with pytest.raises(EdgesiteError, match=rf"demo.yaml:\d+:\d+: {message}"):
        check(site)


def test_calibration_pictures_are_read_and_do_not_ship(site: Path, tmp_path: Path) -> None:
    folder = site / "demos" / "colours" / "trial"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    written(site, "weights: float16\ncalibration: trial\n")

    build(site, tmp_path / "out")

    assert not [path for path in (tmp_path / "out").rglob("*") if "trial" in path.as_posix()]


def test_a_calibration_folder_that_is_not_there_is_named(site: Path) -> None:
    written(site, "weights: auto\ncalibration: trail\n")

    with pytest.raises(EdgesiteError, match=r"demo.yaml:\d+:\d+: calibration: no such file"):
        check(site)
