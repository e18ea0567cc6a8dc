"""compile(): what it takes, what it gives, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import wasmtime
from onnx import helper

import edgesite
from edgesite.errors import (
    EdgesiteError,
    ModelError,
    UnsupportedShapeError,
    UsageError,
)
from tests.models import Array, answers_of, assert_answers_alike, model_of
from tests.wasm.machine import function_of, memory_of

FEEDS = {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}


def small_model() -> onnx.ModelProto:
    """y = relu(x @ w - 5)."""
    weights = {"w": np.eye(3, 4, dtype=np.float32), "b": np.full(4, -1.5, np.float32)}
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["g"], name="gemm"),
        helper.make_node("Relu", ["g"], ["y"], name="relu"),
    ]
    return model_of(nodes, FEEDS, ["y"], weights)


def open_model() -> onnx.ModelProto:
    """y = x + x of x[batch, width]."""
    model = model_of([helper.make_node("Add", ["x", "x"], ["y"])], FEEDS, ["y"])
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        dims[0].dim_param, dims[1].dim_param = "batch", "width"
    return model


# What it takes


def test_paths_bytes_and_protos_compile_to_the_same(tmp_path: Path) -> None:
    model = small_model()
    path = tmp_path / "model.onnx"
    onnx.save(model, path)

    compiled = [edgesite.compile(given) for given in (path, str(path), path.read_bytes(), model)]

    assert len({(m.modules["simd"], m.weights) for m in compiled}) == 1


@pytest.mark.parametrize("shapes", [{"x": [5, 7]}, {"batch": 5, "width": 7}])
def test_sizes_are_given_by_input_or_by_dimension(shapes: dict[str, Any]) -> None:
    compiled = edgesite.compile(open_model(), shapes)

    assert compiled.manifest.inputs[0].shape == (5, 7)
    assert compiled.manifest.outputs[0].shape == (5, 7)


def test_sizes_that_stay_open_are_named() -> None:
    with pytest.raises(EdgesiteError, match="width"):
        edgesite.compile(open_model())


def test_constants_fix_inputs() -> None:
    shape = np.array([3, 2], np.int64)
    model = model_of(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])], {**FEEDS, "shape": shape}, ["y"]
    )

    compiled = edgesite.compile(model, constants={"shape": shape})

    assert [info.name for info in compiled.manifest.inputs] == ["x"]
    np.testing.assert_array_equal(compiled.run(FEEDS)["y"], FEEDS["x"].reshape(3, 2))


# What it says


def refused(nodes: list[onnx.NodeProto], feeds: dict[str, Array]) -> list[str]:
    """What is said of a model that cannot be compiled: a line per node."""
    model = model_of([helper.make_node("Relu", ["x"], ["y"])], feeds, ["y"])
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(EdgesiteError) as caught:
        edgesite.compile(model)
    return str(caught.value).splitlines()


def test_all_unsupported_operators_are_listed_with_their_nodes() -> None:
    nodes = [
        helper.make_node("Frobnicate", ["x"], ["a"], name="first", domain="com.example"),
        helper.make_node("Defrobnicate", ["a"], ["y"], name="second", domain="com.example"),
    ]

    first, second = refused(nodes, FEEDS)

    assert first.startswith("node first (Frobnicate, com.example version 1): the operator is not")
    assert second.startswith("node second (Defrobnicate")


def test_a_node_that_cannot_be_expressed_does_not_hide_the_next() -> None:
    feeds = {**FEEDS, "sizes": np.array([3, 2]), "k": np.array([1])}
    nodes = [
        helper.make_node("Reshape", ["x", "sizes"], ["a"], name="shaped"),
        helper.make_node("ReduceSum", ["x", "k"], ["b"], name="summed"),
        helper.make_node("Add", ["a", "b"], ["y"], name="unknown"),
    ]

    assert refused(nodes, feeds) == [
        "node shaped (Reshape, ai.onnx version 21): the shape of Reshape is computed at run time; "
        'fix the input it follows from with compile(..., constants={name: value}); here that is "'
        'sizes"',
        "node summed (ReduceSum, ai.onnx version 13): axes of ReduceSum is computed at run time; "
        'fix the input it follows from with compile(..., constants={name: value}); here that is "'
        'k"',
    ]


def test_models_that_outgrow_a_memory_are_refused() -> None:
    feeds = {"x": np.zeros(1, np.float32)}
    nodes = [
        helper.make_node("Expand", ["x", "shape"], ["a"]),
        helper.make_node("Exp", ["a"], ["y"]),
        helper.make_node("CumSum", ["y", "axis"], ["z"]),
    ]
    weights = {"shape": np.array([3 << 28]), "axis": np.array(0)}

    with pytest.raises(UnsupportedShapeError, match=r"needs 6\.0 GiB of memory, and WebAssembly"):
        edgesite.compile(model_of(nodes, feeds, ["y", "z"], weights))


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"not a model"])
def test_broken_files_are_model_errors(content: bytes) -> None:
    with pytest.raises(ModelError):
        edgesite.compile(content)


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(EdgesiteError, match=r"absent\.onnx"):
        edgesite.compile(tmp_path / "absent.onnx")


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "inputs are"),
        ({**FEEDS, "z": FEEDS["x"]}, "inputs are"),
        ({"x": FEEDS["x"].astype(np.float64)}, r"got float64\[2, 3\], wants float32\[2, 3\]"),
        ({"x": FEEDS["x"].T}, r"got float32\[3, 2\]"),
        ({"x": [1.0, 2.0]}, "got float64"),
    ],
)
def test_feeds_that_do_not_fit_are_refused(feeds: dict[str, Array], message: str) -> None:
    compiled = edgesite.compile(small_model())

    with pytest.raises(UsageError, match=message):
        compiled.run(feeds)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(UsageError, match="use simd or relaxed"):
        edgesite.compile(small_model()).run(FEEDS, target="mmx")  # type: ignore[arg-type]


def test_graphs_are_printed_after_passes_that_changed_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGESITE_EXPLAIN", "1")
    edgesite.compile(small_model())

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "# fuse_epilogues\ninput x: float32[2, 3]\n" in printed.err
    assert "# inline_scalars" not in printed.err.split("# fuse_epilogues")[1]


def test_nothing_is_printed_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EDGESITE_EXPLAIN", raising=False)
    edgesite.compile(small_model())

    assert capsys.readouterr() == ("", "")


# Files


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The JavaScript part, if it was not bundled here."""
    from edgesite.targets import artifacts

    if not (artifacts._BUNDLES / "model.js").exists():
        stand_in = tmp_path / "model.js"
        stand_in.write_text("export const manifest = __EDGESITE_MANIFEST__;\n")
        monkeypatch.setattr(artifacts, "_BUNDLES", tmp_path)


@pytest.mark.usefixtures("bundle")
def test_what_is_saved_loads_and_answers_the_same(tmp_path: Path) -> None:
    compiled = edgesite.compile(small_model())
    folder = tmp_path / "out" / "model"

    compiled.save(folder)
    loaded = edgesite.load(folder)

    assert loaded == compiled
    np.testing.assert_array_equal(loaded.run(FEEDS)["y"], compiled.run(FEEDS)["y"])


@pytest.mark.usefixtures("bundle")
def test_saving_again_replaces_all_files(tmp_path: Path) -> None:
    edgesite.compile(open_model(), {"x": [1, 1]}).save(tmp_path / "m")
    compiled = edgesite.compile(small_model())

    compiled.save(tmp_path / "m")

    assert {path.name for path in (tmp_path / "m").iterdir()} == set(compiled.files())
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["m"]


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(
    "files", [["notes.txt"], ["manifest.json", "index.html"], ["model.js", "weights.bin"]]
)
def test_folders_with_other_files_are_not_replaced(tmp_path: Path, files: list[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("precious")

    with pytest.raises(UsageError, match="name another folder"):
        edgesite.compile(small_model()).save(folder)

    assert {path.read_text() for path in folder.iterdir()} == {"precious"}


@pytest.mark.usefixtures("bundle")
def test_a_file_in_the_place_of_the_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("precious")

    with pytest.raises(UsageError, match="name another folder"):
        edgesite.compile(small_model()).save(tmp_path / "taken")


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("kind", ["weights", "model.simd", "model.relaxed"])
def test_damaged_files_do_not_load(tmp_path: Path, kind: str) -> None:
    edgesite.compile(small_model()).save(tmp_path / "m")
    path = next((tmp_path / "m").glob(f"{kind}.*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(ModelError, match="has changed since it was written"):
        edgesite.load(tmp_path / "m")


@pytest.mark.usefixtures("bundle")
def test_missing_files_do_not_load(tmp_path: Path) -> None:
    edgesite.compile(small_model()).save(tmp_path / "m")
    next((tmp_path / "m").glob("weights.*")).unlink()

    with pytest.raises(ModelError, match="is missing; compile the model again"):
        edgesite.load(tmp_path / "m")


@pytest.mark.usefixtures("bundle")
def test_a_manifest_without_a_module_does_not_load(tmp_path: Path) -> None:
    edgesite.compile(small_model()).save(tmp_path / "m")
    path = tmp_path / "m" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["modules"]["relaxed"]
    path.write_text(json.dumps(manifest))

    with pytest.raises(ModelError, match="compile the model again"):
        edgesite.load(tmp_path / "m")


@pytest.mark.parametrize("content", [None, "", "{}", '{"name": "another kind of manifest"}'])
def test_folders_without_a_model_do_not_load(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)

    with pytest.raises(ModelError, match=r"manifest\.json"):
        edgesite.load(tmp_path)


# Graphs at the edge


def identity_graph(outputs: list[str], nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    """A model with inputs x and spare, and a weight."""
    weights = {"w": np.arange(4, dtype=np.float32)}
    return model_of(nodes, {**FEEDS, "spare": np.zeros(1, np.int64)}, outputs, weights)


RELU = helper.make_node("Relu", ["x"], ["y"])


@pytest.mark.parametrize(
    "outputs",
    [["y"], ["y", "x"], ["x"], ["w", "y"], ["w"]],
    ids=["unused input", "input too", "input alone", "constant too", "constant alone"],
)
def test_outputs_may_be_inputs_and_constants(outputs: list[str]) -> None:
    model = identity_graph(outputs, [RELU])
    feeds: dict[str, Array] = {"x": -FEEDS["x"] + 2, "spare": np.zeros(1, np.int64)}
    values = {"x": feeds["x"], "y": np.maximum(feeds["x"], 0), "w": np.arange(4, dtype=np.float32)}

    got = edgesite.compile(model).run(feeds)

    assert list(got) == outputs
    for name in outputs:
        np.testing.assert_array_equal(got[name], values[name])


def test_two_outputs_may_be_the_same_value() -> None:
    nodes = [
        RELU,
        helper.make_node("Identity", ["y"], ["a"]),
        helper.make_node("Identity", ["y"], ["b"]),
    ]

    assert_answers_alike(model_of(nodes, FEEDS, ["a", "b", "y"]), FEEDS)


def test_the_input_may_be_called_as_a_weight_inside() -> None:
    feeds = {"c0": np.full(4, 2, np.float32), "t0": np.full((1, 4), 3, np.float32)}
    weights = {"w": np.arange(4, dtype=np.float32)}
    nodes = [
        helper.make_node("Add", ["c0", "w"], ["a"]),
        helper.make_node("Mul", ["a", "t0"], ["y"]),
    ]

    assert_answers_alike(model_of(nodes, feeds, ["a", "y"], weights), feeds)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 3)])
def test_tensors_without_elements_pass_through(shape: tuple[int, ...]) -> None:
    feeds = {"x": np.zeros(shape, np.float32), "z": np.ones((1, *shape[1:]), np.float32)}
    nodes = [
        helper.make_node("Exp", ["x"], ["e"]),
        helper.make_node("Concat", ["e", "z"], ["y"], axis=0),
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
    ]
    if len(shape) == 3:
        nodes = nodes[::2]

    outputs = [node.output[0] for node in nodes]
    assert_answers_alike(model_of(nodes, feeds, outputs), feeds)


def test_a_product_over_nothing_is_zero() -> None:
    feeds = {"a": np.zeros((2, 0), np.float32), "b": np.zeros((0, 3), np.float32)}
    model = model_of([helper.make_node("MatMul", ["a", "b"], ["y"])], feeds, ["y"])

    np.testing.assert_array_equal(edgesite.compile(model).run(feeds)["y"], np.zeros((2, 3)))


# The modules


def cnn(rng: np.random.Generator) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Convolutions of several kinds, with halos and a residual."""
    feeds = {"x": rng.standard_normal((1, 3, 12, 12)).astype(np.float32)}
    weights = {
        "stem": (rng.standard_normal((8, 3, 3, 3)) / 5).astype(np.float32),
        "deep": (rng.standard_normal((8, 1, 3, 3)) / 3).astype(np.float32),
        "point": (rng.standard_normal((8, 8, 1, 1)) / 3).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "deep"], ["d"], pads=[1] * 4, group=8),
        helper.make_node("Conv", ["d", "point"], ["p"]),
        helper.make_node("Add", ["p", "r"], ["s"]),
        helper.make_node("Softmax", ["s"], ["y"], axis=1),
    ]
    return model_of(nodes, feeds, ["y"], weights), feeds


def test_a_run_does_not_depend_on_what_ran_before(rng: np.random.Generator) -> None:
    model, feeds = cnn(rng)
    compiled = edgesite.compile(model)
    other = {"x": np.full((1, 3, 12, 12), 1e30, np.float32)}

    first = compiled.run(feeds)["y"]
    compiled.run(other)
    again = compiled.run(feeds)["y"]

    np.testing.assert_array_equal(first, again)


def test_halos_are_zero_even_where_memory_was_not(rng: np.random.Generator) -> None:
    model, feeds = cnn(rng)
    compiled = edgesite.compile(model)
    machine = Machine(compiled)
    clean = machine.run(feeds)

    machine.spoil()

    np.testing.assert_array_equal(machine.run(feeds), clean)


def test_warming_up_changes_nothing(rng: np.random.Generator) -> None:
    model, feeds = cnn(rng)
    machine = Machine(edgesite.compile(model))
    before = machine.memory()

    machine.call("warm", 3)

    assert machine.memory() == before
    assert np.isfinite(machine.run(feeds)).all()


def test_the_simd_module_needs_no_relaxed_instructions(rng: np.random.Generator) -> None:
    compiled = edgesite.compile(cnn(rng)[0])
    config = wasmtime.Config()
    config.wasm_relaxed_simd = False
    engine = wasmtime.Engine(config)

    wasmtime.Module.validate(engine, compiled.modules["simd"])
    with pytest.raises(wasmtime.WasmtimeError):
        wasmtime.Module.validate(engine, compiled.modules["relaxed"])


def test_modules_do_not_depend_on_the_order_of_sets(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    onnx.save(cnn(rng)[0], tmp_path / "m.onnx")
    script = (
        "import edgesite, sys; m = edgesite.compile(sys.argv[1]);"
        "print(m.manifest.model_dump_json())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "m.onnx")],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("1", "77")
    }  # fmt: skip

    assert len(printed) == 1


class Machine:
    """An instance of a model's simd module whose memory a test may look into."""

    def __init__(self, compiled: edgesite.CompiledModel) -> None:
        self.manifest = compiled.manifest
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        module = wasmtime.Module(engine, compiled.modules["simd"])
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self._memory = memory_of(self.exports)
        self._memory.write(self.store, compiled.weights, self.manifest.weights.offset)
        self.call("init")

    def call(self, name: str, *arguments: int) -> None:
        function_of(self.exports, name)(self.store, *arguments)

    def memory(self) -> bytes:
        return bytes(self._memory.read(self.store))

    def spoil(self) -> None:
        """Fill everything behind the weights with nans."""
        start = self.manifest.weights.offset + self.manifest.weights.size_bytes
        length = self.manifest.memory_pages * 65536 - start
        self._memory.write(self.store, b"\xff" * length, start)

    def run(self, feeds: dict[str, Array]) -> Array:
        (given,), (made,) = self.manifest.inputs, self.manifest.outputs
        self._memory.write(self.store, feeds[given.name].tobytes(), given.offset)
        self.call("run")
        return np.frombuffer(
            self.memory()[made.offset : made.offset + made.size_bytes], made.dtype
        ).reshape(made.shape)


def test_the_reference_of_these_tests_is_onnxruntime() -> None:
    expected = np.maximum(FEEDS["x"] @ np.eye(3, 4, dtype=np.float32) - 1.5, 0)

    np.testing.assert_allclose(answers_of(small_model(), FEEDS)["y"], expected)
    assert_answers_alike(small_model(), FEEDS)
