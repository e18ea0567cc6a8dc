"""Networks of the usual kinds, as PyTorch's two exporters write them, answer as in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

import edgesite
from edgesite.targets.manifest import TargetName
from edgesite.verify import Reference, verify

FOLDER = Path(__file__).parent / "models"
NAMES = ("bert", "classifier", "detector", "gpt", "tagger", "unet", "vit", "whisper")
EXPORTERS = ("dynamo", "traced")
SIZES = {"bert": {"length": 9}}


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", NAMES)
def test_exported_models_answer_as_onnxruntime(name: str, exporter: str) -> None:
    path = FOLDER / f"{name}-{exporter}.onnx"

    found = verify(edgesite.compile(path, SIZES.get(name)), path, tolerance=1e-5)

    assert found.targets == ("simd", "relaxed")


def test_every_model_is_tested() -> None:
    files = {path.stem for path in FOLDER.glob("*.onnx")}

    assert files == {f"{name}-{exporter}" for name in NAMES for exporter in EXPORTERS}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_texts_of_several_lengths_share_their_weights(exporter: str) -> None:
    path = FOLDER / f"bert-{exporter}.onnx"
    alone = edgesite.compile(path, {"length": 16})

    compiled = edgesite.compile(path, [{"length": 4}, {"length": 16}, {"length": 33}])

    assert verify(compiled, path, tolerance=1e-5).samples == 6
    assert compiled.manifest.weights.size_bytes < 1.5 * alone.manifest.weights.size_bytes


@pytest.mark.parametrize("target", ["simd", "relaxed"])
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_writer_remembers_in_its_cache(exporter: str, target: TargetName) -> None:
    path = FOLDER / f"gpt-{exporter}.onnx"
    compiled = edgesite.compile(path, state={"present": "past"})
    reference = Reference(path)
    past = np.zeros((2, 2, 1, 2, 12, 8), np.float32)

    for position, token in enumerate([3, 1, 4, 1, 5]):
        step = {"token": np.array([[token]]), "position": np.array([[position]])}
        expected = reference.run({**step, "past": past})
        past = expected["present"]
        got = compiled.run(step, target=target)
        assert list(got) == ["scores"]
        np.testing.assert_allclose(got["scores"], expected["scores"], atol=1e-5)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.onnx")), ids=lambda path: path.stem)
def test_models_tell_nothing_of_the_machine_they_were_made_on(path: Path) -> None:
    model = onnx.load(path)

    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    assert b".py" not in path.read_bytes()
