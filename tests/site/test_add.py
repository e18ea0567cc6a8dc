"""Demos made from a model alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from onnx import TensorProto, helper

from edgesite.errors import BuildError, EdgesiteError, ModelError, UnsupportedError
from edgesite.site.add import add_demo
from edgesite.site.build import check
from tests.site.models import classifier, graph_of
from tests.sites import contents

if TYPE_CHECKING:
    from pathlib import Path


def added(
    site: Path, data: bytes, name: str = "My Model.onnx", **options: object
) -> dict[str, object]:
    """demo.yaml of a demo made from a model."""
    path = site / name
    path.write_bytes(data)
    folder = add_demo(path, site, **options).folder  # type: ignore[arg-type]
    loaded: dict[str, object] = yaml.safe_load((folder / "demo.yaml").read_text())
    return loaded


@pytest.mark.parametrize(
    "data",
    [
        classifier(),
        classifier((1, 1, 28, 28), classes=10),
        classifier((1, 3, 224, 224), classes=12),
        classifier(("N", 3, "height", "width")),
        classifier(dtype=TensorProto.UINT8),
        classifier(softmax=True),
    ],
    ids=["small", "digits", "imagenet", "dynamic", "bytes", "softmax"],
)
def test_what_is_added_has_no_problems(site: Path, data: bytes) -> None:
    added(site, data)

    checked = check(site)

    assert [page.slug for page in checked.demos] == ["colours", "my-model"]


def test_shape_layout_and_labels_are_read(site: Path) -> None:
    config = added(site, classifier((1, 3, 8, 6), classes=4))
    folder = site / "demos" / "my-model"

    assert config["title"] == "My model"
    assert config["input"]["shape"] == [1, 3, 8, 6]  # type: ignore[index]
    assert (folder / "labels.txt").read_text().split() == [f"class_{n}" for n in range(4)]
    assert (folder / "model.onnx").read_bytes() == (site / "My Model.onnx").read_bytes()


@pytest.mark.parametrize(
    "metadata",
    [
        {"names": "{0: 'cat', 1: 'dog', 2: 'a \"fish\"'}"},
        {"classes": json.dumps(["cat", "dog", 'a "fish"'])},
        {"id2label": json.dumps({"0": "cat", "1": "dog", "2": 'a "fish"'})},
        {"labels": 'cat,dog,a "fish"'},
        {"class_names": 'cat\ndog\na "fish"\n'},
        {"names": "['too', 'few']", "labels": 'cat, dog, a "fish"'},
    ],
)
def test_labels_come_from_the_metadata(site: Path, metadata: dict[str, str]) -> None:
    added(site, classifier(metadata=metadata))

    labels = (site / "demos" / "my-model" / "labels.txt").read_text()
    assert labels == 'cat\ndog\na "fish"\n'


@pytest.mark.parametrize("value", ["[" * 5000, "\x00", "__import__('os')", "{1: 2}", "a,b,\x1b"])
def test_metadata_that_is_no_list_of_names_is_left_aside(site: Path, value: str) -> None:
    added(site, classifier(metadata={"names": value}))

    assert (site / "demos" / "my-model" / "labels.txt").read_text().startswith("class_0\n")


def test_drawn_digits_get_a_drawing_pad(site: Path) -> None:
    config = added(site, classifier((1, 1, 28, 28), classes=10))

    assert config["inputs"] == ["draw", "upload"]
    assert config["input"]["centre"] == {"size": 20}  # type: ignore[index]
    assert config["input"]["color"] == "GRAY"  # type: ignore[index]


def test_models_of_the_usual_size_get_the_usual_preparation(site: Path) -> None:
    config = added(site, classifier((1, 3, 224, 224)))

    assert config["input"]["resize"] == {"shorter": 256, "filter": "bilinear"}  # type: ignore[index]
    assert config["input"]["norm"]["mean"] == [0.485, 0.456, 0.406]  # type: ignore[index]


def test_a_distribution_gets_no_second_softmax(site: Path) -> None:
    assert added(site, classifier(softmax=True))["output"]["activation"] == "none"  # type: ignore[index]


def test_sizes_that_are_open_are_guessed_and_marked(site: Path) -> None:
    path = site / "m.onnx"
    path.write_bytes(classifier(("N", 3, "height", "width")))

    result = add_demo(path, site)

    assert "shape: [1, 3, 224, 224]  # check" in (result.folder / "demo.yaml").read_text()
    assert result.checks[0] == "input.shape: the model leaves sizes open"


def test_sizes_may_be_given(site: Path) -> None:
    config = added(site, classifier(("N", 3, "h", "w")), shapes={"h": 16, "w": 20})

    assert config["input"]["shape"] == [1, 3, 16, 20]  # type: ignore[index]


@pytest.mark.parametrize("name", ["true", "123", "null", "1e3", "assets"])
def test_names_that_yaml_or_the_site_would_misread_are_safe(site: Path, name: str) -> None:
    added(site, classifier(), f"{name}.onnx")

    assert len(check(site).demos) == 2


def test_weights_in_other_files_come_along(site: Path) -> None:
    import onnx

    model = onnx.load_from_string(classifier(classes=400))
    (site / "big").mkdir()
    onnx.save(
        model,
        site / "big" / "big.onnx",
        save_as_external_data=True,
        location="big.data",
        size_threshold=0,
    )

    result = add_demo(site / "big" / "big.onnx", site)

    assert "big.data" in result.files
    assert [page.slug for page in check(site).demos] == ["big", "colours"]


def two_inputs() -> bytes:
    return graph_of(
        [helper.make_node("Add", ["a", "b"], ["c"])],
        {"a": (TensorProto.FLOAT, (1, 3, 8, 8)), "b": (TensorProto.FLOAT, (1, 3, 8, 8))},
        {"c": (TensorProto.FLOAT, (1, 3, 8, 8))},
    )


def picture_to_picture() -> bytes:
    image = (TensorProto.FLOAT, (1, 3, 8, 8))
    return graph_of([helper.make_node("Relu", ["a"], ["b"])], {"a": image}, {"b": image})


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            two_inputs(),
            UnsupportedError,
            r"takes a float32\[1, 3, 8, 8\], b .*; `edgesite compile`",
        ),
        (picture_to_picture(), UnsupportedError, "gives b .* needs one number per class"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            ModelError,
            "is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`",
        ),
        (b"hello world", ModelError, "is a text file, not an ONNX model"),
    ],
)
def test_models_that_make_no_demo_are_refused_and_leave_nothing(
    site: Path, data: bytes, error: type[EdgesiteError], message: str
) -> None:
    before = contents(site / "demos")

    with pytest.raises(error, match=message):
        added(site, data)

    assert contents(site / "demos") == before


def test_a_demo_is_never_overwritten(site: Path) -> None:
    added(site, classifier())
    before = contents(site / "demos")

    with pytest.raises(BuildError, match="my-model: exists already; choose another name with --na"):
        added(site, classifier(classes=5))

    assert contents(site / "demos") == before


def test_a_demo_needs_a_site(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"has no edgesite.yaml"):
        add_demo(tmp_path / "model.onnx", tmp_path)
