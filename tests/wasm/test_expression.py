"""What expressions refuse, and what they fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgesite.errors import InternalError
from edgesite.wasm import (
    F32,
    F32X4,
    F64,
    F64X2,
    I8X16,
    I16X8,
    I32,
    I32X4,
    I64,
    V128,
    Constant,
    Function,
    Module,
    Value,
    constant,
    instruction,
)
from tests.wasm.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def f() -> Function:
    return Function("f", 0, {}, None)


def a(f: Function, view: object) -> Value:
    return f.local(view, 1)  # type: ignore[arg-type]


REFUSED: list[Callable[[Function], object]] = [
    lambda f: a(f, F32) + a(f, I32),
    lambda f: a(f, I32) + a(f, I64),
    lambda f: a(f, F32X4) + a(f, I32X4),
    lambda f: a(f, F32X4) + a(f, F32),
    lambda f: a(f, I32) + 0.5,
    lambda f: a(f, I32) + 2**32,
    lambda f: a(f, I8X16) + 256,
    lambda f: a(f, I32) / 2,
    lambda f: a(f, F32) & a(f, F32),
    lambda f: a(f, F32).rem_s(1.0),
    lambda f: a(f, I64) << a(f, I32),
    lambda f: a(f, I32X4) << a(f, I32X4),
    lambda f: a(f, I8X16) * 3,
    lambda f: a(f, F32).select(1.0, 2.0),
    lambda f: a(f, I32).select(1.0, 2.0),
    lambda f: a(f, I32).select(a(f, F32), a(f, I32)),
    lambda f: a(f, I32) + None,  # type: ignore[arg-type]
    lambda f: a(f, I32) == "1",
    lambda f: a(f, I32).as_(F32X4),
    lambda f: a(f, F32X4).extract_lane(4),
    lambda f: a(f, I16X8).extract_lane(0),
    lambda f: a(f, F32X4).shuffle(a(f, F32X4), [0, 1, 2]),
    lambda f: a(f, F32X4).shuffle(a(f, F32X4), [0, 1, 2, 8]),
    lambda f: a(f, F32X4).shuffle(a(f, I32X4), [0, 1, 2, 3]),
    lambda _: constant(F32X4, [1.0, 2.0]),
    lambda _: constant(V128, 1),
    lambda f: instruction("f32.frobnicate", a(f, F32)),
    lambda f: instruction("f32.add", a(f, F32)),
    lambda f: instruction("i32.store", 0, a(f, I32), immediates=((0, 0),)),
    lambda f: f.load(F32, a(f, F32)),
    lambda f: f.load(F32, 0, offset=-1),
    lambda f: f.load(F32, 0, align=3),
    lambda f: f.load(F32, 0, align=8),
    lambda f: f.load8_s(F32, 0),
    lambda f: f.load_zero(I16X8, 0),
    lambda f: f.load_lane(a(f, F32X4), 4, 0),
    lambda f: f.assign(f.local(I32), a(f, F32)),
    lambda f: f.assign(f.let(constant(I32, 1)), 2),
    lambda f: f.return_(1),
    lambda f: bool(a(f, I32) < 1),
    lambda f: f.local(I32) + 1,
]


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_refused_on_its_line(
    f: Function, mistake: Callable[[Function], object]
) -> None:
    with pytest.raises(InternalError):
        mistake(f)


def test_types_are_named_when_they_differ(f: Function) -> None:
    with pytest.raises(InternalError, match=r"wasm f32\.add: got i32 .*wants f32; convert it"):
        a(f, F32) + a(f, I32)


def test_an_expression_used_twice_must_be_let(f: Function) -> None:
    x = f.load(F32, 0)

    with pytest.raises(InternalError, match=r"keep its value with f\.let"):
        x * x


def test_a_view_does_not_make_a_second_use(f: Function) -> None:
    x = f.load(F32X4, 0)
    y = x.as_(I32X4)
    f.drop(y)

    with pytest.raises(InternalError, match="twice"):
        f.drop(x)


def test_lets_locals_and_constants_may_be_used_again(f: Function) -> None:
    x, number = f.let(f.load(F32, 0)), constant(F32, 2)

    f.drop(x * x + x * number + number)


def test_an_expression_may_not_outlive_the_value_of_a_local(f: Function) -> None:
    i = f.local(I32, 0)
    later = i + 4
    f.assign(i, 1)

    with pytest.raises(InternalError, match="has changed"):
        f.drop(later)


def test_an_assignment_may_read_the_local_itself(f: Function) -> None:
    i = f.local(I32, 0)

    f.assign(i, i + 4)


CHANGES: list[Callable[[Function], None]] = [
    lambda f: f.store(0, constant(I32, 1)),
    lambda f: f.fill(0, 0, 4),
    lambda f: f.copy(0, 4, 4),
    lambda f: f.run(Function("g", 1, {}, None)),
    lambda f: f.drop(f.call(Function("g", 1, {}, I32))),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_load_may_not_move_behind_a_change_of_memory(
    f: Function, change: Callable[[Function], None]
) -> None:
    x = f.load(F32, 0)
    change(f)

    with pytest.raises(InternalError, match=r"memory or a global: has changed"):
        f.drop(x)


def test_a_load_may_move_behind_a_pure_call(f: Function) -> None:
    x = f.load(F32, 0)
    f.drop(f.call(Function("g", 1, {}, I32, pure=True)))

    f.drop(x)


def test_a_loop_may_not_change_what_an_expression_from_outside_reads(f: Function) -> None:
    i = f.local(I32, 0)
    outside = i + 4
    with f.repeat(5):
        f.drop(outside)

        with pytest.raises(InternalError, match="from before the loop"):
            f.assign(i, i + 1)


def test_a_loop_may_change_what_its_own_expressions_read(f: Function) -> None:
    i = f.local(I32, 0)
    with f.repeat(5):
        f.drop(i + 4)
        f.assign(i, i + 1)


def test_a_loop_may_not_change_its_bound(f: Function) -> None:
    n = f.local(I32, 8)

    with pytest.raises(InternalError, match="has changed"), f.loop(0, n):
        f.assign(n, n - 1)


def test_a_loop_counter_cannot_be_assigned(f: Function) -> None:
    with f.loop(0, 8) as at, pytest.raises(InternalError, match="is a let"):
        f.assign(at, 3)  # type: ignore[arg-type]


def test_a_local_ends_with_its_block(f: Function) -> None:
    with f.block():
        x = f.local(I32, 1)

    with pytest.raises(InternalError, match="behind the end of the block"):
        f.drop(x + 1)


def test_a_local_of_another_function_is_refused(f: Function) -> None:
    x = Function("g", 1, {"x": I32}, None).arguments[0]

    with pytest.raises(InternalError, match="another function"):
        f.drop(x + 1)
    with pytest.raises(InternalError, match="another function"):
        f.assign(x, 1)


@pytest.mark.parametrize(
    ("folded", "number"),
    [
        (constant(I32, 2) + 3, 5),
        (constant(I32, 2**31 - 1) + 1, -(2**31)),
        (constant(I32, 7) * 6, 42),
        (5 - constant(I64, 7), -2),
    ],
)
def test_integer_constants_are_folded(folded: Value, number: int) -> None:
    assert isinstance(folded, Constant)
    assert folded.number == number


def test_neutral_numbers_vanish(f: Function) -> None:
    x = f.local(I32, 3)

    assert x + 0 is x
    assert 0 + x is x
    assert x - 0 is x
    assert x * 1 is x
    assert f.local(F32, 1) + 0 is not x  # -0.0 + 0 is 0.0


def test_chains_of_constants_are_added_up() -> None:
    module = Module()
    with module.function("f", x=I32, result=I32, export=True) as (f, x):
        f.return_((x + 5) + 7 - 2 + x * 3)
    with module.function("g", x=I32, result=I32, export=True) as (f, x):
        f.return_((x + 5) - 5)
    machine = Machine(module)

    assert module.text().count("i32.const 10") == 1
    assert machine.call("f", 4) == 26
    assert machine.call("g", 4) == 4


def test_numbers_take_the_type_of_the_other_operand() -> None:
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", export=True) as (f,):
        x = f.splat(3.0, F64X2)
        f.store(0, 1.5 - x * np.float32(2))
        f.store(16, constant(I16X8, range(8)) - 300)
        f.store(32, (f.splat(1, I32X4) << 31) >> 30)
        f.store(48, ~(f.splat(1.0) > 2.0))
    machine = Machine(module)

    machine.call("f")

    assert machine.read(0, 2, "f8").tolist() == [-4.5, -4.5]
    assert machine.read(16, 8, "i2").tolist() == [k - 300 for k in range(8)]
    assert machine.read(32, 4, "i4").tolist() == [-2] * 4
    assert machine.read(48, 4, "i4").tolist() == [-1] * 4


def test_selection_takes_scalars_and_masks() -> None:
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", c=I32, result=F64, export=True) as (f, c):
        x = f.let(constant(F32X4, [1.0, -2.0, 3.0, -4.0]))
        f.store(0, (x < 0.0).select(0.0, x))
        f.store(16, (x < 0.0).relaxed_laneselect(x, f.splat(9.0)))
        f.return_((c > 3).select(constant(F64, 1), 2.0))
    machine = Machine(module)

    assert [machine.call("f", 3), machine.call("f", 4)] == [2.0, 1.0]
    assert machine.read(0, 4, "f4").tolist() == [1.0, 0.0, 3.0, 0.0]
    assert machine.read(16, 4, "f4").tolist() == [9.0, -2.0, 9.0, -4.0]


def test_shuffles_count_lanes_of_the_type() -> None:
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", export=True) as (f,):
        x = f.let(constant(F32X4, [0, 1, 2, 3]))
        y = f.let(constant(F32X4, [4, 5, 6, 7]))
        f.store(0, x.shuffle(y, [7, 0, 3, 4]))
        f.store(16, x.shuffle(x, [3, 2, 1, 0]))
    machine = Machine(module)

    machine.call("f")

    assert machine.read(0, 8, "f4").tolist() == [7, 0, 3, 4, 3, 2, 1, 0]
