"""Whether demo.yaml and the model fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesite.errors import EdgesiteError
from edgesite.site.config import DemoConfig
from edgesite.site.document import parse_document
from edgesite.site.fit import Fit, fit
from edgesite.site.problems import Problems
from edgesite.site.source import DemoSource
from edgesite.site.validate import validated
from edgesite.targets.manifest import TensorInfo
from tests.models import partial_manifest

Shape = tuple[int, ...]


def tensor(name: str, shape: Shape, dtype: str = "float32") -> TensorInfo:
    return TensorInfo(name=name, dtype=dtype, shape=shape, offset=0, size_bytes=0)


IMAGE = tensor("image", (1, 3, 8, 6))
SCORES = tensor("scores", (1, 3))


def fitted(
    text: str = "",
    *inputs: TensorInfo,
    outputs: tuple[TensorInfo, ...] = (SCORES,),
    labels: str = "[a, b, c]",
) -> Fit:
    base = f"title: T\ntask: image-classification\nlabels: {labels}\n"
    document = parse_document(Path("demo.yaml"), base + text)
    config = validated(document, DemoConfig)
    demo = DemoSource(
        folder=Path("demo"),
        slug="demo",
        config=config,
        document=document,
        labels=tuple(config.labels),
        labels_where="labels.txt:1:1",
        model=Path("demo/model.onnx"),
        body_markdown="",
        pictures=(),
    )
    manifest = partial_manifest(inputs or (IMAGE,), outputs)
    problems = Problems()
    found = fit(demo, manifest, problems)
    problems.raise_any()
    assert found is not None
    return found


def failure(text: str, *inputs: TensorInfo, **options: object) -> str:
    with pytest.raises(EdgesiteError) as caught:
        fitted(text, *inputs, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    ("shape", "text", "expected"),
    [
        ((1, 3, 8, 6), "", ("NCHW", 8, 6)),
        ((1, 8, 6, 3), "", ("NHWC", 8, 6)),
        ((3, 8, 6), "", ("NCHW", 8, 6)),
        ((8, 6, 3), "", ("NHWC", 8, 6)),
        ((1, 1, 8, 6), "input: {color: GRAY}", ("NCHW", 8, 6)),
        ((1, 3, 8, 3), "input: {layout: NHWC}", ("NHWC", 3, 8)),
    ],
)
def test_the_layout_is_read_from_the_shape(
    shape: Shape, text: str, expected: tuple[str, int, int]
) -> None:
    found = fitted(text, tensor("image", shape))

    assert (found.input.layout, found.input.height, found.input.width) == expected
    assert found.shape == shape


def test_one_mean_serves_all_channels() -> None:
    image = fitted("input: {scale: 2, norm: {mean: 0.5, std: 0.25}}").input

    assert (image.scale, image.mean, image.std) == (2.0, (0.5,) * 3, (0.25,) * 3)


def test_colours_of_three_and_of_six_digits_are_read() -> None:
    assert fitted('input: {background: "#0b7"}').input.background == (0, 0xBB, 0x77)
    assert fitted('input: {background: "#0b7285"}').input.background == (0x0B, 0x72, 0x85)


def test_an_output_may_be_named() -> None:
    found = fitted("output: {name: b}", outputs=(tensor("a", (1, 9)), tensor("b", (1, 3, 1, 1))))

    assert (found.output, found.classes) == ("b", 3)


@pytest.mark.parametrize(
    ("text", "inputs", "message"),
    [
        (
            "",
            (tensor("x", (1, 784)),),
            'demo.yaml:1:1: model: input "x" is float32[1, 784]; '
            "a picture is [1, 3, H, W] or [1, H, W, 3]",
        ),
        (
            "input: {shape: [2, 3, 8, 6]}",
            (tensor("x", (2, 3, 8, 6)),),
            'demo.yaml:4:16: input.shape: input "x" is float32[2, 3, 8, 6]; '
            "pages predict one picture: the first size is 1",
        ),
        (
            "input: {color: GRAY}",
            (IMAGE,),
            'demo.yaml:4:8: input: input "image" is float32[1, 3, 8, 6]; '
            "color GRAY gives it 1 channels",
        ),
        (
            "",
            (tensor("x", (1, 3, 8, 3)),),
            'demo.yaml:1:1: input: input "x" is float32[1, 3, 8, 3]; '
            "channels may be first or last: add layout: NCHW or NHWC",
        ),
        (
            "",
            (tensor("x", (1, 3, 8, 6), "int64"),),
            'demo.yaml:1:1: model: input "x" is int64[1, 3, 8, 6]; '
            "pictures are fed as float32 or uint8",
        ),
        (
            "input:\n  scale: 1/255",
            (tensor("x", (1, 3, 8, 6), "uint8"),),
            'demo.yaml:5:10: input.scale: input "x" is uint8[1, 3, 8, 6]; '
            "bytes go in as they are: leave scale out",
        ),
        (
            "input: {name: imgae}",
            (IMAGE,),
            'demo.yaml:4:15: input.name: the model has no input "imgae"; did you mean "image"?',
        ),
        (
            "",
            (IMAGE, tensor("rate", (1,))),
            "demo.yaml:1:1: input: the model has the inputs image, rate; "
            "add name: with one of them",
        ),
        (
            "input: {name: image}",
            (IMAGE, tensor("rate", (1,))),
            "demo.yaml:2:7: task: image-classification gives the model a picture alone, "
            "and it has the inputs image, rate; export a model with one input",
        ),
        (
            "input: {resize: {shorter: 4}}",
            (IMAGE,),
            "demo.yaml:4:8: input: shorter: 4 leaves no 6x8 pixels to cut out; give at least 8",
        ),
        (
            "input: {centre: {size: 5}}",
            (IMAGE,),
            "demo.yaml:4:8: input: centre: works on one channel, not on RGB; set color",
        ),
    ],
)
def test_inputs_that_pictures_do_not_fit_are_refused(
    text: str, inputs: tuple[TensorInfo, ...], message: str
) -> None:
    assert failure(text, *inputs).startswith(message)


@pytest.mark.parametrize(
    ("text", "outputs", "message"),
    [
        (
            "",
            (tensor("scores", (1, 10)),),
            'labels.txt:1:1: there are 3 labels, but output "scores" is float32[1, 10]; '
            "give 10, in the order of the output",
        ),
        (
            "",
            (tensor("label", (1,), "int64"),),
            'demo.yaml:1:1: model: output "label" is int64[1]; '
            "classes need floats: choose another output with output.name",
        ),
        (
            "output: {name: boxes}",
            (SCORES, tensor("boxes", (1, 3, 4))),
            'demo.yaml:4:16: output.name: output "boxes" is float32[1, 3, 4]; '
            "image-classification needs one number per class: choose another output",
        ),
        (
            "",
            (SCORES, tensor("boxes", (1, 3, 4))),
            "demo.yaml:1:1: output: the model has the outputs scores, boxes; "
            "add name: with one of them",
        ),
    ],
)
def test_outputs_that_are_no_classes_are_refused(
    text: str, outputs: tuple[TensorInfo, ...], message: str
) -> None:
    assert failure(text, outputs=outputs) == message


def test_problems_of_both_sides_are_named() -> None:
    found = failure("", tensor("x", (1, 784)), labels="[a]").splitlines()

    assert len(found) == 2
