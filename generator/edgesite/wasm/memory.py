"""Loads and stores, as methods of `edgesite.wasm.function.Function`.

An address is an i32; `offset` is added to it by the instruction itself, without wrapping
around at 4 GiB. A load is an expression: it must be used before memory changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite.errors import InternalError
from edgesite.wasm.expression import Operand, Value, constant, instruction
from edgesite.wasm.nodes import Tree, opcode_of
from edgesite.wasm.types import I32, Type

if TYPE_CHECKING:
    from edgesite.wasm.function import Function


def load(
    f: Function, view: Type, address: Operand, offset: int = 0, align: int | None = None
) -> Value:
    """All bytes of a value; `align` in bytes is a hint to the engine, natural by default."""
    return access(f, f"{view.storage}.load", view, address, offset, align)


def load8_s(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """A byte as an i32 or i64, with its sign."""
    return access(f, f"{view}.load8_s", view, address, offset)


def load8_u(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """A byte as an i32 or i64, without sign."""
    return access(f, f"{view}.load8_u", view, address, offset)


def load16_s(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """Two bytes as an i32 or i64, with their sign."""
    return access(f, f"{view}.load16_s", view, address, offset)


def load16_u(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """Two bytes as an i32 or i64, without sign."""
    return access(f, f"{view}.load16_u", view, address, offset)


def load32_s(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """Four bytes as an i64, with their sign."""
    return access(f, f"{view}.load32_s", view, address, offset)


def load32_u(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """Four bytes as an i64, without sign."""
    return access(f, f"{view}.load32_u", view, address, offset)


def load_splat(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """One lane from memory, in every lane."""
    return access(f, f"v128.load{view.lane_bits}_splat", view, address, offset)


def load_zero(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """One lane of 32 or 64 bits from memory, the other lanes zero."""
    return access(f, f"v128.load{view.lane_bits}_zero", view, address, offset)


def load_extend_s(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """Eight bytes: integers of half the width of the lanes, with their sign."""
    half = f"{view.lane_bits // 2}x{view.lanes}"
    return access(f, f"v128.load{half}_s", view, address, offset)


def load_extend_u(f: Function, view: Type, address: Operand, offset: int = 0) -> Value:
    """Eight bytes: integers of half the width of the lanes, without sign."""
    half = f"{view.lane_bits // 2}x{view.lanes}"
    return access(f, f"v128.load{half}_u", view, address, offset)


def load_lane(f: Function, vector: Value, lane: int, address: Operand, offset: int = 0) -> Value:
    """The vector with one lane from memory."""
    mnemonic, view = f"v128.load{vector.type.lane_bits}_lane", vector.type
    immediates = (*memarg(mnemonic, offset), view.checked_lane(lane))
    tree = instruction(mnemonic, constant(I32, address), vector, immediates=immediates)
    return _reading(f, tree, view)


def store(
    f: Function, address: Operand, value: Value, offset: int = 0, align: int | None = None
) -> None:
    """Write all bytes of a value."""
    _store(f, f"{value.type.storage}.store", address, value, offset, align)


def store8(f: Function, address: Operand, value: Value, offset: int = 0) -> None:
    """Write the lowest byte of an i32 or i64."""
    _store(f, f"{value.type}.store8", address, value, offset)


def store16(f: Function, address: Operand, value: Value, offset: int = 0) -> None:
    """Write the two lowest bytes of an i32 or i64."""
    _store(f, f"{value.type}.store16", address, value, offset)


def store32(f: Function, address: Operand, value: Value, offset: int = 0) -> None:
    """Write the four lowest bytes of an i64."""
    _store(f, f"{value.type}.store32", address, value, offset)


def store_lane(f: Function, address: Operand, vector: Value, lane: int, offset: int = 0) -> None:
    """Write one lane."""
    mnemonic, view = f"v128.store{vector.type.lane_bits}_lane", vector.type
    f.do(mnemonic, address, vector, immediates=(*memarg(mnemonic, offset), view.checked_lane(lane)))


def fill(f: Function, address: Operand, byte: Operand, size_bytes: Operand) -> None:
    """Set every byte of a range."""
    f.do("memory.fill", address, byte, size_bytes, immediates=(0,))


def copy(f: Function, target: Operand, source: Operand, size_bytes: Operand) -> None:
    """Copy a range; the two may overlap."""
    f.do("memory.copy", target, source, size_bytes, immediates=(0, 0))


def memory_size(f: Function) -> Value:
    """The size of the memory, in pages of 64 KiB."""
    return _reading(f, instruction("memory.size", immediates=(0,)), I32)


def access(
    f: Function,
    mnemonic: str,
    view: Type,
    address: Operand,
    offset: int,
    align: int | None = None,
) -> Value:
    """The expression of an instruction that reads what lies at an address."""
    immediates = memarg(mnemonic, offset, align)
    return _reading(f, instruction(mnemonic, constant(I32, address), immediates=immediates), view)


def _store(
    f: Function,
    mnemonic: str,
    address: Operand,
    value: Value,
    offset: int,
    align: int | None = None,
) -> None:
    f.do(mnemonic, address, value, immediates=memarg(mnemonic, offset, align))


def _reading(f: Function, loaded: Value, view: Type) -> Value:
    node = loaded.node
    assert isinstance(node, Tree)
    node.reads = (f.body.world.read(),)
    return Value(view, node)


def memarg(mnemonic: str, offset: int, align: int | None = None) -> tuple[tuple[int, int], ...]:
    """The immediate of an access: the logarithm of its alignment, and its offset."""
    opcode = opcode_of(mnemonic)
    if not 0 <= offset < 1 << 32:
        raise InternalError(f"wasm {mnemonic}: offset {offset} is not in 0 to 4294967295")
    if align is None:
        return ((opcode.natural, offset),)
    if align not in (1, 2, 4, 8, 16) or align > 1 << opcode.natural:
        wanted = f"a power of two up to {1 << opcode.natural}"
        raise InternalError(f"wasm {mnemonic}: alignment {align} is not {wanted}")
    return ((align.bit_length() - 1, offset),)
