"""Outputs whose size follows from data, under Node: what counts of them is returned."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

import edgesite
from edgesite.targets import artifacts
from tests.models import model_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

RUNS = [[0, 1, 0, 2, 0, 3], [0] * 6, [1] * 6, [0, 0, 0, 0, 0, 1]]


def test_an_output_is_as_long_as_its_count_says(
    bundle: Callable[[str], Path],
    node: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(bundle("runtime/model.ts"), tmp_path / "model.js")
    monkeypatch.setattr(artifacts, "_BUNDLES", tmp_path)
    feeds = {"x": np.zeros((2, 3), np.float32)}
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    edgesite.compile(model_of(nodes, feeds, ["y"])).save(tmp_path / "m")

    answers = node("counts.mjs", tmp_path / "m", json.dumps(RUNS))

    wanted = [np.stack(np.nonzero(np.reshape(run, (2, 3)))).ravel().tolist() for run in RUNS]
    assert answers == wanted
