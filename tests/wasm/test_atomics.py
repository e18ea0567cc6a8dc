"""Atomic accesses, alone and between threads that share a memory."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest
import wasmtime

from edgesite.targets.machine import SharedMemory
from edgesite.wasm import I32, I64, Function, Local, Module, Type, constant
from tests.wasm.machine import Machine, function_of

OTHER_VALUE, TIME_OVER = 1, 2


def cell(view: Type, change: Callable[[Function], Local]) -> Machine:
    """A module whose `f` changes what lies at 8 and gives what was there."""
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", result=view, export=True) as (f,):
        f.return_(change(f))
    return Machine(module)


@pytest.mark.parametrize("view", [I32, I64])
@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ("atomic_add", 0b1100 + 0b1010),
        ("atomic_sub", 0b1100 - 0b1010),
        ("atomic_and", 0b1000),
        ("atomic_or", 0b1110),
        ("atomic_xor", 0b0110),
        ("atomic_exchange", 0b1010),
    ],
)
def test_updates_give_what_was_there_before(view: Type, operation: str, after: int) -> None:
    number = constant(view, 0b1010)
    machine = cell(view, lambda f: getattr(f, operation)(0, number, offset=8))
    dtype = np.int32 if view is I32 else np.int64
    machine.write(8, np.array([0b1100], dtype))

    before = machine.call("f")

    assert before == 0b1100
    assert machine.read(8, 1, dtype) == after


@pytest.mark.parametrize(("there", "after"), [(5, 7), (6, 6)])
def test_an_exchange_may_depend_on_what_is_there(there: int, after: int) -> None:
    machine = cell(I32, lambda f: f.compare_exchange(8, constant(I32, 5), 7))
    machine.write(8, np.array([there], np.int32))

    before = machine.call("f")

    assert before == there
    assert machine.read(8, 1, np.int32) == after


def test_loads_and_stores_are_those_of_memory() -> None:
    module = Module()
    module.memory(1, export="memory")
    with module.function("f", export=True) as (f,):
        f.atomic_store(16, f.atomic_load(I64, 8))
        f.fence()
        f.atomic_store(24, f.atomic_load(I32, 4, offset=8))
    machine = Machine(module)
    machine.write(8, np.array([1, -2], np.int32))

    machine.call("f")

    assert machine.read(16, 3, np.int32).tolist() == [1, -2, -2]


# Between threads


class Shared:
    """A module's instances in threads of their own, with one memory."""

    def __init__(self, module: Module) -> None:
        config = wasmtime.Config()
        config.wasm_threads = True
        config.shared_memory = True
        self._engine = wasmtime.Engine(config)
        limits = wasmtime.MemoryType(wasmtime.Limits(1, 1), shared=True)
        self._memory = SharedMemory(self._engine, limits)
        self._module = wasmtime.Module(self._engine, module.encode())

    def call(self, name: str) -> int:
        store = wasmtime.Store(self._engine)
        exports = wasmtime.Instance(store, self._module, [self._memory]).exports(store)
        return function_of(exports, name)(store)


def shared_module() -> Module:
    module = Module()
    module.memory(1, 1, imported=("env", "memory"), shared=True)
    with module.function("count", export=True) as (f,), f.repeat(10_000):
        f.atomic_add(0, constant(I32, 1))
    with module.function("counted", result=I32, export=True) as (f,):
        f.return_(f.atomic_load(I32, 0))
    with module.function("sleep", result=I32, export=True) as (f,):
        f.atomic_add(0, constant(I32, 1))
        f.return_(f.wait(8, constant(I32, 0)))
    with module.function("wake", export=True) as (f,):
        f.atomic_store(8, constant(I32, 1))
        f.notify(8, -1)
    with module.function("doze", result=I32, export=True) as (f,):
        f.return_(f.wait(8, constant(I32, 0), timeout_ns=1))
    return module


@pytest.fixture
def shared() -> Shared:
    return Shared(shared_module())


def in_threads(count: int, work: Callable[[], int]) -> tuple[list[Thread], list[int]]:
    results: list[int] = []
    threads = [Thread(target=lambda: results.append(work()), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def test_no_addition_is_lost_between_threads(shared: Shared) -> None:
    threads, _ = in_threads(4, lambda: shared.call("count"))
    for thread in threads:
        thread.join()

    assert shared.call("counted") == 40_000


def test_who_waits_is_woken(shared: Shared) -> None:
    threads, results = in_threads(2, lambda: shared.call("sleep"))
    while shared.call("counted") < 2:
        pass

    shared.call("wake")

    for thread in threads:
        thread.join(60)
    assert set(results) <= {0, OTHER_VALUE}
    assert len(results) == 2


def test_a_wait_has_an_end(shared: Shared) -> None:
    assert shared.call("doze") == TIME_OVER


def test_nobody_waits_for_another_value(shared: Shared) -> None:
    shared.call("wake")

    assert shared.call("doze") == OTHER_VALUE
