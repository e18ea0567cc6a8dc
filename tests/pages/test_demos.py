"""The demos of this repository: real models, photographs and drawn digits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import expect

import edgesite
from edgesite.tasks.images import prepare
from edgesite.tasks.inputs import ImageInput

from .conftest import REPOSITORY, Visit, serve, visited
from .test_drawing import draw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

CIFAR10, MNIST = REPOSITORY / "demos" / "cifar10", REPOSITORY / "demos" / "mnist"

Point = tuple[float, float]

# Strokes through points of a unit square, y downwards.
DIGITS: dict[str, tuple[tuple[Point, ...], ...]] = {
    "0": (
        ((0.5, 0.15), (0.36, 0.22), (0.3, 0.4), (0.3, 0.6), (0.36, 0.78), (0.5, 0.85),
         (0.64, 0.78), (0.7, 0.6), (0.7, 0.4), (0.64, 0.22), (0.5, 0.15)),
    ),
    "1": (((0.5, 0.15), (0.5, 0.85)),),
    "2": (
        ((0.3, 0.3), (0.38, 0.18), (0.55, 0.15), (0.68, 0.25), (0.66, 0.4), (0.5, 0.58),
         (0.3, 0.82), (0.72, 0.82)),
    ),
    "3": (
        ((0.32, 0.2), (0.5, 0.15), (0.66, 0.24), (0.64, 0.4), (0.48, 0.48), (0.66, 0.56),
         (0.7, 0.72), (0.55, 0.85), (0.32, 0.8)),
    ),
    "4": (((0.52, 0.15), (0.3, 0.6), (0.75, 0.6)), ((0.6, 0.38), (0.6, 0.88))),
    "5": (
        ((0.68, 0.15), (0.38, 0.15), (0.35, 0.45), (0.55, 0.42), (0.68, 0.56), (0.66, 0.74),
         (0.5, 0.86), (0.32, 0.8)),
    ),
    "6": (
        ((0.6, 0.15), (0.42, 0.35), (0.34, 0.6), (0.4, 0.8), (0.56, 0.85), (0.68, 0.72),
         (0.62, 0.58), (0.45, 0.56), (0.36, 0.66)),
    ),
    "7": (((0.3, 0.17), (0.7, 0.17), (0.58, 0.45), (0.46, 0.85)),),
    "8": (
        ((0.5, 0.48), (0.36, 0.38), (0.36, 0.22), (0.5, 0.15), (0.64, 0.22), (0.64, 0.38),
         (0.5, 0.48), (0.34, 0.62), (0.34, 0.78), (0.5, 0.86), (0.66, 0.78), (0.66, 0.62),
         (0.5, 0.48)),
    ),
    "9": (
        ((0.64, 0.35), (0.5, 0.46), (0.36, 0.36), (0.38, 0.2), (0.54, 0.15), (0.65, 0.25),
         (0.64, 0.5), (0.58, 0.86)),
    ),
}  # fmt: skip


def slanted(point: Point) -> Point:
    """Write smaller, in a corner, leaning to the right."""
    x, y = point
    return 0.12 + 0.6 * x - 0.1 * (y - 0.5), 0.3 + 0.6 * y


@pytest.fixture
def demos(context: BrowserContext, demo_files: dict[str, bytes]) -> Iterator[Visit]:
    server, served = serve(demo_files)
    yield visited(context, served)
    server.shutdown()
    server.server_close()


def wait_for_answer(page: Page) -> None:
    expect(page.locator("#take")).to_have_attribute("data-state", "live")


def photograph() -> bytes:
    """A photograph as telephones make them: on its side, with a note which side is up."""
    with Image.open(CIFAR10 / "examples" / "cat.jpg") as cat:
        turned = ImageOps.mirror(cat.convert("RGB")).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # The orientation tag: turn by 90 degrees clockwise.
    file = io.BytesIO()
    turned.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


def top5(logits: np.ndarray, labels: Sequence[str]) -> list[tuple[str, float]]:
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return [(labels[i], float(shares[i])) for i in np.argsort(-shares)[:5]]


@pytest.mark.parametrize("path", ["", "cifar10/", "mnist/"])
def test_every_page_opens_without_complaints(demos: Visit, path: str) -> None:
    page = demos.open(path)
    page.wait_for_load_state("networkidle")

    assert demos.complaints == []
    assert demos.foreign == []


@pytest.mark.parametrize("slug", ["cifar10", "mnist"])
def test_the_live_answer_to_the_first_example_is_that_of_the_build(demos: Visit, slug: str) -> None:
    gate = demos.served.hold("weights")
    page = demos.open(f"{slug}/")
    built = answer(page)

    gate.set()
    wait_for_answer(page)

    live = answer(page)
    assert [label for label, _ in live] == [label for label, _ in built]
    assert [share for _, share in live] == pytest.approx([share for _, share in built], abs=1e-4)


def answer(page: Page) -> list[tuple[str, float]]:
    """Labels and exact probabilities on the page."""
    return [
        (row.locator("th").inner_text(), float(row.locator("td").get_attribute("title") or "nan"))
        for row in page.locator("#answer tbody tr").all()
    ]


def test_a_photograph_is_answered_as_pillow_and_the_shipped_files_answer_it(
    demos: Visit, demo_files: dict[str, bytes], tmp_path: Path
) -> None:
    spec = ImageInput(
        name="input", width=32, height=32,
        mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616),
    )  # fmt: skip
    for path, data in demo_files.items():
        if path.startswith("cifar10/") and path.count("/") == 1:
            (tmp_path / path.removeprefix("cifar10/")).write_bytes(data)
    image = Image.open(io.BytesIO(photograph()))
    logits = edgesite.load(tmp_path).run({"input": prepare(image, spec)})["logits"][0]
    expected = top5(logits, (CIFAR10 / "labels.txt").read_text().split())

    page = demos.open("cifar10/")
    page.set_input_files(
        "#upload", {"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    )
    expect(page.locator("#caption")).to_have_text("cat.jpg")
    wait_for_answer(page)

    live = answer(page)
    assert [label for label, _ in live] == [label for label, _ in expected]
    assert [share for _, share in live] == pytest.approx([s for _, s in expected], abs=1e-4)


def test_drawn_digits_are_recognised(demos: Visit) -> None:
    page = demos.open("mnist/")
    wait_for_answer(page)
    read: list[tuple[str, str]] = []

    for digit, strokes in DIGITS.items():
        for hand in (lambda point: point, slanted):
            page.get_by_role("button", name="Draw").click()
            for stroke in strokes:
                draw(page, *map(hand, stroke))
            expect(page.locator("#status")).to_contain_text("Computed")
            wait_for_answer(page)
            read.append((digit, answer(page)[0][0]))

    # 18 of 20: the demo's promise.
    assert sum(digit == name for digit, name in read) >= 18, read
