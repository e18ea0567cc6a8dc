"""The pictures that a page shows small: thumbnails, covers, and what the model sees."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from edgesite.site.cache import digest, key_of, tool_hash, version
from edgesite.tasks.images import seen, thumbnail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgesite.site.cache import Cache
    from edgesite.site.demo import DemoPage, Example
    from edgesite.tasks.images import ImageInput

# What the style sheets show at 48 x 48, and at 160 x 120 or as wide as a column of the list, for
# screens with two dots per pixel.
_THUMBNAIL = (96, 96)
_COVER = (560, 420)


def small_pictures(demo: DemoPage, cache: Cache | None) -> dict[str, bytes]:
    """The examples as they ship, and all that is made of them, by path below the demo's page."""
    files: dict[str, bytes] = {}
    for example in demo.examples:
        made = _made(example, demo.input, cache)
        files |= {
            f"examples/{example.name}": example.image,
            f"thumbnails/{example.name}.webp": made["thumbnail"],
            f"seen/{example.name}.png": made["seen"],
        }
    if demo.examples:
        files["cover.webp"] = _made(demo.examples[0], demo.input, cache)["cover"]
    return files


def _made(example: Example, spec: ImageInput, cache: Cache | None) -> Mapping[str, bytes]:
    if cache is None:
        return _make(example, spec)
    tools = [tool_hash(), version("pillow")]
    key = key_of("small", tools, digest(example.image), spec.model_dump(mode="json"))
    return cache.kept(key, lambda: _make(example, spec))


def _make(example: Example, spec: ImageInput) -> dict[str, bytes]:
    image = Image.open(io.BytesIO(example.image))
    return {
        "thumbnail": thumbnail(image, *_THUMBNAIL),
        "cover": thumbnail(image, *_COVER),
        "seen": _png(seen(image, spec)),
    }


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
