"""Regions as they run: steps that are called so many times, with cells that carry state.

What a region carries lives in one place, the result's: every round reads it there, and what
the round makes of it is copied there when the round is over, or written there at once where
nothing of the round reads what was before. Rows are read and written where they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edgesite.ir import Const, DType, Map, Region, Value
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.kernels import Step, loop_step


@dataclass(frozen=True)
class Row:
    """A part of a value, and how far it lies from that of the round before."""

    part: Value
    whole: Value
    size_bytes: int
    reverse: bool


@dataclass(frozen=True)
class Rounds:
    """Steps of a region, and what happens around them."""

    steps: tuple[AnyStep, ...]
    times: int | Value
    counter: Value
    going: Value | None
    starts: tuple[tuple[Value, Value], ...]
    """What is copied to where before the first round."""
    ends: tuple[tuple[Value, Value], ...]
    """What is copied to where after every round."""
    read: tuple[Row, ...]
    written: tuple[Row, ...]
    apart: bool = False
    """Whether rounds have nothing in common but where they keep what lies between their steps."""

    @property
    def macs(self) -> int:
        """Those of all rounds; of one, where their number is not known."""
        once = sum(step.macs for step in self.steps)
        return once * self.times if isinstance(self.times, int) else once

    @property
    def own(self) -> tuple[Value, ...]:
        """What changes from round to round."""
        cells = (cell for _, cell in (*self.starts, *self.ends))
        return (self.counter, *cells, *(row.part for row in (*self.read, *self.written)))

    @property
    def reads(self) -> tuple[Value, ...]:
        """What is read around the steps."""
        times = () if isinstance(self.times, int) else (self.times,)
        going = () if self.going is None else (self.going,)
        copied = (source for source, _ in (*self.starts, *self.ends))
        return (*times, *going, *copied, *(row.whole for row in self.read))

    @property
    def writes(self) -> tuple[Value, ...]:
        """What is written around the steps, or through rows."""
        cells = (cell for _, cell in (*self.starts, *self.ends))
        return (self.counter, *cells, *(row.whole for row in self.written))

    def renamed(self, owner: Callable[[Value], Value]) -> Rounds:
        """The same with every value replaced by that whose place it has."""

        def pairs(of: Iterable[tuple[Value, Value]]) -> tuple[tuple[Value, Value], ...]:
            mapped = ((owner(a), owner(b)) for a, b in of)
            return tuple((a, b) for a, b in mapped if a != b)

        def rows(of: Iterable[Row]) -> tuple[Row, ...]:
            return tuple(replace(row, whole=owner(row.whole)) for row in of)

        return replace(
            self,
            steps=tuple(renamed(step, owner) for step in self.steps),
            going=self.going and owner(self.going),
            starts=pairs(self.starts),
            ends=pairs(self.ends),
            read=rows(self.read),
            written=rows(self.written),
        )


AnyStep = Step | Rounds


def renamed(step: AnyStep, owner: Callable[[Value], Value]) -> AnyStep:
    """A step on the values whose places those it names have."""
    if isinstance(step, Rounds):
        return step.renamed(owner)
    return replace(step, reads=tuple(map(owner, step.reads)), writes=tuple(map(owner, step.writes)))


def every(steps: Iterable[AnyStep]) -> Iterator[AnyStep]:
    """Every step, those of regions behind the region itself."""
    for step in steps:
        yield step
        if isinstance(step, Rounds):
            yield from every(step.steps)


def calls(steps: Iterable[AnyStep]) -> Iterator[Step]:
    """Every call of a kernel, those in regions included."""
    return (step for step in every(steps) if isinstance(step, Step))


def rounds(
    region: Region,
    inner: Sequence[AnyStep],
    layouts: dict[Value, Layout],
    aliases: dict[Value, Value],
) -> list[AnyStep]:
    """The steps of a region whose program is `inner`; adds places that values share."""
    before: list[AnyStep] = []
    times: int | Value
    if isinstance(region.body, Const):
        times = int(region.body.value)
    else:
        times = Value(f"{region.output.name}.times", (), DType.INT32)
        layouts[times] = Layout.row_major(())
        before.append(loop_step(Map(times, region.body, region.origin), layouts))
    for state in region.states:
        aliases[state.before] = state.result
    for state in region.states:
        if not _is_read_after(state.before, state.after, inner, aliases):
            aliases[state.after] = state.result
    made = Rounds(
        tuple(inner),
        times,
        region.counter,
        region.going,
        tuple((s.start, s.result) for s in region.states if s.start is not None),
        tuple((s.after, s.result) for s in region.states),
        tuple(_row(s.part, s.whole, s.reverse) for s in region.read),
        tuple(_row(s.part, s.whole, s.reverse) for s in region.written),
    )
    return [*before, made]


def _row(part: Value, whole: Value, reverse: bool) -> Row:
    return Row(part, whole, part.size * part.dtype.size_bytes, reverse)


def _is_read_after(
    before: Value, after: Value, steps: Sequence[AnyStep], aliases: Mapping[Value, Value]
) -> bool:
    """Whether a step reads a state when, or after, its successor is written."""
    cell = owner_of(before, aliases)
    written = False
    for step in steps:
        parts = list(every([step]))
        written = written or any(after in part.writes for part in parts)
        reads = {owner_of(value, aliases) for part in parts for value in part.reads}
        if written and cell in reads:
            return True
    return not written


def owner_of(value: Value, aliases: Mapping[Value, Value]) -> Value:
    """The value whose place another has."""
    while value in aliases:
        value = aliases[value]
    return value


def divided(
    steps: Iterable[AnyStep], known: set[Value], changing: set[Value]
) -> tuple[list[AnyStep], list[AnyStep]]:
    """The steps that only follow from what is known, and those of every run.

    Takes in what becomes known and what changes.
    """
    once: list[AnyStep] = []
    always: list[AnyStep] = []
    for step in steps:
        parts = list(every([step]))
        writes = {value for part in parts for value in part.writes}
        own = {value for part in parts if isinstance(part, Rounds) for value in part.own}
        reads = {value for part in parts for value in part.reads} - writes - own
        if known.issuperset(reads) and changing.isdisjoint(writes):
            known.update(writes)
            once.append(step)
            continue
        if isinstance(step, Rounds):
            changing.update(step.own, step.writes)
            first, rest = divided(step.steps, known, changing)
            once += first
            always.append(replace(step, steps=tuple(rest)))
            continue
        changing.update(writes)
        always.append(step)
    return once, always


def lives(steps: Iterable[AnyStep]) -> tuple[dict[Value, tuple[int, int]], int]:
    """When each value is needed first and last, and the number of moments there are.

    What passes from round to round, and what comes from around a region, is needed from its
    first moment to its last.
    """
    found: dict[Value, tuple[int, int]] = {}

    def need(values: Iterable[Value], first: int, last: int) -> None:
        for value in values:
            a, b = found.get(value, (first, last))
            found[value] = (min(a, first), max(b, last))

    def visit(steps: Iterable[AnyStep], at: int) -> int:
        for step in steps:
            if isinstance(step, Rounds):
                end = visit(step.steps, at + 1)
                inside = list(every(step.steps))
                made = {value for part in inside for value in part.writes}
                outer = {value for part in inside for value in part.reads} - made
                need((*outer, *step.reads, *step.writes), at, end)
                for row in (*step.read, *step.written):
                    found.pop(row.part, None)
                at = end + 1
            else:
                need((*step.reads, *step.writes), at, at)
                at += 1
        return at

    count = visit(steps, 0)
    return found, count
