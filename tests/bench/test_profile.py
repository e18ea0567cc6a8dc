"""Timing the layers of models in a real browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wasmtime
from typer.testing import CliRunner

from edgesite import compiler
from edgesite.bench.browser import find_webkit
from edgesite.bench.profile import Profile, table, timed
from edgesite.cli import app
from edgesite.targets.wasm.explain import Layer

DEMO = Path(__file__).parents[2] / "demos" / "mnist"

LAYERS = [
    Layer("conv", ("contract_4x8x9",), ("",), 0, 0, 3_000_000, 4096, 0.75),
    Layer("", ("map_4x8",), ("",), 0, 0, 0, 256, 0.25),
]


@pytest.mark.parametrize(
    "browser",
    [
        "chromium",
        pytest.param(
            "firefox",
            marks=pytest.mark.skipif(
                not shutil.which("firefox-esr"), reason="firefox-esr is not installed"
            ),
        ),
        pytest.param(
            "webkit",
            marks=pytest.mark.skipif(
                not (find_webkit() and shutil.which("Xvfb")),
                reason="webkit2gtk-driver or xvfb is not installed",
            ),
        ),
    ],
)
def test_the_layers_of_a_demo_are_timed_in_a_browser(browser: str) -> None:
    options = ["--browser", browser, "--target", "simd", "--seconds", "0.2", "--json"]
    result = CliRunner().invoke(app, ["profile", str(DEMO), *options])

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    layers = compiler.explain(DEMO / "model.onnx")
    assert (found["model"], found["target"], found["browser"]) == ("mnist", "simd", browser)
    assert [row["layer"]["origin"] for row in found["rows"]] == [layer.origin for layer in layers]
    assert sum(row["share"] for row in found["rows"]) == pytest.approx(1)
    assert found["predictions"] >= 1
    assert found["whole_us"] > 0


def test_the_layers_of_a_dissected_model_together_are_a_prediction(
    rng: np.random.Generator,
) -> None:
    made, layers = compiler.dissect(DEMO / "model.onnx")
    (given,), (wanted,) = made.manifest.inputs, made.manifest.outputs
    feeds = {given.name: rng.standard_normal(given.shape, dtype=np.float32)}
    answer = made.run(feeds)[wanted.name]
    store = wasmtime.Store()
    exports = wasmtime.Instance(
        store, wasmtime.Module(store.engine, made.modules["simd"]), []
    ).exports(store)
    memory: Any = exports["memory"]
    memory.write(store, made.weights, made.manifest.weights.offset)
    call(exports["init"], store)
    memory.write(store, feeds[given.name].tobytes(), given.offset)

    for number in range(len(layers)):
        call(exports["layer"], store, number)

    raw = memory.read(store, wanted.offset, wanted.offset + wanted.size_bytes)
    found = np.frombuffer(bytes(raw), np.float32).reshape(wanted.shape)
    np.testing.assert_allclose(found, answer, rtol=1e-5)


def call(function: Any, *arguments: Any) -> None:
    function(*arguments)


def test_a_layer_without_a_name_or_work_has_its_line() -> None:
    found = Profile("toy", "simd", "firefox", 7, 104.5, tuple(timed(LAYERS, [75.0, 25.0])))

    heading, first, second, last = table(found)

    assert heading.split()[:4] == ["us", "share", "GFLOP/s", "predicted"]
    assert " ".join(first.split()) == "75.0 75.0% 80.0 75.0% 3.00 4 conv: contract_4x8x9"
    assert " ".join(second.split()) == "25.0 25.0% 0.0 25.0% 0.00 0 -: map_4x8"
    assert "a prediction 104.5 us, its layers one by one 100.0 us, 60.0 GFLOP/s" in last
