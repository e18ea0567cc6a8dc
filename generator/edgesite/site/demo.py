"""What a page is made of: everything known about a demo once it is compiled and verified.

The build fills these records and the templates read them; neither knows how the other works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgesite.site.attachments import Attachment
    from edgesite.site.pieces import Part, Pieces
    from edgesite.tasks.classification import Answer
    from edgesite.tasks.inputs import ImageInput


@dataclass(frozen=True)
class Example:
    """A picture that a visitor can click, with the answer that the build computed for it."""

    name: str
    """The file name it ships under: letters, digits, dot, dash, underscore; unique in its demo."""

    caption: str
    """What it shows, in words: the alternative text. Never empty."""

    source: Path
    image: Part
    """The file as it ships, byte for byte what the author gave."""

    media_type: str
    """image/jpeg, image/png, image/webp, image/gif or image/bmp."""

    width: int
    """As a viewer shows it, in pixels: after the EXIF orientation."""

    height: int
    expected: str | None
    """The label that the author says is right."""

    answers: tuple[Answer, ...]
    """The top classes by Pillow and onnxruntime, best first."""


@dataclass(frozen=True)
class Proof:
    """How far the shipped modules are from onnxruntime, over examples and random inputs."""

    samples: int
    max_difference: float
    """The largest absolute difference of any output of the model."""

    top1_agreement: float
    """The share of samples with the same best class: 1.0 is all of them."""

    onnxruntime: str
    """Its version."""

    targets: tuple[str, ...]
    """The modules compared: "simd", "relaxed"."""

    code_difference: float | None = None
    """Where weights are rounded: the largest difference of the same modules without that. Of a
    model that computes in integers: that from onnxruntime when it does, too."""

    quantized: bool = False
    """Whether the model computes in integers what it was given to compute in floats."""


@dataclass(frozen=True)
class Pictures:
    """All that is made of a demo's examples."""

    files: Pieces
    """By POSIX path below the page: the examples themselves, and their small copies."""

    shown: tuple[tuple[str, str], ...]
    """The first example as large as the card shows it: media types and paths, best first."""


@dataclass(frozen=True)
class DemoPage:
    """One demo, ready to be rendered."""

    slug: str
    """Its folder in the site: lower-case letters, digits and dashes."""

    title: str
    description: str
    """One sentence; empty if the author gave none."""

    task: str
    labels: tuple[str, ...]
    input: ImageInput
    output: str
    """The model's output with a number per class."""

    activation: str
    """softmax, sigmoid or none."""

    top: int
    """How many classes an answer shows."""

    threshold: float | None
    """Classes below this probability are not shown; None shows the top ones whatever they are."""

    inputs_enabled: tuple[str, ...]
    """The ways to give a picture, in the author's order: "upload", "draw", and so on."""

    body_markdown: str
    examples: tuple[Example, ...]
    proof: Proof
    manifest: Mapping[str, Any]
    """manifest.json of the compiled model, as plain data."""

    files: Pieces
    """The compiled model's files by name, manifest.json and model.js included."""

    pictures: Pictures

    accent: str | None
    """A CSS colour that replaces the site's accent on this page."""

    attachments: tuple[Attachment, ...] = ()
    """The files that the words show or link to."""

    tags: tuple[str, ...] = ()
    """What the list of demos can be narrowed down to."""

    date: str | None = None
    """When it was made or last changed, as 2026-11-27."""


@dataclass(frozen=True)
class SiteInfo:
    """What every page of a site shares."""

    title: str
    description: str
    language: str
    """A BCP 47 tag, as the html element wants it."""

    site_url: str | None
    """The absolute address of the site, ending in a slash; None if the author gave none."""

    footer: str | None
    """Markdown under every page."""

    accent: str | None
    """A CSS colour for the one accent of the theme; None keeps the theme's own."""

    offline: bool | Literal["full"]
    """Whether pages can be opened without a network: those visited, or all of them."""

    body_markdown: str
    """The words of the index page, from index.md beside edgesite.yaml; often empty."""

    attachments: tuple[Attachment, ...] = ()
    """The files that these words show or link to."""

    look: str = "plain"
    """One of LOOKS."""

    isolate: bool = False
    """Whether a service worker sends the headers that threads need."""

    sanitize: bool = False
    """Whether the words, those of demos too, are rid of what could run."""
