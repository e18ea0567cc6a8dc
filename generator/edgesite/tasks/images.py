"""Pictures in: from a file to exactly the numbers a model is fed.

This is the reference that `theme/runtime/image.ts` equals bit for bit, so it is written with
Pillow and numpy alone. What the browser does before (decoding) is `theme/runtime/decode.ts`.
"""

from __future__ import annotations

import io
import struct
import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from edgesite.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from edgesite.tasks.inputs import Filter, ImageInput

# decode.ts refuses the same: one browser or another has no canvas for more.
MAX_PIXELS = 100_000_000


def open_image(path: Path) -> Image.Image:
    """Decode the first picture of a file and turn it upright.

    Raises BuildError where there is no file, it is no picture, it breaks off, or it has more
    than MAX_PIXELS.
    """
    if not path.is_file():
        raise BuildError(f"{path}: no such file; check the name")
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # What Pillow warns of is either refused below or nothing that browsers mind.
            warnings.simplefilter("ignore")
            image = Image.open(file)
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            image.load()
            _refuse_turned_webp(path, image)
            return _upright(image)
    except UnidentifiedImageError:
        raise BuildError(
            f"{path}: not a picture; give a JPEG, PNG, WebP, GIF or BMP file"
        ) from None
    except Image.DecompressionBombError:
        limit = MAX_PIXELS // 1_000_000
        raise BuildError(
            f"{path}: a picture of more than {limit} megapixels, which browsers cannot show; "
            "give a smaller one"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise BuildError(
            f"{path}: the picture is truncated or damaged ({error}); save it again"
        ) from None


def prepare(
    image: Image.Image, spec: ImageInput, rank: int = 4
) -> NDArray[np.float32] | NDArray[np.uint8]:
    """Bring a picture of any size and mode to spec.dtype and the shape of spec, sized for it.

    An EXIF orientation that the picture still carries is applied first. At rank 3 the first
    axis, of size 1, is left out.
    """
    image = _upright(image)
    spec = spec.sized(*image.size)
    pixels = np.asarray(seen(image, spec)).reshape(spec.height, spec.width, spec.channels)
    if spec.color == "BGR":
        pixels = pixels[:, :, ::-1]
    values = pixels if spec.dtype == "uint8" else _normalize(pixels, spec)
    if spec.layout == "NCHW":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values if rank == 3 else values[np.newaxis])


def seen(image: Image.Image, spec: ImageInput) -> Image.Image:
    """Make the picture that the model sees, of mode RGB or L, before bytes become numbers."""
    image = _upright(image)
    spec = spec.sized(*image.size)
    flat = _flatten(image, spec.background)
    if spec.color == "GRAY":
        flat = flat.convert("L")
    if spec.centre is not None:
        return _centre(flat, spec, spec.centre.size)
    if spec.resize.shorter is not None:
        return _cut_centre(flat, spec, spec.resize.shorter)
    match spec.resize.fit:
        case "crop":
            return _fit(flat, spec)
        case "contain":
            return _pad(flat, spec)
        case "stretch":
            return _resize(flat, (spec.width, spec.height), spec.resize.filter)


def thumbnail(image: Image.Image, width: int, height: int) -> bytes:
    """Make a WebP picture that fills width x height pixels, cut where the shape differs.

    It never has more pixels than the original, which browsers enlarge as well as we would.
    """
    shrink = min(1.0, image.width / width, image.height / height)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = ImageOps.fit(_rgba(_upright(image)), size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=75, method=6)
    return file.getvalue()


def _refuse_turned_webp(path: Path, image: Image.Image) -> None:
    """Pillow turns it, Chromium does not: the page would answer something else."""
    if image.format == "WEBP" and image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        raise BuildError(
            f"{path}: a WebP picture with an EXIF orientation, which not every browser applies; "
            "save it upright"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation, if there is one that can be read, as browsers do."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return image


def _rgba(image: Image.Image) -> Image.Image:
    """Any mode as 8 bits of red, green, blue and straight alpha."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        # Pillow opens 16-bit grey as "I;16" or, where a format is vague, as "I".
        bits = 8 if image.mode != "I" or values.max(initial=0) > 255 else 0
        image = Image.fromarray(np.clip(values >> bits, 0, 255).astype(np.uint8))
    if image.mode == "F":
        image = Image.fromarray(np.clip(np.nan_to_num(np.asarray(image)), 0, 255).astype(np.uint8))
    try:
        return image.convert("RGBA")
    except ValueError:
        raise BuildError(
            f"a picture of Pillow's mode {image.mode} has no RGB; save it as RGB"
        ) from None


def _flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    rgba = _rgba(image)
    if rgba.getchannel("A").getextrema() == (255, 255):
        return rgba.convert("RGB")
    behind = Image.new("RGBA", rgba.size, (*background, 255))
    return Image.alpha_composite(behind, rgba).convert("RGB")


def _normalize(pixels: NDArray[np.uint8], spec: ImageInput) -> NDArray[np.float32]:
    """(byte * scale - mean) / std with every step rounded to float32; pixels: H W C."""
    scaled = np.arange(256, dtype=np.float32) * np.float32(spec.scale)
    mean, std = (np.array(numbers, np.float32)[:, None] for numbers in (spec.mean, spec.std))
    table: NDArray[np.float32] = (scaled - mean) / std
    return table[np.arange(spec.channels), pixels]


def _resize(
    image: Image.Image,
    size: tuple[int, int],
    filter_: Filter,
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resize as Pillow 13 does, whatever Pillow is installed.

    It rounds to bytes after each direction, so that the order of the two shows in the last bit:
    rows first up to version 12, columns first from 13 on where that saves much more of the
    picture than rows first would. Asked for one direction at a time, all versions agree.
    """
    width, height = size
    left, top, right, bottom = box or (0, 0, *image.size)
    fewer_rows, fewer_columns = image.height - height, image.width - width
    if fewer_rows > max(0, 2 * fewer_columns):
        rows = (0, top, image.width, bottom)
        short = image.resize((image.width, height), Image.Resampling[filter_.name], rows)
        return short.resize(size, Image.Resampling[filter_.name], (left, 0, right, height))
    columns = (left, 0, right, image.height)
    narrow = image.resize((width, image.height), Image.Resampling[filter_.name], columns)
    return narrow.resize(size, Image.Resampling[filter_.name], (0, top, width, bottom))


def _fit(image: Image.Image, spec: ImageInput) -> Image.Image:
    """Fill the size and cut off the rest, in the middle, as Pillow's ImageOps.fit."""
    ratio = spec.width / spec.height
    width, height = float(image.width), float(image.height)
    if image.width / image.height > ratio:
        width = ratio * image.height
    elif image.width / image.height < ratio:
        height = image.width / ratio
    left, top = (image.width - width) * 0.5, (image.height - height) * 0.5
    box = (left, top, left + width, top + height)
    return _resize(image, (spec.width, spec.height), spec.resize.filter, box)


def _pad(image: Image.Image, spec: ImageInput) -> Image.Image:
    """Pad as Pillow's ImageOps.pad, except that a sliver of a picture keeps one pixel."""
    width, height = spec.width, spec.height
    if image.width / image.height > width / height:
        height = max(1, round(image.height / image.width * width))
    elif image.width / image.height < width / height:
        width = max(1, round(image.width / image.height * height))
    small = _resize(image, (width, height), spec.resize.filter)
    background = Image.new("RGB", (spec.width, spec.height), spec.background)
    padded = background.convert(small.mode)
    padded.paste(small, (round((spec.width - width) / 2), round((spec.height - height) / 2)))
    return padded


def _cut_centre(image: Image.Image, spec: ImageInput, shorter: int) -> Image.Image:
    """Resize and cut as torchvision's Resize(shorter) and CenterCrop, with their rounding."""
    longer = int(shorter * max(image.size) / min(image.size))
    if shorter * longer > MAX_PIXELS:
        raise BuildError(
            f"a picture of {image.width}x{image.height} pixels becomes too long when its shorter "
            f"side is {shorter}; cut it"
        )
    size = (shorter, longer) if image.width <= image.height else (longer, shorter)
    whole = _resize(image, size, spec.resize.filter)
    left = round((whole.width - spec.width) / 2)
    top = round((whole.height - spec.height) / 2)
    return whole.crop((left, top, left + spec.width, top + spec.height))


def _centre(image: Image.Image, spec: ImageInput, size: int) -> Image.Image:
    """Bring the ink of a grey picture to `size` pixels, its centre of mass to the middle.

    White on black, as MNIST is. Integers alone, so that the page computes the same.
    """
    centred = Image.new("L", (spec.width, spec.height))
    ink = _ink(np.asarray(image))
    # A quarter of the ink's strength: more than the noise of a photograph of paper.
    rows, columns = (np.flatnonzero((ink >= 64).any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        return centred
    left, right = int(columns[0]), int(columns[-1]) + 1
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    longer = max(right - left, bottom - top)
    width = max(1, (2 * (right - left) * size + longer) // (2 * longer))
    height = max(1, (2 * (bottom - top) * size + longer) // (2 * longer))
    box = (left, top, right, bottom)
    small = _resize(Image.fromarray(ink), (width, height), spec.resize.filter, box)
    weights = np.asarray(small).astype(np.int64)
    x = _balance(weights.sum(axis=0), spec.width)
    y = _balance(weights.sum(axis=1), spec.height)
    centred.paste(small, (x, y))
    return centred


def _ink(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stretch what is between the paper, which the border shows, and the strongest ink.

    grey: H W, ink lighter or darker than the paper; the result is 0 where there is paper and
    255 where the ink is strongest.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    total, levels = int(border.sum()), np.arange(256)
    if 2 * total > 255 * border.size:
        total, levels = 255 * border.size - total, levels[::-1]
    paper = total // border.size
    strength = max(int(levels[[grey.min(), grey.max()]].max()) - paper, 1)
    stretched = (levels - paper) * 255 // strength
    return stretched.clip(0, 255).astype(np.uint8)[grey]


def _balance(weights: NDArray[np.int64], size: int) -> int:
    """Where a row of weights begins so that its centre of mass is the middle of `size` places.

    The row stays within those places, even if that is off balance.
    """
    mass = max(int(weights.sum()), 1)
    moment = int((weights * np.arange(weights.size)).sum())
    begin = (size * mass - 2 * moment) // (2 * mass)
    return min(max(begin, 0), size - weights.size)
