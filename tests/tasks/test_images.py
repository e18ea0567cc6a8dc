from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
import pytest
from PIL import Image, ImageDraw, ImageOps
from pydantic import ValidationError

from edgesite.errors import BuildError
from edgesite.tasks.images import open_image, prepare, seen, thumbnail
from edgesite.tasks.inputs import Centre, Filter, ImageInput, Resize

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [(61, 97), (97, 61), (64, 64), (300, 20), (20, 300), (7, 5), (640, 480)]


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    shape = (size[1], size[0], len(mode)) if len(mode) > 1 else (size[1], size[0])
    rng = np.random.default_rng(shape)
    return Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))


def spec(**fields: Any) -> ImageInput:
    return ImageInput(**{"name": "x", "width": 32, "height": 24, "dtype": "uint8", **fields})


def digit(**fields: Any) -> ImageInput:
    return spec(**{"width": 28, "height": 28, "color": "GRAY", "centre": Centre(), **fields})


def stroke(paper: int = 255, ink: int = 0) -> Image.Image:
    image = Image.new("L", (300, 200), paper)
    ImageDraw.Draw(image).line([(40, 20), (90, 150), (60, 170)], fill=ink, width=15)
    return image


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


# Pillow 13 is where the order of the two passes became what images.py spells out.
@pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="Pillow 12 rounds otherwise")
@pytest.mark.parametrize("filter_", Filter)
@pytest.mark.parametrize("size", SIZES)
class TestAgainstPillow:
    def test_crop_is_fit(self, size: tuple[int, int], filter_: Filter) -> None:
        image = noise(size)

        result = seen(image, spec(resize=Resize(filter=filter_)))

        assert result == ImageOps.fit(image, (32, 24), Image.Resampling[filter_.name])

    def test_contain_is_pad(self, size: tuple[int, int], filter_: Filter) -> None:
        image, color = noise(size), (10, 20, 30)

        result = seen(image, spec(resize=Resize(fit="contain", filter=filter_), background=color))

        assert result == ImageOps.pad(image, (32, 24), Image.Resampling[filter_.name], color)

    def test_stretch_is_resize(self, size: tuple[int, int], filter_: Filter) -> None:
        image = noise(size)

        result = seen(image, spec(resize=Resize(fit="stretch", filter=filter_)))

        assert result == image.resize((32, 24), Image.Resampling[filter_.name])


@pytest.mark.parametrize(
    ("size", "resized", "left", "top"),
    [
        ((640, 480), (341, 256), 58, 16),  # 341.33 is cut off; (341 - 224) / 2 = 58.5 goes to 58
        ((480, 640), (256, 341), 16, 58),
        ((481, 639), (256, 340), 16, 58),
        ((500, 333), (384, 256), 80, 16),
        ((256, 256), (256, 256), 16, 16),
        ((10, 10), (256, 256), 16, 16),
    ],
)
def test_shorter_resizes_and_cuts_as_torchvision_does(
    size: tuple[int, int], resized: tuple[int, int], left: int, top: int
) -> None:
    image = noise(size)

    result = seen(image, spec(width=224, height=224, resize=Resize(shorter=256)))

    whole = image.resize(resized, Image.Resampling.BILINEAR)
    assert result == whole.crop((left, top, left + 224, top + 224))


def test_a_sliver_keeps_a_pixel_when_contained() -> None:
    image = Image.new("RGB", (1, 500), (0, 0, 0))

    result = np.asarray(seen(image, spec(resize=Resize(fit="contain"))))

    assert (result == 0).sum() == 24 * 3


def test_a_sliver_too_long_to_resize_is_refused() -> None:
    with pytest.raises(BuildError, match=r"1x40000 pixels becomes too long.*cut it"):
        prepare(Image.new("RGB", (1, 40000)), spec(resize=Resize(shorter=64)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_orientation_is_applied_once(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    noise((40, 30)).save(path, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(path))

    assert open_image(path).tobytes() == upright.tobytes()
    assert (prepare(open_image(path), spec()) == prepare(upright, spec())).all()
    assert (prepare(Image.open(path), spec()) == prepare(upright, spec())).all()


def test_broken_exif_data_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    noise((8, 8)).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert open_image(path).size == (8, 8)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA"])
def test_every_mode_is_looked_at_as_rgb(mode: str) -> None:
    image = noise((32, 24)).convert(mode)

    fed = prepare(image, spec(layout="NHWC"))

    np.testing.assert_array_equal(fed[0], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("pixels", "byte"),
    [
        (np.full((24, 32), 0xABCD, np.uint16), 0xAB),
        (np.full((24, 32), 0xABCD, np.int32), 0xAB),
        (np.full((24, 32), 77, np.int32), 77),
        (np.full((24, 32), 77.9, np.float32), 77),
        (np.full((24, 32), 1e9, np.float32), 255),
        (np.full((24, 32), np.nan, np.float32), 0),
    ],
)
def test_deep_pictures_are_brought_to_bytes(pixels: np.ndarray, byte: int) -> None:
    fed = prepare(Image.fromarray(pixels), spec())

    assert set(fed.ravel().tolist()) == {byte}


def test_a_transparent_palette_shows_the_background() -> None:
    image = Image.new("P", (32, 24), 1)
    image.putpalette([1, 2, 3, 4, 5, 6])
    image.info["transparency"] = 1

    fed = prepare(image, spec(background=(9, 8, 7), layout="NHWC"))

    assert fed[0, 0, 0].tolist() == [9, 8, 7]


def test_transparency_is_composited_as_pillow_does() -> None:
    image = noise((32, 24), "RGBA")
    behind = Image.new("RGBA", image.size, (200, 100, 50, 255))

    result = seen(image, spec(background=(200, 100, 50)))

    assert result == Image.alpha_composite(behind, image).convert("RGB")


def test_grey_is_made_before_resizing() -> None:
    image = noise((100, 80))

    result = seen(image, spec(color="GRAY", resize=Resize(fit="stretch")))

    assert result == image.convert("L").resize((32, 24), Image.Resampling.BILINEAR)


def test_every_step_of_the_norm_is_rounded_to_float32() -> None:
    image = Image.new("RGB", (1, 1), (200, 100, 7))
    norm = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

    fed = prepare(image, spec(width=1, height=1, dtype="float32", **norm))

    scaled = np.array([200, 100, 7], np.float32) * np.float32(1 / 255)
    expected = (scaled - np.array(norm["mean"], np.float32)) / np.array(norm["std"], np.float32)
    assert fed.dtype == np.float32
    np.testing.assert_array_equal(fed.ravel(), expected)


def test_bgr_turns_the_channels_and_the_norm_follows_the_color() -> None:
    image = Image.new("RGB", (1, 1), (30, 20, 10))
    fields = {"color": "BGR", "dtype": "float32", "scale": 1, "mean": (10, 20, 30)}

    fed = prepare(image, spec(width=1, height=1, **fields))

    assert fed.ravel().tolist() == [0, 0, 0]


@pytest.mark.parametrize(("layout", "shape"), [("NCHW", (1, 3, 24, 32)), ("NHWC", (1, 24, 32, 3))])
def test_the_array_has_the_shape_of_the_spec(layout: str, shape: tuple[int, ...]) -> None:
    channels = Image.new("RGB", (50, 50), (1, 2, 3))

    fed = prepare(channels, spec(layout=layout))

    assert fed.shape == spec(layout=layout).shape == shape
    assert np.moveaxis(fed, shape.index(3), 0)[2].min() == 3


class TestCentre:
    def test_ink_is_twenty_pixels_long_and_balanced(self) -> None:
        result = np.asarray(seen(stroke(), digit())).astype(float)

        rows, columns = np.nonzero(result.sum(axis=1))[0], np.nonzero(result.sum(axis=0))[0]
        mass = result.sum()
        assert rows[-1] - rows[0] + 1 == 20
        assert columns[-1] - columns[0] + 1 < 20
        assert abs((result.sum(axis=1) * np.arange(28)).sum() / mass - 13.5) <= 0.5
        assert abs((result.sum(axis=0) * np.arange(28)).sum() / mass - 13.5) <= 0.5

    def test_white_on_black_and_black_on_white_are_the_same(self) -> None:
        assert seen(stroke(255, 0), digit()) == seen(stroke(0, 255), digit())

    def test_grey_on_grey_is_stretched(self) -> None:
        assert seen(stroke(180, 80), digit()) == seen(stroke(255, 0), digit())

    def test_the_place_of_the_drawing_does_not_matter(self) -> None:
        image = stroke()
        moved = ImageOps.expand(image, (100, 30, 0, 70), 255)

        assert seen(moved, digit()) == seen(image, digit())

    def test_a_drawing_on_transparent_shows_the_background(self) -> None:
        drawing = Image.new("RGBA", (300, 200))
        drawing.paste((0, 0, 0, 255), mask=ImageOps.invert(stroke()))

        assert seen(drawing, digit()) == seen(stroke(), digit())

    @pytest.mark.parametrize("color", [0, 128, 255])
    def test_a_blank_picture_is_black(self, color: int) -> None:
        assert not np.asarray(seen(Image.new("L", (50, 60), color), digit())).any()

    def test_heavy_ends_stay_inside(self) -> None:
        image = Image.new("L", (210, 210), 255)
        ImageDraw.Draw(image).rectangle([10, 10, 29, 199], fill=0)
        ImageDraw.Draw(image).line([(10, 199), (199, 199)], fill=0, width=2)

        result = np.asarray(seen(image, digit(centre=Centre(size=28))))

        assert result[:, 0].any()


class TestOpening:
    def refusal(self, path: Path, data: bytes) -> str:
        path.write_bytes(data)
        with pytest.raises(BuildError) as error:
            open_image(path)
        return str(error.value)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BuildError, match=r"none\.png: no such file; check the name"):
            open_image(tmp_path / "none.png")

    @pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xd8"])
    def test_what_is_no_picture_says_what_would_be(self, tmp_path: Path, data: bytes) -> None:
        message = self.refusal(tmp_path / "text.jpg", data)

        assert message.endswith("text.jpg: not a picture; give a JPEG, PNG, WebP, GIF or BMP file")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
    def test_a_truncated_picture_is_refused(self, tmp_path: Path, kind: str) -> None:
        file = io.BytesIO()
        noise((60, 60)).save(file, kind)

        message = self.refusal(tmp_path / "half", file.getvalue()[:-1500])

        assert "half: the picture is truncated or damaged (" in message
        assert message.endswith("; save it again")

    @pytest.mark.parametrize("size", [(10001, 10000), (20000, 20000)])
    def test_a_gigantic_picture_is_refused(self, tmp_path: Path, size: tuple[int, int]) -> None:
        header = struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
        chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b""))

        message = self.refusal(tmp_path / "large.png", b"\x89PNG\r\n\x1a\n" + chunks)

        assert "more than 100 megapixels" in message

    def test_a_webp_picture_that_browsers_turn_differently_is_refused(self, tmp_path: Path) -> None:
        exif, file = Image.Exif(), io.BytesIO()
        exif[0x0112] = 6
        noise((8, 6)).save(file, "WEBP", exif=exif)

        message = self.refusal(tmp_path / "turned.webp", file.getvalue())

        assert message.endswith("which not every browser applies; save it upright")

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BuildError, match="no such file"):
            open_image(tmp_path)


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 480), (160, 120)), ((80, 60), (80, 60)), ((40, 900), (40, 30))]
)
def test_a_thumbnail_fills_its_shape_and_never_enlarges(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    result = Image.open(io.BytesIO(thumbnail(noise(size), 160, 120)))

    assert result.format == "WEBP"
    assert result.size == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mean": (0.5,)}, "mean: 1 numbers for 3 channels (RGB); give 3"),
        ({"std": (1, 1)}, "std: 2 numbers for 3 channels (RGB); give 3"),
        ({"std": (1, 0, 1)}, "std: a value is divided by 0"),
        ({"std": (1, 1e-60, 1)}, "std: a value is divided by 0"),
        ({"resize": Resize(shorter=20)}, "shorter: 20 leaves no 32x24 pixels to cut out"),
        ({"centre": Centre()}, "centre: works on one channel, not on RGB"),
        ({"centre": Centre(size=25), "color": "GRAY"}, "centre: ink of 25 pixels in a picture"),
        ({"background": (0, 0, 256)}, "less than or equal to 255"),
        ({"scale": float("inf")}, "finite number"),
        ({"colour": "RGB"}, "Extra inputs are not permitted"),
    ],
)
def test_an_impossible_input_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        spec(**fields)

    assert message in str(error.value)


def test_an_absent_norm_is_spelled_out_for_the_page() -> None:
    page = spec(color="GRAY").model_dump(mode="json")

    assert page["mean"] == [0.0]
    assert page["std"] == [1.0]
    assert page["resize"] == {"fit": "crop", "filter": "bilinear", "shorter": None}
    assert ImageInput(**page) == spec(color="GRAY")
