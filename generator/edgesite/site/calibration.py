"""The inputs on which forms of weights and integers are tried: pictures, and variations of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from edgesite.site.cache import digest
from edgesite.tasks.images import open_image, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edgesite.site.fit import Fit
    from edgesite.site.source import DemoSource

Feeds = dict[str, np.ndarray[Any, np.dtype[Any]]]

ENOUGH = 96
"""Inputs; of fewer pictures there are variations, so that chance decides less."""


@dataclass(frozen=True)
class Calibration:
    """Pictures as the model takes them."""

    key: str
    """A hash of the pictures."""

    paths: tuple[Path, ...]

    def inputs(self, fit: Fit) -> list[Feeds]:
        """The pictures, then variations of all of them in turn until there are enough."""
        return [*_inputs(self, fit)]


@lru_cache(maxsize=1)
def _inputs(tried: Calibration, fit: Fit) -> tuple[Feeds, ...]:
    """The inputs, which are asked for to choose forms, and again to compare these."""
    pictures = [open_image(path) for path in tried.paths]
    made = [_fed(picture, fit) for picture in pictures]
    others = _variations(pictures)
    return (*made, *(_fed(next(others), fit) for _ in range(ENOUGH - len(made)) if made))


def calibration(demo: DemoSource) -> Calibration:
    """The pictures of the demo's calibration folder, or else its examples."""
    paths = demo.calibration or tuple(picture.path for picture in demo.pictures)
    return Calibration(digest(b"".join(path.read_bytes() for path in paths)), paths)


def _fed(picture: Image.Image, fit: Fit) -> Feeds:
    return {fit.input.name: prepare(picture, fit.input).reshape(fit.shape)}


def _variations(pictures: Sequence[Image.Image]) -> Iterator[Image.Image]:
    """Cut, mirrored, brighter and darker pictures without end, the same ones every time."""
    generator = np.random.default_rng(0)
    while True:
        for picture in pictures:
            yield _varied(picture, generator)


def _varied(picture: Image.Image, generator: np.random.Generator) -> Image.Image:
    share, left, top = generator.uniform(0.6, 1), *generator.uniform(0, 1, 2)
    width, height = (max(1, round(size * share)) for size in picture.size)
    x, y = round((picture.width - width) * left), round((picture.height - height) * top)
    cut = picture.convert("RGBA").crop((x, y, x + width, y + height))
    if generator.random() < 0.5:
        cut = ImageOps.mirror(cut)
    changed = cut.convert("RGB")
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        changed = enhance(changed).enhance(float(generator.uniform(0.6, 1.4)))
    changed.putalpha(cut.getchannel("A"))
    return changed
