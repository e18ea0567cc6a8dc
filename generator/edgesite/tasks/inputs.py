"""How a picture becomes a model's input, as a record: pages and Python work from the same."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

Byte = Annotated[int, Field(ge=0, le=255)]
Pixels = Annotated[int, Field(ge=1)]

_NOTHING = 2.0**-150
"""What is no larger is 0 in float32."""


class Filter(StrEnum):
    """How pixels are weighed when a picture is resized: Pillow's filters by name."""

    NEAREST = "nearest"
    BOX = "box"
    BILINEAR = "bilinear"
    HAMMING = "hamming"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Resize(_Block):
    """How a picture is brought to the size the model wants."""

    fit: Literal["crop", "contain", "stretch"] = "crop"
    """crop: fill and cut; contain: pad; stretch: ignore the aspect ratio."""

    filter: Filter = Filter.BILINEAR
    """Pillow's filter of the same name, antialiased as Pillow does it."""

    shorter: int | None = Field(default=None, ge=1)
    """Bring the shorter side to this many pixels, then cut out the centre, as torchvision's
    Resize and CenterCrop; takes the place of fit."""


class Centre(_Block):
    """Place a drawing by its centre of mass, as the pictures of MNIST are."""

    size: int = Field(default=20, ge=1)
    """Pixels of the longer side of the ink."""


class ImageInput(_Block):
    """How a picture becomes the input of a model; the page works from the same record."""

    name: str
    """The name of the model's input."""

    width: int = Field(ge=1)
    height: int = Field(ge=1)
    others: tuple[tuple[Pixels, Pixels], ...] = ()
    """Further sizes of the model, width and height; a picture gets that of nearest proportions."""

    layout: Literal["NCHW", "NHWC"] = "NCHW"
    color: Literal["RGB", "BGR", "GRAY"] = "RGB"
    dtype: Literal["float32", "uint8"] = "float32"
    """float32: (byte * scale - mean) / std; uint8: the bytes themselves."""

    resize: Resize = Resize()
    background: tuple[Byte, Byte, Byte] = (255, 255, 255)
    """The RGB that shows through transparent pixels and beside a contained picture."""

    scale: FiniteFloat = 1 / 255
    mean: tuple[FiniteFloat, ...] = ()
    """One number per channel, in the order of color; empty is zeros."""

    std: tuple[FiniteFloat, ...] = ()
    """One number per channel, in the order of color; empty is ones."""

    centre: Centre | None = None
    """For drawings of white on black or black on white; takes the place of resize.fit."""

    @property
    def channels(self) -> int:
        """How many numbers a pixel has: 1 or 3."""
        return 1 if self.color == "GRAY" else 3

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape that `prepare` gives its array."""
        if self.layout == "NCHW":
            return (1, self.channels, self.height, self.width)
        return (1, self.height, self.width, self.channels)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Every width and height, in the order of the model's bindings."""
        return [(self.width, self.height), *self.others]

    def sized(self, width: int, height: int) -> ImageInput:
        """The input for a picture of this size: of equal proportions, the first in the list."""
        chosen = min(self.sizes, key=lambda size: _stretch(width * size[1], height * size[0]))
        return self.model_copy(update={"width": chosen[0], "height": chosen[1], "others": ()})

    @model_validator(mode="before")
    @classmethod
    def _spell_out_the_norm(cls, data: object) -> object:
        """Write an absent mean and std out, so that the page need not know what absent means."""
        if not isinstance(data, dict):
            return data
        channels = 1 if data.get("color") == "GRAY" else 3
        absent = {"mean": (0.0,) * channels, "std": (1.0,) * channels}
        return data | {key: value for key, value in absent.items() if not data.get(key)}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != self.channels:
                msg = f"{name}: {len(numbers)} numbers for {self.channels} channels ({self.color})"
                raise ValueError(f"{msg}; give {self.channels}")
        if any(abs(value) <= _NOTHING for value in self.std):
            raise ValueError("std: a value is divided by 0; give the standard deviation or 1")
        shorter = self.resize.shorter
        for width, height in self.sizes:
            if shorter is not None and shorter < max(width, height):
                msg = f"shorter: {shorter} leaves no {width}x{height} pixels to cut out"
                raise ValueError(f"{msg}; give at least {max(width, height)}")
        if self.centre is None:
            return self
        if self.color != "GRAY":
            raise ValueError(
                f'centre: works on one channel, not on {self.color}; set color: "GRAY"'
            )
        if self.centre.size > min(self.width, self.height):
            raise ValueError(
                f"centre: ink of {self.centre.size} pixels in a picture of "
                f"{self.width}x{self.height}; give at most {min(self.width, self.height)}"
            )
        return self


def _stretch(one: float, other: float) -> float:
    """A ratio and its inverse, which add up to the more the further they are from 1."""
    return one / other + other / one
