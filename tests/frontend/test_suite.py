"""The official cases of ONNX: each imports, or is refused by one of our own errors.

A sample is run through the reference evaluator before and after, whole and with every
operator replaced by its body; both must say what the suite expects.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner
from onnx.reference import ReferenceEvaluator
from tests.frontend.reassembly import reassembled

from edgesite.errors import EdgesiteError
from edgesite.frontend import StaticGraph, import_model

# One case in 4 is imported, one in 16 evaluated: a third of a minute instead of three.
IMPORTED, EVALUATED = 4, 16

# The evaluator stacks the scalars a Loop puts out as columns, as the body of Range does.
MISJUDGED = ("affine_grid", "range", "window")


@pytest.fixture(scope="module")
def cases() -> list[TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's overflow while the cases are generated
        found = load_model_tests(kind="node")
    return sorted(found, key=lambda case: case.name)[::IMPORTED]


def is_tensor(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind not in "OUS"


def model_of(case: TestCase) -> onnx.ModelProto:
    assert case.model is not None, case.name
    return case.model


def feeds_of(model: onnx.ModelProto, inputs: Sequence[Any]) -> dict[str, Any]:
    return {value.name: array for value, array in zip(model.graph.input, inputs, strict=False)}


def test_official_cases_import_or_are_refused(cases: list[TestCase]) -> None:
    refused = {}
    for case in cases:
        try:
            graph = import_model(model_of(case))
        except EdgesiteError as error:
            refused[case.name] = str(error)
        else:
            declared = {value.name: declared_shape(value) for value in model_of(case).graph.output}
            inferred = {value.name: value.shape for value in graph.outputs}
            assert list(inferred) == list(declared)
            assert {n: s for n, s in inferred.items() if declared[n] is not None} == {
                n: s for n, s in declared.items() if s is not None
            }

    assert all("tensor" in reason or "scans a batch" in reason for reason in refused.values())
    assert len(refused) < 0.02 * len(cases)


def declared_shape(value: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    proto = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not proto.HasField("shape"):
        return None
    dims = tuple(dim.dim_value for dim in proto.shape.dim if dim.HasField("dim_value"))
    return dims if len(dims) == len(proto.shape.dim) else None


@pytest.mark.parametrize("whole", [True, False])
def test_official_cases_keep_their_meaning(cases: list[TestCase], whole: bool) -> None:
    evaluated = 0
    for case in cases[:: EVALUATED // IMPORTED]:
        try:
            graph = import_model(model_of(case), supported=lambda *_: whole)
        except EdgesiteError:
            continue
        if any(part in case.name for part in MISJUDGED):
            continue
        evaluated += check_meaning(case, graph)

    assert evaluated > 60


def check_meaning(case: TestCase, graph: StaticGraph) -> int:
    """Compare what the graph answers with what the suite expects; the number of comparisons."""
    compared = 0
    assert case.data_sets is not None, case.name
    for inputs, expected in case.data_sets:
        if not all(map(is_tensor, [*inputs, *expected])):
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            evaluator = ReferenceEvaluator(reassembled(graph))
            answers = list(evaluator.run(None, feeds_of(model_of(case), inputs)))
        Runner.assert_similar_outputs(expected, answers, case.rtol, case.atol)
        compared += 1
    return compared
