"""Work that threads share: which, and how they divide it.

One thread leads: it alone runs the program. Where a step is worth it, it posts the step's parts
on a board in shared memory, and whoever is free takes one after the other, the leader as well,
until none is left; then the leader waits for the parts that others still work on, never for
others to begin. So a helper that sleeps, or has lost its core to another program, holds up
nothing but the part that it has taken, and faster cores do more. Who does a part makes no
difference to it (see `cuts`).

On the board a single word, the ticket, names the posted step and how many of its parts are to be
had; the word counts down by `compare_exchange`, so a part is taken once, and one that comes late
cannot take a part for that of another step. Who finds nothing looks again for some microseconds,
then sleeps: waking takes longer than many a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from edgesite.ir import Value
from edgesite.targets.wasm.cuts import FEWEST_OPERATIONS, operations, parts
from edgesite.targets.wasm.kernels import Kernel, Step
from edgesite.targets.wasm.rounds import AnyStep, Rounds
from edgesite.targets.wasm.rounds import calls as calls_of
from edgesite.wasm import I32, Function, Local, Module
from edgesite.wasm import Value as Wasm

# The board: words that lie apart, for a processor shares memory by lines. Up to the module's first
# byte, hosts keep words of their own behind these (theme/runtime/threads.ts).
TICKET, PENDING, SLEEPERS, MAY_SLEEP = 64, 128, 192, 256
"""The posted step and its parts, those that are not done, who sleeps, may the leader sleep."""

PARTS = 8
"""Bits of the ticket for the parts that are left; those above are the number of the step."""

LAST = -1 << PARTS
"""The ticket that sends helpers home."""

ASLEEP = 1 << PARTS
"""In the word of parts that are not done: wake the leader after the last."""

PATIENCE = 20_000
"""So many looks, some 20 microseconds, before one sleeps (KERNELS.md, 7)."""

MOST_THREADS = 8
"""More do not pay: they wait for the same memory."""

FEWEST_TOGETHER = 10_000_000
"""Operations of a run that are shared; a shorter run is over before helpers are awake."""

FEWEST_BLOCKS = 6
"""Fewer blocks of a result leave some threads without one; their calls are cut instead."""

MOST_BLOCKS = 64

LINE_BYTES = 64


@dataclass(frozen=True)
class Shared:
    """A step in parts, each some calls in order, that may be done at the same time."""

    parts: tuple[tuple[Step, ...], ...]

    @property
    def own(self) -> tuple[Value, ...]:
        """What a part keeps to itself: every thread needs a place of its own for it."""
        own: dict[Value, None] = {}
        for calls in self.parts:
            written: set[Value] = set()
            for step in calls:
                own |= dict.fromkeys([*step.scratch, *(v for v in step.reads if v in written)])
                written.update(step.writes)
        return tuple(own)

    @property
    def operations(self) -> float:
        """The arithmetic of all parts, about."""
        return sum(operations(step) for calls in self.parts for step in calls)


def shared(steps: Iterable[AnyStep]) -> list[AnyStep | Shared]:
    """The steps with those that are worth it in parts."""
    made: list[AnyStep | Shared] = []
    for result, group in groupby(steps, _result):
        calls = list(group)
        made += _in_blocks(calls) if result is not None else map(_in_parts, calls)
    return made


def _result(step: AnyStep) -> Value | None:
    """What a step computes a block of."""
    return step.block[0] if isinstance(step, Step) and step.block is not None else None


def _in_blocks(calls: Sequence[AnyStep]) -> list[AnyStep | Shared]:
    """Blocks as parts, or their calls in parts where there are not enough."""
    steps = [step for step in calls if isinstance(step, Step)]
    blocks = [tuple(block) for _, block in groupby(steps, lambda step: step.block)]
    work = sum(map(operations, steps))
    if len(blocks) < FEWEST_BLOCKS or work < FEWEST_OPERATIONS:
        return [_in_parts(step) for step in steps]
    together = -(-len(blocks) // MOST_BLOCKS)
    runs = (blocks[at : at + together] for at in range(0, len(blocks), together))
    return [Shared(tuple(tuple(step for block in run for step in block) for run in runs))]


def _in_parts(step: AnyStep) -> AnyStep | Shared:
    if isinstance(step, Rounds):
        return _in_rounds(step)
    made = parts(step)
    return Shared(tuple((part,) for part in made)) if len(made) > 1 else step


def _in_rounds(region: Rounds) -> AnyStep | Shared:
    """Rounds as parts, a few in each, where they may be done at the same time."""
    if not region.apart or not isinstance(region.times, int):
        return region
    rows = {row.part: row for row in (*region.read, *region.written)}

    def moved(step: Step, number: int) -> Step:
        values = (*step.reads, *step.writes)
        offsets = [
            offset + (number * rows[value].size_bytes if value in rows else 0)
            for value, offset in zip(values, step.offsets or (0,) * len(values), strict=True)
        ]
        reads, writes = (
            tuple(rows[value].whole if value in rows else value for value in part)
            for part in (step.reads, step.writes)
        )
        return replace(step, reads=reads, writes=writes, offsets=tuple(offsets))

    together = -(-region.times // MOST_BLOCKS)
    starts = range(0, region.times, together)
    return Shared(
        tuple(
            tuple(
                moved(step, number)
                for number in range(first, min(first + together, region.times))
                for step in calls_of(region.steps)
            )
            for first in starts
        )
    )


def flat(steps: Iterable[AnyStep | Shared]) -> list[AnyStep]:
    """Every call of every part."""
    made: list[AnyStep] = []
    for step in steps:
        if isinstance(step, Shared):
            made += (call for calls in step.parts for call in calls)
        else:
            made.append(step)
    return made


@dataclass(frozen=True)
class Own:
    """Memory behind all other that each thread has a piece of."""

    first: int
    """Where the first thread's begins, in bytes."""
    size_bytes: int
    places: Mapping[Value, int]
    """In the piece, of what parts keep to themselves."""

    @classmethod
    def of(cls, steps: Iterable[AnyStep | Shared], first: int, page_bytes: int) -> Own:
        """Room for the part that needs most."""
        places: dict[Value, int] = {}
        most = 0
        for step in steps:
            at = 0
            for value in step.own if isinstance(step, Shared) else ():
                places[value] = at
                at += -(-value.size * value.dtype.size_bytes // LINE_BYTES) * LINE_BYTES
            most = max(most, at)
        return cls(first, -(-most // page_bytes) * page_bytes, places)


class Team:
    """The functions by which threads divide work; made with the steps that they share."""

    def __init__(
        self,
        module: Module,
        steps: Sequence[Shared],
        functions: Mapping[Kernel, Function],
        offsets: Mapping[Value, int],
        own: Own,
    ) -> None:
        self._numbers = {id(step): number for number, step in enumerate(steps)}
        self._functions, self._offsets, self._own = functions, offsets, own
        work = self._work(module, steps)
        take = _take(module, work)
        self._post = _post(module, take)
        _help(module, take)

    def share(self, f: Function, step: Shared) -> None:
        """Have a step done: all of it is when the code goes on."""
        f.run(self._post, self._numbers[id(step)] << PARTS | len(step.parts))

    def _work(self, module: Module, steps: Sequence[Shared]) -> Function:
        """A part of a step, by their numbers; `worker` is the thread's."""
        with module.function("work", step=I32, part=I32, worker=I32) as (f, step, part, worker):
            blocks = [ExitStack() for _ in steps]
            labels = [block.enter_context(f.block()) for block in blocks]
            f.branch_table(labels[:0:-1], labels[0], step)
            for block, shared_step in zip(reversed(blocks), steps, strict=True):
                block.close()
                self._parts(f, shared_step, part, worker)
                f.return_()
        made: Function = f
        return made

    def _parts(self, f: Function, step: Shared, part: Local, worker: Local) -> None:
        """The part of a number. Neighbours that only differ in where they begin are one code."""
        piece = f.let(worker * self._own.size_bytes + self._own.first) if step.own else None
        for first, behind in _runs(step.parts):
            with f.block() as others:
                if behind < len(step.parts):
                    f.branch_if(others, part >= behind)
                self._run(f, step, first, f.let(part - first), piece)
                f.return_()

    def _run(
        self, f: Function, step: Shared, first: int, number: Local, piece: Local | None
    ) -> None:
        """The calls of the part so many behind the first of a run."""
        calls = step.parts[first]
        following = step.parts[min(first + 1, len(step.parts) - 1)]
        for call, after in zip(calls, following, strict=True):
            pointers: list[Wasm | int] = []
            strides = _strides(call, after) or (0,) * len(_offsets(call))
            for value, offset, stride in zip(
                (*call.reads, *call.writes), _offsets(call), strides, strict=True
            ):
                own = piece is not None and value in self._own.places and value in step.own
                place = offset + (self._own.places if own else self._offsets)[value]
                moved = number * stride + place if stride else f.const(I32, place)
                pointers.append(piece + moved if own and piece is not None else moved)
            f.run(self._functions[call.kernel], *pointers, 0)


def _offsets(step: Step) -> tuple[int, ...]:
    return step.offsets or (0,) * (len(step.reads) + len(step.writes))


def _strides(step: Step, after: Step) -> tuple[int, ...] | None:
    """How much further on the pointers of a call begin than those of another like it."""
    if (step.kernel, step.reads, step.writes) != (after.kernel, after.reads, after.writes):
        return None
    return tuple(b - a for a, b in zip(_offsets(step), _offsets(after), strict=True))


def _runs(parts: Sequence[Sequence[Step]]) -> Iterator[tuple[int, int]]:
    """Neighbours that begin at even distances: the first of each run, and what is behind it."""
    first = 0
    even: list[tuple[int, ...] | None] | None = None
    for at, (before, after) in enumerate(pairwise(parts), start=1):
        now: list[tuple[int, ...] | None] = [None]
        if len(before) == len(after):
            now = [_strides(a, b) for a, b in zip(before, after, strict=True)]
        if None in now or (even is not None and now != even):
            yield first, at
            first, even = at, None
        else:
            even = now
    yield first, len(parts)


# The board


def _take(module: Module, work: Function) -> Function:
    """Do parts until none is left; gives the ticket that says so."""
    with module.function("take", result=I32, worker=I32) as (f, worker):
        with f.cycle() as again:
            ticket = f.let(f.atomic_load(I32, 0, TICKET))
            left = f.let(ticket & (1 << PARTS) - 1)
            with f.if_(left.eqz()):
                f.return_(ticket)
            got = f.compare_exchange(0, ticket, ticket - 1, TICKET)
            f.branch_if(again, got != ticket)
            f.run(work, ticket.shr_u(PARTS), left - 1, worker)
            before = f.atomic_sub(0, f.const(I32, 1), PENDING)
            f.branch_if(again, before != ASLEEP + 1)
            f.notify(0, 1, PENDING)
            f.branch(again)
        f.unreachable()
    made: Function = f
    return made


def _post(module: Module, take: Function) -> Function:
    """The leader's side of a step: post it, take part, and wait for what others have taken.

    A host posts LAST, a ticket without parts.
    """
    with module.function("post", export=True, ticket=I32) as (f, ticket):
        f.atomic_store(0, ticket & (1 << PARTS) - 1, PENDING)
        f.atomic_store(0, ticket, TICKET)
        with f.if_(f.atomic_load(I32, 0, SLEEPERS)):
            f.notify(0, -1, TICKET)
        f.run(take, 0)
        looks = f.local(I32, PATIENCE)
        with f.block() as done, f.cycle() as again:
            here = f.let(f.atomic_load(I32, 0, PENDING) & ASLEEP - 1)
            f.branch_if(done, here.eqz())
            f.assign(looks, looks - f.atomic_load(I32, 0, MAY_SLEEP))
            f.branch_if(again, looks > 0)
            seen = f.atomic_or(0, f.const(I32, ASLEEP), PENDING)
            with f.if_(seen & ASLEEP - 1):
                f.wait(0, f.let(seen | ASLEEP), offset=PENDING)
            f.branch(again)
    made: Function = f
    return made


def _help(module: Module, take: Function) -> None:
    """What a thread other than the leader does all its life; its number counts from 1."""
    with module.function("help", export=True, worker=I32) as (f, worker), f.cycle() as again:
        seen = f.let(f.call(take, worker))
        with f.if_(seen == LAST):
            f.return_()
        looks = f.local(I32, PATIENCE)
        with f.cycle() as look:
            f.branch_if(again, f.atomic_load(I32, 0, TICKET) != seen)
            f.assign(looks, looks - 1)
            f.branch_if(look, looks)
        f.atomic_add(0, f.const(I32, 1), SLEEPERS)
        f.wait(0, seen, offset=TICKET)
        f.atomic_sub(0, f.const(I32, 1), SLEEPERS)
        f.branch(again)
