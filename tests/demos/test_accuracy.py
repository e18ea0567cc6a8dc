"""The demos' models, compiled, on all the pictures they were never trained on."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import edgesite
from edgesite.site.cache import Cache
from edgesite.site.compiled import compiled
from edgesite.site.problems import Problems
from edgesite.site.source import load_demo

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT.parent / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the data sets are not beside the repo")

Array = np.ndarray[Any, Any]


def cifar10() -> tuple[Array, Array]:
    """Test pictures as the page prepares them, and their labels."""
    packed = np.load(DATA / "cifar10-test-jpeg.npz")
    ends, jpeg = packed["offsets"], packed["jpeg"]
    pictures = np.stack(
        [
            np.asarray(Image.open(io.BytesIO(jpeg[a:b].tobytes())).convert("RGB"))
            for a, b in pairwise(ends)
        ]
    )
    mean = np.array([0.4914, 0.4822, 0.4465], np.float32)
    std = np.array([0.2470, 0.2435, 0.2616], np.float32)
    scaled = (pictures.astype(np.float32) * np.float32(1 / 255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)), packed["labels"]


def mnist() -> tuple[Array, Array]:
    """Test digits as the model takes them, and their labels."""
    packed = np.load(DATA / "mnist.npz")
    return packed["test_images"][:, None].astype(np.float32) / 255, packed["test_labels"]


def answers_of_onnxruntime(model: Path, pictures: Array) -> Array:
    """The label onnxruntime gives each picture."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    return np.array([session.run(None, {"input": p[None]})[0].argmax() for p in pictures])


@needs_data
@pytest.mark.parametrize(
    ("demo", "load", "least"), [("cifar10", cifar10, 0.89), ("mnist", mnist, 0.992)]
)
def test_compiled_models_recognise_what_they_were_not_trained_on(
    demo: str, load: Any, least: float
) -> None:
    pictures, labels = load()
    folder = ROOT / "demos" / demo
    model = edgesite.compile(folder / "model.onnx")
    expected = answers_of_onnxruntime(folder / "model.onnx", pictures)
    answers = {
        target: np.array(
            [model.run({"input": p[None]}, target=target)["logits"].argmax() for p in pictures]
        )
        for target in ("simd", "relaxed")
    }
    right = int((answers["relaxed"] == labels).sum())

    assert right >= least * len(labels)
    assert f"**{right / len(labels):.2%}**".replace("%", " %") in (folder / "index.md").read_text()
    np.testing.assert_array_equal(answers["simd"], expected)
    np.testing.assert_array_equal(answers["relaxed"], expected)


@needs_data
@pytest.mark.parametrize(
    ("demo", "load", "most_bytes"), [("cifar10", cifar10, 220_000), ("mnist", mnist, 22_000)]
)
def test_weights_that_ship_are_small_and_change_few_answers(
    demo: str, load: Any, most_bytes: int, tmp_path: Path
) -> None:
    pictures, labels = load()
    problems = Problems()
    source = load_demo(ROOT / "demos" / demo, problems)
    assert source is not None
    shipped = compiled(source, Cache(tmp_path))
    assert shipped.plain is not None
    weights = shipped.files[shipped.manifest.weights.file]

    def answers(model: edgesite.CompiledModel) -> Array:
        return np.array([model.run({"input": p[None]})["logits"].argmax() for p in pictures])

    exact, rounded = answers(shipped.plain.open()), answers(shipped.open())
    accuracies = (exact == labels).mean(), (rounded == labels).mean()

    assert len(gzip.compress(weights, 9, mtime=0)) <= most_bytes
    assert (exact == rounded).mean() >= 0.995
    assert abs(accuracies[0] - accuracies[1]) <= 0.002


@needs_data
@pytest.mark.parametrize(
    ("demo", "load", "least"), [("cifar10", cifar10, 0.99), ("mnist", mnist, 0.999)]
)
def test_models_in_8_bits_change_few_answers(
    demo: str, load: Any, least: float, tmp_path: Path
) -> None:
    pictures, _ = load()
    source = load_demo(ROOT / "demos" / demo, Problems())
    assert source is not None
    config = source.config.model_copy(update={"weights": "float32", "quantize": "int8"})
    model = compiled(replace(source, config=config), Cache(tmp_path)).open()

    expected = answers_of_onnxruntime(source.model, pictures)
    answers = np.array([model.run({"input": p[None]})["logits"].argmax() for p in pictures])

    assert (answers == expected).mean() >= least
