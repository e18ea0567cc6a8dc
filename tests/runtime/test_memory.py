"""State that stays in a model's memory, and models of several sizes: Python and Node agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import parser

import edgesite

Feeds = dict[str, list[float]]
Play = Callable[[edgesite.CompiledModel, list[Feeds | None]], list[Any]]

COUNTER = parser.parse_model(
    """
    <ir_version: 9, opset_import: ["": 18]>
    g (float[2] x, float[2] sum, float[2] before) => (float[2] y, float[2] total, float[2] old) {
        total = Add(x, sum)
        y = Sub(total, before)
        old = Identity(sum)
    }
    """
)
STATE = {"total": "sum", "old": "before"}
ONE: Feeds = {"x": [1, 2]}

PROJECTION = parser.parse_model(
    """
    <ir_version: 9, opset_import: ["": 18]>
    g (float[time, 3] x) => (float[time, 2] y, float[time] s)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
        axes = Constant <value_ints = [1]> ()
        s = ReduceSum <keepdims = 0> (x, axes)
    }
    """
)
SIZES = [{"time": 2}, {"time": 16}, {"time": 5}]


@pytest.fixture
def play(tmp_path: Path, bundle: Callable[[str], Path], node: Callable[..., Any]) -> Play:
    """Run a model in Node, here and in a worker."""

    def run(compiled: edgesite.CompiledModel, feeds: list[Feeds | None]) -> list[Any]:
        compiled.save(tmp_path / "m")
        facts = (tmp_path / "m" / "manifest.json").read_text()
        script = bundle("runtime/model.ts").read_text().replace("__EDGESITE_MANIFEST__", facts)
        (tmp_path / "m" / "model.js").write_text(script)
        found: list[Any] = node("memory.mjs", tmp_path / "m", json.dumps(feeds))
        assert len(found) == 2
        return found

    return run


def arrays(feeds: Feeds) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.array(values, np.float32) for name, values in feeds.items()}


@pytest.fixture(scope="module")
def counter() -> edgesite.CompiledModel:
    return edgesite.compile(COUNTER, state=STATE)


@pytest.fixture(scope="module")
def projection() -> edgesite.CompiledModel:
    return edgesite.compile(PROJECTION, SIZES)


class TestState:
    def test_it_is_neither_given_nor_returned(self, counter: edgesite.CompiledModel) -> None:
        manifest = counter.manifest

        assert [info.name for info in manifest.inputs] == ["x"]
        assert [info.name for info in manifest.outputs] == ["y"]
        assert {info.output: info.name for info in manifest.state} == STATE

    @pytest.mark.parametrize("target", ["simd", "relaxed"])
    def test_it_is_kept_and_reset(self, counter: edgesite.CompiledModel, target: Any) -> None:
        counter.reset()
        first = [counter.run(arrays(ONE), target=target)["y"].tolist() for _ in range(4)]
        counter.reset()
        again = [counter.run(arrays(ONE), target=target)["y"].tolist() for _ in range(4)]

        # Sums of 1 to 4 times [1, 2], less the sum of two runs before.
        assert first == [[1, 2], [2, 4], [2, 4], [2, 4]]
        assert again == first

    def test_it_is_kept_and_reset_in_node(
        self, counter: edgesite.CompiledModel, play: Play
    ) -> None:
        found = play(counter, [ONE, ONE, ONE, None, ONE, ONE])

        for answers in found:
            assert answers["runs"][3] == {}
            runs = [run["y"] for run in answers["runs"] if run]
            assert runs == [[1, 2], [2, 4], [2, 4], [1, 2], [2, 4]]

    def test_a_loaded_model_keeps_it_too(
        self, counter: edgesite.CompiledModel, tmp_path: Path
    ) -> None:
        counter.save(tmp_path / "m")
        loaded = edgesite.load(tmp_path / "m")

        loaded.run(arrays(ONE))

        assert loaded.run(arrays(ONE))["y"].tolist() == [2, 4]

    @pytest.mark.parametrize(
        ("state", "sentence"),
        [
            ({"totl": "sum"}, "state: the model has no output totl; did you mean total?"),
            ({"total": "none"}, "state: the model has no input none; there are x, sum, before"),
            ({"total": "sum", "y": "sum"}, "state: input sum is made from two outputs; name one"),
        ],
    )
    def test_names_that_do_not_fit_are_refused(self, state: dict[str, str], sentence: str) -> None:
        with pytest.raises(edgesite.UsageError) as error:
            edgesite.compile(COUNTER, state=state)

        assert str(error.value) == sentence

    def test_a_state_that_grows_is_refused(self) -> None:
        growing = parser.parse_model(
            """
            <ir_version: 9, opset_import: ["": 18]>
            g (float[1] x, float[3] past) => (float[4] present)
            { present = Concat <axis = 0> (past, x) }
            """
        )

        with pytest.raises(edgesite.UnsupportedShapeError, match=r"present is float32\[4\], input"):
            edgesite.compile(growing, state={"present": "past"})


class TestBindings:
    def test_they_share_one_weights_file(self, projection: edgesite.CompiledModel) -> None:
        names = set(projection.files())

        assert sum(name.startswith("weights.") for name in names) == 1
        assert sum(name.endswith(".wasm") for name in names) == 6

    @pytest.mark.parametrize("target", ["simd", "relaxed"])
    def test_the_inputs_shape_decides(
        self, projection: edgesite.CompiledModel, target: Any
    ) -> None:
        for time in (16, 2, 5, 16):
            x = np.arange(3 * time, dtype=np.float32).reshape(time, 3)
            got = projection.run({"x": x}, target=target)

            np.testing.assert_array_equal(got["y"], x @ [[1, 2], [3, 4], [5, 6]])
            np.testing.assert_array_equal(got["s"], x.sum(axis=1))

    def test_the_inputs_length_decides_in_node(
        self, projection: edgesite.CompiledModel, play: Play
    ) -> None:
        feeds: list[Feeds | None] = [{"x": [1.0] * (3 * time)} for time in (16, 2, 5, 16, 4)]

        for answers in play(projection, feeds):
            assert [len(run["s"]) for run in answers["runs"][:4]] == [16, 2, 5, 16]
            assert all(set(run["y"]) == {9, 12} for run in answers["runs"][:4])
            assert answers["runs"][4].startswith(
                "inputs of a size that the model has not; give x 2x3"
            )
            assert [sides["inputs"][0]["shape"] for sides in answers["bindings"]] == [
                [2, 3], [16, 3], [5, 3],
            ]  # fmt: skip

    def test_a_shape_that_none_has_is_refused(self, projection: edgesite.CompiledModel) -> None:
        with pytest.raises(
            edgesite.UsageError, match=r"feeds of shapes \{'x': \(3, 3\)\}: give one"
        ):
            projection.run({"x": np.zeros((3, 3), np.float32)})

    def test_saved_they_load(self, projection: edgesite.CompiledModel, tmp_path: Path) -> None:
        projection.save(tmp_path / "m")

        assert edgesite.load(tmp_path / "m") == projection

    def test_weights_that_only_one_size_needs_are_in_the_file_too(self) -> None:
        model = parser.parse_model(
            """
            <ir_version: 9, opset_import: ["": 18]>
            g (float[1, 8, size, size] x) => (y)
            <float[1, 8, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8}>
            { y = Conv(x, w) }
            """
        )
        compiled = edgesite.compile(model, [{"size": 1}, {"size": 17}])

        for size in (1, 17):
            x = np.ones((1, 8, size, size), np.float32)
            assert set(compiled.run({"x": x})["y"].ravel()) == {36}

    def test_state_belongs_to_its_binding(self) -> None:
        model = parser.parse_model(
            """
            <ir_version: 9, opset_import: ["": 18]>
            g (float[time] x, float[time] sum) => (float[time] y, float[time] total)
            { total = Add(x, sum)  y = Identity(total) }
            """
        )
        compiled = edgesite.compile(model, [{"time": 1}, {"time": 2}], state={"total": "sum"})

        ones = [compiled.run({"x": np.ones(n, np.float32)})["y"].tolist() for n in (1, 2, 1, 2)]

        assert ones == [[1], [1, 1], [2], [2, 2]]
