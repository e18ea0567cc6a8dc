"""What onnxruntime, or onnx's reference where onnxruntime cannot, answers for one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.reference import ReferenceEvaluator

from tests.ops.interpreter import run_node

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tests.ops.interpreter import Array

# What onnxruntime raises for a model or node that it has no kernel for.
_REFUSALS = (
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
)
_UNFEEDABLE = ("bfloat16",)


def assert_node(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any] | None = None,
    opset: int = 21,
    outputs: int = 1,
    *,
    known: Collection[int] = (),
    rtol: float = 1e-5,
    atol: float = 1e-6,
    domain: str = "",
) -> None:
    """Check that a node means what onnxruntime says: shapes, dtypes and elements."""
    got = run_node(op_type, inputs, attributes, opset, outputs, known=known, domain=domain)
    expected = answer(op_type, inputs, attributes, opset, outputs, domain)
    for result, wanted in zip(got, expected, strict=True):
        assert result.dtype == wanted.dtype
        assert result.shape == wanted.shape
        if result.dtype.kind in "fV":
            result, wanted = result.astype(np.float64), wanted.astype(np.float64)
            np.testing.assert_allclose(result, wanted, rtol=rtol, atol=atol)
        else:
            np.testing.assert_array_equal(result, wanted)


def answer(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any] | None = None,
    opset: int = 21,
    outputs: int = 1,
    domain: str = "",
) -> list[Array]:
    """The outputs of one node, by onnxruntime if it can."""
    feeds = {f"input{k}": array for k, array in enumerate(inputs) if array is not None}
    model = one_node(op_type, inputs, attributes or {}, opset, outputs, domain)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if all(array.dtype.name not in _UNFEEDABLE for array in feeds.values()):
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            return list(session.run(None, feeds))
        except _REFUSALS:
            pass
    with np.errstate(all="ignore"):
        return [np.asarray(array) for array in ReferenceEvaluator(model).run(None, feeds)]


def one_node(
    op_type: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any],
    opset: int,
    outputs: int,
    domain: str = "",
) -> onnx.ModelProto:
    """A model of one node; the types of its outputs are inferred."""
    names = ["" if array is None else f"input{k}" for k, array in enumerate(inputs)]
    results = [f"output{k}" for k in range(outputs)]
    declared = [
        make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in zip(names, inputs, strict=True)
        if array is not None
    ]
    node = make_node(op_type, names, results, domain=domain, **attributes)
    graph = make_graph([node], op_type, declared, [onnx.ValueInfoProto(name=n) for n in results])
    opsets = [make_opsetid(domain, opset), *([make_opsetid("", 21)] if domain else [])]
    model = make_model(graph, opset_imports=opsets, ir_version=10)
    return onnx.shape_inference.infer_shapes(model)
