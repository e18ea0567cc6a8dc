"""`input.shape` as a list of shapes: one model for several sizes of pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import edgesite
from edgesite.errors import ConfigError, EdgesiteError
from edgesite.site.build import build, check
from edgesite.tasks.images import prepare
from edgesite.tasks.inputs import ImageInput, Resize
from tests.site.models import classifier
from tests.sites import edit

if TYPE_CHECKING:
    from pathlib import Path

SPEC = ImageInput(name="x", width=32, height=32, others=((48, 32), (32, 48)))


@pytest.fixture
def several(demo: Path) -> Path:
    """The demo with a model of open height and width, for three sizes."""
    (demo / "model.onnx").write_bytes(classifier((1, 3, "height", "width")))
    edit(
        demo / "demo.yaml",
        "shape: [1, 3, 32, 32]",
        "shape: [[1, 3, 32, 32], {height: 32, width: 48}, {height: 48, width: 32}]",
    )
    return demo


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        ((100, 100), (32, 32)),
        ((300, 200), (48, 32)),
        ((1000, 10), (48, 32)),
        ((20, 90), (32, 48)),
        ((110, 100), (32, 32)),
    ],
)
def test_a_picture_gets_the_size_of_nearest_proportions(
    picture: tuple[int, int], wanted: tuple[int, int]
) -> None:
    made = prepare(Image.new("RGB", picture), SPEC)

    assert made.shape == (1, 3, wanted[1], wanted[0])


def test_of_equally_near_sizes_the_first_is_taken() -> None:
    spec = ImageInput(name="x", width=10, height=20, others=((20, 10),))

    assert prepare(Image.new("RGB", (7, 7)), spec).shape == (1, 3, 20, 10)


def test_every_size_must_leave_pixels_to_cut() -> None:
    with pytest.raises(ValueError, match="shorter: 32 leaves no 48x32 pixels to cut out"):
        ImageInput(name="x", width=32, height=32, others=((48, 32),), resize=Resize(shorter=32))


@pytest.mark.usefixtures("several")
def test_all_sizes_of_a_demo_share_their_weights(site: Path) -> None:
    build(site, site / "dist")
    manifest = edgesite.load(site / "dist" / "colours").manifest

    assert [b.inputs[0].shape for b in (manifest, *manifest.bindings)] == [
        (1, 3, 32, 32),
        (1, 3, 32, 48),
        (1, 3, 48, 32),
    ]
    assert manifest.task is not None
    assert manifest.task.input.others == ((48, 32), (32, 48))
    assert len([*(site / "dist" / "colours").glob("weights.*.bin")]) == 1


@pytest.mark.usefixtures("several")
def test_a_built_demo_answers_pictures_of_every_proportion(site: Path) -> None:
    build(site, site / "dist")
    model = edgesite.load(site / "dist" / "colours")
    pixels = np.random.default_rng(3).integers(0, 256, (64, 96, 3), np.uint8)

    task = model.manifest.task
    assert task is not None
    scores = model.run({"image": prepare(Image.fromarray(pixels), task.input)})

    assert scores["scores"].shape == (1, 3)
    assert len(model.predict(Image.fromarray(pixels))) == 3


def test_a_size_that_does_not_fit_the_model_is_told(several: Path, site: Path) -> None:
    edit(several / "demo.yaml", "[1, 3, 32, 32]", "[1, 4, 32, 32]")

    with pytest.raises(EdgesiteError, match=r"input\.shape: .*got \[1, 4, 32, 32\]"):
        check(site)


def test_a_list_of_sizes_may_not_hold_an_empty_one(several: Path, site: Path) -> None:
    edit(several / "demo.yaml", "[1, 3, 32, 32]", "[]")

    with pytest.raises(ConfigError, match="sizes are whole numbers from 1"):
        check(site)


@pytest.mark.usefixtures("several")
def test_the_page_says_every_size(site: Path) -> None:
    build(site, site / "dist")

    html = (site / "dist" / "colours" / "index.html").read_text()
    assert "32 × 32 / 48 × 32 / 32 × 48 pixels" in html
    assert json.dumps([[48, 32], [32, 48]], separators=(",", ":")) in html.replace(" ", "")


@pytest.mark.usefixtures("several")
def test_a_single_file_holds_the_code_for_every_size(site: Path) -> None:
    build(site, site / "one", single=True)

    html = (site / "one" / "colours.html").read_text()
    assert html.count('"data:application/wasm;base64,') == 6
