"""Example pictures: from the entries of demo.yaml to files that are known to be sound."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

from edgesite.errors import BuildError, EdgesiteError
from edgesite.site.cache import digest
from edgesite.site.paths import files_below, shipped_name
from edgesite.site.wording import shown, suggestion
from edgesite.tasks.images import open_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgesite.site.config import DemoConfig, ExampleEntry, Expected
    from edgesite.site.document import Document, Location
    from edgesite.site.problems import Problems

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what several cameras write: a JPEG with a second picture behind it
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
"""Pillow's names of the formats that every browser shows."""


@dataclass(frozen=True)
class Picture:
    """An example as the author gave it."""

    name: str
    """The file name it ships under."""

    caption: str
    path: Path
    data: bytes
    media_type: str
    width: int
    """As a viewer shows it, in pixels: after the EXIF orientation."""

    height: int
    expected: str | None
    """The label that the author says is right."""

    wanted: Expected | None = None
    """What `edgesite test` wants of it."""

    entry: int = 0
    """Which of the examples in demo.yaml it comes from."""


def load_pictures(
    folder: Path,
    config: DemoConfig,
    document: Document,
    labels: Sequence[str] | None,
    problems: Problems,
) -> tuple[Picture, ...]:
    """The pictures of a demo in the author's order; what is wrong with others goes to problems.

    A file that two entries or patterns name is taken once. Labels are None where they are
    not known, and then the labels of examples go unchecked.
    """
    pictures: dict[Path, Picture] = {}
    for number, entry in enumerate(config.examples):
        location: Location = ("examples", number)
        _check_labels(entry, document, location, labels, problems)
        try:
            paths = files_below(folder, entry.file)
        except ValueError as error:
            problems.add(document.problem(location, str(error)))
            continue
        for path in paths:
            if path not in pictures:
                taken = {picture.name for picture in pictures.values()}
                with problems.gathered():
                    pictures[path] = _load(path, entry, number, shipped_name(path.name, taken))
    return tuple(pictures.values())


def _load(path: Path, entry: ExampleEntry, number: int, name: str) -> Picture:
    """Read a picture and see that it can be decoded; BuildError says what is wrong with it."""
    data = path.read_bytes()
    if data.startswith(b"version https://git-lfs"):
        raise BuildError(
            f"{shown(path)}: is a Git LFS pointer, not the picture; fetch it with `git lfs pull`"
        )
    media_type, width, height = _facts(path, digest(data))
    return Picture(
        name=name,
        caption=entry.caption or _caption_of(path.stem),
        path=path,
        data=data,
        media_type=media_type,
        width=width,
        height=height,
        expected=entry.label,
        wanted=entry.expected,
        entry=number,
    )


@lru_cache(maxsize=256)
def _facts(path: Path, hashed: str) -> tuple[str, int, int]:  # noqa: ARG001
    """Media type, width and height of a picture that can be decoded; hashed: its content's."""
    try:
        upright = open_image(path)
        media_type = _media_type(path)
    except EdgesiteError:
        raise
    except Exception as error:  # Pillow's decoders raise anything on hostile bytes
        raise BuildError(
            f"{shown(path)}: the picture is damaged ({error}); save it again"
        ) from None
    if media_type is None:
        raise BuildError(
            f"{shown(path)}: browsers do not show pictures of this format; save it as PNG or JPEG"
        )
    return media_type, upright.width, upright.height


def _media_type(path: Path) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            return MEDIA_TYPES.get(image.format or "")


def _caption_of(stem: str) -> str:
    """Words from a file name: tabby-cat_2 is "Tabby cat 2"."""
    words = " ".join(stem.replace("-", " ").replace("_", " ").split())
    return words[:1].upper() + words[1:] or "Example"


def _check_labels(
    entry: ExampleEntry,
    document: Document,
    location: Location,
    labels: Sequence[str] | None,
    problems: Problems,
) -> None:
    """Refuse names of classes that are not among the labels."""
    named: dict[Location, str | None] = {("label",): entry.label}
    if entry.expected is not None:
        named["expected", "label"] = entry.expected.label
    for keys, label in named.items():
        if label is not None and labels is not None and label not in labels:
            hint = suggestion(label, labels, "labels")
            what = f'"{label}" is not among the labels; {hint}'
            problems.add(document.problem((*location, *keys), what))
