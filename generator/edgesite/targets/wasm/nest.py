"""A loop nest under construction: what is known at the current depth, and addresses.

Every read and write keeps a cursor: a pointer to which each loop, when it opens, adds what
follows from its axis alone. At the innermost depth what remains is a constant, which goes
into the instruction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from edgesite.errors import InternalError
from edgesite.ir import (
    Axis,
    Binary,
    Cast,
    Const,
    DType,
    Expr,
    Load,
    Select,
    Unary,
    Value,
    bounds,
    linear,
    walk,
)
from edgesite.ir.layout import Layout
from edgesite.ir.simplify import Linear
from edgesite.targets.wasm.scalars import FUNCTIONS, Scalars, compute_type
from edgesite.wasm import I32, Operand, Type
from edgesite.wasm import Value as Wasm

LARGEST_OFFSET = 1 << 20
"""Bytes; larger constants go into the pointer: engines are slower beyond (ENGINES.md, 6)."""


@dataclass
class Cursor:
    """A pointer so far, the terms of the address that it lacks, and its constant in bytes."""

    pointer: Wasm
    rest: Linear
    offset: int
    item_bytes: int


@dataclass
class Nest:
    """The axes that are bound at this depth, and the cursors of all reads and writes."""

    scalars: Scalars
    layouts: Mapping[Value, Layout]
    bases: Mapping[Value, Wasm]
    axes: dict[int, Operand] = field(default_factory=dict)
    cursors: dict[tuple[Value, tuple[Expr, ...]], Cursor] = field(default_factory=dict)
    eager: set[tuple[Value, tuple[Expr, ...]]] = field(default_factory=set)
    known: dict[Expr, Wasm] = field(default_factory=dict)
    shared: frozenset[Expr] = frozenset()
    """Expressions that are used more than once: worth a local."""

    def watch(self, value: Value, position: Sequence[Expr], *, always: bool) -> None:
        """Keep a cursor for an access; `always` when it happens at every point of the nest.

        Only then may an index that is itself read from memory be computed ahead of it.
        """
        key = value, tuple(position)
        if always:
            self.eager.add(key)
        if key not in self.cursors:
            address = linear(self.layouts[value].address(position))
            item = value.dtype.size_bytes
            offset, pointer = address.constant * item, self.bases[value]
            if not _fits_instruction(address, offset):
                pointer, offset = self.scalars.f.let(pointer + offset), 0
            self.cursors[key] = Cursor(pointer, Linear(address.terms, 0), offset, item)

    def watch_all(self, output: Value, position: Sequence[Expr], *bodies: Expr) -> None:
        """Keep cursors for what is written at every point, and for all that is read for it."""
        self.watch(output, position, always=True)
        for body in bodies:
            eager = always_read(body)
            for load in body.loads:
                self.watch(load.value, load.index, always=load in eager)

    @contextmanager
    def loops(self, axes: Sequence[int], extents: Sequence[int]) -> Iterator[Nest]:
        """One loop in another over several axes."""
        nest = self
        with ExitStack() as stack:
            for axis in axes:
                nest = stack.enter_context(nest.loop(axis, 0, extents[axis]))
            yield nest

    @contextmanager
    def loop(self, axis: int, start: int, stop: int, step: int = 1) -> Iterator[Nest]:
        """Run over an axis; the nest inside knows it."""
        if stop - start == step:
            yield self.bound({axis: start})
            return
        with self.scalars.f.loop(start, stop, step=step) as position:
            yield self.bound({axis: position})

    def bound(self, axes: Mapping[int, Operand]) -> Nest:
        """A nest in which more axes are known, its cursors moved accordingly."""
        inner = self.inside()
        inner.axes |= axes
        for key, cursor in self.cursors.items():
            inner.cursors[key] = inner._advanced(cursor, key in self.eager)
        return inner

    def ahead(self, axis: int, steps: int) -> Nest:
        """A nest so many steps further along an axis, along which every access moves evenly."""
        further = self.inside()
        further.axes[axis] = self._value(self.axes[axis]) + steps
        further.known = {e: value for e, value in self.known.items() if axis not in e.axes}
        for key, cursor in self.cursors.items():
            stride = self.stride(*key, axis)
            if stride is None:
                raise InternalError(f"no even step along axis {axis}: {key}")
            pointer, offset = cursor.pointer, cursor.offset + stride * steps * cursor.item_bytes
            if offset < 0:
                pointer, offset = self.scalars.f.let(pointer + offset), 0
            further.cursors[key] = replace(cursor, pointer=pointer, offset=offset)
        return further

    def inside(self) -> Nest:
        """A nest in a block of this one: what becomes known there is forgotten behind it."""
        return replace(
            self, axes=dict(self.axes), cursors=dict(self.cursors), known=dict(self.known)
        )

    def _advanced(self, cursor: Cursor, eager: bool) -> Cursor:
        ready = [
            (term, coefficient)
            for term, coefficient in cursor.rest.terms
            if term.axes <= self.axes.keys() and (eager or not term.loads)
        ]
        if not ready:
            return cursor
        pointer: Wasm = cursor.pointer
        offset = cursor.offset
        for term, coefficient in ready:
            step = self.index(term)
            if not isinstance(step, Wasm):
                offset += int(step) * coefficient * cursor.item_bytes
            else:
                pointer = pointer + _times(step, coefficient * cursor.item_bytes)
        if offset != cursor.offset and not 0 <= offset < LARGEST_OFFSET:
            pointer, offset = pointer + (offset - cursor.offset), cursor.offset
        if pointer is not cursor.pointer:
            pointer = self.scalars.f.let(pointer)
        rest = Linear(tuple(item for item in cursor.rest.terms if item not in ready), 0)
        return Cursor(pointer, rest, offset, cursor.item_bytes)

    def address(self, value: Value, position: Sequence[Expr]) -> tuple[Wasm, int]:
        """A pointer and a constant offset, in bytes, of an access that was announced."""
        cursor = self.cursors[value, tuple(position)]
        pointer = cursor.pointer
        for term, coefficient in cursor.rest.terms:
            step = self._value(self.index(term))
            pointer = pointer + _times(step, coefficient * cursor.item_bytes)
        return pointer, cursor.offset

    def stride(self, value: Value, position: Sequence[Expr], axis: int) -> int | None:
        """How many elements one step along an axis moves an access; None if it is not even."""
        address = linear(self.layouts[value].address(position))
        stride = 0
        for term, coefficient in address.terms:
            if isinstance(term, Axis) and term.number == axis:
                stride = coefficient
            elif axis in term.axes:
                return None
        return stride

    def index(self, expr: Expr) -> Operand:
        """An index expression as an i32; a Python number where it is known."""
        match expr:
            case Const():
                return int(expr.value)
            case Axis():
                return self.axes[expr.number]
        found = self.known.get(expr)
        if found is None:
            made = self._index(expr)
            if isinstance(made, int):
                return made
            found = self.known[expr] = self.scalars.f.let(self._value(made))
        return found

    def _index(self, expr: Expr) -> Operand:
        match expr:
            case Binary(op="add" | "sub" | "mul"):
                sum_ = linear(expr)
                if sum_.terms == ((expr, 1),):
                    return self._pair(expr)
                return self._sum(sum_)
            case Binary(op="floordiv" | "mod", b=Const(value=divisor)) if divisor > 0:
                a, by = self.index(expr.a), int(divisor)
                if not isinstance(a, Wasm):
                    return a // by if expr.op == "floordiv" else a % by
                if bounds(expr.a)[0] >= 0:
                    return a.div_u(by) if expr.op == "floordiv" else a.rem_u(by)
        return self.scalar(expr)

    def _pair(self, expr: Binary) -> Wasm:
        """A product of two index expressions."""
        a, b = (self._value(self.index(side)) for side in (expr.a, expr.b))
        return a * b

    def _value(self, x: Operand) -> Wasm:
        return x if isinstance(x, Wasm) else self.scalars.f.const(I32, x)

    def _sum(self, sum_: Linear) -> Operand:
        constant = sum_.constant
        total: Wasm | None = None
        for term, coefficient in sum_.terms:
            step = self.index(term)
            if not isinstance(step, Wasm):
                constant += int(step) * coefficient
                continue
            part = _times(step, coefficient)
            total = part if total is None else total + part
        if total is None:
            return constant
        return total + constant if constant else total

    # Elements

    def scalar(self, expr: Expr) -> Wasm:
        """The value of an expression at this point of the nest."""
        found = self.known.get(expr)
        if found is not None:
            return found
        made = self._scalar(expr)
        if expr in self.shared:
            made = self.known[expr] = self.scalars.f.let(made)
        return made

    def _scalar(self, expr: Expr) -> Wasm:
        scalars = self.scalars
        match expr:
            case Const():
                return scalars.constant(expr.dtype, expr.value)
            case Axis():
                return self._value(self.axes[expr.number])
            case Load():
                return scalars.load(expr.dtype, *self.address(expr.value, expr.index))
            case Unary():
                return scalars.unary(expr.op, expr.x.dtype, self.scalar(expr.x))
            case Binary(dtype=DType.INT32, op="add" | "sub" | "mul") if not expr.loads:
                return self._value(self.index(expr))
            case Binary():
                return self._binary(expr)
            case Cast():
                return scalars.cast(self.scalar(expr.x), expr.x.dtype, expr.dtype)
            case Select():
                return self._select(expr)
        raise InternalError(f"cannot compute {expr}")

    def _binary(self, expr: Binary) -> Wasm:
        a, b = self.scalar(expr.a), self.scalar(expr.b)
        return self.scalars.binary(expr.op, expr.a.dtype, a, b)

    def _select(self, expr: Select) -> Wasm:
        if not any(side.loads or costs_a_call(side) for side in (expr.a, expr.b)):
            condition = self.scalar(expr.condition)
            return condition.select(self.scalar(expr.a), self.scalar(expr.b))
        return self.choose(expr, compute_type(expr.dtype), lambda nest, side: nest.scalar(side))

    def put(self, output: Value, position: Sequence[Expr], value: Wasm) -> None:
        """Write an element."""
        value = self.scalars.f.let(value)
        pointer, offset = self.address(output, position)
        self.scalars.store(output.dtype, pointer, value, offset)

    def choose(self, expr: Select, type_: Type, emit: Callable[[Nest, Expr], Wasm]) -> Wasm:
        """Compute only the side of a Select that its condition chooses."""
        f = self.scalars.f
        result = f.local(type_)
        with f.if_(self.scalar(expr.condition)):
            f.assign(result, emit(self.inside(), expr.a))
        with f.else_():
            f.assign(result, emit(self.inside(), expr.b))
        return result


def costs_a_call(expr: Expr) -> bool:
    """Whether computing an expression takes more than a few instructions."""
    return any(isinstance(e, Unary) and e.op in FUNCTIONS for e in walk(expr)) or any(
        isinstance(e, Binary) and e.op in ("pow", "rem") for e in walk(expr)
    )


def _times(x: Wasm, factor: int) -> Wasm:
    """A product with a known factor; powers of two are left to the engine."""
    return x if factor == 1 else x * factor


def _fits_instruction(address: Linear, offset: int) -> bool:
    """Whether a constant may go into the instruction: the pointer must never wrap around."""
    return 0 <= offset < LARGEST_OFFSET and all(
        coefficient > 0 and bounds(term)[0] >= 0 for term, coefficient in address.terms
    )


def shared_in(*exprs: Expr) -> frozenset[Expr]:
    """What occurs more than once in expressions that are computed together."""
    uses: Counter[Expr] = Counter()
    for expr in exprs:
        for e in walk(expr):
            uses.update(operand for operand in e.operands if not isinstance(e, Load))
    trivial = (Const, Axis)
    return frozenset(e for e, count in uses.items() if count > 1 and not isinstance(e, trivial))


def always_read(expr: Expr) -> set[Load]:
    """The reads in an expression that no Select stands in front of."""
    guarded = {
        load
        for e in walk(expr)
        if isinstance(e, Select)
        for side in e.operands[1:]
        for load in side.loads
    }
    return set(expr.loads) - guarded
