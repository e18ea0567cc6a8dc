"""A function while it is written: statements are calls, blocks are `with`.

This module has locals, calls and globals; loads and stores are in `edgesite.wasm.memory`,
those that threads need in `edgesite.wasm.atomics`, control flow in `edgesite.wasm.control`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm import atomics, control, memory
from edgesite.wasm.body import Body
from edgesite.wasm.expression import Constant, Local, Operand, Value, constant, taken
from edgesite.wasm.nodes import Node, Tree
from edgesite.wasm.opcodes import OPCODES
from edgesite.wasm.types import F32X4, Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, eq=False)
class Global:
    """A global of the module."""

    name: str
    index: int
    type: Type
    initial: Constant
    mutable: bool


class Function:
    """A function of a module, written from top to bottom."""

    def __init__(
        self,
        name: str,
        index: int,
        parameters: Mapping[str, Type],
        result: Type | None,
        *,
        pure: bool = False,
    ) -> None:
        self.name, self.index, self.result, self.pure = name, index, result, pure
        self.parameters = dict(parameters)
        self.body = Body(name)
        self.arguments = tuple(self.body.parameter(view, each) for each, view in parameters.items())
        self._calls: list[Tree] = []

    load, load_splat, load_zero, load_lane = (
        memory.load,
        memory.load_splat,
        memory.load_zero,
        memory.load_lane,
    )
    load8_s, load8_u = memory.load8_s, memory.load8_u
    load16_s, load16_u = memory.load16_s, memory.load16_u
    load32_s, load32_u = memory.load32_s, memory.load32_u
    load_extend_s, load_extend_u = memory.load_extend_s, memory.load_extend_u
    store, store_lane = memory.store, memory.store_lane
    store8, store16, store32 = memory.store8, memory.store16, memory.store32
    fill, copy, memory_size = memory.fill, memory.copy, memory.memory_size

    atomic_load, atomic_store = atomics.atomic_load, atomics.atomic_store
    atomic_add, atomic_sub = atomics.atomic_add, atomics.atomic_sub
    atomic_and, atomic_or, atomic_xor = atomics.atomic_and, atomics.atomic_or, atomics.atomic_xor
    atomic_exchange, compare_exchange = atomics.atomic_exchange, atomics.compare_exchange
    wait, notify, fence = atomics.wait, atomics.notify, atomics.fence

    loop, repeat, while_loop = control.loop, control.repeat, control.while_loop
    skip_loop = control.skip_loop
    if_, else_, block, cycle = control.if_, control.else_, control.block, control.cycle
    branch, branch_if, branch_table = control.branch, control.branch_if, control.branch_table
    return_, unreachable = control.return_, control.unreachable

    def let(self, value: Value) -> Local:
        """The value as it is now, computed once, to be read any number of times."""
        local = self.body.variable(value.type, f"let of {value}", mutable=False)
        self.body.set(local, value)
        return local

    def local(self, view: Type, initial: Operand | None = None) -> Local:
        """A variable; without an initial value it must be assigned before it is read."""
        local = self.body.variable(view, f"variable of type {view}", mutable=True)
        if initial is not None:
            self.body.set(local, constant(view, initial))
        return local

    def assign(self, local: Local, value: Operand) -> None:
        """Give a variable or a parameter a new value."""
        self.body.set(local, constant(local.type, value))

    def const(self, view: Type, number: float | Sequence[float]) -> Value:
        """A number of that type, or one number per lane."""
        return constant(view, number)

    def keep_constants(self) -> None:
        """From here on, keep the constant vectors that loops use in locals."""
        self.body.keep_constants()

    def splat(self, number: Operand, view: Type = F32X4) -> Local:
        """A scalar in every lane, kept in a local."""
        return self.let(number.splat(view) if isinstance(number, Value) else constant(view, number))

    def call(self, function: Function, *arguments: Operand) -> Value:
        """The result of a function. To call for the effect alone, see `run`."""
        if function.result is None:
            raise InternalError(f"wasm call of {function.name}: it has no result; use f.run")
        operands = _passed(function, arguments)
        tree = Tree(OPCODES["call"], operands, (function,))
        if not function.pure:
            tree.reads = (self.body.world.read(),)
            self._calls.append(tree)
        return Value(function.result, tree)

    def run(self, function: Function, *arguments: Operand) -> None:
        """Call a function now, for its effect; its result, if any, is dropped."""
        for operand in _passed(function, arguments):
            self.body.emit_node(operand)
        self.body.append("call", function)
        self.body.world.change()
        if function.result is not None:
            self.body.append("drop")

    def do(self, mnemonic: str, *operands: Operand, immediates: tuple[Any, ...] = ()) -> None:
        """An instruction without result that changes memory."""
        for operand in taken(mnemonic, *operands):
            self.body.emit_node(operand)
        self.body.append(mnemonic, *immediates)
        self.body.world.change()

    def get(self, source: Global) -> Value:
        """The value of a global."""
        reads = (self.body.world.read(),) if source.mutable else ()
        return Value(source.type, Tree(OPCODES["global.get"], (), (source,), reads))

    def set(self, target: Global, value: Operand) -> None:
        """Give a global a new value."""
        if not target.mutable:
            raise InternalError(f"wasm global {target.name}: is not mutable")
        self.body.emit(constant(target.type, value))
        self.body.append("global.set", target)
        self.body.world.change()

    def drop(self, value: Value) -> None:
        """Compute a value and forget it."""
        self.body.emit(value)
        self.body.append("drop")

    def finish(self) -> None:
        """Close the function, which must have returned its result."""
        if any(not call.used for call in self._calls):
            raise InternalError(f"wasm function {self.name}: a call is never used; use f.run")
        instructions = self.body.instructions
        last = instructions[-1].opcode.mnemonic if instructions else ""
        if self.result is not None and last not in ("return", "unreachable"):
            raise InternalError(f"wasm function {self.name}: ends without f.return_")
        if last == "return":
            instructions.pop()
        self.body.finish()


def _passed(function: Function, arguments: Sequence[Operand]) -> tuple[Node, ...]:
    types = tuple(function.parameters.values())
    if len(types) != len(arguments):
        raise InternalError(
            f"wasm call of {function.name}: got {len(arguments)} arguments, wants {len(types)}"
        )
    return tuple(
        constant(view, each).node.taken() for view, each in zip(types, arguments, strict=True)
    )
