"""The pictures of a demo's page: thumbnails, the cover, what the model sees, and large copies."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from edgesite.site.cache import key_of, tool_hash, version
from edgesite.site.copies import TYPES, copies
from edgesite.site.demo import Pictures
from edgesite.site.pieces import Pieces, content, digest_of
from edgesite.tasks.images import seen, thumbnail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite.site.cache import Cache
    from edgesite.site.demo import Example
    from edgesite.site.pieces import Part
    from edgesite.tasks.inputs import ImageInput

# What the style sheets show at 48 x 48, and at 160 x 120 or as wide as a column of the list, for
# screens with two dots per pixel.
_THUMBNAIL = (96, 96)
_COVER = (560, 420)


def pictures(examples: Sequence[Example], spec: ImageInput, cache: Cache | None) -> Pictures:
    """Make all pictures of a demo's page, or take them from the cache."""
    files: dict[str, Part] = {}
    for example in examples:
        made = _made(example, spec, cache)
        files |= {
            f"examples/{example.name}": example.image,
            f"thumbnails/{example.name}.webp": made["thumbnail"],
            f"seen/{example.name}.png": made["seen"],
        }
    shown = []
    for first in examples[:1]:
        files["cover.webp"] = _made(first, spec, cache)["cover"]
        large = copies(content(first.image), cache)
        for ending, data in large.files.items() if large else ():
            path = f"shown/{first.name}{ending}"
            files[path] = data
            shown.append((TYPES[ending], path))
    return Pictures(Pieces(files), tuple(shown))


def _made(example: Example, spec: ImageInput, cache: Cache | None) -> Mapping[str, bytes]:
    if cache is None:
        return _make(example, spec)
    tools = [tool_hash(), version("pillow")]
    key = key_of("small", tools, digest_of(example.image), spec.model_dump(mode="json"))
    return cache.kept(key, lambda: _make(example, spec))


def _make(example: Example, spec: ImageInput) -> dict[str, bytes]:
    image = Image.open(io.BytesIO(content(example.image)))
    return {
        "thumbnail": thumbnail(image, *_THUMBNAIL),
        "cover": thumbnail(image, *_COVER),
        "seen": _png(seen(image, spec)),
    }


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
