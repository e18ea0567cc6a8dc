"""Chromium decodes the pictures of visitors to the very pixels that Pillow gives."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from edgesite.tasks.images import open_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page

DECODE = """async (name) => {
    const { decode } = await import("/decode.mjs");
    const file = await (await fetch("/" + name)).blob();
    try {
        const { width, height, rgba } = await decode(file);
        const digest = [...new Uint8Array(await crypto.subtle.digest("SHA-256", rgba))];
        const sha256 = digest.map((byte) => byte.toString(16).padStart(2, "0")).join("");
        return { width, height, sha256 };
    } catch (error) {
        return error.message;
    }
}"""

CUT_OFF = "This picture is cut off or damaged."
NO_PICTURE = "This file is not a picture that this browser can read."


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(width: int = 97, height: int = 61) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9 + y / 17), np.cos(x / 5 - y / 13), np.sin(x * y / 300)]
    return Image.fromarray(np.uint8(127 + 120 * np.stack(waves, axis=-1)))


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def deep(height: int = 61, width: int = 97) -> Image.Image:
    values = np.random.default_rng(1).integers(0, 65536, (height, width))
    return Image.fromarray(values.astype(np.uint16))


def swapped_profile() -> bytes:
    """An ICC profile of sRGB in which red and green are exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    return b"".join(exchanged.get(part, part) for part in re.split(b"(rXYZ|gXYZ)", profile))


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and is not."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + bytes(4) + b"IEND\xae\x42\x60\x82"


PICTURES = {
    "444.jpg": lambda: encoded(photo(), "JPEG", subsampling=0),
    "422.jpg": lambda: encoded(photo(), "JPEG", subsampling=1),
    "420.jpg": lambda: encoded(photo(), "JPEG", subsampling=2, quality=60),
    "progressive.jpg": lambda: encoded(photo(), "JPEG", progressive=True),
    "grey.jpg": lambda: encoded(photo().convert("L"), "JPEG"),
    "padded.jpg": lambda: encoded(photo(), "JPEG") + bytes(5000),
    "profile.jpg": lambda: encoded(photo(), "JPEG", icc_profile=swapped_profile()),
    "profile.png": lambda: encoded(photo(), "PNG", icc_profile=swapped_profile()),
    "rgb.png": lambda: encoded(photo(), "PNG"),
    "palette.png": lambda: encoded(photo().quantize(64), "PNG"),
    "bits.png": lambda: encoded(photo().convert("1"), "PNG"),
    "deep.png": lambda: encoded(deep(), "PNG"),
    "turned.png": lambda: encoded(photo(), "PNG", exif=turned(6)),
    "lossy.webp": lambda: encoded(photo(), "WEBP"),
    "lossless.webp": lambda: encoded(photo(), "WEBP", lossless=True),
    "picture.gif": lambda: encoded(photo().quantize(64), "GIF"),
    "picture.bmp": lambda: encoded(photo(), "BMP"),
    "pixel.png": lambda: encoded(photo(1, 1), "PNG"),
    "sliver.png": lambda: encoded(photo(1, 3000), "PNG"),
    "bands.png": lambda: encoded(photo(7, 513), "PNG"),
} | {
    f"turned{number}.jpg": lambda number=number: encoded(photo(), "JPEG", exif=turned(number))
    for number in range(1, 9)
}

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (lambda: b"", "This file is empty."),
    "text.txt": (lambda: b"hello", NO_PICTURE),
    "text.jpg": (lambda: b"hello, I am no picture at all", NO_PICTURE),
    "start.jpg": (lambda: encoded(photo(), "JPEG")[:3], CUT_OFF),
    "header.jpg": (lambda: encoded(photo(), "JPEG")[:100], CUT_OFF),
    "half.jpg": (lambda: encoded(photo(), "JPEG")[:-900], CUT_OFF),
    "endless.jpg": (lambda: encoded(photo(), "JPEG")[:-2], CUT_OFF),
    "progressive.jpg": (lambda: encoded(photo(), "JPEG", progressive=True)[:-900], CUT_OFF),
    "half.png": (lambda: encoded(photo(), "PNG")[:-900], CUT_OFF),
    "half.webp": (lambda: encoded(photo(), "WEBP")[:-300], CUT_OFF),
    "half.gif": (lambda: encoded(photo().quantize(64), "GIF")[:-900], CUT_OFF),
    "half.bmp": (lambda: encoded(photo(), "BMP")[:-900], CUT_OFF),
    "damaged.png": (lambda: png_of(20, 20), CUT_OFF),
    "bomb.png": (lambda: png_of(20000, 20000), "This picture has 400 megapixels, and at most 100"),
    "limit.png": (lambda: png_of(10001, 10000), "This picture has 101 megapixels"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bundle: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("served")
    (folder / "decode.mjs").write_bytes(bundle("../tests/runtime/decode.ts").read_bytes())
    (folder / "strict.html").write_text("<!doctype html><title>decode</title>")
    return folder


@pytest.fixture(scope="module")
def page(browser: Browser, serve: Callable[[Path], str], folder: Path) -> Page:
    page = browser.new_page()
    page.goto(serve(folder) + "strict.html")
    return page


def expected(path: Path) -> dict[str, Any]:
    rgba = open_image(path)
    if rgba.mode == "I;16":
        rgba = Image.fromarray((np.asarray(rgba) >> 8).astype(np.uint8))
    rgba = rgba.convert("RGBA")
    digest = hashlib.sha256(rgba.tobytes()).hexdigest()
    return {"width": rgba.width, "height": rgba.height, "sha256": digest}


@pytest.mark.parametrize("name", PICTURES)
def test_an_opaque_picture_has_the_pixels_that_pillow_reads(
    page: Page, folder: Path, name: str
) -> None:
    (folder / name).write_bytes(PICTURES[name]())

    assert page.evaluate(DECODE, name) == expected(folder / name)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_in_a_sentence(page: Page, folder: Path, name: str) -> None:
    make, message = REFUSED[name]
    (folder / name).write_bytes(make())

    assert page.evaluate(DECODE, name).startswith(message)


def test_a_picture_of_48_megapixels_is_read(page: Page, folder: Path) -> None:
    tile = np.asarray(photo(400, 300))
    large = Image.fromarray(np.tile(tile, (20, 20, 1)))
    (folder / "large.jpg").write_bytes(encoded(large, "JPEG", quality=80))

    assert page.evaluate(DECODE, "large.jpg") == expected(folder / "large.jpg")
