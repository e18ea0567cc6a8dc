"""Operators that compare, combine truth values and bits, and choose."""

from __future__ import annotations

from functools import partial

from edgesite.ir import Tensor, binary, where
from edgesite.ops.arithmetic import register_binary
from edgesite.ops.registry import operator

for _name, _op in {
    "And": "and",
    "BitwiseAnd": "and",
    "BitwiseOr": "or",
    "BitwiseXor": "xor",
    "Equal": "eq",
    "Greater": "gt",
    "GreaterOrEqual": "ge",
    "Less": "lt",
    "LessOrEqual": "le",
    "Or": "or",
    "Xor": "xor",
}.items():
    register_binary(_name, partial(binary, _op))


@operator("Where")
def choose(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x where the condition holds, else y."""
    return where(condition, x, y)
