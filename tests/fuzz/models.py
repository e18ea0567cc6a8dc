"""The models that mutants are made of: the official cases of ONNX, and real ones where they are."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
from onnx.backend.test.loader import load_model_tests

REAL = Path(__file__).parents[3] / "shared" / "models"


def models() -> tuple[list[bytes], list[bytes]]:
    """Official models of one operator each, and trained models of others, if they are here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's overflow while the cases are generated
        cases = sorted(load_model_tests(kind="node"), key=lambda case: case.name)
    small = [case.model.SerializeToString() for case in cases if case.model is not None]
    real = [path.read_bytes() for path in sorted(REAL.glob("*.onnx"))]
    # Symbols would keep most real models from coming any further than their inputs.
    return small, [_bound(data) for data in real]


def _bound(data: bytes) -> bytes:
    """The model with every symbol of its inputs replaced by a size."""
    model = onnx.load_from_string(data)
    sizes = {"sequence": 576, "H": 257, "W": 257, "height": 240, "width": 320}
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.dim_value:
                dim.dim_value = sizes.get(dim.dim_param, 1 if axis == 0 else 64)
    return model.SerializeToString()
