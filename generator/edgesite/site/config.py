"""What `edgesite.yaml` and `demo.yaml` may say: one class per block.

The text under a field is its documentation, in the JSON schema too. Validators raise
ValueError with `what; what to do`; where in the file is added by `validate`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from edgesite.site.wording import described
from edgesite.tasks.inputs import Centre, Resize


class Block(BaseModel):
    """A block of a configuration file: known keys only."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _a_colour(value: object) -> object:
    if value is None:
        raise ValueError('got nothing; a colour starts with # and needs quotes: "#0b7285"')
    if isinstance(value, str) and not re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", value):
        raise ValueError(f'got {described(value)}; write a colour as "#0b7285"')
    return value


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("is empty; write a few words")
    return text


def _a_slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise ValueError(f"got {described(text)}; use lower-case letters, digits and single dashes")
    return text


def _a_language(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z]{2,8}(-[a-zA-Z0-9]{1,8})*", text):
        raise ValueError(f'got {described(text)}; write a language tag such as "en" or "pt-BR"')
    return text


def _name(value: object) -> str:
    """What a class is called that YAML reads as a number or as a truth value."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _a_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"got {described(text)}; write a day as 2026-11-27") from None
    return text


Line = Annotated[str, AfterValidator(_one_line)]
Title = Annotated[Line, AfterValidator(_not_empty)]
Slug = Annotated[str, AfterValidator(_a_slug)]
Language = Annotated[str, AfterValidator(_a_language)]
Colour = Annotated[str, BeforeValidator(_a_colour)]
Accent = Annotated[str | None, BeforeValidator(_a_colour)]
Date = Annotated[str, AfterValidator(_a_date)] | None


class Norm(Block):
    """Subtracted from and divided into every channel, after the scale."""

    mean: tuple[float, ...]
    """One number per channel, in the order of `color`."""

    std: tuple[float, ...]
    """One number per channel, none of them zero."""

    @model_validator(mode="before")
    @classmethod
    def _flat_form(cls, value: object) -> object:
        """Accept [mean, std, mean, std, mean, std], as the first browser demos wrote it."""
        if isinstance(value, list):
            if len(value) not in (2, 6):
                raise ValueError(
                    f"got a list of {len(value)}; "
                    "write {mean: [...], std: [...]} or mean, std in turn for every channel"
                )
            return {"mean": value[0::2], "std": value[1::2]}
        return value

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _single(cls, value: object) -> object:
        return [value] if isinstance(value, int | float | str) else value

    @field_validator("std")
    @classmethod
    def _not_zero(cls, std: tuple[float, ...]) -> tuple[float, ...]:
        if 0 in std:
            raise ValueError("got 0, which divides by zero; use 1 to leave a channel as it is")
        return std

    @model_validator(mode="after")
    def _same_length(self) -> Norm:
        if len(self.mean) != len(self.std):
            raise ValueError(
                f"got {len(self.mean)} means and {len(self.std)} deviations; "
                "give one of each per channel"
            )
        return self


Shape = tuple[int, ...] | dict[str, int]


class Input(Block):
    """From a visitor's picture to the numbers that the model wants."""

    name: str | None = None
    """The input of the model; needed only where it has several."""

    shape: Shape | tuple[Shape, ...] | None = None
    """The size of every axis as a list, or the named dynamic axes: {batch: 1, height: 32}. A list
    of these makes a model of several sizes; a picture gets the one of nearest proportions."""

    layout: Literal["NCHW", "NHWC"] | None = None
    """The order of the axes; guessed from the shape where only one is possible."""

    color: Literal["RGB", "BGR", "GRAY"] = "RGB"
    """The channels, in the order that the model was trained on."""

    scale: float | None = None
    """Bytes are multiplied by this first: a number or a fraction such as 1/255, which is
    what models with float inputs get where it is left out."""

    norm: Norm | None = None
    """Subtracted and divided after the scale; also in the form [mean, std, mean, std, ...]."""

    resize: Resize = Resize()
    """How a picture is brought to the model's size."""

    centre: Centre | None = None
    """For drawn digits: centre the ink as MNIST did, instead of resizing."""

    background: Colour = "#ffffff"
    """What is behind transparent pixels and around `fit: contain`."""

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Every shape: none where the model says it, one, or several."""
        if self.shape is None:
            return ()
        if isinstance(self.shape, dict):
            return (self.shape,)
        several = tuple(one for one in self.shape if not isinstance(one, int))
        return several or (tuple(size for size in self.shape if isinstance(size, int)),)

    @field_validator("shape", mode="before")
    @classmethod
    def _sizes(cls, value: object) -> object:
        if not isinstance(value, dict | list) or not value:
            raise ValueError("write the sizes as [1, 3, 32, 32] or as {batch: 1, height: 32}")
        several = isinstance(value, list) and all(isinstance(one, dict | list) for one in value)
        for shape in value if several else [value]:
            sizes = list(shape.values()) if isinstance(shape, dict) else shape
            wrong = [size for size in sizes if type(size) is not int or size < 1]
            if wrong or not sizes:
                got = described(wrong[0]) if wrong else "nothing"
                raise ValueError(f"got a size of {got}; sizes are whole numbers from 1")
        return value

    @field_validator("scale", mode="before")
    @classmethod
    def _fraction(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = value.split("/")
        try:
            number = float(parts[0]) / float(parts[1]) if len(parts) == 2 else float(value)
        except (ValueError, ZeroDivisionError):
            raise ValueError(
                f"got {described(value)}; write a number or a fraction such as 1/255"
            ) from None
        return number

    @field_validator("norm")
    @classmethod
    def _channels(cls, norm: Norm | None, info: ValidationInfo) -> Norm | None:
        color = info.data.get("color")
        channels = 1 if color == "GRAY" else 3
        if norm is not None and color and len(norm.mean) not in (1, channels):
            raise ValueError(
                f"got {len(norm.mean)} means where color {color} has {channels} channels; "
                "give one mean and one std per channel, or one for all"
            )
        return norm


class Output(Block):
    """From the model's numbers to the classes that a page shows."""

    name: str | None = None
    """The output of the model; needed only where it has several."""

    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    """What turns the numbers into probabilities; none where the model has done it already."""

    top: Annotated[int, Field(ge=1)] = 5
    """How many classes are shown, best first."""

    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Classes below this probability are not shown."""


class Expected(Block):
    """The answer that `edgesite test` wants; a label alone will do."""

    label: str
    """The best class."""

    probability: float | None = None
    """Its probability; any where left out."""

    tolerance: Annotated[float, Field(gt=0)] = 0.01
    """How far the probability may be off."""

    @model_validator(mode="before")
    @classmethod
    def _label_alone(cls, value: object) -> object:
        if isinstance(value, list) or value is None:
            raise ValueError(f"got {described(value)}; write a label or {{label: ...}}")
        given = value if isinstance(value, dict) else {"label": value}
        return {**given, "label": _name(given["label"])} if "label" in given else given


def _or_text(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "string"})


class ExampleEntry(Block):
    """A picture that visitors can click; a file name or pattern alone will do."""

    file: str
    """A picture, or a pattern such as examples/*.jpg, below the demo's folder."""

    caption: str | None = None
    """What the picture shows, for those who cannot see it; made from the file name if absent."""

    label: str | None = None
    """The right answer, shown beside the model's."""

    expected: Annotated[Expected | None, Field(json_schema_extra=_or_text)] = None
    """What the model answers, right or not: a label, or {label: ..., probability: ...}."""

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, value: object) -> object:
        if not isinstance(value, str | dict):
            raise ValueError(
                f"got {described(value)}; write a file name or {{file: ..., caption: ...}}"
            )
        return {"file": value} if isinstance(value, str) else value


def _bytes(value: object) -> object:
    """Read 300kB or 1.5 MiB; a number alone is bytes."""
    found = _SIZE.fullmatch(str(value)) if isinstance(value, int | float | str) else None
    if found is None:
        raise ValueError(f"got {described(value)}; write a size such as 300kB or 1.5MB")
    return round(float(found[1]) * _UNITS[(found[2] or "b").lower()])


_UNITS = {"b": 1, "kb": 1000, "mb": 10**6, "kib": 1 << 10, "mib": 1 << 20}
_SIZE = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_UNITS)})?", re.IGNORECASE)


class Budget(Block):
    """What the demo may cost a visitor; more is an error."""

    page: (
        Annotated[
            int,
            BeforeValidator(_bytes),
            Field(gt=0),
            WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        ]
        | None
    ) = None
    """Bytes to open the page and get the first answer, with gzip, such as 300kB; checked by
    `edgesite build`."""

    latency_ms: Annotated[float, Field(gt=0)] | None = None
    """Milliseconds of a prediction, median; checked by `edgesite bench`."""


class DemoConfig(Block):
    """demo.yaml: one demo."""

    title: Title
    """The heading of the page."""

    description: Line = ""
    """One sentence under the title, and in the list of demos."""

    slug: Slug | None = None
    """The name in the page's address; made from the folder's name if absent."""

    task: Literal["image-classification"]
    """What the model does; decides what the page looks like."""

    model: str = "model.onnx"
    """The ONNX file, below the demo's folder."""

    input: Input = Input()
    """How a picture becomes the model's input."""

    labels: str | list[str]
    """The names of the classes: a text file with one per line, or a list."""

    output: Output = Output()
    """How the model's output becomes an answer."""

    examples: list[ExampleEntry] = []
    """Pictures that a visitor can click; the first one is shown when the page opens."""

    inputs: Annotated[
        list[Literal["upload", "draw", "paste", "url", "camera"]], Field(min_length=1)
    ] = ["upload"]
    """The ways to give a picture; url lets the page fetch pictures from other sites."""

    weights: Literal["float32", "float16", "int8", "palette", "auto"] = "float32"
    """How weights are stored and loaded; auto takes what is smallest within the tolerance."""

    quantize: Literal["int8"] | None = None
    """int8: the model computes in 8 bits, which is faster and takes a quarter of the bytes. In
    place of `weights`, and for models that are not quantised already."""

    calibration: str | None = None
    """Pictures that smaller forms of weights, or `quantize`, are tried on: a folder, or a pattern
    such as calibration/*.jpg. They do not ship. The examples, and variations of them, if absent."""

    tolerance: Annotated[float, Field(gt=0, lt=1)] | None = None
    """How far the compiled model may be from onnxruntime, as a share of the largest output
    value; by default 1e-4 for float32 outputs, 0.015 where weights are not float32, and any with
    `quantize`."""

    agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of calibration pictures whose best class must stay the same where weights are
    not float32, by default 0.99; or with `quantize`, where by default less than 0.99 is a
    warning."""

    state: dict[str, str] = {}
    """Outputs that are inputs of the next run: {output: input}. Kept by the model, first zero."""

    threads: Literal["auto", False] | None = None
    """Whether the page has modules for threads, for browsers that let it use them. auto where the
    site has `isolate: true`, else false; set it where the host sends the headers itself."""

    budget: Budget = Budget()
    """What the demo may cost a visitor."""

    accent: Accent = None
    """A colour for this page, in place of the site's accent."""

    tags: list[Title] = []
    """Words by which the list of demos can be narrowed down: [animals, small]."""

    date: Date = None
    """When the demo was made or last changed, as 2026-11-27; those with one are in the feed."""

    @field_validator("labels", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        """Let classes be called 0 or true without quotes."""
        if isinstance(value, str):
            return value
        if not isinstance(value, list):
            raise ValueError("is neither; write a file name such as labels.txt, or [cat, dog]")
        if any(isinstance(item, list | dict) or item in (None, "") for item in value):
            raise ValueError("has an entry that is not a name; write one name per entry")
        return [_name(item) for item in value]

    @field_validator("quantize")
    @classmethod
    def _instead_of_weights(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("weights", "float32") != "float32":
            raise ValueError("says what weights become, and so does weights; leave one out")
        return value

    @field_validator("state")
    @classmethod
    def _without_quantize(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if value and info.data.get("quantize") is not None:
            raise ValueError("goes from run to run, which quantize cannot calibrate; leave one out")
        return value

    @field_validator("inputs")
    @classmethod
    def _each_once(cls, value: list[Any]) -> list[Any]:
        if len(set(value)) < len(value):
            raise ValueError("names a way twice; name each once")
        return value


class Theme(Block):
    """How the site looks."""

    look: Literal["plain", "paper"] = "plain"
    """One of the stock looks: plain, or paper, which is set like a printed page."""

    accent: Accent = None
    """The one colour of buttons, links and bars."""


class SiteConfig(Block):
    """edgesite.yaml: what all pages of a site share."""

    title: Title
    """The name of the site."""

    description: Line = ""
    """One sentence under the title of the index."""

    language: Language = "en"
    """The language of the words and the interface, as a BCP 47 tag; en and de are there."""

    site_url: str | None = None
    """Where the site will be: https://user.github.io/repository/."""

    theme: Theme = Theme()
    """What changes in the stock theme."""

    offline: Literal[False, True, "full"] = False
    """true: pages that were visited open without a network; full: all of them, after one visit.
    Visitors may then install the site, too."""

    isolate: bool = False
    """Whether a service worker sends the headers (COOP, COEP) that threads need, which hosts such
    as GitHub Pages do not; demos then share their work between threads."""

    footer: str | None = None
    """Markdown under every page."""

    store: str | None = None
    """Where builds of several machines share what is costly to make: an address that fsspec knows,
    such as s3://bucket/path, gs://bucket/path, sftp://host/path or file:///folder."""

    pages: list[str] = []
    """Markdown files that become pages of their own, in the order of the navigation: names or
    patterns such as docs/*.md, below docs/ or beside edgesite.yaml."""

    sanitize: bool = False
    """true: for texts of others; what could run, disguise or phone home is taken out of them.
    Needs the extra edgesite[sanitize]."""

    @field_validator("site_url")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise ValueError(
                f"got {described(value)}; write it as https://user.github.io/repository/"
            )
        return value.rstrip("/") + "/"
