"""Operators that are one mathematical function of every element."""

from __future__ import annotations

from edgesite.ir import DType, Tensor, apply, elementwise, unary
from edgesite.ops.registry import operator


def register_function(name: str, function: str) -> None:
    """Enter a row of a table: an operator that is one unary operation of the ir."""

    @operator(name)
    def applied(x: Tensor) -> Tensor:
        return apply(function, x)


for _name, _function in {
    "Abs": "abs",
    "Acos": "acos",
    "Acosh": "acosh",
    "Asin": "asin",
    "Asinh": "asinh",
    "Atan": "atan",
    "Atanh": "atanh",
    "BitwiseNot": "bit_not",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Exp": "exp",
    "Floor": "floor",
    "IsNaN": "isnan",
    "Log": "log",
    "Neg": "neg",
    "Not": "not",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Tan": "tan",
    "Tanh": "tanh",
}.items():
    register_function(_name, _function)


def through_float(function: str, x: Tensor) -> Tensor:
    """A unary operation, which for integers is computed in floats and truncated."""
    if x.dtype.is_float:
        return apply(function, x)
    return elementwise(lambda e: unary(function, e.cast(DType.FLOAT64)).cast(x.dtype), x)


@operator("Erf")
def erf(x: Tensor) -> Tensor:
    """The error function."""
    return through_float("erf", x)


@operator("IsInf")
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    """Whether x is an infinity of a sign that is looked for."""
    if detect_negative and detect_positive:
        return apply("isinf", x)
    if not (detect_negative or detect_positive):
        return x.like(False, DType.BOOL).expand(x.shape)
    return elementwise(lambda e: unary("isinf", e) & (e > 0 if detect_positive else e < 0), x)
