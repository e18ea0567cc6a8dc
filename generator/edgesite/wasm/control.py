"""Control flow, as methods of `edgesite.wasm.function.Function`.

Blocks are `with` statements. A bound of a loop is an i32 that must not change in the loop.
Numbers that are known now shape the code: a loop of one trip is its body, one of no trip
is nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgesite.errors import InternalError
from edgesite.wasm.expression import Constant, Local, Operand, Value, constant
from edgesite.wasm.types import I32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgesite.wasm.body import Label
    from edgesite.wasm.function import Function


@contextmanager
def loop(f: Function, start: Operand, stop: Operand, step: int = 1) -> Iterator[Value]:
    """Count from start as far as before stop, like `range`; signed, and no trip is right.

    `stop + step` must be an i32 as well.
    """
    if step == 0:
        raise InternalError("wasm loop: step 0 never ends; count up or down")
    first, bound = constant(I32, start), constant(I32, stop)
    trips = _trips(first, bound, step)
    if trips == 0:
        with f.body.nowhere():
            yield first
        return
    if trips == 1:
        with f.body.scope():
            yield first
        return
    with f.body.scope():
        bound = bound if isinstance(bound, Constant | Local) else f.let(bound)
        at = f.local(I32, first)
        at.variable.mutable = False
        if trips is not None:
            with _counting(f, at, bound, step):
                yield at
            return
        with if_(f, _before(at, bound, step)), _counting(f, at, bound, step):
            yield at


@contextmanager
def _counting(f: Function, at: Local, bound: Value, step: int) -> Iterator[None]:
    limit = bound.read() if isinstance(bound, Local) else bound
    with f.body.block("loop") as again:
        yield
        at.variable.mutable = True
        f.assign(at, at + step)
        branch_if(f, again, _before(at, limit, step))


def _before(at: Value, bound: Value, step: int) -> Value:
    return at < bound if step > 0 else at > bound


def _trips(first: Value, bound: Value, step: int) -> int | None:
    """How often the loop runs, if that is known now."""
    if not (isinstance(first, Constant) and isinstance(bound, Constant)):
        return None
    assert isinstance(first.number, int)
    assert isinstance(bound.number, int)
    return len(range(first.number, bound.number, step))


@contextmanager
def repeat(f: Function, count: Operand, *, at_least_once: bool = False) -> Iterator[None]:
    """Run a block that many times, with a count-down and one branch at the bottom.

    A count of no more than zero is no trip, unless `at_least_once` promises that it cannot be.
    """
    times = constant(I32, count)
    if isinstance(times, Constant):
        with loop(f, 0, times) if _known(times) < 2 else _descending(f, times):
            yield
    elif at_least_once:
        with _descending(f, times):
            yield
    else:
        with f.body.scope():
            counter = f.let(times)
            with if_(f, counter > 0), _descending(f, counter):
                yield


@contextmanager
def _descending(f: Function, times: Value) -> Iterator[None]:
    with f.body.scope():
        left = f.local(I32, times)
        with f.body.block("loop") as again:
            yield
            f.assign(left, left - 1)
            branch_if(f, again, left)


def _known(number: Constant) -> int:
    assert isinstance(number.number, int)
    return number.number


@contextmanager
def while_loop(f: Function, condition: Value) -> Iterator[Label]:
    """Run a block as long as the i32 is not zero, tested before each trip.

    Unlike other expressions the condition may read what the block changes. Branching to
    the label leaves the loop.
    """
    with f.body.block("block") as out, f.body.block("loop") as again:
        f.body.emit_node(_condition(condition).eqz().node.taken(), again=True)
        f.body.append("br_if", f.body.depth(out))
        yield out
        branch(f, again)


@contextmanager
def skip_loop(f: Function, warm: Local) -> Iterator[None]:
    """Let an engine optimise the block without running it.

    Called with `warm` zero, the block runs once. Called with more, it never runs, but is
    jumped over that many times, which engines count as time spent in the function: they
    compile it with their optimising tier in the background.
    """
    with f.body.block("loop") as again:
        with f.body.block("block") as body:
            branch_if(f, body, warm)
            yield
        with if_(f, warm):
            f.assign(warm, warm - 1)
            branch_if(f, again, warm)


@contextmanager
def if_(f: Function, condition: Value) -> Iterator[Label]:
    """Run a block when the i32 is not zero."""
    f.body.emit(_condition(condition))
    with f.body.block("if") as label:
        yield label


@contextmanager
def else_(f: Function) -> Iterator[Label]:
    """Run a block when the condition of the `if_` right before it was zero."""
    with f.body.otherwise() as label:
        yield label


@contextmanager
def block(f: Function) -> Iterator[Label]:
    """A block that branches can leave."""
    with f.body.block("block") as label:
        yield label


@contextmanager
def cycle(f: Function) -> Iterator[Label]:
    """A block that branches can start again; without one it ends."""
    with f.body.block("loop") as label:
        yield label


def branch(f: Function, label: Label) -> None:
    """Leave a block, or start a cycle again."""
    f.body.append("br", f.body.depth(label))


def branch_if(f: Function, label: Label, condition: Value) -> None:
    """Branch when the i32 is not zero."""
    f.body.emit(_condition(condition))
    f.body.append("br_if", f.body.depth(label))


def branch_table(f: Function, labels: Sequence[Label], default: Label, index: Value) -> None:
    """Branch to the label of that number, to the default when there is none."""
    f.body.emit(_condition(index))
    f.body.append("br_table", tuple(f.body.depth(each) for each in (*labels, default)))


def return_(f: Function, value: Operand | None = None) -> None:
    """Leave the function, with its result."""
    if (value is None) != (f.result is None):
        raise InternalError(f"wasm function {f.name}: returns {value}, its result is {f.result}")
    if value is not None and f.result is not None:
        f.body.emit(constant(f.result, value))
    f.body.append("return")


def unreachable(f: Function) -> None:
    """Trap."""
    f.body.append("unreachable")


def _condition(value: Value) -> Value:
    return constant(I32, value)
