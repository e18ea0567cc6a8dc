"""The binary form of a module: its sections, function bodies and instructions."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from edgesite.wasm.encode import (
    MAGIC,
    float32,
    float64,
    limits,
    name,
    section,
    signed,
    sized,
    unsigned,
    vector,
)
from edgesite.wasm.opcodes import Immediate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgesite.wasm.body import Instruction
    from edgesite.wasm.build import Memory, Module, Segment
    from edgesite.wasm.expression import Constant
    from edgesite.wasm.function import Function, Global

Signature = tuple[tuple[int, ...], tuple[int, ...]]

_EMPTY_BLOCK = b"\x40"
_END = b"\x0b"
_TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT, _CODE, _DATA = 1, 2, 3, 5, 6, 7, 10, 11


def encode_module(module: Module, *, names: bool = False) -> bytes:
    """All sections, in the order the format asks for."""
    types = signatures(module.functions)
    memory = module.memory_used
    imports = [] if memory is None or memory.imported is None else [_imported(memory)]
    memories = [] if memory is None or imports else [_limits(memory)]
    functions = (unsigned(types.index(signature(each))) for each in module.functions)
    exports = (
        name(each.name) + bytes([each.kind]) + unsigned(each.index) for each in module.exports
    )
    return b"".join(
        (
            MAGIC,
            section(_TYPE, vector(map(_signature, types))),
            section(_IMPORT, vector(imports)),
            section(_FUNCTION, vector(functions)),
            section(_MEMORY, vector(memories)),
            section(_GLOBAL, vector(map(_global, module.globals))),
            section(_EXPORT, vector(exports)),
            section(_CODE, vector(map(_code, module.functions))),
            section(_DATA, vector(map(_segment, module.segments))),
            _names(module.functions) if names else b"",
        )
    )


def signatures(functions: Sequence[Function]) -> list[Signature]:
    """The types of functions, each once, in the order of first use."""
    return list(dict.fromkeys(map(signature, functions)))


def signature(function: Function) -> Signature:
    """The codes of the parameters and of the result."""
    result = () if function.result is None else (function.result.code,)
    return tuple(view.code for view in function.parameters.values()), result


def instruction(each: Instruction) -> bytes:
    """One instruction with its immediates."""
    kinds = each.opcode.immediates
    values = zip(kinds, each.immediates, strict=True)
    return each.opcode.code + b"".join(_immediate(each, kind, value) for kind, value in values)


def _immediate(each: Instruction, kind: Immediate, value: Any) -> bytes:
    if kind is Immediate.CONSTANT:
        return _CONSTANTS[each.opcode.mnemonic](value)
    return _IMMEDIATES[kind](value)


def _labels(depths: tuple[int, ...]) -> bytes:
    return vector(map(unsigned, depths[:-1])) + unsigned(depths[-1])


def _memarg(memarg: tuple[int, int]) -> bytes:
    align, offset = memarg
    return unsigned(align) + unsigned(offset)


def _indexed(target: Any) -> bytes:
    return unsigned(target.index)


_IMMEDIATES: dict[Immediate, Callable[[Any], bytes]] = {
    Immediate.BLOCK: lambda _: _EMPTY_BLOCK,
    Immediate.LABEL: unsigned,
    Immediate.LABELS: _labels,
    Immediate.FUNCTION: _indexed,
    Immediate.LOCAL: _indexed,
    Immediate.GLOBAL: _indexed,
    Immediate.SEGMENT: unsigned,
    Immediate.MEMARG: _memarg,
    Immediate.MEMORY: unsigned,
    Immediate.LANE: unsigned,
    Immediate.LANES: bytes,
}

_CONSTANTS: dict[str, Callable[[Any], bytes]] = {
    "i32.const": signed,
    "i64.const": signed,
    "f32.const": float32,
    "f64.const": float64,
    "v128.const": bytes,
}


def _signature(each: Signature) -> bytes:
    parameters, results = each
    return b"\x60" + sized(bytes(parameters)) + sized(bytes(results))


def _imported(memory: Memory) -> bytes:
    assert memory.imported is not None
    source, field = memory.imported
    return name(source) + name(field) + b"\x02" + _limits(memory)


def _limits(memory: Memory) -> bytes:
    return limits(memory.pages, memory.maximum, shared=memory.shared)


def _constant(value: Constant) -> bytes:
    number = value.number
    prefix = b"\xfd\x0c" if value.type.is_vector else bytes([_CONST_CODES[value.type.name]])
    return prefix + _CONSTANTS[f"{value.type.storage}.const"](number) + _END


_CONST_CODES = {"i32": 0x41, "i64": 0x42, "f32": 0x43, "f64": 0x44}


def _global(each: Global) -> bytes:
    return bytes([each.type.code, each.mutable]) + _constant(each.initial)


def _segment(segment: Segment) -> bytes:
    return b"\x00\x41" + signed(segment.offset) + _END + sized(segment.payload)


def _code(function: Function) -> bytes:
    groups = groupby(slot.type.code for slot in function.body.locals)
    declared = vector(unsigned(len(list(slots))) + bytes([code]) for code, slots in groups)
    body = b"".join(map(instruction, function.body.instructions))
    return sized(declared + body + _END)


def _names(functions: Sequence[Function]) -> bytes:
    """The custom section "name", with functions and parameters."""
    of_functions = _name_map(each.name for each in functions)
    of_locals = vector(
        unsigned(each.index) + _name_map(each.parameters) for each in functions if each.parameters
    )
    parts = b"\x01" + sized(of_functions)
    if of_locals != b"\0":
        parts += b"\x02" + sized(of_locals)
    return section(0, name("name") + parts)


def _name_map(names: Iterator[str] | dict[str, Any]) -> bytes:
    return vector(unsigned(index) + name(each) for index, each in enumerate(names))
