"""Expressions: how they are built, compared and rewritten."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgesite.errors import InternalError
from edgesite.ir import (
    INDEX,
    Axis,
    Const,
    DType,
    Expr,
    Load,
    Value,
    all_of,
    binary,
    const,
    index,
    select,
    substitute_axes,
    transform,
    unary,
    walk,
)

X = Value("x", (4,), DType.FLOAT32)
I = Axis(INDEX, 0, 4)  # noqa: E741 - the axis that listings call i
ELEMENT = Load(DType.FLOAT32, X, (I,))


@pytest.mark.parametrize("op", ["add", "max", "lt", "pow"])
def test_two_dtypes_do_not_mix(op: str) -> None:
    with pytest.raises(InternalError, match="cast one of them"):
        binary(op, ELEMENT, I)


def test_a_select_needs_sides_of_one_dtype_and_a_condition() -> None:
    with pytest.raises(InternalError, match="select"):
        select(I < 2, ELEMENT, I)
    with pytest.raises(InternalError, match="select"):
        select(I, ELEMENT, ELEMENT)


@pytest.mark.parametrize("build", [lambda: unary("sinc", I), lambda: binary("hypot", I, I)])
def test_unknown_operations_are_refused(build: Callable[[], Expr]) -> None:
    with pytest.raises(InternalError, match="unknown"):
        build()


def test_numbers_take_the_dtype_of_the_other_side() -> None:
    assert binary("mul", ELEMENT, const(2.0, DType.FLOAT32)) == ELEMENT * 2
    assert binary("sub", index(3), I) == 3 - I


def test_comparisons_are_booleans() -> None:
    assert (ELEMENT < 0).dtype is DType.BOOL
    assert unary("isnan", ELEMENT).dtype is DType.BOOL


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (const(0.0, DType.FLOAT32), const(-0.0, DType.FLOAT32)),
        (const(1, DType.BOOL), const(1, INDEX)),
        (const(1, DType.INT64), const(1, INDEX)),
        (const(1.0, DType.FLOAT32), const(1, INDEX)),
    ],
)
def test_constants_that_are_stored_differently_differ(a: Const, b: Const) -> None:
    assert a != b
    assert len({a, b}) == 2


def test_a_nan_equals_itself() -> None:
    nan = const(float("nan"), DType.FLOAT32)

    assert nan == const(float("nan"), DType.FLOAT32)
    assert len({nan, const(float("nan"), DType.FLOAT32)}) == 1
    assert ELEMENT + nan == ELEMENT + nan


def test_equal_trees_are_equal_and_hash_alike() -> None:
    a, b = ((ELEMENT * 2 + ELEMENT) for _ in range(2))

    assert a is not b
    assert a == b
    assert hash(a) == hash(b)


def test_a_cast_to_the_same_dtype_is_nothing() -> None:
    assert I.cast(INDEX) is I


def test_loads_are_found_once_and_inside_of_indices() -> None:
    where = Value("w", (4,), INDEX)
    inner = Load(INDEX, where, (I,))
    outer = Load(DType.FLOAT32, X, (inner,))

    assert (outer + outer).loads == (outer, inner)
    assert outer.axes == {0}


def test_walks_show_every_expression_once_parents_first() -> None:
    sum_ = ELEMENT + ELEMENT

    assert list(walk(sum_)) == [sum_, ELEMENT, I]


def test_axes_are_replaced_together() -> None:
    j = Axis(INDEX, 1, 4)

    swapped = substitute_axes(I * 4 + j, {0: j, 1: I})

    assert swapped == j * 4 + I


def test_transforms_work_from_the_leaves_up() -> None:
    doubled = transform(ELEMENT + 1.0, lambda e: e * 2 if isinstance(e, Load) else None)

    assert doubled == ELEMENT * 2 + 1.0


def test_the_conjunction_of_nothing_is_nothing() -> None:
    assert all_of([]) is None
    assert all_of([I < 2]) == (I < 2)
