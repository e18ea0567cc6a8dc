"""What a program's time goes into, from shapes alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import helper

import edgesite
from edgesite.compiler import explain
from edgesite.targets.wasm.explain import table
from tests.models import model_of


@pytest.fixture
def model(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A large convolution, a pooling, and a small convolution."""
    feeds = {"x": np.zeros((1, 16, 32, 32), np.float32)}
    weights = {
        "v": rng.standard_normal((64, 16, 3, 3), dtype=np.float32),
        "w": rng.standard_normal((4, 64, 1, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["a"], name="large", pads=[1] * 4),
        helper.make_node("MaxPool", ["a"], ["b"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["b", "w"], ["y"], name="small"),
    ]
    path = tmp_path / "model.onnx"
    onnx.save(model_of(nodes, feeds, ["y"], weights), path)
    return path


def test_every_operator_is_listed_with_its_kernels_and_work(model: Path) -> None:
    rows = {row.origin: row for row in explain(model)}

    assert {"large", "pool", "small"} <= rows.keys()
    assert any(name.startswith("winograd4") for name in rows["large"].kernels)
    assert rows["large"].macs == 32 * 32 * 64 * 16 * 9
    assert rows["pool"].macs == 0
    assert rows["pool"].size_bytes == 64 * (32 * 32 + 16 * 16) * 4


def test_tiles_are_listed_for_both_feature_levels(model: Path) -> None:
    rows = {row.origin: row for row in explain(model)}

    assert "6x8 or 5x8" in rows["large"].tiles
    assert rows["small"].tiles == ("8x4",)
    assert rows["pool"].tiles[0] == ""


def test_no_transpose_is_left_between_convolutions(model: Path) -> None:
    rows = explain(model)

    assert sum(row.transposes for row in rows) == 0
    assert table(rows)[-1].startswith("transposes: 0 between layers, ")


def test_columns_that_are_packed_for_tiles_count_as_transposed(tmp_path: Path) -> None:
    feeds = {"x": np.zeros((40, 32), np.float32), "z": np.zeros((32, 24), np.float32)}
    nodes = [
        helper.make_node("Softmax", ["z"], ["a"]),
        helper.make_node("MatMul", ["x", "a"], ["y"]),
    ]
    path = tmp_path / "packed.onnx"
    onnx.save(model_of(nodes, feeds, ["y"]), path)

    assert [row.origin for row in explain(path) if row.transposes] == ["pack"]


def test_predicted_shares_add_up_and_favour_the_large(model: Path) -> None:
    rows = explain(model)

    assert sum(row.share for row in rows) == pytest.approx(1)
    assert max(rows, key=lambda row: row.share).origin == "large"


def test_the_table_has_a_line_per_operator(model: Path) -> None:
    rows = explain(model)
    heading, *lines = table(rows)

    assert heading.split()[:4] == ["share", "Mmac", "KB", "operator:"]
    assert [line.split("  ")[-1].split(":")[0] for line in lines[:-1]] == [
        row.origin or "-" for row in rows
    ]


def test_a_run_is_brief_where_it_is_short_whatever_it_is_given(model: Path) -> None:
    assert edgesite.compile(model).manifest.brief


def test_a_run_is_not_brief_where_much_is_multiplied(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    weights = {"w": rng.standard_normal((1000, 1000), dtype=np.float32)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    path = tmp_path / "large.onnx"
    onnx.save(model_of(nodes, {"x": np.zeros((100, 1000), np.float32)}, ["y"], weights), path)

    assert not edgesite.compile(path).manifest.brief


def test_a_run_is_not_brief_where_data_decide_how_long_it_takes() -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 9, opset_import: ["" : 19]>
        g (int64 n, float[2] x) => (float[2] y) {
            y = Loop(n, , x) <
                body = b (int64 i, bool go, float[2] before) => (bool on, float[2] after) {
                    on = Identity(go)
                    after = Add(before, before)
                }
            >
        }
    """)

    assert not edgesite.compile(model).manifest.brief
