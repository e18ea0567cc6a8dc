"""Inputs and outputs of models that are lists of tensors, in Python and in JavaScript."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

import edgesite
from edgesite.cli.app import shapes
from edgesite.errors import UnsupportedTypeError, UsageError
from edgesite.verify import verify

X = [np.arange(6, dtype=np.float32).reshape(2, 3), np.full((1, 3), 7, np.float32)]
SHAPES = {"x": [(2, 3), (1, 3)]}

BODIES = {
    "insert": "at = Constant <value_int = 0> () y = SequenceInsert(x, t, at)",
    "join": "y = ConcatFromSequence <axis = 0> (x)",
    "map": (
        "y = SequenceMap <body = b (float[A, 3] one, float[1, 3] two) => (float[A, 3] z)"
        " { z = Add(one, two) }> (x, t)"
    ),
    "split": "y = SplitToSequence <axis = 1> (t)",
}
T = np.ones((1, 3), np.float32)


def model_of(body: str) -> onnx.ModelProto:
    gives = "float[3, 3] y" if "Concat" in body else "seq(float[A, 3]) y"
    return parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]>'
        f"g (seq(float[A, 3]) x, float[1, 3] t) => ({gives}) {{ {body} }}"
    )


def expected(model: onnx.ModelProto) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["y"], {"x": X, "t": T})[0]


@pytest.mark.parametrize("body", BODIES)
def test_lists_go_in_and_out_as_in_onnxruntime(body: str) -> None:
    model = model_of(BODIES[body])
    wanted = expected(model)

    got = edgesite.compile(model, SHAPES).run({"x": X, "t": T})["y"]

    assert type(got) is type(wanted)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("body", BODIES)
def test_lists_are_verified(body: str, tmp_path: Path) -> None:
    model = model_of(BODIES[body])
    onnx.save(model, tmp_path / "model.onnx")

    assert verify(edgesite.compile(model, SHAPES), tmp_path / "model.onnx").max_difference == 0


def test_lists_of_several_lengths_choose_the_model_that_runs() -> None:
    model = model_of(BODIES["join"])
    compiled = edgesite.compile(model, [SHAPES, {"x": [(3, 3)]}])

    assert compiled.run({"x": X, "t": T})["y"].shape == (3, 3)
    assert compiled.run({"x": [np.zeros((3, 3), np.float32)], "t": T})["y"].shape == (3, 3)


def test_a_list_of_another_length_is_refused() -> None:
    compiled = edgesite.compile(model_of(BODIES["join"]), SHAPES)

    with pytest.raises(UsageError, match=r"feeds \['t', 'x\[0\]'\]: the model's inputs are"):
        compiled.run({"x": X[:1], "t": T})


def test_a_list_of_unknown_length_is_refused_with_what_to_give() -> None:
    with pytest.raises(UnsupportedTypeError, match="a sequence of unknown length; give the shape"):
        edgesite.compile(model_of(BODIES["join"]))


def test_the_command_line_takes_the_shapes_of_a_list() -> None:
    assert shapes(["x=2,3;1,3", "y=4"]) == {"x": [(2, 3), (1, 3)], "y": 4}


SCRIPT = """
import { load } from "./model/model.mjs";
const answers = [];
for (const worker of [false, true]) {
  const model = await load({ worker });
  const x = [Float32Array.of(0, 1, 2, 3, 4, 5), Float32Array.of(7, 7, 7)];
  const { y } = await model.run({ x, t: Float32Array.of(1, 1, 1) });
  answers.push(y.map((one) => [...one]));
  await model.close();
}
console.log(JSON.stringify(answers));
"""


def test_lists_go_in_and_out_in_javascript(tmp_path: Path) -> None:
    model = model_of(BODIES["map"])
    edgesite.compile(model, SHAPES).save(tmp_path / "model")
    (tmp_path / "model" / "model.js").rename(tmp_path / "model" / "model.mjs")
    (tmp_path / "run.mjs").write_text(SCRIPT)

    done = subprocess.run(
        ["node", tmp_path / "run.mjs"], capture_output=True, text=True, timeout=300, check=False
    )

    assert done.stderr == ""
    assert json.loads(done.stdout) == [[one.ravel().tolist() for one in expected(model)]] * 2


def test_lists_are_declared(tmp_path: Path) -> None:
    edgesite.compile(model_of(BODIES["insert"]), SHAPES).save(tmp_path / "model")

    declared = (tmp_path / "model" / "model.d.ts").read_text()
    assert declared.count('"x": readonly (Float32Array)[];') == 1
    assert declared.count('"y": readonly (Float32Array)[];') == 1
