"""What an expression is made of: instructions with the instructions whose results they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm.opcodes import OPCODES, Opcode

if TYPE_CHECKING:
    from edgesite.wasm.state import Read
    from edgesite.wasm.types import Type


@dataclass(frozen=True, eq=False)
class Number:
    """A constant: free, so it may be taken any number of times."""

    type: Type
    number: int | float | bytes

    @property
    def opcode(self) -> Opcode:
        """The instruction that gives it."""
        return OPCODES[f"{self.type.storage}.const"]

    def taken(self) -> Number:
        """Give itself."""
        return self


@dataclass(eq=False)
class Tree:
    """An instruction, what it takes, and the state it reads; it may be taken once."""

    opcode: Opcode
    operands: tuple[Node, ...] = ()
    immediates: tuple[Any, ...] = ()
    reads: tuple[Read, ...] = ()
    used: bool = False

    def taken(self) -> Tree:
        """Give itself, the first time."""
        if self.used:
            raise InternalError(
                f"wasm expression ({self.opcode.mnemonic}): is used twice, which would compute it"
                " twice; keep its value with f.let"
            )
        self.used = True
        return self


Node = Tree | Number


def opcode_of(mnemonic: str) -> Opcode:
    """Look up an instruction."""
    opcode = OPCODES.get(mnemonic)
    if opcode is None:
        raise InternalError(f"wasm instruction {mnemonic}: does not exist; see the opcode tables")
    return opcode
