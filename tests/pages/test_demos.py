"""The demos of this repository, built and used as a visitor uses them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from playwright.sync_api import expect

from edgesite.site.build import build
from edgesite.site.images import ImageInput, prepare

from .conftest import Served, Visit, serve
from .test_demo_page import NOTES, wait_until_live
from .test_drawing import LABEL, place

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload, Page

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT.parent / "shared" / "data" / "samples.zip"
PHOTOS = ("wolves", "horse-cart", "goldfish", "bus")

HANDS = {
    "0": [
        "54,20 38,25 29,45 31,68 44,81 60,76 70,56 66,32 50,19",
        "40,22 30,50 42,78 58,76 68,48 58,22 42,20",
    ],
    "1": ["52,18 50,82", "40,32 54,20 54,80"],
    "2": [
        "31,33 38,21 54,18 65,29 61,46 46,62 30,79 72,79",
        "34,30 50,20 64,32 56,50 34,78 50,76 70,78",
    ],
    "3": [
        "33,25 47,17 63,24 62,38 46,47 64,53 67,69 53,82 32,76",
        "34,22 64,22 46,44 62,54 62,70 48,80 34,74",
    ],
    "4": ["48,18 39,38 28,56 74,54|60,34 58,84", "36,22 34,50 66,50|64,20 64,82"],
    "5": [
        "39,20 36,45 52,41 66,52 65,70 50,82 32,76|39,21 69,18",
        "64,22 40,22 38,46 56,46 64,62 54,78 36,76",
    ],
    "6": [
        "62,18 46,30 35,51 35,72 49,83 64,75 64,60 51,53 37,64",
        "56,20 40,44 38,68 50,80 62,68 54,56 40,62",
    ],
    "7": ["29,24 70,20 47,82", "32,24 66,24 56,50 48,80|42,52 64,50"],
    "8": [
        "66,30 52,17 39,22 37,36 51,47 65,59 65,75 50,83 36,75 37,60 51,48 64,38 66,28",
        "50,20 38,32 60,58 60,74 46,80 38,70 60,40 56,24 50,20",
    ],
    "9": ["64,30 55,19 40,22 34,38 44,50 58,45 65,30 57,83", "62,36 50,22 38,34 46,48 62,38 62,80"],
}
"""Strokes of every digit by two hands: points in percent of the paper, | lifts the pen."""


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The repository's own site, as `edgesite build` writes it."""
    out = tmp_path_factory.mktemp("site") / "dist"
    build(ROOT, out)
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def served(demo_files: dict[str, bytes]) -> Iterator[Served]:
    server, served = serve(demo_files)
    yield served
    server.shutdown()
    server.server_close()


def photo(name: str) -> bytes:
    """A real photograph, too large for the repository."""
    if not SAMPLES.exists():
        pytest.skip("the sample photographs are not beside the repository")
    with zipfile.ZipFile(SAMPLES) as samples:
        return samples.read(f"photos/{name}.jpg")


def input_of(page: Page) -> ImageInput:
    """How a page prepares pictures, as it says itself."""
    data = json.loads(page.locator("#edgesite-demo").text_content() or "")
    return ImageInput.model_validate(data["input"])


def shown(page: Page) -> list[tuple[str, float]]:
    """Labels and probabilities of the bars, to half of a ten-thousandth."""
    rows = page.locator("#answer tbody tr").all()
    return [
        (
            row.locator("th").inner_text(),
            float((row.locator(".fill").get_attribute("width") or "").rstrip("%")) / 100,
        )
        for row in rows
    ]


@pytest.mark.parametrize("path", ["", "cifar10/", "mnist/", "404.html"])
def test_every_page_opens_without_complaints_or_foreign_requests(visit: Visit, path: str) -> None:
    page = visit.open(path)
    if path.endswith("/"):
        wait_until_live(page)

    assert visit.complaints == []
    assert visit.foreign == []


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_is_answered_as_pillow_and_onnxruntime_answer_it(visit: Visit, name: str) -> None:
    content = photo(name)
    session = onnxruntime.InferenceSession(ROOT / "demos" / "cifar10" / "model.onnx")
    labels = (ROOT / "demos" / "cifar10" / "labels.txt").read_text(encoding="utf-8").split()
    page = visit.open("cifar10/")
    tensor = prepare(Image.open(io.BytesIO(content)), input_of(page))
    logits = session.run(None, {"input": tensor})[0][0]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    expected = [(labels[k], float(shares[k])) for k in np.argsort(-shares)[:5]]
    file: FilePayload = {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": content}

    page.set_input_files("#upload", file)
    expect(page.locator("#caption")).to_have_text(f"{name}.jpg")
    wait_until_live(page)

    answers = shown(page)
    assert [label for label, _ in answers] == [label for label, _ in expected]
    np.testing.assert_allclose([p for _, p in answers], [p for _, p in expected], atol=1e-4)


def test_drawn_digits_are_recognised(visit: Visit) -> None:
    page = visit.open("mnist/")
    wait_until_live(page)
    page.get_by_role("button", name="Draw").click()
    read: list[tuple[str, str]] = []
    for digit, hands in HANDS.items():
        for strokes in hands:
            page.get_by_role("button", name="Clear").click()
            write(page, strokes)
            wait_until_live(page)
            read.append((digit, page.locator(LABEL).inner_text()))

    right = sum(digit == answer for digit, answer in read)
    assert len(read) == 20
    assert right >= 18, read


def write(page: Page, strokes: str) -> None:
    """Move the pointer along strokes."""
    for stroke in strokes.split("|"):
        points = [tuple(float(n) / 100 for n in point.split(",")) for point in stroke.split()]
        page.mouse.move(*place(page, (points[0][0], points[0][1])))
        page.mouse.down()
        for x, y in points[1:]:
            page.mouse.move(*place(page, (x, y)), steps=5)
        page.mouse.up()


@pytest.mark.parametrize("slug", ["cifar10", "mnist"])
def test_bad_files_leave_a_demo_usable(visit: Visit, slug: str) -> None:
    example = next((ROOT / "demos" / slug / "examples").iterdir())
    page = visit.open(f"{slug}/")
    wait_until_live(page)

    page.set_input_files("#upload", NOTES)
    expect(page.get_by_role("alert")).to_contain_text("not a picture")
    cut: FilePayload = {
        "name": "cut.jpg",
        "mimeType": "image/jpeg",
        "buffer": (ROOT / "demos" / "cifar10" / "examples" / "cat.jpg").read_bytes()[:4000],
    }
    page.set_input_files("#upload", cut)
    expect(page.get_by_role("alert")).to_contain_text("cut off")
    page.set_input_files("#upload", example)

    expect(page.locator("#message")).to_be_hidden()
    expect(page.locator("#caption")).to_have_text(example.name)
    assert visit.complaints == []


@pytest.mark.parametrize("context_options", [{"java_script_enabled": False}])
@pytest.mark.parametrize("slug", ["cifar10", "mnist"])
def test_without_scripts_everything_but_the_live_answer_is_there(visit: Visit, slug: str) -> None:
    page = visit.open(f"{slug}/")
    examples = sorted(path.stem for path in (ROOT / "demos" / slug / "examples").iterdir())

    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#answer tbody tr").first).to_be_visible()
    assert page.locator("img[src^='examples/']").count() >= len(examples)
    assert "onnxruntime" in page.locator("body").inner_text()
