"""Evaluate nodes whose answer does not depend on what the model is asked.

onnx's reference evaluator computes the answers. An answer is taken only if it has the
element type and the shape that inference expects, and if it does not swell the weights:
what is one number repeated, or a compressed form of something large, stays a node.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import FunctionProto, NodeProto, TypeProto
from onnx.reference import ReferenceEvaluator

from edgesite.frontend.types import dtype_of, shape_of

Array = np.ndarray[Any, Any]

# 64 KiB: below this, a constant costs less than the code that would compute it.
_SMALL_BYTES = 1 << 16
# 4096 elements: the evaluator runs these in Python loops, about a microsecond each.
_SLOW_LIMIT = 4096

# 2**48 elements: numpy counts in 64 bits, bytes included; no machine has that many.
_INDEX_LIMIT = 1 << 48

SHAPE_ONLY = frozenset({"Shape", "Size", "EyeLike"})
"""Operators that look at the shape of their input, not at its elements."""

_RANDOM = frozenset(
    {
        "Bernoulli",
        "Dropout",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
"""Operators that may answer differently each time."""

_VALUE_SIZED = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})
"""Operators whose answer is at most about as large as what they are given."""

_WHOLE = frozenset({"DequantizeLinear"})
"""Operators that say how whole numbers are meant, of which kernels for whole numbers live."""

_AS_LONG_AS_TOLD = frozenset({"TfIdfVectorizer"})
"""Operators that the evaluator takes as long for as an attribute says, whatever the operands."""

_SLOW = frozenset(
    {
        "AveragePool",
        "Col2Im",
        "Conv",
        "ConvInteger",
        "ConvTranspose",
        "DeformConv",
        "GRU",
        "GridSample",
        "LSTM",
        "LpPool",
        "MaxPool",
        "MaxRoiPool",
        "MaxUnpool",
        "NonMaxSuppression",
        "QLinearConv",
        "RNN",
        "Resize",
        "RoiAlign",
        "ScatterElements",
        "ScatterND",
        "TopK",
        "Upsample",
    }
)


def fold(
    node: NodeProto,
    opset: int,
    operands: Sequence[Array | None],
    expected: Mapping[str, TypeProto],
) -> dict[str, Array] | None:
    """The answers of a node for constant operands, by output; None where it stays a node.

    `operands` are the inputs in order, None where omitted; `expected` has what is known of
    the outputs' types.
    """
    if node.op_type in _RANDOM or not _is_small_enough(node, operands, expected):
        return None
    arrays = _evaluated(node, opset, operands)
    if arrays is None:
        return None
    fitting = {name: _fitting(array, expected.get(name)) for name, array in arrays.items()}
    answers = {name: array for name, array in fitting.items() if array is not None}
    return answers if len(answers) == len(fitting) else None


def stand_in(proto: TypeProto | None) -> Array | None:
    """An array of a type, without elements of its own, for operators that look at shapes alone."""
    dtype, shape = dtype_of(proto), shape_of(proto)
    if dtype is None or shape is None or math.prod(shape) > _INDEX_LIMIT:
        return None
    return np.broadcast_to(np.zeros((), dtype), shape)


def _is_small_enough(
    node: NodeProto, operands: Sequence[Array | None], expected: Mapping[str, TypeProto]
) -> bool:
    """Whether the answers are known, before they exist, not to outgrow the operands."""
    given = sum(array.nbytes for array in operands if array is not None)
    if node.op_type in _AS_LONG_AS_TOLD or (node.op_type in _SLOW and given > _SLOW_LIMIT):
        return False
    if node.op_type in _VALUE_SIZED:
        return given <= _SMALL_BYTES
    made = 0
    for name in filter(None, node.output):
        dtype, shape = dtype_of(expected.get(name)), shape_of(expected.get(name))
        if dtype is None or shape is None:
            return False
        made += math.prod(shape) * dtype.itemsize
        if node.op_type in _WHOLE and math.prod(shape) > 1:
            return False
    return made <= max(given if node.op_type not in SHAPE_ONLY else 0, _SMALL_BYTES)


def _evaluated(
    node: NodeProto, opset: int, operands: Sequence[Array | None]
) -> dict[str, Array] | None:
    """What the reference evaluator answers, None where it cannot."""
    feeds = {name: array for name, array in zip(node.input, operands, strict=True) if name}
    names = [name for name in node.output if name]
    function = FunctionProto(name="fold", domain="edgesite", node=[node])
    function.input.extend(feeds)
    function.output.extend(names)
    function.opset_import.add(domain=node.domain, version=opset)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers = ReferenceEvaluator(function).run(None, feeds, {})
    except Exception:  # whatever the evaluator stumbles over, the node is kept
        return None
    if not all(isinstance(answer, np.ndarray | np.generic) for answer in answers):
        return None
    return dict(zip(names, map(np.asarray, answers), strict=True))


def _fitting(array: Array, expected: TypeProto | None) -> Array | None:
    """The array in the type expected; None where the evaluator's answer is of another kind.

    The evaluator computes some float32 operators in float64, and returns that.
    """
    dtype, shape = dtype_of(expected), shape_of(expected)
    if dtype is None or (shape is not None and array.shape != shape):
        return None
    if array.dtype != dtype:
        if array.dtype.kind != dtype.kind:
            return None
        array = array.astype(dtype)
    return array
