"""The text form of a module: for readers, for golden tests, and accepted by any assembler."""

from __future__ import annotations

import math
import re
import struct
from itertools import groupby
from typing import TYPE_CHECKING, Any

from edgesite.wasm.binary import Signature, signature, signatures
from edgesite.wasm.opcodes import Immediate, Opcode
from edgesite.wasm.types import F32, F64, I32, I64, V128

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgesite.wasm.body import Instruction
    from edgesite.wasm.build import Export, Memory, Module, Segment
    from edgesite.wasm.function import Function, Global

_STORAGE = {each.code: each.name for each in (I32, I64, F32, F64, V128)}
_KINDS = {0: "func", 2: "memory", 3: "global"}


def format_module(module: Module) -> str:
    """The module as an S-expression, one instruction per line."""
    types = signatures(module.functions)
    lines = [f"(type (;{at};) {_signature(each)})" for at, each in enumerate(types)]
    if module.memory_used is not None:
        lines.append(_memory(module.memory_used))
    lines.extend(map(_global, module.globals))
    lines.extend(map(_export, module.exports))
    for function in module.functions:
        lines.extend(format_function(function, types.index(signature(function))))
    lines.extend(map(_segment, module.segments))
    return "\n".join(["(module", *(f"  {line}" for line in lines), ")", ""])


def format_function(function: Function, type_index: int) -> Iterator[str]:
    """The lines of one function."""
    parameters = "".join(
        f" (param {_identifier(name)} {view.storage})" for name, view in function.parameters.items()
    )
    result = f" (result {function.result.storage})" if function.result is not None else ""
    yield f"(func {_identifier(function.name)} (type {type_index}){parameters}{result}"
    for storage, slots in groupby(slot.type.storage for slot in function.body.locals):
        yield f"  (local{f' {storage}' * len(list(slots))})"
    depth = 1
    names = [_identifier(name) for name in function.parameters]
    for each in function.body.instructions:
        mnemonic = each.opcode.mnemonic
        depth -= mnemonic in ("end", "else")
        yield "  " * depth + format_instruction(each, names)
        depth += mnemonic in ("block", "loop", "if", "else")
    yield ")"


def format_instruction(each: Instruction, names: Sequence[str] = ()) -> str:
    """One instruction; `names` are the names of the first locals."""
    values = zip(each.opcode.immediates, each.immediates, strict=True)
    words = (_immediate(each.opcode, kind, value, names) for kind, value in values)
    return " ".join(filter(None, (each.opcode.mnemonic, *words)))


def _immediate(opcode: Opcode, kind: Immediate, value: Any, names: Sequence[str]) -> str:
    if kind is Immediate.CONSTANT:
        return _CONSTANTS[opcode.mnemonic](value)
    if kind is Immediate.MEMARG:
        align, offset = value
        words = [f"offset={offset}"] if offset else []
        return " ".join(words + ([] if align == opcode.natural else [f"align={1 << align}"]))
    if kind is Immediate.LOCAL and value.index < len(names):
        return names[int(value.index)]
    return _IMMEDIATES[kind](value)


def _number(number: float, digits: int) -> str:
    """A float in hexadecimal, which loses nothing; decimal where that is short."""
    if math.isnan(number):
        return ("-" if math.copysign(1, number) < 0 else "") + "nan"
    if math.isinf(number):
        return "-inf" if number < 0 else "inf"
    short = repr(number)
    return short if len(short) <= digits else number.hex()


def _float32(number: float) -> str:
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", number))[0]
    except OverflowError:
        rounded = math.copysign(math.inf, number)
    return _number(rounded, 10)


def _vector(payload: bytes) -> str:
    words = struct.unpack("<4I", payload)
    return " ".join(["i32x4", *(f"0x{word:08x}" for word in words)])


_IMMEDIATES: dict[Immediate, Callable[[Any], str]] = {
    Immediate.BLOCK: lambda _: "",
    Immediate.LABEL: str,
    Immediate.LABELS: lambda depths: " ".join(map(str, depths)),
    Immediate.FUNCTION: lambda function: _identifier(function.name),
    Immediate.LOCAL: lambda variable: str(variable.index),
    Immediate.GLOBAL: lambda each: str(each.index),
    Immediate.SEGMENT: str,
    Immediate.MEMORY: lambda _: "",
    Immediate.LANE: str,
    Immediate.LANES: lambda lanes: " ".join(map(str, lanes)),
}

_CONSTANTS: dict[str, Callable[[Any], str]] = {
    "i32.const": str,
    "i64.const": str,
    "f32.const": _float32,
    "f64.const": lambda number: _number(number, 18),
    "v128.const": _vector,
}


def _signature(each: Signature) -> str:
    parameters, results = each
    words = (
        [f" (param{''.join(f' {_STORAGE[code]}' for code in parameters)})"] if parameters else []
    )
    words += [f" (result {_STORAGE[code]})" for code in results]
    return f"(func{''.join(words)})"


def _memory(memory: Memory) -> str:
    sizes = str(memory.pages) if memory.maximum is None else f"{memory.pages} {memory.maximum}"
    sizes += " shared" if memory.shared else ""
    if memory.imported is None:
        return f"(memory (;0;) {sizes})"
    source, field = map(_string, memory.imported)
    return f"(import {source} {field} (memory (;0;) {sizes}))"


def _global(each: Global) -> str:
    storage = each.type.storage
    declared = f"(mut {storage})" if each.mutable else storage
    value = _CONSTANTS[f"{storage}.const"](each.initial.number)
    return f"(global (;{each.index};) {declared} {storage}.const {value})"


def _export(each: Export) -> str:
    return f"(export {_string(each.name)} ({_KINDS[each.kind]} {each.index}))"


def _segment(segment: Segment) -> str:
    return f"(data (i32.const {segment.offset}) {_string(segment.payload)})"


def _string(text: str | bytes) -> str:
    payload = text.encode() if isinstance(text, str) else text
    plain = (chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\{b:02x}" for b in payload)
    return f'"{"".join(plain)}"'


def _identifier(name: str) -> str:
    plain = re.fullmatch(r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]+", name)
    return f"${name}" if plain else f"${_string(name)}"
