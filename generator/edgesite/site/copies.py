"""Copies of pictures as large as pages show them, in formats that take fewer bytes.

A model gets the very file that the author gave; what a page shows need not be that file. Each copy
is a WebP, and an AVIF where Pillow can write it; a picture that is small already has none.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, features

from edgesite.site.cache import digest, key_of, tool_hash, version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgesite.site.attachments import Attachment
    from edgesite.site.cache import Cache

# The card shows pictures up to 576 pixels wide, on screens with two dots per pixel.
LONGEST = 1152

# A page is not the better for copies of files below this size.
_SMALL_BYTES = 60_000

_FORMATS: dict[str, dict[str, int]] = {
    "AVIF": {"quality": 62, "speed": 6},
    "WEBP": {"quality": 82, "method": 4},
}

# Others have more than 8 bits, which a copy would lose.
_MODES = ("1", "CMYK", "L", "LA", "P", "RGB", "RGBA")

TYPES = {".avif": "image/avif", ".webp": "image/webp"}
"""By the ending of a copy, the one that browsers are to try first first."""


@dataclass(frozen=True)
class Copies:
    """What is made of one picture."""

    width: int
    """Of the picture as a viewer shows it: after the EXIF orientation."""

    height: int
    files: Mapping[str, bytes]
    """By ending, in the order of TYPES; empty where the picture is shown as it is."""


def copies(data: bytes, cache: Cache | None) -> Copies | None:
    """Measure a picture and copy it where that saves at least a third; None if it is none."""
    try:
        image = Image.open(io.BytesIO(data))
        upright = ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    width, height = upright.size
    is_plain = image.mode in _MODES and not getattr(image, "is_animated", False)
    if len(data) < _SMALL_BYTES or not is_plain:
        return Copies(width, height, {})
    if cache is None:
        made = _made(upright)
    else:
        key = key_of("copies", tool_hash(), version("pillow"), digest(data))
        made = dict(cache.kept(key, lambda: _made(upright)))
    saved = {ending: made[ending] for ending in TYPES if ending in made}
    if len(saved[".webp"]) > len(data) * 2 / 3:
        saved = {}
    return Copies(width, height, saved)


def copied(attachments: Iterable[Attachment], cache: Cache | None) -> dict[str, Copies]:
    """Copy those that are pictures, by name."""
    found = {each.name: copies(each.data, cache) for each in attachments}
    return {name: made for name, made in found.items() if made}


def _made(image: Image.Image) -> dict[str, bytes]:
    small = image if image.mode in ("RGB", "RGBA") else image.convert("RGBA")
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    profile = image.info.get("icc_profile")
    files = {}
    for kind, options in _FORMATS.items():
        if features.check(kind.lower()):
            file = io.BytesIO()
            small.save(file, kind, icc_profile=profile, **options)
            files[f".{kind.lower()}"] = file.getvalue()
    return files
