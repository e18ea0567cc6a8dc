"""The models that mutants are made of: small ones, and real ones where they are."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
from onnx.backend.test.loader import load_model_tests

EXPORTED = Path(__file__).parents[1] / "exported" / "models"
REAL = Path(__file__).parents[3] / "shared" / "models"


def models(*, official: bool) -> tuple[list[bytes], list[bytes]]:
    """Small models, and trained ones of others, if they are here.

    The small ones are the `official` cases of ONNX, of one operator each, which take seconds to
    be made; or else what exporters make of small networks.
    """
    exported = [path.read_bytes() for path in sorted(EXPORTED.glob("*.onnx"))]
    real = [path.read_bytes() for path in sorted(REAL.glob("*.onnx"))]
    # Symbols would keep most real models from coming any further than their inputs.
    return (_official() if official else exported), [_bound(data) for data in (*real, *exported)]


def _official() -> list[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's overflow while the cases are generated
        cases = sorted(load_model_tests(kind="node"), key=lambda case: case.name)
    return [case.model.SerializeToString() for case in cases if case.model is not None]


def _bound(data: bytes) -> bytes:
    """The model with every symbol of its inputs replaced by a size."""
    model = onnx.load_from_string(data)
    sizes = {"sequence": 576, "H": 257, "W": 257, "height": 240, "width": 320}
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.dim_value:
                dim.dim_value = sizes.get(dim.dim_param, 1 if axis == 0 else 64)
    return model.SerializeToString()
