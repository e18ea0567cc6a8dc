"""Operators that compute each element on its own."""

from __future__ import annotations

from edgesite.ir import Tensor, apply, elementwise, select
from edgesite.ops.registry import operator


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    """x where x is not negative, alpha * x elsewhere."""
    return elementwise(lambda e: select(e < 0, e * alpha, e), x)


@operator("Exp")
def exp(x: Tensor) -> Tensor:
    """e to the power of x."""
    return apply("exp", x)
