"""Puts kernels together into a module that exports `memory`, `init`, `warm` and `run`.

Where weights are stored in other forms than they are computed with, it exports `decode` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgesite.ir import Value
from edgesite.targets.wasm.kernels import Kernel, Step
from edgesite.targets.wasm.mathematics import Mathematics
from edgesite.targets.wasm.rounds import AnyStep, Rounds, calls
from edgesite.targets.wasm.scalars import Scalars
from edgesite.targets.wasm.threads import FEWEST_TOGETHER, Own, Shared, Team, flat, shared
from edgesite.targets.wasm.unpack import Unpacking, add_decode
from edgesite.wasm import I32, Function, Module
from edgesite.wasm import Value as Wasm

PAGE_BYTES = 65536
MOST_PAGES = 1 << 16
"""What an address of 32 bits reaches."""

MEMORY = ("env", "memory")
"""Where a module for threads has its memory from."""

SLACK_BYTES = 256
"""Room behind the last buffer, because vectors may be read across an end."""


@dataclass(frozen=True)
class Placement:
    """Where everything lies in memory, in bytes."""

    offsets: Mapping[Value, int]
    arena: int
    """Where weights end and the arena begins."""
    end: int
    unpacking: Unpacking | None = None
    """How the weights come to their places, where they are not stored as they lie there."""

    @property
    def pages(self) -> int:
        """The size of the memory in pages."""
        end = max(self.end, self.unpacking.end if self.unpacking else 0)
        return -(-(end + SLACK_BYTES) // PAGE_BYTES)


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
    made = _Calls(_functions(module, calls((*preparation, *steps)), relaxed=relaxed), placement)
    _exports(module, made, preparation, steps, state)
    if layers is not None:
        with module.function("layer", export=True, wanted=I32) as (f, wanted):
            for number, layer in enumerate(layers):
                with f.if_(wanted == number):
                    made.all(f, layer)
    return module


def build_shared_module(
    preparation: Sequence[AnyStep],
    steps: Sequence[AnyStep],
    placement: Placement,
    state: Sequence[tuple[Value, Value]] = (),
    *,
    relaxed: bool,
) -> tuple[Module, int] | None:
    """The same for threads that share the work, and the pages that each needs of its own.

    None where there is too little to share. The memory is the host's: that of `placement`, behind
    it the threads' own pages.
    """
    once, always = shared(preparation), shared(steps)
    if sum(s.operations for s in always if isinstance(s, Shared)) < FEWEST_TOGETHER:
        return None
    together = [step for step in (*once, *always) if isinstance(step, Shared)]
    module = Module()
    module.memory(placement.pages, MOST_PAGES, export="memory", imported=MEMORY, shared=True)
    functions = _functions(module, calls(flat((*once, *always))), relaxed=relaxed)
    own = Own.of(together, placement.pages * PAGE_BYTES, PAGE_BYTES)
    team = Team(module, together, functions, placement.offsets, own)
    _exports(module, _Calls(functions, placement, team), once, always, state)
    return module, own.size_bytes // PAGE_BYTES


def _functions(module: Module, steps: Iterable[Step], *, relaxed: bool) -> dict[Kernel, Function]:
    """A function for each kernel."""
    mathematics = Mathematics(module, relaxed=relaxed)
    functions: dict[Kernel, Function] = {}
    for step in steps:
        if step.kernel not in functions:
            number = len(functions)
            functions[step.kernel] = _function(module, mathematics, step, number, relaxed=relaxed)
    return functions


def _exports(
    module: Module,
    made: _Calls,
    preparation: Sequence[AnyStep | Shared],
    steps: Sequence[AnyStep | Shared],
    state: Sequence[tuple[Value, Value]],
) -> None:
    """What a host calls."""
    placement = made.placement
    if placement.unpacking is not None:
        add_decode(module, placement.unpacking)
    with module.function("init", export=True) as (f,):
        # First use of a page costs more than all others: it is had while weights arrive.
        f.fill(placement.arena, 0, placement.end - placement.arena)
        made.all(f, preparation)
    with module.function("warm", export=True, times=I32) as (f, times):
        for function in dict.fromkeys(made.functions[step.kernel] for step in calls(flat(steps))):
            f.run(function, *([0] * (len(function.parameters) - 1)), times)
    with module.function("run", export=True) as (f,):
        made.all(f, steps)
        for output, given in state:
            size = given.size * given.dtype.size_bytes
            f.copy(placement.offsets[given], placement.offsets[output], size)
    if state:
        with module.function("reset", export=True) as (f,):
            for _, given in state:
                f.fill(placement.offsets[given], 0, given.size * given.dtype.size_bytes)


@dataclass(frozen=True)
class _Calls:
    """Writes calls of kernels; `rows` are the places of values that differ from round to round."""

    functions: Mapping[Kernel, Function]
    placement: Placement
    team: Team | None = None
    rows: Mapping[Value, Wasm] = field(default_factory=dict)

    def place(self, value: Value) -> Wasm | int:
        """Where a value lies."""
        return self.rows[value] if value in self.rows else self.placement.offsets[value]

    def all(self, f: Function, steps: Sequence[AnyStep | Shared]) -> None:
        """Call steps in order."""
        for step in steps:
            if isinstance(step, Shared):
                assert self.team is not None
                self.team.share(f, step)
                continue
            if isinstance(step, Rounds):
                self._rounds(f, step)
                continue
            pointers = [self.place(value) for value in (*step.reads, *step.writes)]
            offsets = step.offsets or (0,) * len(pointers)
            pointers = [pointer + offset for pointer, offset in zip(pointers, offsets, strict=True)]
            f.run(self.functions[step.kernel], *pointers, 0)

    def _rounds(self, f: Function, region: Rounds) -> None:
        """Do the steps of a region so many times."""

        def copied(pairs: Sequence[tuple[Value, Value]]) -> None:
            for source, target in pairs:
                size = source.size * source.dtype.size_bytes
                f.copy(self.place(target), self.place(source), size)

        copied(region.starts)
        number = f.local(I32, 0)
        times = region.times
        if isinstance(times, int):
            limit = f.const(I32, times)
        else:
            limit = f.let(f.load(I32, self.place(times)))
        with f.block() as done, f.cycle() as again:
            f.branch_if(done, number >= limit)
            f.store(self.place(region.counter), number.extend_s())
            here = dict(self.rows)
            for row in (*region.read, *region.written):
                at = row.whole.shape[0] - 1 - number if row.reverse else number
                here[row.part] = f.let(at * row.size_bytes + self.place(row.whole))
            replace(self, rows=here).all(f, region.steps)
            copied(region.ends)
            f.assign(number, number + 1)
            if region.going is not None:
                f.branch_if(done, f.load8_u(I32, self.place(region.going)).eqz())
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
