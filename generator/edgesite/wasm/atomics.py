"""Atomic accesses to shared memory, as methods of `edgesite.wasm.function.Function`.

All are sequentially consistent: who sees what one of them wrote sees everything that was written
before it. An address must be a multiple of the size of what lies there, or the code traps. What
changes memory happens on its line and gives a `Local`; other threads may change memory at any
time, so a value that was read is only the one of that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite.wasm import memory
from edgesite.wasm.expression import Local, Operand, Value, constant, instruction
from edgesite.wasm.types import I32, Type

if TYPE_CHECKING:
    from edgesite.wasm.function import Function

FOREVER = -1
"""The time of a wait that only ends when another thread ends it."""


def atomic_load(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """An i32 or i64."""
    return memory.access(f, f"{view}.atomic.load", view, address, offset)


def atomic_store(f: Function, address: Operand, value: Value, offset: int = 0) -> None:
    """Write an i32 or i64."""
    mnemonic = f"{value.type}.atomic.store"
    f.do(mnemonic, address, value, immediates=memory.memarg(mnemonic, offset))


def atomic_add(f: Function, address: Operand, value: Value, offset: int = 0) -> Local:
    """Add to what lies there; gives what was there before, as all these do."""
    return _update(f, "add", address, value, offset)


def atomic_sub(f: Function, address: Operand, value: Value, offset: int = 0) -> Local:
    """Subtract from what lies there."""
    return _update(f, "sub", address, value, offset)


def atomic_and(f: Function, address: Operand, value: Value, offset: int = 0) -> Local:
    """Clear bits."""
    return _update(f, "and", address, value, offset)


def atomic_or(f: Function, address: Operand, value: Value, offset: int = 0) -> Local:
    """Set bits."""
    return _update(f, "or", address, value, offset)


def atomic_xor(f: Function, address: Operand, value: Value, offset: int = 0) -> Local:
    """Flip bits."""
    return _update(f, "xor", address, value, offset)


def atomic_exchange(f: Function, address: Operand, value: Value, offset: int = 0) -> Local:
    """Put another value there."""
    return _update(f, "xchg", address, value, offset)


def compare_exchange(
    f: Function, address: Operand, expected: Value, value: Operand, offset: int = 0
) -> Local:
    """Put a value there if it holds the expected one; it did if that is what this gives."""
    return _update(f, "cmpxchg", address, expected, offset, value)


def wait(
    f: Function, address: Operand, expected: Value, timeout_ns: Operand = FOREVER, offset: int = 0
) -> Local:
    """Sleep until notified, unless another value lies there than expected.

    Gives 0 when woken, 1 where another value lies there, 2 when the time is over. Traps where
    a thread may not sleep, as that of a page.
    """
    mnemonic = f"memory.atomic.wait{32 if expected.type is I32 else 64}"
    return _now(f, I32, mnemonic, address, expected, timeout_ns, offset=offset)


def notify(f: Function, address: Operand, count: Operand, offset: int = 0) -> Local:
    """Wake so many of those that wait at an address; gives how many it woke."""
    return _now(f, I32, "memory.atomic.notify", address, count, offset=offset)


def fence(f: Function) -> None:
    """Let no access to memory move across this line."""
    f.do("atomic.fence", immediates=(0,))


def _update(
    f: Function, operation: str, address: Operand, value: Value, offset: int, *more: Operand
) -> Local:
    view = value.type
    mnemonic = f"{view}.atomic.rmw.{operation}"
    rest = [constant(view, each) for each in more]
    return _now(f, view, mnemonic, address, value, *rest, offset=offset)


def _now(f: Function, view: Type, mnemonic: str, *operands: Operand, offset: int) -> Local:
    """An instruction that changes memory, and its result as it was then."""
    done = instruction(mnemonic, *operands, immediates=memory.memarg(mnemonic, offset))
    result = f.let(Value(view, done.node))
    f.body.world.change()
    return result
