"""demo.yaml and edgesite.yaml: what they may say, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesite.errors import EdgesiteError
from edgesite.site.config import DemoConfig, SiteConfig
from edgesite.site.document import parse_document
from edgesite.site.validate import validated
from edgesite.site.wording import nearest
from edgesite.tasks.inputs import Filter

DEMO = "title: T\ntask: image-classification\nlabels: [a, b]\n"


def demo(text: str, base: str = DEMO) -> DemoConfig:
    return validated(parse_document(Path("demo.yaml"), base + text), DemoConfig)


def problems(text: str, base: str = DEMO) -> list[str]:
    with pytest.raises(EdgesiteError) as caught:
        demo(text, base)
    return str(caught.value).splitlines()


def site(text: str) -> SiteConfig:
    return validated(parse_document(Path("edgesite.yaml"), text), SiteConfig)


def test_three_keys_make_a_demo() -> None:
    config = demo("")

    assert (config.model, config.output.activation, config.inputs) == (
        "model.onnx",
        "softmax",
        ["upload"],
    )


def test_the_norm_may_be_flat() -> None:
    norm = demo("input: {norm: [0.1, 1, 0.2, 2, 0.3, 3]}").input.norm

    assert norm is not None
    assert (norm.mean, norm.std) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


def test_the_norm_may_be_one_pair_for_all_channels() -> None:
    norm = demo("input: {norm: {mean: 0.5, std: 0.25}}").input.norm

    assert norm is not None
    assert (norm.mean, norm.std) == ((0.5,), (0.25,))


@pytest.mark.parametrize(
    ("text", "value"), [("1/255", 1 / 255), ("2", 2.0), ("1e-3", 1e-3), ("'0.5'", 0.5)]
)
def test_the_scale_may_be_a_fraction(text: str, value: float) -> None:
    assert demo(f"input: {{scale: {text}}}").input.scale == value


def test_a_shape_may_name_axes() -> None:
    assert demo("input: {shape: {batch: 1, height: 32}}").input.shape == {"batch": 1, "height": 32}


def test_examples_may_be_names_or_blocks() -> None:
    entries = demo("examples: [a.png, {file: b.png, caption: B, label: b}]").examples

    assert [(entry.file, entry.caption, entry.label) for entry in entries] == [
        ("a.png", None, None),
        ("b.png", "B", "b"),
    ]


def test_labels_may_be_numbers_and_words_of_logic() -> None:
    config = demo("", base="title: T\ntask: image-classification\nlabels: [0, 1, true, no]\n")

    assert config.labels == ["0", "1", "true", "no"]


def test_resize_has_the_filters_of_pillow() -> None:
    assert demo("input: {resize: {filter: lanczos}}").input.resize.filter is Filter.LANCZOS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nrom: 1", "demo.yaml:4:1: nrom: unknown key; the known keys are title, "),
        ("ouput: {}", 'demo.yaml:4:1: ouput: unknown key; did you mean "output"?'),
        (
            "input:\n  resize: {filtre: box}",
            'demo.yaml:5:12: input.resize.filtre: unknown key; did you mean "filter"?',
        ),
        (
            "input: {resize: {filter: bilnear}}",
            'demo.yaml:4:26: input.resize.filter: got "bilnear"; did you mean "bilinear"?',
        ),
        (
            "input:\n  color: rgb",
            'demo.yaml:5:10: input.color: got "rgb"; did you mean "RGB"?',
        ),
        (
            "output: {activation: 7}",
            "demo.yaml:4:22: output.activation: got 7; the choices are softmax, sigmoid, none",
        ),
        ("output: {top: 0}", "demo.yaml:4:15: output.top: got 0; write a number from 1"),
        ("output: {top: x}", 'demo.yaml:4:15: output.top: got "x"; write a whole number'),
        ("tolerance: 2", "demo.yaml:4:12: tolerance: got 2; write a number below 1.0"),
        ("description: 5", "demo.yaml:4:14: description: got 5; write text; put it in quotes"),
        ("examples:", "demo.yaml:4:10: examples: got nothing; write a list such as [a, b]"),
        (
            "examples: [{caption: x}]",
            'demo.yaml:4:12: examples.0: "file" is missing; add file: ... '
            "(a picture, or a pattern such as examples/*.jpg, below the demo's folder)",
        ),
        (
            "examples: [3]",
            "demo.yaml:4:12: examples.0: got 3; write a file name or {file: ..., caption: ...}",
        ),
        ("inputs: [uplaod]", 'demo.yaml:4:10: inputs.0: got "uplaod"; did you mean "upload"?'),
        ("inputs: []", "demo.yaml:4:9: inputs: got a list; write at least one entry"),
        ("inputs: [draw, draw]", "demo.yaml:4:9: inputs: names a way twice; name each once"),
        (
            "accent: #fff",
            "demo.yaml:4:8: accent: got nothing; "
            'a colour starts with # and needs quotes: "#0b7285"',
        ),
        (
            "accent: url(evil)",
            'demo.yaml:4:9: accent: got "url(evil)"; write a colour as "#0b7285"',
        ),
        (
            "slug: My Demo",
            'demo.yaml:4:7: slug: got "My Demo"; use lower-case letters, digits and single dashes',
        ),
        (
            "input: {shape: [1, x]}",
            'demo.yaml:4:16: input.shape: got a size of "x"; sizes are whole numbers from 1',
        ),
        (
            "input: {shape: 5}",
            "demo.yaml:4:16: input.shape: "
            "write the sizes as [1, 3, 32, 32] or as {batch: 1, height: 32}",
        ),
        (
            "input: {scale: 1/0}",
            'demo.yaml:4:16: input.scale: got "1/0"; write a number or a fraction such as 1/255',
        ),
        (
            "input: {norm: [1, 2, 3]}",
            "demo.yaml:4:15: input.norm: got a list of 3; "
            "write {mean: [...], std: [...]} or mean, std in turn for every channel",
        ),
        (
            "input: {norm: {mean: [1, 2], std: [1]}}",
            "demo.yaml:4:15: input.norm: got 2 means and 1 deviations; "
            "give one of each per channel",
        ),
        (
            "input: {norm: {mean: 0, std: 0}}",
            "demo.yaml:4:30: input.norm.std: got 0, which divides by zero; "
            "use 1 to leave a channel as it is",
        ),
        (
            "input: {color: RGB, norm: {mean: [0, 0], std: [1, 1]}}",
            "demo.yaml:4:27: input.norm: got 2 means where color RGB has 3 channels; "
            "give one mean and one std per channel, or one for all",
        ),
        (
            "input: {norm: {mean: .nan, std: 1}}",
            "demo.yaml:4:22: input.norm.mean: got nan; write a number that is not infinite",
        ),
    ],
)
def test_what_does_not_fit_has_a_place_and_a_remedy(text: str, message: str) -> None:
    assert problems(text)[0].startswith(message)


def test_every_problem_is_named_in_the_order_of_the_file() -> None:
    found = problems("input: {color: rgb}\ntolerance: x\nouput: 1\n")

    assert [line.split(": ")[0] for line in found] == [
        "demo.yaml:4:16",
        "demo.yaml:5:12",
        "demo.yaml:6:1",
    ]


def test_missing_keys_say_what_they_are_for() -> None:
    assert problems("", base="title: T\n") == [
        'demo.yaml:1:1: "task" is missing; add task: ... (what the model does)',
        'demo.yaml:1:1: "labels" is missing; add labels: ... (the names of the classes)',
    ]


def test_a_list_is_no_configuration() -> None:
    assert problems("", base="- 1\n") == [
        "demo.yaml:1:1: got a list; write keys and values, such as title: ..."
    ]


@pytest.mark.parametrize("labels", ["{a: 1}", "5", "[a, null]", "[a, [b]]", "['']"])
def test_labels_are_a_file_or_a_list_of_names(labels: str) -> None:
    found = problems("", base=f"title: T\ntask: image-classification\nlabels: {labels}\n")

    assert found[0].startswith("demo.yaml:3:9: labels: ")


def test_the_address_of_a_site_ends_in_a_slash() -> None:
    assert site("title: S\nsite_url: https://a.b/c").site_url == "https://a.b/c/"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "title: S\ntheme: {acent: 1}",
            "edgesite.yaml:2:9: theme.acent: unknown key; did you mean",
        ),
        (
            "title: S\nsite_url: a.b/c",
            'edgesite.yaml:2:11: site_url: got "a.b/c"; write it as https',
        ),
        (
            "title: S\nlanguage: 'e n'",
            'edgesite.yaml:2:11: language: got "e n"; write a language tag',
        ),
        ("title: ' '", "edgesite.yaml:1:8: title: is empty; write a few words"),
    ],
)
def test_a_site_is_checked_as_well(text: str, message: str) -> None:
    with pytest.raises(EdgesiteError) as caught:
        site(text)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("RESIZE", "resize"), ("poses", "pose-estimation"), ("zzz", None), ("", None)],
)
def test_the_nearest_word_is_found_whatever_its_case(word: str, meant: str | None) -> None:
    assert nearest(word, ["resize", "pose-estimation", "title"]) == meant


@pytest.mark.parametrize("model", [DemoConfig, SiteConfig])
def test_every_key_is_documented(model: type[DemoConfig | SiteConfig]) -> None:
    properties = model.model_json_schema()["properties"]

    assert [name for name, facts in properties.items() if not facts.get("description")] == []
