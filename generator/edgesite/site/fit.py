"""Whether demo.yaml and the compiled model fit together, and what the page's input then is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from edgesite.errors import ConfigError
from edgesite.site.wording import suggestion
from edgesite.tasks.inputs import ImageInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.site.document import Location
    from edgesite.site.problems import Problems
    from edgesite.site.source import DemoSource
    from edgesite.targets.manifest import Manifest, TensorInfo

CHANNELS = {"RGB": 3, "BGR": 3, "GRAY": 1}


@dataclass(frozen=True)
class Fit:
    """How pictures go into the model and classes come out."""

    input: ImageInput
    shape: tuple[int, ...]
    """The shape the model wants; for other sizes of the input, the rank of theirs."""

    output: str
    classes: int


def fit(demo: DemoSource, manifest: Manifest, problems: Problems) -> Fit | None:
    """Bring configuration and model together; None where problems keep them apart."""
    before = len(problems)
    image = output = None
    with problems.gathered():
        info = _chosen(demo, manifest.inputs, "input")
        _refuse_other_inputs(demo, manifest)
        image = image_input(demo, info, [binding.inputs[0] for binding in manifest.bindings])
    with problems.gathered():
        output = _output(demo, _chosen(demo, manifest.outputs, "output"))
        for binding in manifest.bindings:
            _output(demo, _chosen(demo, binding.outputs, "output"))
    if image is None or output is None or len(problems) > before:
        return None
    return Fit(image, info.shape, output.name, math.prod(output.shape))


def _chosen(demo: DemoSource, infos: Sequence[TensorInfo], side: str) -> TensorInfo:
    """The input or output that demo.yaml names, or the only one."""
    block = demo.config.input if side == "input" else demo.config.output
    names = [info.name for info in infos]
    if block.name is None:
        if len(infos) == 1:
            return infos[0]
        what = f"the model has the {side}s {', '.join(names)}; add name: with one of them"
        raise demo.document.problem((side,), what)
    if block.name not in names:
        hint = suggestion(block.name, names, f"{side}s")
        raise demo.document.problem(
            (side, "name"), f'the model has no {side} "{block.name}"; {hint}'
        )
    return infos[names.index(block.name)]


def _refuse_other_inputs(demo: DemoSource, manifest: Manifest) -> None:
    if len(manifest.inputs) > 1:
        names = ", ".join(info.name for info in manifest.inputs)
        raise demo.document.problem(
            ("task",),
            f"{demo.config.task} gives the model a picture alone, and it has the inputs {names}; "
            "export a model with one input",
        )


def image_input(
    demo: DemoSource, info: TensorInfo, others: Sequence[TensorInfo] = ()
) -> ImageInput:
    """How a picture becomes this input of the model, or the same input of another size.

    Raises ConfigError where it cannot: the wrong dtype, rank, batch or number of channels.
    """
    block = demo.config.input
    layout, height, width = _axes(demo, info)
    if info.dtype not in ("float32", "uint8"):
        raise _unlike(demo, ("model",), info, "pictures are fed as float32 or uint8")
    if info.dtype == "uint8" and (block.norm or block.scale is not None):
        key = "norm" if block.norm else "scale"
        raise _unlike(demo, ("input", key), info, f"bytes go in as they are: leave {key} out")
    channels = CHANNELS[block.color]
    record: dict[str, Any] = {
        "name": info.name,
        "width": width,
        "height": height,
        "others": [(wide, high) for _, high, wide in (_axes(demo, other) for other in others)],
        "layout": layout,
        "color": block.color,
        "dtype": info.dtype,
        "resize": block.resize,
        "centre": block.centre,
        "background": _rgb(block.background),
    }
    if block.scale is not None:
        record["scale"] = block.scale
    if block.norm is not None:
        record["mean"] = _per_channel(block.norm.mean, channels)
        record["std"] = _per_channel(block.norm.std, channels)
    try:
        return ImageInput.model_validate(record)
    except ValidationError as error:
        detail = error.errors()[0]
        what = str(detail.get("ctx", {}).get("error", detail["msg"]))
        location = tuple(part for part in detail["loc"] if part in record)
        raise demo.document.problem(("input", *location), what) from None


def _axes(demo: DemoSource, info: TensorInfo) -> tuple[str, int, int]:
    """Layout, height and width of an input shaped [1, C, H, W], [1, H, W, C] or without the 1."""
    location: Location = ("input", "shape") if demo.config.input.shape else ("model",)
    shape = info.shape
    if len(shape) not in (3, 4):
        raise _unlike(demo, location, info, "a picture is [1, 3, H, W] or [1, H, W, 3]")
    if len(shape) == 4 and shape[0] != 1:
        raise _unlike(demo, location, info, "pages predict one picture: the first size is 1")
    first, second, third = shape[-3:]
    color = demo.config.input.color
    channels = CHANNELS[color]
    fitting: dict[str, bool] = {"NCHW": first == channels, "NHWC": third == channels}
    possible = [name for name, fits in fitting.items() if fits]
    layout: str | None = demo.config.input.layout or (possible[0] if possible else None)
    if layout is None or not fitting[layout]:
        remedy = "gives it {} channels; choose another color or correct shape and layout"
        raise _unlike(demo, ("input",), info, f"color {color} {remedy.format(channels)}")
    if len(possible) > 1 and not demo.config.input.layout:
        raise _unlike(
            demo, ("input",), info, "channels may be first or last: add layout: NCHW or NHWC"
        )
    return (layout, second, third) if layout == "NCHW" else (layout, first, second)


def _unlike(demo: DemoSource, location: Location, info: TensorInfo, what: str) -> ConfigError:
    return demo.document.problem(
        location, f'input "{info.name}" is {info.dtype}{list(info.shape)}; {what}'
    )


def _per_channel(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return numbers * channels if len(numbers) == 1 else numbers


def _rgb(colour: str) -> tuple[int, ...]:
    """The bytes of "#0b7285" or "#0b7"."""
    digits = colour[1:]
    pairs = (
        [digits[at : at + 2] for at in (0, 2, 4)] if len(digits) == 6 else [d * 2 for d in digits]
    )
    return tuple(int(pair, 16) for pair in pairs)


def _output(demo: DemoSource, info: TensorInfo) -> TensorInfo:
    """The output with the classes; ConfigError unless it has one float per label."""
    text = f'output "{info.name}" is {info.dtype}{list(info.shape)}'
    location: Location = ("output", "name") if demo.config.output.name else ("model",)
    if not info.dtype.startswith("float"):
        raise demo.document.problem(
            location, f"{text}; classes need floats: choose another output with output.name"
        )
    if sum(size > 1 for size in info.shape) > 1:
        raise demo.document.problem(
            location,
            f"{text}; {demo.config.task} needs one number per class: choose another output",
        )
    classes, labels = math.prod(info.shape), len(demo.labels)
    if classes != labels:
        raise ConfigError(
            f"{demo.labels_where}: there are {labels} labels, but {text}; "
            f"give {classes}, in the order of the output"
        )
    return info
