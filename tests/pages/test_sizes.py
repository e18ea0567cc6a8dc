"""A demo whose model has several sizes: every picture is fed at the one that fits it best."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import edgesite
from edgesite.site.build import build
from edgesite.site.scaffold import new_site
from tests.site.models import classifier
from tests.sites import contents, edit

from .conftest import Visit, serve, visited
from .test_demos import answer, wait_for_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext

SHAPES = "[[1, 3, 32, 32], [1, 3, 32, 48], [1, 3, 48, 32]]"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    new_site(site)
    demo = site / "demos" / "colours"
    (demo / "model.onnx").write_bytes(classifier((1, 3, "height", "width")))
    edit(demo / "demo.yaml", "[1, 3, 32, 32]", SHAPES)
    build(site, tmp_path / "dist")
    return tmp_path / "dist"


@pytest.fixture
def sizes(context: BrowserContext, dist: Path) -> Iterator[Visit]:
    server, served = serve(contents(dist))
    yield visited(context, served)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (50, 50)])
def test_a_picture_is_answered_at_the_size_of_its_proportions(
    sizes: Visit, dist: Path, width: int, height: int
) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    picture = Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, "PNG")
    wanted = edgesite.load(dist / "colours").predict(picture)
    page = sizes.open("colours/")

    page.set_input_files(
        "#upload", {"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )

    expect(page.locator("#caption")).to_have_text("mine.png")
    wait_for_answer(page)
    assert [share for _, share in answer(page)] == pytest.approx(
        [one.probability for one in wanted][: len(answer(page))], abs=1e-4
    )
    ratio = page.locator("#seen-live").evaluate("(canvas) => canvas.width / canvas.height")
    assert ratio == pytest.approx(width / height)
    assert sum("weights." in url for url in sizes.requests) <= 1
    assert (sizes.complaints, sizes.foreign) == ([], [])
