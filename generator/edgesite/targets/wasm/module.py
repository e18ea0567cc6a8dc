"""Puts kernels together into a module that exports `memory`, `init`, `warm` and `run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from edgesite.ir import Value
from edgesite.targets.wasm.kernels import Kernel, Step
from edgesite.targets.wasm.mathematics import Mathematics
from edgesite.targets.wasm.rounds import AnyStep, Rounds, calls
from edgesite.targets.wasm.scalars import Scalars
from edgesite.wasm import I32, Function, Module
from edgesite.wasm import Value as Wasm

PAGE_BYTES = 65536
SLACK_BYTES = 256
"""Room behind the last buffer, because vectors may be read across an end."""


@dataclass(frozen=True)
class Placement:
    """Where everything lies in memory, in bytes."""

    offsets: Mapping[Value, int]
    arena: int
    """Where weights end and the arena begins."""
    end: int

    @property
    def pages(self) -> int:
        """The size of the memory in pages."""
        return -(-(self.end + SLACK_BYTES) // PAGE_BYTES)


def build_module(
    preparation: Sequence[AnyStep],
    steps: Sequence[AnyStep],
    placement: Placement,
    state: Sequence[tuple[Value, Value]] = (),
    layers: Sequence[Sequence[AnyStep]] | None = None,
    *,
    relaxed: bool,
) -> Module:
    """The module of a program, with or without relaxed SIMD instructions.

    `state` pairs outputs with the inputs that they are in the next run; `reset`, which is
    there if any are, fills these with zeros, as `init` does. With `layers` the module also
    exports `layer`, which does the steps of one of them.
    """
    module = Module()
    module.memory(placement.pages, export="memory")
    mathematics = Mathematics(module, relaxed=relaxed)
    functions: dict[Kernel, Function] = {}
    for step in calls((*preparation, *steps)):
        if step.kernel not in functions:
            number = len(functions)
            functions[step.kernel] = _function(module, mathematics, step, number, relaxed=relaxed)
    with module.function("init", export=True) as (f,):
        # First use of a page costs more than all others: it is had while weights arrive.
        f.fill(placement.arena, 0, placement.end - placement.arena)
        _calls(f, preparation, functions, placement)
    with module.function("warm", export=True, times=I32) as (f, times):
        for function in dict.fromkeys(functions[step.kernel] for step in calls(steps)):
            f.run(function, *([0] * (len(function.parameters) - 1)), times)
    with module.function("run", export=True) as (f,):
        _calls(f, steps, functions, placement)
        for output, given in state:
            size = given.size * given.dtype.size_bytes
            f.copy(placement.offsets[given], placement.offsets[output], size)
    if state:
        with module.function("reset", export=True) as (f,):
            for _, given in state:
                f.fill(placement.offsets[given], 0, given.size * given.dtype.size_bytes)
    if layers is not None:
        with module.function("layer", export=True, wanted=I32) as (f, wanted):
            for number, layer in enumerate(layers):
                with f.if_(wanted == number):
                    _calls(f, layer, functions, placement)
    return module


def _calls(
    f: Function,
    steps: Sequence[AnyStep],
    functions: Mapping[Kernel, Function],
    placement: Placement,
    rows: Mapping[Value, Wasm] = MappingProxyType({}),
) -> None:
    """Call steps in order; `rows` are the places of values that differ from round to round."""

    def place(value: Value) -> Wasm | int:
        return rows[value] if value in rows else placement.offsets[value]

    for step in steps:
        if isinstance(step, Rounds):
            _rounds(f, step, functions, placement, rows)
            continue
        pointers = [place(value) for value in (*step.reads, *step.writes)]
        offsets = step.offsets or (0,) * len(pointers)
        pointers = [pointer + offset for pointer, offset in zip(pointers, offsets, strict=True)]
        f.run(functions[step.kernel], *pointers, 0)


def _rounds(
    f: Function,
    region: Rounds,
    functions: Mapping[Kernel, Function],
    placement: Placement,
    rows: Mapping[Value, Wasm],
) -> None:
    """Do the steps of a region so many times."""

    def place(value: Value) -> Wasm | int:
        return rows[value] if value in rows else placement.offsets[value]

    def copied(pairs: Sequence[tuple[Value, Value]]) -> None:
        for source, target in pairs:
            f.copy(place(target), place(source), source.size * source.dtype.size_bytes)

    copied(region.starts)
    number = f.local(I32, 0)
    times = region.times
    limit = f.const(I32, times) if isinstance(times, int) else f.let(f.load(I32, place(times)))
    with f.block() as done, f.cycle() as again:
        f.branch_if(done, number >= limit)
        f.store(place(region.counter), number.extend_s())
        here = dict(rows)
        for row in (*region.read, *region.written):
            at = row.whole.shape[0] - 1 - number if row.reverse else number
            here[row.part] = f.let(at * row.size_bytes + place(row.whole))
        _calls(f, region.steps, functions, placement, here)
        copied(region.ends)
        f.assign(number, number + 1)
        if region.going is not None:
            f.branch_if(done, f.load8_u(I32, place(region.going)).eqz())
        f.branch(again)


def _function(
    module: Module, mathematics: Mathematics, step: Step, number: int, *, relaxed: bool
) -> Function:
    count = len(step.reads) + len(step.writes)
    parameters = dict.fromkeys([*(f"p{k}" for k in range(count)), "warm"], I32)
    name = f"k{number}_{step.kernel.name}"
    with module.function(name, **parameters) as (f, *arguments):  # type: ignore[arg-type]
        *pointers, warm = arguments
        with f.skip_loop(warm):
            step.kernel.emit(Scalars(f, mathematics), tuple(pointers), relaxed=relaxed)
    made: Function = f
    return made
