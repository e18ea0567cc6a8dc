"""Simplification: equal at every point, and shorter where it must be."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesite.ir import (
    INDEX,
    Binary,
    Const,
    DType,
    Expr,
    Load,
    Map,
    Value,
    axes_of,
    binary,
    bounds,
    const,
    flatten,
    format_expr,
    index,
    maximum,
    minimum,
    select,
    simplify,
    unflatten,
)
from tests.ops.interpreter import Evaluation

EXTENTS = (3, 1, 4, 5)
AXES = axes_of(EXTENTS)
COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]


def at_every_point(expr: Expr, extents: tuple[int, ...] = EXTENTS) -> np.ndarray:
    """The value of an expression of axes alone."""
    return Evaluation({}, extents).array(expr)


small = st.integers(-7, 7)
divisors = st.sampled_from([1, 2, 3, 4, 5, 6, 12, 20, 60])
leaves = st.one_of(st.sampled_from(AXES), small.map(index))


def larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Quasi-affine arithmetic of smaller expressions."""
    return st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a, k: a * k, inner, small),
        st.builds(lambda a, d: a // d, inner, divisors),
        st.builds(lambda a, d: a % d, inner, divisors),
        st.builds(minimum, inner, inner),
        st.builds(maximum, inner, inner),
        st.builds(
            lambda op, a, b, p, q: select(binary(op, a, b), p, q),
            st.sampled_from(COMPARISONS), inner, inner, inner, inner,
        ),
    )  # fmt: skip


expressions = st.recursive(leaves, larger, max_leaves=9)


@settings(max_examples=400, deadline=None)
@given(expressions)
def test_simplified_arithmetic_is_equal_at_every_point(expr: Expr) -> None:
    simple = simplify(expr)

    np.testing.assert_array_equal(at_every_point(simple), at_every_point(expr))


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_bounds_hold_at_every_point(expr: Expr) -> None:
    low, high = bounds(expr)
    values = at_every_point(expr)

    assert low <= values.min()
    assert values.max() <= high


@settings(max_examples=100, deadline=None)
@given(expressions)
def test_what_is_simple_stays_as_it_is(expr: Expr) -> None:
    simple = simplify(expr)

    assert len(format_expr(simplify(simple))) <= len(format_expr(simple))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (5, 1, 2), (7,), ()])
@pytest.mark.parametrize("between", [(24,), (2, 12), (6, 4), (2, 3, 2, 2)])
def test_a_reshape_and_its_inverse_cancel(shape: tuple[int, ...], between: tuple[int, ...]) -> None:
    axes = axes_of(shape)
    if np.prod(shape) != np.prod(between):
        between = (int(np.prod(shape)),)

    there = unflatten(flatten(axes, shape), between)
    back = unflatten(flatten(there, between), shape)

    assert back == [simplify(axis) for axis in axes]


def test_splitting_and_joining_channels_leaves_sums_of_axes() -> None:
    position = unflatten(flatten(axes_of((5, 2, 4)), (5, 2, 4)), (5, 8))

    assert list(map(format_expr, position)) == ["i", "((j * 4) + k)"]


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        ((AXES[2] * 6 + 5) // 6, "k"),
        ((AXES[2] * 6 + AXES[3]) % 6, "l"),
        ((AXES[2] + 8) % 4, "k"),
        ((AXES[3] // 2) // 3, "0"),
        ((AXES[3] * 8 + 4) // 4, "((l * 2) + 1)"),
        (minimum(AXES[2], 9), "k"),
        (maximum(AXES[2], 0), "k"),
        (select(AXES[2] < 4, AXES[3], AXES[0]), "l"),
        (AXES[0] - AXES[0], "0"),
        (AXES[1] * 5 + AXES[0], "i"),
    ],
)
def test_ranges_decide_what_they_can(expr: Expr, text: str) -> None:
    assert format_expr(simplify(expr)) == text


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("limit", [-1, 0, 1, 3, 4])
def test_comparisons_are_decided_only_when_all_points_agree(op: str, limit: int) -> None:
    test = binary(op, AXES[2], limit)
    outcomes = set(at_every_point(test).ravel().tolist())

    simple = simplify(test)

    assert isinstance(simple, Const) == (len(outcomes) == 1) or op in ("eq", "ne")
    assert not isinstance(simple, Const) or {simple.value} == outcomes


def test_comparisons_of_elements_are_left_alone() -> None:
    x = Value("x", (), INDEX)
    test = Load(INDEX, x, ()) + 5 > Load(INDEX, x, ())

    assert simplify(test) == test


@pytest.mark.parametrize("known", [True, False])
def test_conditions_lose_what_is_known(known: bool) -> None:
    open_ = AXES[2] < 2
    fixed = const(known, DType.BOOL)

    assert simplify(open_ & fixed) == (open_ if known else fixed)
    assert simplify(open_ | fixed) == (fixed if known else open_)
    assert simplify(~fixed) == const(not known, DType.BOOL)


def test_sums_of_the_same_terms_are_the_same_expression() -> None:
    orders = {simplify(a + b + 3) for a, b in product(AXES[2:], repeat=2) if a != b}

    assert len(orders) == 1


def test_float_arithmetic_is_not_touched() -> None:
    x = Load(DType.FLOAT32, Value("x", (), DType.FLOAT32), ())
    sum_ = (x + 1.0) - 1.0

    assert simplify(sum_) == sum_


def test_index_constants_wrap_around_as_the_machine_does() -> None:
    x = Load(INDEX, Value("x", (4,), INDEX), (AXES[2],))
    node = Map(Value("y", (3, 1, 4, 5), INDEX), simplify(x * 65536 * 65537))

    assert isinstance(node.body, Binary)
    assert node.body.b == index(65536)
