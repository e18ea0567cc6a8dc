"""Every instruction as data: its bytes, what it takes from the stack and what it leaves there.

The tables follow the index of instructions of the WebAssembly core specification,
release 3.0 (MVP, sign extension, saturating truncation, bulk memory, SIMD and
relaxed SIMD), and the proposal for threads. A row gives consecutive codes, so that it
can be checked against that index by eye. Vectors are typed by lanes: that is what the
expressions check.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from edgesite.wasm.encode import unsigned
from edgesite.wasm.types import TYPES, Type

if TYPE_CHECKING:
    from collections.abc import Iterator


class Immediate(Enum):
    """What follows the code of an instruction."""

    BLOCK = auto()  # the type of a block; always empty here
    LABEL = auto()
    LABELS = auto()  # br_table: the labels of 0, 1, ..., then the one of everything else
    FUNCTION = auto()
    LOCAL = auto()
    GLOBAL = auto()
    SEGMENT = auto()
    MEMARG = auto()
    MEMORY = auto()
    LANE = auto()
    LANES = auto()
    CONSTANT = auto()


@dataclass(frozen=True)
class Opcode:
    """One instruction; `natural` is the logarithm of the bytes it moves from or to memory."""

    mnemonic: str
    code: bytes
    operands: tuple[Type, ...]
    result: Type | None
    immediates: tuple[Immediate, ...] = ()
    natural: int = 0


# Rows: first code, signature, prefix of the names, names of this code and those after it.
# "-" skips a code that is not assigned.
_Row = tuple[int, str, str, str]

_COMPARE = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"
_COMPARE_FLOAT = "eq ne lt gt le ge"
_INTEGER = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"
_FLOAT_ONE = "abs neg ceil floor trunc nearest sqrt"
_FLOAT_TWO = "add sub mul div min max copysign"

_PLAIN: tuple[_Row, ...] = (
    (0x45, "i32 -> i32", "i32.", "eqz"),
    (0x46, "i32 i32 -> i32", "i32.", _COMPARE),
    (0x50, "i64 -> i32", "i64.", "eqz"),
    (0x51, "i64 i64 -> i32", "i64.", _COMPARE),
    (0x5B, "f32 f32 -> i32", "f32.", _COMPARE_FLOAT),
    (0x61, "f64 f64 -> i32", "f64.", _COMPARE_FLOAT),
    (0x67, "i32 -> i32", "i32.", "clz ctz popcnt"),
    (0x6A, "i32 i32 -> i32", "i32.", _INTEGER),
    (0x79, "i64 -> i64", "i64.", "clz ctz popcnt"),
    (0x7C, "i64 i64 -> i64", "i64.", _INTEGER),
    (0x8B, "f32 -> f32", "f32.", _FLOAT_ONE),
    (0x92, "f32 f32 -> f32", "f32.", _FLOAT_TWO),
    (0x99, "f64 -> f64", "f64.", _FLOAT_ONE),
    (0xA0, "f64 f64 -> f64", "f64.", _FLOAT_TWO),
    (0xA7, "i64 -> i32", "i32.", "wrap_i64"),
    (0xA8, "f32 -> i32", "i32.", "trunc_f32_s trunc_f32_u"),
    (0xAA, "f64 -> i32", "i32.", "trunc_f64_s trunc_f64_u"),
    (0xAC, "i32 -> i64", "i64.", "extend_i32_s extend_i32_u"),
    (0xAE, "f32 -> i64", "i64.", "trunc_f32_s trunc_f32_u"),
    (0xB0, "f64 -> i64", "i64.", "trunc_f64_s trunc_f64_u"),
    (0xB2, "i32 -> f32", "f32.", "convert_i32_s convert_i32_u"),
    (0xB4, "i64 -> f32", "f32.", "convert_i64_s convert_i64_u"),
    (0xB6, "f64 -> f32", "f32.", "demote_f64"),
    (0xB7, "i32 -> f64", "f64.", "convert_i32_s convert_i32_u"),
    (0xB9, "i64 -> f64", "f64.", "convert_i64_s convert_i64_u"),
    (0xBB, "f32 -> f64", "f64.", "promote_f32"),
    (0xBC, "f32 -> i32", "i32.", "reinterpret_f32"),
    (0xBD, "f64 -> i64", "i64.", "reinterpret_f64"),
    (0xBE, "i32 -> f32", "f32.", "reinterpret_i32"),
    (0xBF, "i64 -> f64", "f64.", "reinterpret_i64"),
    (0xC0, "i32 -> i32", "i32.", "extend8_s extend16_s"),
    (0xC2, "i64 -> i64", "i64.", "extend8_s extend16_s extend32_s"),
)

_SATURATING: tuple[_Row, ...] = (  # behind 0xFC
    (0, "f32 -> i32", "i32.", "trunc_sat_f32_s trunc_sat_f32_u"),
    (2, "f64 -> i32", "i32.", "trunc_sat_f64_s trunc_sat_f64_u"),
    (4, "f32 -> i64", "i64.", "trunc_sat_f32_s trunc_sat_f32_u"),
    (6, "f64 -> i64", "i64.", "trunc_sat_f64_s trunc_sat_f64_u"),
)

_NARROW = "narrow_{0}_s narrow_{0}_u"
_EXTEND = "extend_low_{0}_s extend_high_{0}_s extend_low_{0}_u extend_high_{0}_u"
_EXTMUL = "extmul_low_{0}_s extmul_high_{0}_s extmul_low_{0}_u extmul_high_{0}_u"
_MINMAX = "min_s min_u max_s max_u"
_SATURATE = "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u"

_VECTOR: tuple[_Row, ...] = (  # behind 0xFD
    (0x0E, "i8x16 i8x16 -> i8x16", "i8x16.", "swizzle"),
    (0x0F, "i32 -> i8x16", "i8x16.", "splat"),
    (0x10, "i32 -> i16x8", "i16x8.", "splat"),
    (0x11, "i32 -> i32x4", "i32x4.", "splat"),
    (0x12, "i64 -> i64x2", "i64x2.", "splat"),
    (0x13, "f32 -> f32x4", "f32x4.", "splat"),
    (0x14, "f64 -> f64x2", "f64x2.", "splat"),
    (0x23, "i8x16 i8x16 -> i8x16", "i8x16.", _COMPARE),
    (0x2D, "i16x8 i16x8 -> i16x8", "i16x8.", _COMPARE),
    (0x37, "i32x4 i32x4 -> i32x4", "i32x4.", _COMPARE),
    (0x41, "f32x4 f32x4 -> i32x4", "f32x4.", _COMPARE_FLOAT),
    (0x47, "f64x2 f64x2 -> i64x2", "f64x2.", _COMPARE_FLOAT),
    (0x4D, "v128 -> v128", "v128.", "not"),
    (0x4E, "v128 v128 -> v128", "v128.", "and andnot or xor"),
    (0x52, "v128 v128 v128 -> v128", "v128.", "bitselect"),
    (0x53, "v128 -> i32", "v128.", "any_true"),
    (0x5E, "f64x2 -> f32x4", "f32x4.", "demote_f64x2_zero"),
    (0x5F, "f32x4 -> f64x2", "f64x2.", "promote_low_f32x4"),
    (0x60, "i8x16 -> i8x16", "i8x16.", "abs neg popcnt"),
    (0x63, "i8x16 -> i32", "i8x16.", "all_true bitmask"),
    (0x65, "i16x8 i16x8 -> i8x16", "i8x16.", _NARROW.format("i16x8")),
    (0x67, "f32x4 -> f32x4", "f32x4.", "ceil floor trunc nearest"),
    (0x6B, "i8x16 i32 -> i8x16", "i8x16.", "shl shr_s shr_u"),
    (0x6E, "i8x16 i8x16 -> i8x16", "i8x16.", _SATURATE),
    (0x74, "f64x2 -> f64x2", "f64x2.", "ceil floor"),
    (0x76, "i8x16 i8x16 -> i8x16", "i8x16.", _MINMAX),
    (0x7A, "f64x2 -> f64x2", "f64x2.", "trunc"),
    (0x7B, "i8x16 i8x16 -> i8x16", "i8x16.", "avgr_u"),
    (0x7C, "i8x16 -> i16x8", "i16x8.", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"),
    (0x7E, "i16x8 -> i32x4", "i32x4.", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"),
    (0x80, "i16x8 -> i16x8", "i16x8.", "abs neg"),
    (0x82, "i16x8 i16x8 -> i16x8", "i16x8.", "q15mulr_sat_s"),
    (0x83, "i16x8 -> i32", "i16x8.", "all_true bitmask"),
    (0x85, "i32x4 i32x4 -> i16x8", "i16x8.", _NARROW.format("i32x4")),
    (0x87, "i8x16 -> i16x8", "i16x8.", _EXTEND.format("i8x16")),
    (0x8B, "i16x8 i32 -> i16x8", "i16x8.", "shl shr_s shr_u"),
    (0x8E, "i16x8 i16x8 -> i16x8", "i16x8.", _SATURATE),
    (0x94, "f64x2 -> f64x2", "f64x2.", "nearest"),
    (0x95, "i16x8 i16x8 -> i16x8", "i16x8.", "mul " + _MINMAX + " - avgr_u"),
    (0x9C, "i8x16 i8x16 -> i16x8", "i16x8.", _EXTMUL.format("i8x16")),
    (0xA0, "i32x4 -> i32x4", "i32x4.", "abs neg"),
    (0xA3, "i32x4 -> i32", "i32x4.", "all_true bitmask"),
    (0xA7, "i16x8 -> i32x4", "i32x4.", _EXTEND.format("i16x8")),
    (0xAB, "i32x4 i32 -> i32x4", "i32x4.", "shl shr_s shr_u"),
    (0xAE, "i32x4 i32x4 -> i32x4", "i32x4.", "add - - sub - - - mul " + _MINMAX),
    (0xBA, "i16x8 i16x8 -> i32x4", "i32x4.", "dot_i16x8_s"),
    (0xBC, "i16x8 i16x8 -> i32x4", "i32x4.", _EXTMUL.format("i16x8")),
    (0xC0, "i64x2 -> i64x2", "i64x2.", "abs neg"),
    (0xC3, "i64x2 -> i32", "i64x2.", "all_true bitmask"),
    (0xC7, "i32x4 -> i64x2", "i64x2.", _EXTEND.format("i32x4")),
    (0xCB, "i64x2 i32 -> i64x2", "i64x2.", "shl shr_s shr_u"),
    (0xCE, "i64x2 i64x2 -> i64x2", "i64x2.", "add - - sub - - - mul eq ne lt_s gt_s le_s ge_s"),
    (0xDC, "i32x4 i32x4 -> i64x2", "i64x2.", _EXTMUL.format("i32x4")),
    (0xE0, "f32x4 -> f32x4", "f32x4.", "abs neg - sqrt"),
    (0xE4, "f32x4 f32x4 -> f32x4", "f32x4.", "add sub mul div min max pmin pmax"),
    (0xEC, "f64x2 -> f64x2", "f64x2.", "abs neg - sqrt"),
    (0xF0, "f64x2 f64x2 -> f64x2", "f64x2.", "add sub mul div min max pmin pmax"),
    (0xF8, "f32x4 -> i32x4", "i32x4.", "trunc_sat_f32x4_s trunc_sat_f32x4_u"),
    (0xFA, "i32x4 -> f32x4", "f32x4.", "convert_i32x4_s convert_i32x4_u"),
    (0xFC, "f64x2 -> i32x4", "i32x4.", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero"),
    (0xFE, "i32x4 -> f64x2", "f64x2.", "convert_low_i32x4_s convert_low_i32x4_u"),
    (0x100, "i8x16 i8x16 -> i8x16", "i8x16.", "relaxed_swizzle"),
    (0x101, "f32x4 -> i32x4", "i32x4.", "relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u"),
    (0x103, "f64x2 -> i32x4", "i32x4.", "relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero"),
    (0x105, "f32x4 f32x4 f32x4 -> f32x4", "f32x4.", "relaxed_madd relaxed_nmadd"),
    (0x107, "f64x2 f64x2 f64x2 -> f64x2", "f64x2.", "relaxed_madd relaxed_nmadd"),
    (0x109, "i8x16 i8x16 i8x16 -> i8x16", "i8x16.", "relaxed_laneselect"),
    (0x10A, "i16x8 i16x8 i16x8 -> i16x8", "i16x8.", "relaxed_laneselect"),
    (0x10B, "i32x4 i32x4 i32x4 -> i32x4", "i32x4.", "relaxed_laneselect"),
    (0x10C, "i64x2 i64x2 i64x2 -> i64x2", "i64x2.", "relaxed_laneselect"),
    (0x10D, "f32x4 f32x4 -> f32x4", "f32x4.", "relaxed_min relaxed_max"),
    (0x10F, "f64x2 f64x2 -> f64x2", "f64x2.", "relaxed_min relaxed_max"),
    (0x111, "i16x8 i16x8 -> i16x8", "i16x8.", "relaxed_q15mulr_s"),
    (0x112, "i8x16 i8x16 -> i16x8", "i16x8.", "relaxed_dot_i8x16_i7x16_s"),
    (0x113, "i8x16 i8x16 i32x4 -> i32x4", "i32x4.", "relaxed_dot_i8x16_i7x16_add_s"),
)

_LANES: tuple[_Row, ...] = (  # behind 0xFD, the number of a lane follows
    (0x15, "i8x16 -> i32", "i8x16.", "extract_lane_s extract_lane_u"),
    (0x17, "i8x16 i32 -> i8x16", "i8x16.", "replace_lane"),
    (0x18, "i16x8 -> i32", "i16x8.", "extract_lane_s extract_lane_u"),
    (0x1A, "i16x8 i32 -> i16x8", "i16x8.", "replace_lane"),
    (0x1B, "i32x4 -> i32", "i32x4.", "extract_lane"),
    (0x1C, "i32x4 i32 -> i32x4", "i32x4.", "replace_lane"),
    (0x1D, "i64x2 -> i64", "i64x2.", "extract_lane"),
    (0x1E, "i64x2 i64 -> i64x2", "i64x2.", "replace_lane"),
    (0x1F, "f32x4 -> f32", "f32x4.", "extract_lane"),
    (0x20, "f32x4 f32 -> f32x4", "f32x4.", "replace_lane"),
    (0x21, "f64x2 -> f64", "f64x2.", "extract_lane"),
    (0x22, "f64x2 f64 -> f64x2", "f64x2.", "replace_lane"),
)

# Accesses to memory: first code, signature, prefix, name:bytes of this code and those after it.
_MEMORY: tuple[_Row, ...] = (
    (0x28, "i32 -> i32", "i32.", "load:4"),
    (0x29, "i32 -> i64", "i64.", "load:8"),
    (0x2A, "i32 -> f32", "f32.", "load:4"),
    (0x2B, "i32 -> f64", "f64.", "load:8"),
    (0x2C, "i32 -> i32", "i32.", "load8_s:1 load8_u:1 load16_s:2 load16_u:2"),
    (0x30, "i32 -> i64", "i64.", "load8_s:1 load8_u:1 load16_s:2 load16_u:2 load32_s:4 load32_u:4"),
    (0x36, "i32 i32 ->", "i32.", "store:4"),
    (0x37, "i32 i64 ->", "i64.", "store:8"),
    (0x38, "i32 f32 ->", "f32.", "store:4"),
    (0x39, "i32 f64 ->", "f64.", "store:8"),
    (0x3A, "i32 i32 ->", "i32.", "store8:1 store16:2"),
    (0x3C, "i32 i64 ->", "i64.", "store8:1 store16:2 store32:4"),
)

_VECTOR_MEMORY: tuple[_Row, ...] = (  # behind 0xFD
    (0x00, "i32 -> v128", "v128.", "load:16"),
    (0x01, "i32 -> i16x8", "v128.", "load8x8_s:8 load8x8_u:8"),
    (0x03, "i32 -> i32x4", "v128.", "load16x4_s:8 load16x4_u:8"),
    (0x05, "i32 -> i64x2", "v128.", "load32x2_s:8 load32x2_u:8"),
    (0x07, "i32 -> v128", "v128.", "load8_splat:1 load16_splat:2 load32_splat:4 load64_splat:8"),
    (0x0B, "i32 v128 ->", "v128.", "store:16"),
    (0x5C, "i32 -> v128", "v128.", "load32_zero:4 load64_zero:8"),
)

_LANE_MEMORY: tuple[_Row, ...] = (  # behind 0xFD, a lane follows
    (0x54, "i32 v128 -> v128", "v128.", "load8_lane:1 load16_lane:2 load32_lane:4 load64_lane:8"),
    (0x58, "i32 v128 ->", "v128.", "store8_lane:1 store16_lane:2 store32_lane:4 store64_lane:8"),
)

_NARROW_ATOMICS = (("i32", 8), ("i32", 16), ("i64", 8), ("i64", 16), ("i64", 32))

_ATOMIC: tuple[_Row, ...] = (  # behind 0xFE
    (0x00, "i32 i32 -> i32", "memory.atomic.", "notify:4"),
    (0x01, "i32 i32 i64 -> i32", "memory.atomic.", "wait32:4"),
    (0x02, "i32 i64 i64 -> i32", "memory.atomic.", "wait64:8"),
    (0x10, "i32 -> i32", "i32.atomic.", "load:4"),
    (0x11, "i32 -> i64", "i64.atomic.", "load:8"),
    (0x12, "i32 -> i32", "i32.atomic.", "load8_u:1 load16_u:2"),
    (0x14, "i32 -> i64", "i64.atomic.", "load8_u:1 load16_u:2 load32_u:4"),
    (0x17, "i32 i32 ->", "i32.atomic.", "store:4"),
    (0x18, "i32 i64 ->", "i64.atomic.", "store:8"),
    (0x19, "i32 i32 ->", "i32.atomic.", "store8:1 store16:2"),
    (0x1B, "i32 i64 ->", "i64.atomic.", "store8:1 store16:2 store32:4"),
    *(
        row
        for first, name, takes in (
            (0x1E, "add", 1), (0x25, "sub", 1), (0x2C, "and", 1), (0x33, "or", 1),
            (0x3A, "xor", 1), (0x41, "xchg", 1), (0x48, "cmpxchg", 2),
        )
        for row in (
            (first, f"i32{' i32' * takes} -> i32", "i32.atomic.rmw.", f"{name}:4"),
            (first + 1, f"i32{' i64' * takes} -> i64", "i64.atomic.rmw.", f"{name}:8"),
            *(
                (first + 2 + at, f"i32{f' {view}' * takes} -> {view}",
                 f"{view}.atomic.rmw{bits}.", f"{name}_u:{bits // 8}")
                for at, (view, bits) in enumerate(_NARROW_ATOMICS)
            ),
        )
    ),
)  # fmt: skip


def _opcodes(
    rows: tuple[_Row, ...], prefix: int | None = None, *immediates: Immediate
) -> Iterator[Opcode]:
    for first, signature, start, names in rows:
        operands, _, result = signature.partition("->")
        for code, name in enumerate(names.split(), first):
            if name == "-":
                continue
            suffix, _, size_bytes = name.partition(":")
            yield Opcode(
                start + suffix,
                bytes([code]) if prefix is None else bytes([prefix]) + unsigned(code),
                tuple(TYPES[each] for each in operands.split()),
                TYPES[result.strip()] if result.strip() else None,
                immediates,
                int(size_bytes or 1).bit_length() - 1,
            )


def _control() -> Iterator[Opcode]:
    """Instructions whose types depend on where they stand, and those of a kind of their own."""
    i32 = TYPES["i32"]
    yield Opcode("unreachable", b"\x00", (), None)
    yield Opcode("nop", b"\x01", (), None)
    yield Opcode("block", b"\x02", (), None, (Immediate.BLOCK,))
    yield Opcode("loop", b"\x03", (), None, (Immediate.BLOCK,))
    yield Opcode("if", b"\x04", (i32,), None, (Immediate.BLOCK,))
    yield Opcode("else", b"\x05", (), None)
    yield Opcode("end", b"\x0b", (), None)
    yield Opcode("br", b"\x0c", (), None, (Immediate.LABEL,))
    yield Opcode("br_if", b"\x0d", (i32,), None, (Immediate.LABEL,))
    yield Opcode("br_table", b"\x0e", (i32,), None, (Immediate.LABELS,))
    yield Opcode("return", b"\x0f", (), None)
    yield Opcode("call", b"\x10", (), None, (Immediate.FUNCTION,))
    yield Opcode("drop", b"\x1a", (), None)
    yield Opcode("select", b"\x1b", (), None)
    yield Opcode("local.get", b"\x20", (), None, (Immediate.LOCAL,))
    yield Opcode("local.set", b"\x21", (), None, (Immediate.LOCAL,))
    yield Opcode("local.tee", b"\x22", (), None, (Immediate.LOCAL,))
    yield Opcode("global.get", b"\x23", (), None, (Immediate.GLOBAL,))
    yield Opcode("global.set", b"\x24", (), None, (Immediate.GLOBAL,))
    yield Opcode("memory.size", b"\x3f", (), i32, (Immediate.MEMORY,))
    yield Opcode("memory.grow", b"\x40", (i32,), i32, (Immediate.MEMORY,))
    for code, name in enumerate(("i32", "i64", "f32", "f64"), 0x41):
        yield Opcode(f"{name}.const", bytes([code]), (), TYPES[name], (Immediate.CONSTANT,))
    yield Opcode("v128.const", b"\xfd\x0c", (), TYPES["v128"], (Immediate.CONSTANT,))
    two = (TYPES["i8x16"], TYPES["i8x16"])
    yield Opcode("i8x16.shuffle", b"\xfd\x0d", two, TYPES["i8x16"], (Immediate.LANES,))
    into = (Immediate.SEGMENT, Immediate.MEMORY)
    yield Opcode("memory.init", b"\xfc\x08", (i32, i32, i32), None, into)
    yield Opcode("data.drop", b"\xfc\x09", (), None, (Immediate.SEGMENT,))
    both = (Immediate.MEMORY, Immediate.MEMORY)
    yield Opcode("memory.copy", b"\xfc\x0a", (i32, i32, i32), None, both)
    yield Opcode("memory.fill", b"\xfc\x0b", (i32, i32, i32), None, (Immediate.MEMORY,))
    yield Opcode("atomic.fence", b"\xfe\x03", (), None, (Immediate.MEMORY,))


OPCODES: dict[str, Opcode] = {
    opcode.mnemonic: opcode
    for opcodes in (
        _control(),
        _opcodes(_PLAIN),
        _opcodes(_SATURATING, 0xFC),
        _opcodes(_VECTOR, 0xFD),
        _opcodes(_LANES, 0xFD, Immediate.LANE),
        _opcodes(_MEMORY, None, Immediate.MEMARG),
        _opcodes(_VECTOR_MEMORY, 0xFD, Immediate.MEMARG),
        _opcodes(_LANE_MEMORY, 0xFD, Immediate.MEMARG, Immediate.LANE),
        _opcodes(_ATOMIC, 0xFE, Immediate.MEMARG),
    )
    for opcode in opcodes
}
