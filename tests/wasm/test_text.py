from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest
import wasmtime

from edgesite.errors import InternalError
from edgesite.wasm import F32, F32X4, F64, I32, I64, I64X2, Module, constant
from tests.wasm.machine import Machine


def scale_relu() -> Module:
    module = Module()
    module.memory(1, export="memory")
    with module.function("scale_relu", source=I32, target=I32, size_bytes=I32, export=True) as (
        f,
        source,
        target,
        size_bytes,
    ):
        scale, zero = f.splat(0.5), f.splat(0.0)
        with f.loop(0, size_bytes, step=16) as at:
            x = f.load(F32X4, source + at)
            f.store(target + at, (x * scale).pmax(zero))
    return module


SCALE_RELU = """\
(module
  (type (;0;) (func (param i32 i32 i32)))
  (memory (;0;) 1)
  (export "memory" (memory 0))
  (export "scale_relu" (func 0))
  (func $scale_relu (type 0) (param $source i32) (param $target i32) (param $size_bytes i32)
    (local i32)
    (local v128 v128)
    v128.const i32x4 0x3f000000 0x3f000000 0x3f000000 0x3f000000
    local.set 4
    v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000
    local.set 5
    i32.const 0
    local.tee 3
    local.get $size_bytes
    i32.lt_s
    if
      loop
        local.get $target
        local.get 3
        i32.add
        local.get $source
        local.get 3
        i32.add
        v128.load
        local.get 4
        f32x4.mul
        local.get 5
        f32x4.pmax
        v128.store
        local.get 3
        i32.const 16
        i32.add
        local.tee 3
        local.get $size_bytes
        i32.lt_s
        br_if 0
      end
    end
  )
)
"""


def everything() -> Module:
    """A module with one of each part."""
    module = Module()
    module.memory(2, 5, export="memory")
    module.data(8, b'plain "quoted" \\ \x00\xff')
    total = module.global_("total", F64, 0.1, export=True)
    module.global_("mask", I64X2, [1, -1], mutable=False)
    with module.function("helper", x=F64, result=F64, pure=True) as (helper, x):
        helper.return_(x.select(1.5, -2.5) if x.type is I32 else x * 0.1 + 1e300)
    with module.function("with spaces and ü", w=I32, n=I64, export="go") as (f, w, n):
        with f.skip_loop(w):
            f.set(total, f.call(helper, f.get(total)))
            with f.if_(n.eqz()):
                f.store(0, constant(F32, float("nan")), offset=70000, align=1)
            with f.else_():
                f.store(0, constant(F32, 3.4e38))
            with f.block() as first, f.block() as second:
                f.branch_table([first, second], first, w)
        f.fill(0, 255, 16)
        f.copy(16, 0, 16)
        f.return_()
    return module


def test_text_reads_like_the_code() -> None:
    assert scale_relu().text() == SCALE_RELU


@pytest.mark.parametrize("build", [scale_relu, everything])
def test_another_assembler_makes_the_same_bytes_of_the_text(build: Callable[[], Module]) -> None:
    module = build()

    assert wasmtime.wat2wasm(module.text()) == module.encode(names=True)


def test_names_are_left_out_unless_asked_for() -> None:
    module = scale_relu()
    plain = module.encode()

    assert b"scale_relu" in plain  # the export
    assert module.encode(names=True).startswith(plain)
    assert b"size_bytes" not in plain


def test_an_imported_memory_is_declared_in_both_forms() -> None:
    module = Module()
    module.memory(1, imported=("env", "memory"))

    text = module.text()

    assert '(import "env" "memory" (memory (;0;) 1))' in text
    assert wasmtime.wat2wasm(text) == module.encode()


def test_a_shared_memory_says_so_in_both_forms() -> None:
    module = Module()
    module.memory(1, 9, imported=("env", "memory"), shared=True)

    text = module.text()

    assert '(import "env" "memory" (memory (;0;) 1 9 shared))' in text
    assert wasmtime.wat2wasm(text) == module.encode()


def test_a_shared_memory_needs_a_maximum() -> None:
    with pytest.raises(InternalError, match="needs a maximum"):
        Module().memory(1, shared=True)


def test_data_and_globals_are_there_from_the_start() -> None:
    machine = Machine(everything())

    assert machine.read(8, 19, "u1").tobytes() == b'plain "quoted" \\ \x00\xff'
    assert machine.get("total") == 0.1


@pytest.mark.parametrize(
    "number", [0.1, -0.0, 1e300, 5e-324, float("inf"), float("-inf"), 1 / 3, 16777217.0]
)
def test_text_loses_no_bit_of_a_float(number: float) -> None:
    module = Module()
    with module.function("f", result=F64) as (f,):
        f.return_(number)
    with module.function("g", result=F32) as (f,):
        f.return_(number)

    assert wasmtime.wat2wasm(module.text()) == module.encode(names=True)


def test_types_are_shared_and_locals_grouped() -> None:
    module = Module()
    for name in ("a", "b"):
        with module.function(name, x=I64) as (f, x):
            for view in (I32, F64, I32, I64):
                local = f.local(view, 0)
                f.drop(local + local)
            f.drop(x)
    lines = [line.strip() for line in module.text().splitlines()]

    assert sum(line.startswith("(type") for line in lines) == 1
    assert textwrap.dedent("(local i32 i32)") in lines
