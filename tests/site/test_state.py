"""`state` in demo.yaml: what a demo's model keeps between pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from onnx import TensorProto, helper

from edgesite.errors import ConfigError
from edgesite.site.build import check
from tests.site.models import graph_of
from tests.sites import edit, pages_of

if TYPE_CHECKING:
    from pathlib import Path

SCORES = (TensorProto.FLOAT, (1, 3))


@pytest.fixture
def averaging(demo: Path) -> Path:
    """A demo whose scores are half those of the picture before."""
    nodes = [
        helper.make_node("Constant", [], ["half"], value_float=0.5),
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[-2, -1], keepdims=0),
        helper.make_node("Add", ["means", "past"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["scores"]),
        helper.make_node("Identity", ["scores"], ["present"]),
    ]
    inputs = {"image": (TensorProto.FLOAT, (1, 3, 32, 32)), "past": SCORES}
    model = graph_of(nodes, inputs, {"scores": SCORES, "present": SCORES})
    (demo / "model.onnx").write_bytes(model)
    return demo / "demo.yaml"


def test_a_state_is_neither_the_picture_nor_the_answer(averaging: Path, site: Path) -> None:
    edit(averaging, "labels: labels.txt", "state: {present: past}\nlabels: labels.txt")

    (page,) = pages_of(site)

    assert [info["name"] for info in page.manifest["inputs"]] == ["image"]
    assert [info["output"] for info in page.manifest["state"]] == ["present"]


def test_a_state_that_the_model_has_not_is_told_at_its_line(averaging: Path, site: Path) -> None:
    edit(averaging, "labels: labels.txt", "state: {presnt: past}\nlabels: labels.txt")

    with pytest.raises(ConfigError) as error:
        check(site)

    assert str(error.value).endswith(
        "demos/colours/demo.yaml:14:8: state: the model has no output presnt; did you mean present?"
    )
