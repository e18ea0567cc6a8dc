"""Branches and loops: subgraphs as regions.

A subgraph comes as a function from the tensors of its inputs to those of its outputs, which
writes it where it is called. What surrounds it, it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgesite.errors import UnsupportedShapeError
from edgesite.ir import INDEX, DType, Expr, Round, Tensor, index, minimum, select
from edgesite.ops.axes import resolve_axis
from edgesite.ops.registry import operator
from edgesite.ops.sequences import TensorList
from edgesite.ops.slices import concat

Subgraph = Callable[..., list[Tensor]]

FOREVER = 2**31 - 1
"""Rounds of a loop that only its condition ends; an index holds no more."""

UNROLLED_ROUNDS = 64
"""A loop whose states change their size is written out, if it has at most so many rounds."""


@operator("If")
def if_(condition: Tensor, *, then_branch: Subgraph, else_branch: Subgraph) -> tuple[Tensor, ...]:
    """What one branch or the other makes; both are there, one runs.

    Raises UnsupportedShapeError where they make tensors of different sizes.
    """
    if condition.constant is not None:
        return tuple((then_branch if condition.constant.item() else else_branch)())
    taken = condition.reshape([]).at().cast(INDEX)
    first = condition.builder.repeat(taken, lambda _: Round(_tensors(then_branch())))

    def other(_: Tensor, *before: Tensor) -> Round:
        return Round(_of_types(else_branch(), before, "what the branches make"))

    return condition.builder.repeat(1 - taken, other, first)


def _tensors(made: Sequence[Tensor]) -> Sequence[Tensor]:
    """What a subgraph makes, if all of it has a place in memory."""
    if any(isinstance(one, TensorList) for one in made):
        raise UnsupportedShapeError(
            "a branch or loop that a run decides on makes a sequence; fix the input that decides "
            "with compile(..., constants={name: value})"
        )
    return made


def _of_types(made: Sequence[Tensor], wanted: Sequence[Tensor], what: str) -> Sequence[Tensor]:
    """The tensors, if they have the types of others."""
    for number, (a, b) in enumerate(zip(_tensors(made), wanted, strict=True)):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            raise UnsupportedShapeError(
                f"{what} has different types: number {number} is {b} and {a}; "
                "export with one size, or fix the input that decides"
            )
    return made


@operator("Loop")
def loop(
    trips: Tensor | None, condition: Tensor | None, *carried: Tensor, body: Subgraph
) -> tuple[Tensor, ...]:
    """The carried tensors after the last round, then what each round made, stacked.

    A loop of few rounds whose sizes change, or follow from the number of the round, is
    written out. Raises UnsupportedShapeError for another one.
    """
    known = _known_trips(trips, condition)
    given = next(t for t in (trips, condition, *carried) if isinstance(t, Tensor))
    if any(isinstance(start, TensorList) for start in carried):
        if known is None or known > UNROLLED_ROUNDS:
            raise UnsupportedShapeError(
                "a loop that carries a sequence has many rounds, or as many as a run says; "
                "export it with a fixed trip count and no condition"
            )
        return _written_out(known, given, carried, body)
    if known is None or known > UNROLLED_ROUNDS:
        return _repeated(trips, condition, carried, body)
    try:
        return _repeated(trips, condition, carried, body)
    except UnsupportedShapeError:
        return _written_out(known, given, carried, body)


def _repeated(
    trips: Tensor | None, condition: Tensor | None, carried: Sequence[Tensor], body: Subgraph
) -> tuple[Tensor, ...]:
    """A loop as a region."""
    given = next(tensor for tensor in (trips, condition, *carried) if tensor is not None)
    known = _known_trips(trips, condition)

    def step(number: Tensor, *before: Tensor) -> Round:
        # In a round, the condition holds.
        going, *made = body(number, number.builder.constant(True, DType.BOOL), *before)
        after = _of_types(made[: len(before)], before, "what a loop carries")
        rows = _tensors(made[len(before) :])
        endless = going.constant is not None and bool(going.constant.all())
        if rows and (known is None or not endless):
            raise UnsupportedShapeError(
                "a loop keeps what each of an unknown number of rounds makes; export it with "
                "a fixed trip count and a condition that always holds"
            )
        return Round(after, rows, None if endless else going)

    times: Expr = index(FOREVER if known is None else known)
    if known is None and trips is not None:
        times = minimum(trips.reshape([]).at(), FOREVER).cast(INDEX)
    if known is None and condition is not None:
        times = select(condition.reshape([]).at(), times, 0)
    return given.builder.repeat(times if known is None else known, step, carried)


def _known_trips(trips: Tensor | None, condition: Tensor | None) -> int | None:
    """The rounds of a loop that only its body's condition can end earlier, if known."""
    if condition is not None and condition.constant is not None and not condition.constant.all():
        return 0
    if trips is None or trips.constant is None:
        return None
    if condition is not None and condition.constant is None:
        return None
    return min(max(0, int(trips.constant.item())), FOREVER)


def _written_out(
    rounds: int, given: Tensor, carried: Sequence[Tensor], body: Subgraph
) -> tuple[Tensor, ...]:
    """A loop as one round behind the other."""
    states = list(carried)
    builder = given.builder
    kept: list[list[Tensor]] = []
    for number in range(rounds):
        going, *made = body(
            builder.constant(number, DType.INT64), builder.constant(True, DType.BOOL), *states
        )
        states, rows = made[: len(states)], made[len(states) :]
        kept.append([row.reshape([1, *row.shape]) for row in rows])
        if going.constant is None:
            raise UnsupportedShapeError(
                "a loop whose sizes change ends when a run says so; export it with a condition "
                "that always holds"
            )
        if not going.constant.all():
            break
    return (*states, *(concat(*rows, axis=0) for rows in zip(*kept, strict=True)))


@operator("Scan", since=9)
def scan(
    *inputs: Tensor,
    body: Subgraph,
    num_scan_inputs: int,
    scan_input_axes: Sequence[int] = (),
    scan_input_directions: Sequence[int] = (),
    scan_output_axes: Sequence[int] = (),
    scan_output_directions: Sequence[int] = (),
) -> tuple[Tensor, ...]:
    """The states after the last step, then what each step made, stacked along an axis."""
    count = len(inputs) - num_scan_inputs
    states, wholes = inputs[:count], inputs[count:]
    rows = [
        _turned(_moved(whole, resolve_axis(_nth(scan_input_axes, k), whole.rank), 0), turned)
        for k, whole in enumerate(wholes)
        for turned in [_nth(scan_input_directions, k)]
    ]
    steps = rows[0].shape[0]

    def step(_: Tensor, *given: Tensor) -> Round:
        made = body(*given)
        after = _of_types(made[:count], given[:count], "what a scan carries")
        return Round(after, made[count:])

    done = rows[0].builder.repeat(steps, step, states, rows)
    made = [
        _moved(
            _turned(whole, _nth(scan_output_directions, k)),
            0,
            resolve_axis(_nth(scan_output_axes, k), whole.rank),
        )
        for k, whole in enumerate(done[count:])
    ]
    return (*done[:count], *made)


@operator("Scan", since=8)
def scan_of_batch(
    lengths: Tensor | None,
    *inputs: Tensor,
    body: Subgraph,
    num_scan_inputs: int,
    directions: Sequence[int] = (),
) -> tuple[Tensor, ...]:
    """A scan of the second axis for every element along the first one."""
    if lengths is not None:
        raise UnsupportedShapeError(
            "a scan of sequences of several lengths; export the model with opset 9 or newer"
        )
    samples = [
        scan(
            *(x.view(x.shape[1:], lambda *at, n=n: [n, *at]) for x in inputs),
            body=body,
            num_scan_inputs=num_scan_inputs,
            scan_input_directions=directions,
        )
        for n in range(inputs[0].shape[0])
    ]
    return tuple(
        concat(*(part.reshape([1, *part.shape]) for part in parts), axis=0)
        for parts in zip(*samples, strict=True)
    )


def _nth(numbers: Sequence[int], place: int) -> int:
    """A number of a list that may be omitted, which means zeros."""
    return numbers[place] if numbers else 0


def _moved(x: Tensor, source: int, target: int) -> Tensor:
    """x with one axis in another place."""
    rest = [axis for axis in range(x.rank) if axis != source]
    return x.transpose([*rest[:target], source, *rest[target:]])


def _turned(x: Tensor, turned: int) -> Tensor:
    """x, its first axis from the end if `turned`."""
    if not turned:
        return x
    return x.view(x.shape, lambda n, *rest: [(x.shape[0] - 1) - n, *rest])
