"""What is known of whole numbers: between what they lie."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from edgesite.ir import (
    INDEX,
    Axis,
    DType,
    Expr,
    Load,
    Map,
    Node,
    Reduce,
    Result,
    Value,
    const,
    select,
)
from edgesite.ir.expr import maximum, minimum, unary
from edgesite.ir.quantized import Limits, fused, limits, magnitude, sum_of_bytes

BYTES = Value("x", (4,), DType.UINT8)
AXIS = Axis(INDEX, 0, 4)


def read(value: Value) -> Expr:
    return Load(value.dtype, value, (AXIS,)).cast(DType.INT32)


def centred(name: str, zero: int) -> Map:
    body = (read(BYTES) - zero).cast(DType.INT16)
    return Map(Value(name, (4,), DType.INT16), body, "")


def limits_of(*nodes: Node) -> Limits | None:
    """Those of what the last node makes."""
    return limits(nodes[-1].output, {node.output: node for node in nodes})


def test_bytes_lie_within_their_type() -> None:
    assert limits(BYTES, {}) == (0, 255)


def test_of_wider_numbers_nothing_is_known() -> None:
    assert limits(Value("y", (4,), DType.INT16), {}) is None


def test_a_zero_point_moves_the_limits() -> None:
    assert limits_of(centred("y", 7)) == (-7, 248)


def test_rounding_limits() -> None:
    x = Load(DType.FLOAT32, Value("f", (4,), DType.FLOAT32), (AXIS,))
    limited = minimum(maximum(unary("round", x) + 0.0, -3), 100)
    made = Map(Value("y", (4,), DType.INT16), limited.cast(DType.INT16), "")

    assert limits_of(made) == (-3, 100)


def test_a_choice_is_within_the_limits_of_both() -> None:
    a, b = centred("a", 0), centred("b", 200)
    body = select(AXIS < 2, *(Load(DType.INT16, node.output, (AXIS,)) for node in (a, b)))

    assert limits_of(a, b, Map(Value("y", (4,), DType.INT16), body, "")) == (-200, 255)


def test_the_largest_of_some_is_within_their_limits_and_a_sum_is_not() -> None:
    a = centred("a", 9)
    out = Value("y", (1,), DType.INT32)

    def reduced(combine: str) -> Reduce:
        return Reduce(out, read(a.output), "", combine=combine, extent=(4,))

    assert limits_of(a, reduced("max")) == (-9, 246)
    assert limits_of(a, reduced("sum")) is None


def test_a_constant_is_its_own_limit() -> None:
    made = Map(Value("y", (4,), DType.INT16), const(5, DType.INT16), "")

    assert limits_of(made) == (5, 5)


def test_an_epilogue_gives_no_more_than_its_largest_parts_make() -> None:
    scales = Value("scales", (4,), DType.FLOAT32)
    scale = Load(DType.FLOAT32, scales, (AXIS,))
    sums = Result(DType.INT32).cast(DType.FLOAT32)
    constants = {scales: np.asarray([0.5, -2, 1, 0], np.float32)}

    assert magnitude(sums * scale - const(3.0, DType.FLOAT32), 100, constants) == 203
    assert magnitude(read(BYTES), 100, {}) == 256
    assert magnitude(sums * scale, 100, {}) == inf


@pytest.mark.parametrize(
    ("factors", "fixed", "is_fused"), [((0.7109, 0.4567), -20.3, False), ((0.1, 0.3), 0.5, True)]
)
def test_sums_of_bytes_are_fused_where_float32_cannot_tell_them_apart(
    factors: tuple[float, float], fixed: float, is_fused: bool
) -> None:
    reads = (Load(DType.UINT8, BYTES, (AXIS,)), Load(DType.UINT8, BYTES, (AXIS,)))
    total = sum_of_bytes(reads, factors, fixed, (0, 255))

    assert (fused(total) is not None) == is_fused
