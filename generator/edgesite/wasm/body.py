"""The instructions of one function while it is written: emission, labels and the slots of locals.

What statements exist is left to `edgesite.wasm.function`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm.expression import Local, Value
from edgesite.wasm.nodes import Node, Number, Tree
from edgesite.wasm.opcodes import OPCODES, Opcode
from edgesite.wasm.state import Loop, Slot, State, Variable
from edgesite.wasm.types import V128, Type

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, eq=False)
class Instruction:
    """An opcode with its immediates; functions, globals and locals stand for their numbers."""

    opcode: Opcode
    immediates: tuple[Any, ...] = ()


@dataclass(eq=False)
class Label:
    """A block that is open, to branch to: out of it, or to its start when it is a loop."""

    opcode: str


@dataclass
class Body:
    """Instructions so far, and what is open at their end."""

    name: str
    instructions: list[Instruction] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    ended_if: int = -1
    finished: bool = False
    _parameters: int = 0
    _free: list[Slot] = field(default_factory=list)
    _scopes: list[list[Variable]] = field(default_factory=list)
    _kept: dict[Any, Variable] | None = None

    def __post_init__(self) -> None:
        self.world = State(f"{self.name}: memory or a global", self.loops)

    def append(self, mnemonic: str, *immediates: Any) -> None:
        """Add an instruction; reading back what was just set becomes a tee."""
        if self.finished:
            raise InternalError(f"wasm function {self.name}: is finished; nothing can be added")
        if mnemonic == "v128.const" and self._kept is not None and self.loops:
            mnemonic, immediates = "local.get", (self._keeper(*immediates),)
        if mnemonic == "local.get" and self.instructions:
            last = self.instructions[-1]
            if last.opcode.mnemonic == "local.set" and last.immediates == immediates:
                self.instructions[-1] = Instruction(OPCODES["local.tee"], immediates)
                return
        self.instructions.append(Instruction(OPCODES[mnemonic], immediates))

    def keep_constants(self) -> None:
        """From here on, let the constant vectors of loops be made once, when the function begins.

        Engines make them anew in every round, which takes as long as several operations.
        """
        self._kept = {} if self._kept is None else self._kept

    def _keeper(self, number: Any) -> Variable:
        assert self._kept is not None
        if number not in self._kept:
            slot = Slot(V128)
            self.slots.append(slot)
            name = f"{self.name}: constant {number}"
            self._kept[number] = Variable(name, slot, self.loops, mutable=False)
        return self._kept[number]

    def emit(self, value: Value) -> None:
        """Compute a value onto the stack."""
        self.emit_node(value.node.taken())

    def emit_node(self, root: Node, *, again: bool = False) -> None:
        """Compute operands from left to right, then what takes them.

        `again` lets a condition at the head of a loop read what the loop changes.
        """
        pending: list[tuple[Node, bool]] = [(root, False)]
        while pending:
            node, ready = pending.pop()
            if isinstance(node, Number):
                self.append(node.opcode.mnemonic, node.number)
            elif ready:
                self._finish(node, again=again)
            else:
                pending.append((node, True))
                pending.extend((operand, False) for operand in reversed(node.operands))

    def _finish(self, tree: Tree, *, again: bool) -> None:
        for read in tree.reads:
            read.check(self.loops, again=again)
        self.append(tree.opcode.mnemonic, *tree.immediates)
        if tree.opcode.mnemonic == "call" and tree.reads:
            self.world.change()

    def variable(self, view: Type, name: str, *, mutable: bool) -> Local:
        """A new local that lives until the innermost block ends."""
        storage = V128 if view.is_vector else view
        slot = next((each for each in self._free if each.type is storage), None)
        if slot is None:
            slot = Slot(storage)
            self.slots.append(slot)
        else:
            self._free.remove(slot)
        variable = Variable(f"{self.name}: {name}", slot, self.loops, mutable=mutable)
        if self._scopes:
            self._scopes[-1].append(variable)
        return Local(view, variable)

    def parameter(self, view: Type, name: str) -> Local:
        """The next parameter."""
        local = self.variable(view, f"parameter {name}", mutable=True)
        local.variable.slot.index = self._parameters
        local.variable.change()
        self._parameters += 1
        return local

    def set(self, local: Local, value: Value) -> None:
        """Give a local a new value."""
        if local.variable.loops is not self.loops:
            raise InternalError(f"wasm {local}: belongs to another function")
        self.emit(value)
        local.variable.change()
        self.append("local.set", local.variable)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Take back the slots of the locals that are made inside."""
        self._scopes.append([])
        yield
        for variable in self._scopes.pop():
            variable.alive = False
            self._free.append(variable.slot)

    @contextmanager
    def block(self, opcode: str) -> Iterator[Label]:
        """A block, loop or if around the instructions made inside."""
        label = Label(opcode)
        self.append(opcode, None)
        self.labels.append(label)
        if opcode == "loop":
            self.loops.append(Loop())
        with self.scope():
            yield label
        if opcode == "loop":
            self.loops.pop()
        self._close()
        if opcode == "if":
            self.ended_if = len(self.instructions)

    def _close(self) -> None:
        self.labels.pop()
        self.append("end")

    @contextmanager
    def otherwise(self) -> Iterator[Label]:
        """The else of the if that has just ended."""
        if self.ended_if != len(self.instructions):
            raise InternalError(f"wasm function {self.name}: else_ without an if_ right before it")
        self.instructions.pop()
        self.labels.append(Label("else"))
        self.append("else")
        with self.scope():
            yield self.labels[-1]
        self._close()

    @contextmanager
    def nowhere(self) -> Iterator[None]:
        """Forget the instructions made inside: they would never run."""
        start = len(self.instructions)
        with self.block("block"):
            yield
        del self.instructions[start:]
        self.ended_if = -1

    def depth(self, label: Label) -> int:
        """How many blocks out a label is."""
        if label not in self.labels:
            raise InternalError(f"wasm function {self.name}: branches to a block that is closed")
        return len(self.labels) - 1 - self.labels.index(label)

    def finish(self) -> None:
        """Drop what is never read and number the locals, those of one type side by side."""
        for number, variable in (self._kept or {}).items():
            made = Instruction(OPCODES["v128.const"], (number,))
            self.instructions[:0] = [made, Instruction(OPCODES["local.set"], (variable,))]
        reads = Counter(_variables(self.instructions, "local.get"))
        self.instructions = [
            each
            for each in self.instructions
            if each.opcode.mnemonic != "local.tee" or reads[each.immediates[0]]
        ]
        used = {variable.slot for variable in _variables(self.instructions, "local.")}
        declared = [slot for slot in self.slots[self._parameters :] if slot in used]
        declared.sort(key=lambda slot: -slot.type.code)
        for index, slot in enumerate(declared, self._parameters):
            slot.index = index
        self.slots = self.slots[: self._parameters] + declared
        self.finished = True

    @property
    def locals(self) -> list[Slot]:
        """The slots behind those of the parameters."""
        return self.slots[self._parameters :]


def _variables(instructions: list[Instruction], start: str) -> Iterator[Variable]:
    for each in instructions:
        if each.opcode.mnemonic.startswith(start):
            yield each.immediates[0]
