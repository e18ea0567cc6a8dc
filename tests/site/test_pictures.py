"""Example pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edgesite.errors import EdgesiteError
from edgesite.site import pictures
from edgesite.site.config import DemoConfig
from edgesite.site.document import parse_document
from edgesite.site.pictures import Picture, load_pictures
from edgesite.site.problems import Problems
from edgesite.site.validate import validated

if TYPE_CHECKING:
    from pathlib import Path


def encoded(kind: str, size: tuple[int, int] = (30, 20), **options: object) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def load(folder: Path, name: str, data: bytes) -> Picture:
    (folder / name).write_bytes(data)
    text = f"title: T\ntask: image-classification\nlabels: [a]\nexamples: ['{name}']\n"
    document = parse_document(folder / "demo.yaml", text)
    problems = Problems()
    config = validated(document, DemoConfig)
    found = load_pictures(folder, config, document, ["a"], problems)
    problems.raise_any()
    return found[0]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
    ],
)
def test_what_browsers_show_ships_as_it_is(tmp_path: Path, kind: str, media_type: str) -> None:
    data = encoded(kind)
    picture = load(tmp_path, "Picture 1.xyz", data)

    assert (picture.data, picture.media_type, picture.name) == (data, media_type, "picture-1.xyz")
    assert (picture.width, picture.height) == (30, 20)


def test_the_size_is_that_of_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side

    picture = load(tmp_path, "a.jpg", encoded("JPEG", exif=exif))

    assert (picture.width, picture.height) == (20, 30)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "a.png: not a picture; give a JPEG, PNG, WebP, GIF or BMP file"),
        (b"", "a.png: not a picture; give a JPEG, PNG, WebP, GIF or BMP file"),
        (encoded("JPEG", (300, 200))[:-900], "a.png: the picture is truncated or damaged"),
        (encoded("PNG")[:-100], "a.png: the picture is truncated or damaged"),
        (encoded("TIFF"), "a.png: browsers do not show pictures of this format; save it as PNG"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "a.png: is a Git LFS pointer, not the picture; fetch it with `git lfs pull`",
        ),
    ],
)
def test_what_is_no_sound_picture_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(EdgesiteError, match=message):
        load(tmp_path, "a.png", data)


def test_a_picture_is_decoded_again_only_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(tmp_path, "a.png", encoded("PNG"))
    other = load(tmp_path, "a.png", encoded("PNG", (40, 30)))

    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} is decoded again")

    monkeypatch.setattr(pictures, "open_image", refuse)

    assert load(tmp_path, "a.png", encoded("PNG")) == first
    assert (other.width, other.height) == (40, 30)
