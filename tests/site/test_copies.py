"""Pictures as large as pages show them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from edgesite.site import copies as subject
from edgesite.site.attachments import Attachment
from edgesite.site.copies import copies
from edgesite.site.single import single_file
from edgesite.site.words import Setting, to_html
from tests.pages import toys
from tests.site.test_render import render


def photo(width: int, height: int, kind: str = "JPEG", **options: Any) -> bytes:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9 + y / 17), np.cos(x / 5 - y / 13), np.sin(x * y / 300)]
    file = io.BytesIO()
    image = Image.fromarray(np.uint8(127 + 120 * np.stack(waves, axis=-1)))
    image.save(file, kind, **{"quality": 95} | options)
    return file.getvalue()


# The limits are lower here, for pictures that are quickly made.
LONGEST = 192
SMALL_BYTES = 4000

LARGE = photo(216, 144)


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LONGEST", LONGEST)
    monkeypatch.setattr(subject, "_SMALL_BYTES", SMALL_BYTES)


def test_a_large_picture_has_smaller_copies_the_best_first() -> None:
    made = copies(LARGE, None)

    assert made is not None
    assert (made.width, made.height) == (216, 144)
    assert list(made.files) == [".avif", ".webp"] if features.check("avif") else [".webp"]
    for data in made.files.values():
        assert Image.open(io.BytesIO(data)).size == (LONGEST, 128)
        assert len(data) < len(LARGE)


def test_an_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    made = copies(photo(216, 144, exif=exif), None)

    assert made is not None
    assert (made.width, made.height) == (144, 216)
    assert Image.open(io.BytesIO(made.files[".webp"])).size == (128, LONGEST)


def test_a_pillow_without_avif_makes_webp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: name == "webp")

    made = copies(LARGE, None)

    assert made is not None
    assert list(made.files) == [".webp"]


@pytest.mark.parametrize("data", [photo(30, 20), photo(190, 140, "WEBP", quality=40)])
def test_what_is_small_already_is_shown_as_it_is(data: bytes) -> None:
    made = copies(data, None)

    assert made is not None
    assert made.files == {}


def test_what_is_no_picture_has_none() -> None:
    assert copies(b"<svg/>" * 20_000, None) is None


def test_words_offer_the_copies_and_keep_the_picture() -> None:
    made = subject.copied([Attachment("a.jpg", LARGE, "")], None)

    html = to_html('![x](a.jpg "Caption")', Setting(pictures=made))

    assert html.startswith('<figure><picture><source srcset="a.jpg.avif" type="image/avif">')
    assert 'src="a.jpg" width="216"></picture><figcaption>Caption</figcaption>' in html


def test_a_page_in_one_file_has_the_picture_and_no_copies() -> None:
    model = toys.colours()
    example = toys.example(model, toys.COLOURS, "a.jpg", "x", Image.open(io.BytesIO(LARGE)))

    files = render(toys.colour_demo(examples=(example,)))
    page = single_file("colour", files).decode()

    assert (
        '<source type="image/webp" srcset="shown/a.jpg.webp">'
        in files["colour/index.html"].decode()
    )
    assert "<source" not in page
    assert "shown/" not in page
