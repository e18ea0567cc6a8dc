"""Statements and control flow, executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgesite.errors import InternalError
from edgesite.wasm import F32X4, F64, I16X8, I32, I32X4, I64, Function, Module, constant
from tests.wasm.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

BOUNDS = [(0, 0, 1), (0, 1, 1), (0, 5, 1), (0, 5, 2), (3, 3, 1), (5, 3, 1), (-2, 2, 1)]
BOUNDS += [(5, 0, -1), (5, 0, -2), (0, 5, -1), (4, -1, -1), (0, 48, 16), (0, 47, 16), (7, 8, 100)]


def sum_of_indices(start: int | None, stop: int | None, step: int) -> Machine:
    """Exports f(start, stop): 10000 per trip and the sum of the indices; None: a parameter."""
    module = Module()
    with module.function("f", a=I32, b=I32, result=I32, export=True) as (f, a, b):
        total = f.local(I32, 0)
        with f.loop(a if start is None else start, b if stop is None else stop, step) as at:
            f.assign(total, total + 10000 + at)
        f.return_(total)
    return Machine(module)


@pytest.mark.parametrize(("start", "stop", "step"), BOUNDS)
def test_loops_count_as_range_does(start: int, stop: int, step: int) -> None:
    expected = sum(10000 + at for at in range(start, stop, step))

    assert sum_of_indices(start, stop, step).call("f", 0, 0) == expected
    assert sum_of_indices(None, stop, step).call("f", start, 0) == expected
    assert sum_of_indices(start, None, step).call("f", 0, stop) == expected
    assert sum_of_indices(None, None, step).call("f", start, stop) == expected


def test_a_loop_without_trips_leaves_no_code() -> None:
    module = Module()
    with module.function("f") as (f,), f.loop(3, 3) as at:
        f.store(at, constant(I32, 1))

    assert "store" not in module.text()


def test_a_loop_of_one_trip_is_its_body() -> None:
    module = Module()
    module.memory(1)
    with module.function("f") as (f,), f.loop(32, 33) as at:
        f.store(at * 4, constant(I32, 1))
    text = module.text()

    assert "loop" not in text
    assert "i32.const 128" in text


def test_a_computed_bound_is_computed_once() -> None:
    module = Module()
    with module.function("f", n=I32, result=I32, export=True) as (f, n):
        total = f.local(I32, 0)
        with f.loop(0, n * 2) as at:
            f.assign(total, total + at)
            f.assign(n, 1)
        f.return_(total)

    assert module.text().count("i32.mul") == 1
    assert Machine(module).call("f", 3) == 15


@pytest.mark.parametrize("count", [-1, 0, 1, 2, 7])
def test_repeat_counts_down_to_nothing(count: int) -> None:
    module = Module()
    with module.function("known", result=I32, export=True) as (f,):
        total = f.local(I32, 0)
        with f.repeat(count):
            f.assign(total, total + 1)
        f.return_(total)
    with module.function("unknown", n=I32, result=I32, export=True) as (f, n):
        total = f.local(I32, 0)
        with f.repeat(n):
            f.assign(total, total + 1)
        f.return_(total)
    machine = Machine(module)

    assert machine.call("known") == max(count, 0)
    assert machine.call("unknown", count) == max(count, 0)


def test_repeat_may_promise_a_trip() -> None:
    module = Module()
    with module.function("f", n=I32, result=I32, export=True) as (f, n):
        total = f.local(I32, 0)
        with f.repeat(n, at_least_once=True):
            f.assign(total, total + 1)
        f.return_(total)

    assert "  if" not in module.text()
    assert Machine(module).call("f", 3) == 3


@pytest.mark.parametrize("n", [0, 1, 10])
def test_while_tests_its_condition_again(n: int) -> None:
    module = Module()
    with module.function("f", n=I32, result=I32, export=True) as (f, n_):
        i = f.local(I32, 0)
        with f.while_loop(i < n_) as out:
            f.assign(i, i + 1)
            f.branch_if(out, i == 7)
        f.return_(i)

    assert Machine(module).call("f", n) == min(n, 7)


def test_a_cycle_repeats_only_when_branched_to() -> None:
    module = Module()
    with module.function("f", result=I32, export=True) as (f,):
        i = f.local(I32, 0)
        with f.cycle() as again:
            f.assign(i, i + 3)
            f.branch_if(again, i < 10)
        f.return_(i)

    assert Machine(module).call("f") == 12


@pytest.mark.parametrize(("x", "answer"), [(0, 20), (1, 10), (-5, 10)])
def test_if_has_an_else(x: int, answer: int) -> None:
    module = Module()
    with module.function("f", x=I32, result=I32, export=True) as (f, x_):
        answer_ = f.local(I32)
        with f.if_(x_):
            f.assign(answer_, 10)
        with f.else_():
            f.assign(answer_, 20)
        f.return_(answer_)

    assert Machine(module).call("f", x) == answer


def test_else_must_follow_its_if() -> None:
    f = Function("f", 0, {"x": I32}, None)
    with f.if_(f.arguments[0]):
        pass
    f.assign(f.arguments[0], 1)

    with pytest.raises(InternalError, match="right before"), f.else_():
        pass


@pytest.mark.parametrize(("x", "answer"), [(0, 100), (1, 200), (2, 300), (77, 300)])
def test_a_branch_table_chooses_by_number(x: int, answer: int) -> None:
    module = Module()
    with module.function("f", x=I32, result=I32, export=True) as (f, x_):
        with f.block() as other:
            with f.block() as one:
                with f.block() as zero:
                    f.branch_table([zero, one], other, x_)
                f.return_(100)
            f.return_(200)
        f.return_(300)

    assert Machine(module).call("f", x) == answer


def test_a_closed_block_cannot_be_left() -> None:
    f = Function("f", 0, {}, None)
    with f.block() as label:
        pass

    with pytest.raises(InternalError, match="closed"):
        f.branch(label)


def skipping() -> Machine:
    module = Module()
    runs = module.global_("runs", I32, 0, export=True)
    with module.function("kernel", n=I32, w=I32, export=True) as (f, n, w), f.skip_loop(w):
        with f.loop(0, n):
            f.set(runs, f.get(runs) + 1)
        with f.if_(n == 3):
            f.return_()
        f.set(runs, f.get(runs) + 100)
    return Machine(module)


@pytest.mark.parametrize("warm", [1, 2, 3, 20000])
def test_warming_up_never_runs_the_body(warm: int) -> None:
    machine = skipping()

    machine.call("kernel", 5, warm)

    assert machine.get("runs") == 0


@pytest.mark.parametrize(("n", "runs"), [(0, 100), (5, 105), (3, 3)])
def test_without_warming_up_the_body_runs_once(n: int, runs: int) -> None:
    machine = skipping()

    machine.call("kernel", n, 0)

    assert machine.get("runs") == runs


def test_loads_and_stores_of_every_width() -> None:
    module = Module()
    module.memory(1, export="memory")
    module.data(0, bytes(range(0xF0, 0x100)) + bytes(range(0x10)))
    with module.function("f", export=True) as (f,):
        f.store(64, f.load8_s(I32, 1))
        f.store(68, f.load16_u(I32, 1))
        f.store(72, f.load32_s(I64, 4))
        f.store(80, f.load_extend_u(I16X8, 0))
        f.store(96, f.load_splat(I32X4, 12, offset=4))
        f.store(112, f.load_zero(I32X4, 0, offset=16))
        f.store(128, f.load_lane(f.splat(7, I32X4), 2, 16))
        f.store8(144, constant(I32, 0x1FF))
        f.store16(146, constant(I64, -2))
        f.store_lane(148, constant(F32X4, [1, 2, 3, 4]), 3)
    machine = Machine(module)

    machine.call("f")

    assert machine.read(64, 1, "i4") == -15
    assert machine.read(68, 1, "i4") == 0xF2F1
    assert machine.read(72, 1, "i8") == int.from_bytes(b"\xf4\xf5\xf6\xf7", "little", signed=True)
    assert machine.read(80, 8, "i2").tolist() == list(range(0xF0, 0xF8))
    assert machine.read(96, 4, "i4").tolist() == [0x03020100] * 4
    assert machine.read(112, 4, "i4").tolist() == [0x03020100, 0, 0, 0]
    assert machine.read(128, 4, "i4").tolist() == [7, 7, 0x03020100, 7]
    assert machine.read(144, 4, "u1").tolist() == [0xFF, 0, 0xFE, 0xFF]
    assert machine.read(148, 1, "f4") == 4.0


def test_ranges_are_filled_and_copied() -> None:
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", n=I32, export=True) as (f, n):
        f.fill(0, 7, n)
        f.copy(2, 0, n)
    machine = Machine(module)

    machine.call("f", 3)

    assert machine.read(0, 6, "u1").tolist() == [7, 7, 7, 7, 7, 0]


def test_functions_may_be_written_while_another_is_open() -> None:
    module = Module()
    with module.function("outer", x=F64, result=F64, export=True) as (f, x):
        with module.function("square", x=F64, result=F64, pure=True) as (square, y):
            square.return_(y * y)
        f.return_(f.call(square, x) + f.call(square, 2.0))

    assert Machine(module).call("outer", 3.0) == 13.0


def test_slots_of_closed_blocks_are_used_again() -> None:
    module = Module()
    with module.function("f", x=I32, result=I32, export=True) as (f, x):
        for _ in range(10):
            with f.block():
                y = f.let(x + 1)
                f.assign(x, y * y)
        f.return_(x)

    assert "(local i32)" in module.text()
    assert Machine(module).call("f", 0) == expected_squares(10)


def expected_squares(times: int) -> int:
    x = 0
    for _ in range(times):
        x = (x + 1) ** 2 % 2**32
    return x - 2**32 if x >= 2**31 else x


def test_a_local_that_is_read_at_once_is_not_declared() -> None:
    module = Module()
    with module.function("f", x=I32, result=I32) as (f, x):
        f.return_(f.let(x + 1))

    assert "(local" not in module.text()
    assert module.text().count("local.") == 1


def test_what_is_set_and_read_is_set_with_a_tee() -> None:
    module = Module()
    with module.function("f", x=I32, result=I32) as (f, x):
        y = f.let(x + 1)
        f.return_(y * y)
    text = module.text()

    assert [text.count(f"local.{verb}") for verb in ("get", "set", "tee")] == [2, 0, 1]


def test_deep_expressions_are_no_problem() -> None:
    module = Module()
    with module.function("f", x=F64, result=F64, export=True) as (f, x):
        total = x + 1.0
        for _ in range(5000):
            total = total + x
        f.return_(total)

    assert Machine(module).call("f", 2.0) == 10003.0


def write(body: Callable[[Function], object], **options: Any) -> Module:
    module = Module()
    with module.function("f", **options) as (f,):
        body(f)
    return module


MISUSES: list[tuple[str, Callable[[], object]]] = [
    ("ends without", lambda: write(lambda f: f.drop(constant(I32, 1)), result=I32)),
    ("returns", lambda: write(lambda f: f.return_(), result=I32)),
    ("2 arguments", lambda: write(lambda f: f.run(f, 1, 2))),
    ("no result", lambda: write(lambda f: f.drop(f.call(f)))),
    ("never ends", lambda: write(lambda f: f.loop(0, 1, 0).__enter__())),
    ("65536", lambda: Module().memory(70000)),
]


@pytest.mark.parametrize(("message", "mistake"), MISUSES)
def test_a_misuse_is_refused(message: str, mistake: Callable[[], object]) -> None:
    with pytest.raises(InternalError, match=message):
        mistake()


def test_names_are_unique() -> None:
    module = write(lambda f: f.unreachable(), export=True)
    module.memory(1)

    with pytest.raises(InternalError, match="unique"), module.function("f"):
        pass
    with pytest.raises(InternalError, match="unique"), module.function("g", export="f"):
        pass
    with pytest.raises(InternalError, match="one per module"):
        module.memory(1)


def test_an_immutable_global_cannot_be_set() -> None:
    module = Module()
    ten = module.global_("ten", I32, 10, mutable=False)

    with module.function("f") as (f,), pytest.raises(InternalError, match="not mutable"):
        f.set(ten, 1)


def test_a_call_with_effects_must_be_used() -> None:
    module = Module()
    with module.function("g", result=I32) as (g,):
        g.return_(1)

    with (
        pytest.raises(InternalError, match="never used"),
        module.function("f") as (f,),
    ):
        f.call(g)


def test_an_unfinished_function_cannot_be_encoded() -> None:
    module = Module()

    with module.function("f"), pytest.raises(InternalError, match="still being written"):
        module.encode()


def test_a_finished_function_cannot_grow() -> None:
    module = Module()
    with module.function("f", x=I32) as (f, x):
        pass

    with pytest.raises(InternalError, match="is finished"):
        f.drop(x)


def test_kept_constants_are_made_once_ahead_of_their_loops() -> None:
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", n=I32, export=True) as (f, n):
        f.keep_constants()
        at = f.local(I32, 0)
        with f.repeat(n):
            f.store(at, f.load(F32X4, at) * 2.0 + f.const(F32X4, 2.0) * 3.0)
            f.assign(at, at + 16)
    text = module.text()

    assert text.count("v128.const") == 2
    assert text.rindex("v128.const") < text.index("loop")
    machine = Machine(module)
    machine.call("f", 2)
    assert list(machine.read(16, 4, "float32")) == [6.0] * 4
