"""What can change while code is written: locals, and the world outside the function.

An expression takes note of the version of everything it reads. When it is emitted, a newer
version means that it would read something else than its author meant. The same holds in a
loop: what an expression from before the loop reads must not change inside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgesite.errors import InternalError

if TYPE_CHECKING:
    from edgesite.wasm.types import Type


@dataclass(eq=False)
class Loop:
    """An open loop, and the state that expressions from outside have read in it."""

    settled: set[State] = field(default_factory=set)


class State:
    """Something that expressions read and statements change."""

    def __init__(self, name: str, loops: list[Loop]) -> None:
        self.name, self.loops, self.version = name, loops, 0

    def read(self) -> Read:
        """A note of what is read on this line."""
        return Read(self, self.version, tuple(self.loops))

    def change(self) -> None:
        """Start a new version."""
        if any(self in loop.settled for loop in self.loops):
            raise InternalError(
                f"wasm {self}: changes in a loop that uses an expression from before the loop"
                " which reads it; keep that expression's value with f.let"
            )
        self.version += 1

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Read:
    """One reading of a state: which version, and in which loops it was written."""

    state: State
    version: int
    loops: tuple[Loop, ...]

    def check(self, loops: list[Loop], *, again: bool = False) -> None:
        """Raise when emitting the expression here would read something else.

        `loops` are those that are open in the function; with `again` the innermost may change
        what is read.
        """
        if self.state.loops is not loops:
            raise InternalError(f"wasm {self.state}: belongs to another function")
        if self.state.version != self.version:
            raise InternalError(
                f"wasm {self.state}: has changed between the expression that reads it and the use"
                " of that expression; keep its value with f.let"
            )
        for loop in loops[:-1] if again else loops:
            if loop not in self.loops:
                loop.settled.add(self.state)


@dataclass(eq=False)
class Slot:
    """A local of the binary format; several variables may take turns in it."""

    type: Type
    index: int = -1


class Variable(State):
    """A local variable with its life time."""

    def __init__(self, name: str, slot: Slot, loops: list[Loop], *, mutable: bool) -> None:
        super().__init__(name, loops)
        self.slot, self.mutable, self.alive = slot, mutable, True

    @property
    def index(self) -> int:
        """Its number in the binary format, known when the function is finished."""
        return self.slot.index

    def read(self) -> Read:
        """A note of the value it has on this line."""
        if not self.alive:
            raise InternalError(f"wasm {self}: is read behind the end of the block it belongs to")
        if self.version == 0:
            raise InternalError(f"wasm {self}: is read before anything is assigned to it")
        return super().read()

    def change(self) -> None:
        """Note an assignment."""
        if self.version and not self.mutable:
            raise InternalError(f"wasm {self}: is a let, not a variable; declare it with f.local")
        super().change()
