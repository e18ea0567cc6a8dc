"""Every instruction of the tables: its bytes against another assembler, its values in numpy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import wasmtime

from edgesite.wasm import I32, V128, Function, Module, Type, Value, constant, instruction
from edgesite.wasm.opcodes import OPCODES, Immediate, Opcode
from tests.wasm.machine import ENGINE, Machine
from tests.wasm.reference import SIGNED, semantics

STRUCTURE = {"block", "loop", "if", "else", "end", "br", "br_if", "br_table", "return", "call"}
NUMERIC = [
    each
    for each in OPCODES.values()
    if each.operands and each.result and not set(each.immediates) - {Immediate.LANE}
]
PAGE = 1 << 16

INTEGERS = [0, 1, 2, 3, 5, 7, 31, 32, 33, 63, 64, 100, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF]
INTEGERS += [0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 53) + 1, (1 << 63) - 1]
FLOATS = [0.0, 0.25, 0.5, 1.0, 1.5, 2.5, 3.7, 100.5, 127.0, 32767.0, 2147483520.0, 2147483647.0]
FLOATS += [4294967040.0, 9.2e18, 1.8e19, 3.4e38, 1e-38, 1e-45, 5e-324, 1.7e308]
FLOATS += [float("inf"), float("nan")]


def edges(view: Type) -> np.ndarray:
    """Values at which something changes, of either sign."""
    if view.is_float:
        dtype = np.float32 if view.lane_bits == 32 else np.float64
        with np.errstate(over="ignore"):
            return np.array(FLOATS + [-each for each in FLOATS], dtype)
    bits = view.lane_bits or 32
    numbers = {(sign * each) % (1 << bits) for each in INTEGERS for sign in (1, -1)}
    words = np.array(sorted(numbers), f"u{bits // 8}")
    return words.view(SIGNED[bits])


def operands(opcode: Opcode) -> list[np.ndarray]:
    """All pairs of edge values, as arrays of shape (items, lanes) per operand."""
    columns = [edges(view) for view in opcode.operands]
    two = np.array(list(product(*(range(len(column)) for column in columns[:2])))).T
    shuffled = np.random.default_rng(1).permutation(two.shape[1])
    chosen = [*two, *(two[0][shuffled] for _ in columns[2:])]
    flat = [column[indices % len(column)] for column, indices in zip(columns, chosen, strict=False)]
    lanes = [16 * 8 // (view.lane_bits or 32) if view.is_vector else 1 for view in opcode.operands]
    items = min(len(column) // count for column, count in zip(flat, lanes, strict=True))
    items = min(items, PAGE // 16)
    return [
        column[: items * count].reshape(items, count).copy()
        for column, count in zip(flat, lanes, strict=True)
    ]


def defined(opcode: Opcode, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Only the operands for which the instruction neither traps nor leaves a choice."""
    name = opcode.mnemonic.partition(".")[2]
    if name.startswith(("div_", "rem_")):
        overflow = (arrays[0] == np.iinfo(arrays[0].dtype).min) & (arrays[1] == -1)
        keep = (arrays[1] != 0) & ~overflow
        return [each[keep[:, 0]] for each in arrays]
    if name.startswith(("trunc_f", "relaxed_trunc")):
        low, high = (-0.9, 4e9) if "_u" in name else (-2e9, 2e9)
        if opcode.mnemonic.startswith("i64"):
            low, high = (-0.9, 1.5e19) if "_u" in name else (-9e18, 9e18)
        fits = (arrays[0] > low) & (arrays[0] < high)
        return [np.where(fits, arrays[0], 3.7).astype(arrays[0].dtype)]
    if name in ("relaxed_min", "relaxed_max", "relaxed_madd", "relaxed_nmadd"):
        small = np.arange(1, arrays[0].size + 1).reshape(arrays[0].shape) % 61 + 1
        return [(small * (k + 1) % 53 - 71.0).astype(arrays[0].dtype) for k in range(len(arrays))]
    if name == "relaxed_laneselect":
        return [*arrays[:2], -(arrays[2] & 1)]
    if name == "relaxed_q15mulr_s":
        return [np.maximum(each, -0x7FFF) for each in arrays]
    if name.startswith("relaxed_"):
        return [arrays[0], arrays[1] & (15 if "swizzle" in name else 127), *arrays[2:]]
    return arrays


def kernel(opcode: Opcode, items: int) -> Module:
    """Apply an instruction to arrays that start at pages 1, 2, ...; the results go to page 0."""
    module = Module()
    module.memory(4, export="memory")
    with (
        module.function("apply", export=True) as (f,),
        f.loop(0, items) as at,
    ):
        values = [
            f.load(view, at * view.size_bytes, offset=PAGE * page)
            for page, view in enumerate(opcode.operands, 1)
        ]
        immediates = (1,) * len(opcode.immediates)
        result = instruction(opcode.mnemonic, *values, immediates=immediates)
        f.store(at * result.type.size_bytes, result)
    return module


@pytest.mark.parametrize("opcode", NUMERIC, ids=lambda each: each.mnemonic)
def test_numeric_instruction_computes_what_numpy_does(opcode: Opcode) -> None:
    arrays = defined(opcode, operands(opcode))
    machine = Machine(kernel(opcode, len(arrays[0])))
    for page, array in enumerate(arrays, 1):
        machine.write(PAGE * page, array)
    with np.errstate(all="ignore"):
        expected = expected_lanes(opcode, arrays)

    machine.call("apply")

    result = machine.read(0, expected.size, expected.dtype).reshape(expected.shape)
    np.testing.assert_array_equal(result, expected)
    if expected.dtype.kind == "f":
        signs = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(result)[signs], np.signbit(expected)[signs])


def expected_lanes(opcode: Opcode, arrays: list[np.ndarray]) -> np.ndarray:
    assert opcode.result is not None
    name = opcode.mnemonic.partition(".")[2]
    if name == "replace_lane":
        replaced = arrays[0].copy()
        replaced[:, 1:2] = arrays[1].astype(replaced.dtype)
        return replaced
    result = semantics(opcode.mnemonic)(*arrays)
    if name == "splat":
        kind = result.dtype if result.dtype.kind == "f" else SIGNED[opcode.result.lane_bits]
        return np.tile(result.astype(kind), (1, opcode.result.lanes))
    return np.ascontiguousarray(result)


@pytest.mark.parametrize(
    "opcode",
    [each for each in OPCODES.values() if each.mnemonic not in STRUCTURE],
    ids=lambda each: each.mnemonic,
)
def test_instruction_has_the_bytes_another_assembler_gives_it(opcode: Opcode) -> None:
    module = Module()
    module.memory(1)
    module.data(0, b"data")
    module.global_("g", I32, 7)
    with module.function("f", x=I32) as (f, _):
        place(module, f, opcode)

    binary = module.encode(names=True)

    assert opcode.code in binary
    if not opcode.mnemonic.startswith(("memory.init", "data.drop")):  # they want another section
        assert wasmtime.wat2wasm(module.text()) == binary
        wasmtime.Module(ENGINE, binary)


def place(module: Module, f: Function, opcode: Opcode) -> None:
    """Emit one instruction with something for all it takes."""
    del module
    f.body.append("nop")
    stack: list[Value] = [constant(_concrete(view), _some(view)) for view in opcode.operands]
    for value in stack:
        f.body.emit(value)
    if opcode.mnemonic == "select":
        for _ in range(3):
            f.body.emit(constant(I32, 1))
    if opcode.mnemonic == "drop" or opcode.mnemonic in ("local.set", "local.tee", "global.set"):
        f.body.emit(constant(I32, 1))
    f.body.append(opcode.mnemonic, *(_immediate(f, opcode, kind) for kind in opcode.immediates))
    if opcode.result is not None or opcode.mnemonic in (
        "select",
        "local.get",
        "local.tee",
        "global.get",
    ):
        f.body.append("drop")
    if opcode.mnemonic == "local.tee":
        f.body.emit(f.arguments[0])
        f.body.append("drop")


def _concrete(view: Type) -> Type:
    return Type("i32x4", "v128", 0x7B, 16, lanes=4, lane_bits=32) if view is V128 else view


def _some(view: Type) -> float:
    return 1.5 if view.is_float else 3


def _immediate(f: Function, opcode: Opcode, kind: Immediate) -> object:
    if kind is Immediate.CONSTANT:
        assert opcode.result is not None
        return bytes(range(100, 116)) if opcode.result is V128 else -77
    return {
        Immediate.LOCAL: f.arguments[0].variable,
        Immediate.GLOBAL: type("Global", (), {"index": 0})(),
        Immediate.SEGMENT: 0,
        # Atomic accesses are aligned, and say so.
        Immediate.MEMARG: (opcode.natural if "atomic" in opcode.mnemonic else 0, 300),
        Immediate.MEMORY: 0,
        Immediate.LANE: 1,
        Immediate.LANES: bytes(range(3, 19)),
    }[kind]


def test_no_two_instructions_share_their_bytes() -> None:
    codes = {each.code for each in OPCODES.values()}

    assert len(codes) == len(OPCODES)


def test_the_atomic_instructions_are_complete() -> None:
    """67 of the proposal for threads: 3 to wait and wake, a fence, 14 accesses, 49 updates."""
    assert sum(each.code[0] == 0xFE for each in OPCODES.values()) == 67


def test_the_vector_instructions_are_complete() -> None:
    """236 of simd128 and 20 of relaxed SIMD, as the specification numbers them."""
    vector = [each for each in OPCODES.values() if each.code[0] == 0xFD]
    relaxed = [each for each in vector if "relaxed" in each.mnemonic]

    assert (len(vector) - len(relaxed), len(relaxed)) == (236, 20)
