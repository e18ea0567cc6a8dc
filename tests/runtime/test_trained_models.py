"""Trained models of others answer as onnxruntime: every case, both modules, here and in Chromium.

The models lie beside the repository, with inputs and the answers of onnxruntime.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import edgesite
from edgesite.targets.artifacts import TARGETS
from tests.models import TRAINED, Array

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

MODELS = Path(__file__).parents[3] / "shared" / "models"

# Fetches a case's inputs, runs the model, and says how far its answers are from those fetched.
COMPARE = """async ([folder, target, inputs, outputs]) => {
    const { load } = await import(`/${folder}/model.js`);
    const model = await load({ target, worker: false });
    const bytes = async (name) => (await fetch(`/${folder}/${name}.bin`)).arrayBuffer();
    const arrays = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array };
    const feeds = {};
    for (const [name, dtype, file] of inputs) feeds[name] = new arrays[dtype](await bytes(file));
    const answers = await model.run(feeds);
    await model.close();
    const differences = {};
    for (const [name, dtype, file] of outputs) {
        const wanted = new arrays[dtype](await bytes(file)), got = answers[name];
        differences[name] = got.length === wanted.length && got.constructor === wanted.constructor
            ? wanted.reduce((most, w, k) => Math.max(most, Math.abs(Number(got[k] - w))), 0)
            : `${got.constructor.name} of ${got.length}`;
    }
    return differences;
}"""


class Case:
    """Inputs and answers of one model, and how far from these one may be."""

    def __init__(self, name: str, label: str, facts: dict[str, Any], arrays: dict[str, Array]):
        self.label = label
        self.shapes = facts["in_shapes"]
        self.feeds = {n: arrays[f"{label}_in_{k}"] for k, n in enumerate(facts["in_order"])}
        self.answers = {n: arrays[f"{label}_out_{k}"] for k, n in enumerate(facts["out_order"])}
        # 1e-3 of the largest output as the models' page says; quantised ones may be a step off.
        self.tolerance = (2e-2 if "int8" in name else 1e-3) * facts["max_abs_output"]

    def write(self, folder: Path) -> tuple[list[list[str]], list[list[str]]]:
        """Write every tensor into a file; gives names, dtypes and files of both sides."""
        sides = []
        for side, tensors in (("in", self.feeds), ("out", self.answers)):
            rows = [
                [name, str(array.dtype), f"{self.label}-{side}-{k}"]
                for k, (name, array) in enumerate(tensors.items())
            ]
            for name, _, file in rows:
                (folder / f"{file}.bin").write_bytes(np.ascontiguousarray(tensors[name]).tobytes())
            sides.append(rows)
        return sides[0], sides[1]


@pytest.fixture(scope="module", params=TRAINED)
def name(request: pytest.FixtureRequest) -> str:
    if not (MODELS / "index.json").is_file():
        pytest.skip("the trained models are not here: no ../shared/models beside the repository")
    return str(request.param)


@pytest.fixture(scope="module")
def cases(name: str) -> list[Case]:
    index = {entry["name"]: entry for entry in json.loads((MODELS / "index.json").read_text())}
    arrays = dict(np.load(MODELS / f"{name}.ref.npz"))
    return [Case(name, label, facts, arrays) for label, facts in index[name]["cases"].items()]


@pytest.fixture(scope="module")
def compiled(name: str, cases: list[Case]) -> edgesite.CompiledModel:
    """The model for the sizes of all its cases."""
    shapes = [case.shapes for case in cases]
    different = [s for k, s in enumerate(shapes) if s not in shapes[:k]]
    return edgesite.compile(MODELS / f"{name}.onnx", different)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "strict.html").write_text("<!doctype html><title>models</title>")
    return folder


@pytest.fixture(scope="module")
def page(browser: Browser, serve: Callable[[Path], str], root: Path) -> Page:
    page = browser.new_page()
    page.goto(f"{serve(root)}strict.html")
    return page


@pytest.mark.parametrize("target", TARGETS)
def test_every_case_is_answered_here(
    compiled: edgesite.CompiledModel, cases: list[Case], target: Any
) -> None:
    for case in cases:
        got = compiled.run(case.feeds, target=target)
        for key, wanted in case.answers.items():
            assert got[key].shape == wanted.shape
            np.testing.assert_allclose(got[key], wanted, rtol=0, atol=case.tolerance)


def test_every_case_is_answered_in_chromium(
    compiled: edgesite.CompiledModel, cases: list[Case], name: str, root: Path, page: Page
) -> None:
    compiled.save(root / name)
    for case in cases:
        inputs, outputs = case.write(root / name)
        for target in TARGETS:
            found = page.evaluate(COMPARE, [name, target, inputs, outputs])

            assert set(found) == set(case.answers)
            assert all(difference <= case.tolerance for difference in found.values()), found
