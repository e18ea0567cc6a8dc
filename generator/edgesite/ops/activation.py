"""Activation functions, in forms that neither overflow nor cancel."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

from edgesite.ir import DType, Expr, Tensor, elementwise, maximum, minimum, select, unary
from edgesite.ops.registry import operator


def clamp(e: Expr, low: float, high: float) -> Expr:
    """`e` limited to low from below and high from above."""
    return minimum(maximum(e, low), high)


def softplus(e: Expr) -> Expr:
    """log(1 + exp(e)), whose exponential never overflows."""
    return maximum(e, 0) + unary("log1p", unary("exp", -unary("abs", e)))


def mish(e: Expr) -> Expr:
    """e * tanh(softplus(e)), written as a quotient of polynomials in exp(-|e|)."""
    small = unary("exp", -unary("abs", e))
    negative = e < 0
    numerator = select(negative, small * (small + 2), small * 2 + 1)
    return e * numerator / (numerator + select(negative, 2, small * small * 2))


def register_activation(name: str, function: Callable[[Expr], Expr]) -> None:
    """Enter a row of a table: an activation without parameters."""

    @operator(name)
    def activated(x: Tensor) -> Tensor:
        return elementwise(function, x)


for _name, _function in {
    "HardSwish": lambda e: e * clamp(e * (1 / 6) + 0.5, 0, 1),
    "Mish": mish,
    "Relu": lambda e: maximum(e, 0),
    "Softplus": softplus,
    "Softsign": lambda e: e / (unary("abs", e) + 1),
}.items():
    register_activation(_name, _function)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    """x where x is not negative, alpha * x elsewhere."""
    return elementwise(lambda e: select(e < 0, e * alpha, e), x)


@operator("PRelu", since=7)
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """x where x is not negative, slope * x elsewhere."""
    return elementwise(lambda e, s: select(e < 0, e * s, e), x, slope)


@operator("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x where it is above alpha, else 0."""
    return elementwise(lambda e: select(e > alpha, e, 0), x)


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x where x is not negative, alpha * (exp(x) - 1) elsewhere."""
    return elementwise(lambda e: select(e < 0, unary("expm1", e) * alpha, e), x)


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x where x is not negative, alpha * (exp(x / alpha) - 1) elsewhere."""
    return elementwise(lambda e: select(e < 0, unary("expm1", e / alpha) * alpha, e), x)


@operator("Selu")
def selu(
    x: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Tensor:
    """Elu times gamma, with constants that keep mean and variance."""
    return elementwise(lambda e: select(e < 0, unary("expm1", e) * (alpha * gamma), e * gamma), x)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """alpha * x + beta, limited to 0 and 1."""
    return elementwise(lambda e: clamp(e * alpha + beta, 0, 1), x)


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x * sigmoid(alpha * x)."""
    return elementwise(lambda e: e * unary("sigmoid", e * alpha), x)


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution's probability to be below x, or its tanh approximation."""
    if approximate == "tanh":
        # (1 + tanh(u)) / 2 is sigmoid(2 u), which does not cancel for large negative u.
        scale = 2 * sqrt(2 / pi)
        return elementwise(lambda e: e * unary("sigmoid", (e * e * e * 0.044715 + e) * scale), x)
    return elementwise(lambda e: e * (unary("erf", e * sqrt(0.5)) + 1) * 0.5, x)


@operator("Shrink")
def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    """x moved by `bias` towards 0 where it is further than `lambd` from 0, else 0."""
    wide = x.dtype if x.dtype.is_float else DType.FLOAT64

    def shrunk(e: Expr) -> Expr:
        w = e.cast(wide)
        kept = select(w < -lambd, w + bias, select(w > lambd, w - bias, 0))
        return kept.cast(x.dtype)

    return elementwise(shrunk, x)
