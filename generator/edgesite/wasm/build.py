"""A module while it is built: functions, one memory, globals, data, exports.

The order of things in the binary is the order in which they are declared.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm.binary import encode_module
from edgesite.wasm.expression import Constant, Operand, constant
from edgesite.wasm.function import Function, Global
from edgesite.wasm.text import format_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgesite.wasm.types import Type


@dataclass(frozen=True)
class Memory:
    """The memory: its size in pages of 64 KiB, and where it comes from."""

    pages: int
    maximum: int | None
    imported: tuple[str, str] | None
    shared: bool


@dataclass(frozen=True)
class Export:
    """A name under which the host finds something; kind 0 function, 2 memory, 3 global."""

    name: str
    kind: int
    index: int


@dataclass(frozen=True)
class Segment:
    """Bytes that are in memory from the start."""

    offset: int
    payload: bytes


class Module:
    """A WebAssembly module."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.globals: list[Global] = []
        self.segments: list[Segment] = []
        self.exports: list[Export] = []
        self.memory_used: Memory | None = None

    def memory(
        self,
        pages: int,
        maximum: int | None = None,
        *,
        export: str | None = None,
        imported: tuple[str, str] | None = None,
        shared: bool = False,
    ) -> None:
        """Declare the one memory; `imported` names the host's module and field.

        Several threads may have one that is `shared`, which must have a maximum.
        """
        if self.memory_used is not None:
            raise InternalError("wasm module: has a memory already; there is one per module")
        if not 0 <= pages <= (65536 if maximum is None else maximum) <= 65536:
            raise InternalError(f"wasm memory of {pages} to {maximum} pages: 65536 is the most")
        if shared and maximum is None:
            raise InternalError("wasm memory: one that is shared needs a maximum")
        self.memory_used = Memory(pages, maximum, imported, shared)
        if export is not None:
            self._export(export, 2, 0)

    @contextmanager
    def function(
        self,
        name: str,
        /,
        *,
        result: Type | None = None,
        export: bool | str = False,
        pure: bool = False,
        **parameters: Type,
    ) -> Iterator[tuple[Any, ...]]:
        """Write a function; yields it, a `Function`, and a `Local` for every parameter.

        Nothing that `pure` functions do depends on memory or globals, or changes them.
        Functions may be written inside one another's blocks; that does not nest them.
        """
        if any(each.name == name for each in self.functions):
            raise InternalError(f"wasm function {name}: exists already; names are unique")
        function = Function(name, len(self.functions), parameters, result, pure=pure)
        self.functions.append(function)
        if export:
            self._export(name if export is True else export, 0, function.index)
        yield (function, *function.arguments)
        function.finish()

    def global_(
        self,
        name: str,
        view: Type,
        initial: Operand | Sequence[float],
        *,
        mutable: bool = True,
        export: bool = False,
    ) -> Global:
        """Declare a global with a constant initial value."""
        value = constant(view, initial)
        if not isinstance(value, Constant):
            raise InternalError(f"wasm global {name}: its initial value {value} is no constant")
        made = Global(name, len(self.globals), view, value, mutable)
        self.globals.append(made)
        if export:
            self._export(name, 3, made.index)
        return made

    def data(self, offset: int, payload: bytes) -> None:
        """Put bytes into memory when the module is instantiated."""
        self.segments.append(Segment(offset, bytes(payload)))

    def encode(self, *, names: bool = False) -> bytes:
        """The binary form; `names` adds the section that debuggers read."""
        self._check_finished()
        return encode_module(self, names=names)

    def text(self) -> str:
        """The text form."""
        self._check_finished()
        return format_module(self)

    def _check_finished(self) -> None:
        for function in self.functions:
            if not function.body.finished:
                raise InternalError(f"wasm function {function.name}: is still being written")

    def _export(self, name: str, kind: int, index: int) -> None:
        if any(each.name == name for each in self.exports):
            raise InternalError(f"wasm export {name}: exists already; names are unique")
        self.exports.append(Export(name, kind, index))
