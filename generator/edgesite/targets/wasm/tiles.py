"""What kernels that work in register tiles have in common: loops by strides, and epilogues.

Such a kernel reads and writes at addresses that are sums of axes. A `Plan` orders the axes
by how memory lies and merges those that run on from one another; an `Epilogue` finishes
accumulators four neighbouring results at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from edgesite.ir import (
    INDEX,
    Array,
    Axis,
    Binary,
    DType,
    Expr,
    Load,
    Map,
    Reduce,
    Result,
    Value,
    linear,
    simplify,
    transform,
    walk,
)
from edgesite.ir.contraction import Contraction, is_affine, overhang
from edgesite.ir.layout import Layout
from edgesite.targets.wasm.lanes import LANES, Lanes, can_in_lanes, in_lanes
from edgesite.targets.wasm.nest import Nest, costs_a_call, shared_in
from edgesite.targets.wasm.scalars import Scalars
from edgesite.wasm import F32, F32X4, Function, Local
from edgesite.wasm import Value as Wasm

BYTES = 4
VECTOR_BYTES = LANES * BYTES


@dataclass(frozen=True)
class Loop:
    """An axis, or several that run on from one another, and what a step along it moves.

    The steps are in bytes, for each access of the kernel: the left operand, the result,
    then the reads of the epilogue in their order.
    """

    extent: int
    steps: tuple[int, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Epilogue:
    """What happens to a result before it is stored.

    Its reads are named by their numbers; where they read is in the steps of the loops.
    Those that follow the lanes have an index, the others none.
    """

    finish: Expr
    bias: Load | None
    """A read that only follows the lanes and is added first: accumulators start from it."""
    loads: tuple[Load, ...]

    def start(self, f: Function, at: Sequence[Wasm], vector: int) -> Local:
        """A fresh accumulator."""
        if self.bias is None:
            return f.local(F32X4, 0.0)
        pointer = at[2 + self.loads.index(self.bias)]
        return f.local(F32X4, f.load(F32X4, pointer, vector * VECTOR_BYTES))

    def store(
        self,
        scalars: Scalars,
        total: Local,
        at: Sequence[Wasm],
        offsets: Sequence[int],
        *,
        vector: int,
        width: int,
    ) -> None:
        """Finish an accumulator and write its first `width` lanes.

        `at` and `offsets` say where each access of the tile's row begins; `vector` counts
        the vectors along the lanes from there.
        """
        f = scalars.f
        nest = Nest(scalars, {}, {}, shared=shared_in(self.finish))
        nest.known[in_lanes(Result(DType.FLOAT32))] = total
        along = vector * VECTOR_BYTES
        for number, load in enumerate(self.loads, start=2):
            if load not in self.finish.loads:
                continue
            if load.index:
                loaded = f.load(F32X4, at[number], offsets[number] + along)
                nest.known[in_lanes(load)] = f.let(loaded)
            else:
                nest.known[load] = f.let(f.load(F32, at[number], offsets[number]))
        result = f.let(Lanes(nest, 0).vector(self.finish))
        if width == LANES:
            f.store(at[1], result, offsets[1] + along)
            return
        for lane in range(width):
            f.store_lane(at[1], result, lane, offsets[1] + along + lane * BYTES)


def epilogue_fits(finish: Expr) -> bool:
    """Whether an epilogue is float32 arithmetic on affine reads, the same everywhere."""
    return (
        can_in_lanes(finish)
        and all(map(is_affine, finish.loads))
        and all(load.dtype is DType.FLOAT32 for load in finish.loads)
    )


def halo_covers(product: Contraction, layouts: Mapping[Value, Layout]) -> bool:
    """Whether the left operand has room for everything that is read around it."""
    halo = layouts[product.left.value]
    return all(
        before <= halo.before[axis] and after <= halo.after[axis]
        for axis, (before, after) in enumerate(overhang(product.left))
    )


def along(product: Contraction, array: Array, axes: Sequence[int]) -> Array:
    """A constant right operand with axes of the contraction for its own, in that order.

    Works by strides alone: no element is looked at or moved.
    """
    source = np.ascontiguousarray(array)
    address = linear(Layout.row_major(source.shape).address(product.right.index))
    steps = {t.number: c * source.itemsize for t, c in address.terms if isinstance(t, Axis)}
    return np.lib.stride_tricks.as_strided(
        source.reshape(-1)[address.constant :],
        [product.extents[axis] for axis in axes],
        [steps.get(axis, 0) for axis in axes],
        writeable=False,
    )


class Plan:
    """Turns the axes of a contraction into loops."""

    def __init__(self, node: Reduce, product: Contraction, layouts: Mapping[Value, Layout]) -> None:
        self.product = product
        self.finish = node.finish if node.finish is not None else Result(node.body.dtype)
        self.loads = tuple(dict.fromkeys(self.finish.loads))
        accesses: list[tuple[Value, Sequence[Expr]]] = [
            (product.left.value, product.left.index),
            (node.output, node.position),
            *((load.value, load.index) for load in self.loads),
        ]
        addresses = [linear(layouts[value].address(position)) for value, position in accesses]
        sizes = [value.dtype.size_bytes for value, _ in accesses]
        self.starts = tuple(a.constant * size for a, size in zip(addresses, sizes, strict=True))
        self._strides = [
            {t.number: c * size for t, c in address.terms if isinstance(t, Axis)}
            for address, size in zip(addresses, sizes, strict=True)
        ]

    def loops(self, axes: Sequence[int], access: int) -> list[Loop]:
        """Loops over axes, the largest step of an access first, merged where possible."""
        single = [
            Loop(
                self.product.extents[axis],
                tuple(strides.get(axis, 0) for strides in self._strides),
                (axis,),
            )
            for axis in axes
            if self.product.extents[axis] > 1
        ]
        single.sort(key=lambda loop: (-abs(loop.steps[access]), loop.axes))
        return merged(single)

    def epilogue(self, lanes: Loop) -> Epilogue | None:
        """The epilogue with lanes along a loop, or None if a read does not follow it evenly."""
        if any(step not in (0, BYTES) for step in lanes.steps[2:]):
            return None
        names = {
            load: _anonymous(number, follows=lanes.steps[2 + number] != 0)
            for number, load in enumerate(self.loads)
        }
        bias, rest = _bias(self.finish, lanes.axes)
        finish = transform(rest, lambda e: names.get(e) if isinstance(e, Load) else None)
        return Epilogue(finish, None if bias is None else names[bias], tuple(names.values()))


def merged(loops: Sequence[Loop]) -> list[Loop]:
    """The same loops, nested in this order, with those made one that run on from one another."""
    made = list(loops[:1])
    for first, second in pairwise(loops):
        if all(a == b * second.extent for a, b in zip(first.steps, second.steps, strict=True)):
            before = made.pop()
            axes_of_both = before.axes + second.axes
            made.append(Loop(before.extent * second.extent, second.steps, axes_of_both))
        else:
            made.append(second)
    return made


def _anonymous(number: int, *, follows: bool) -> Load:
    shape, position = ((LANES,), (Axis(INDEX, 0, LANES),)) if follows else ((), ())
    return Load(DType.FLOAT32, Value(f"e{number}", shape, DType.FLOAT32), position)


def _bias(finish: Expr, lanes: tuple[int, ...]) -> tuple[Load | None, Expr]:
    """A read along the lanes that is added to the plain result, and the epilogue without it."""
    biased = biased_result(finish)
    if biased is None:
        return None, finish
    plain = Result(DType.FLOAT32)
    bias = biased.b if biased.a == plain else biased.a
    if not isinstance(bias, Load) or not bias.axes or not bias.axes <= set(lanes):
        return None, finish
    return bias, transform(finish, lambda e: plain if e == biased else None)


def biased_result(finish: Expr) -> Binary | None:
    """The plain result and a read that is added to it, if that is all that is done with it."""
    plain = Result(DType.FLOAT32)
    sums = [e for e in walk(finish) if isinstance(e, Binary) and plain in e.operands]
    if len(sums) != 1 or sums[0].op != "add" or isinstance(finish, Result):
        return None
    return sums[0] if any(isinstance(e, Load) for e in sums[0].operands) else None


def split_epilogue(node: Reduce) -> tuple[Reduce, Map | None]:
    """A contraction with what is cheap of its epilogue, and the rest as a Map of its result.

    Functions such as sigmoid want the registers that sums are held in, and constants that
    stay in registers all along; a loop over the finished result has both. It works in place:
    it reads every element where it writes it.
    """
    if node.finish is None or not costs_a_call(node.finish):
        return node, None
    if node.output.dtype is not DType.FLOAT32 or not can_in_lanes(node.finish):
        return node, None
    if node.store is not None or any(load.value == node.output for load in node.finish.loads):
        return node, None
    cheap = biased_result(node.finish)
    place = tuple(map(simplify, node.position))
    stored = Load(DType.FLOAT32, node.output, place)
    first: Expr = cheap if cheap is not None else Result(DType.FLOAT32)
    rest = transform(node.finish, lambda e: stored if e == first else None)
    return replace(node, finish=cheap), Map(node.output, simplify(rest), node.origin)


def begun(f: Function, pointers: Sequence[Wasm], starts: Sequence[int]) -> list[Wasm]:
    """The pointers of all accesses where their loops begin, so many bytes into their tensors."""
    return [
        f.let(pointer + start) if start else pointer
        for pointer, start in zip(pointers, starts, strict=True)
    ]


def moved(f: Function, at: Sequence[Wasm], loop: Loop, position: Wasm) -> list[Wasm]:
    """The pointers of all accesses at a position along a loop."""
    return [
        f.let(pointer + position * step) if step else pointer
        for pointer, step in zip(at, loop.steps, strict=True)
    ]


def even_tiles(extent: int, most: int) -> list[tuple[int, int, int]]:
    """Cut an extent into tiles of at most so many rows, as even as they can be.

    Gives (start, number of tiles, rows of each): at most two sizes, one row apart.
    """
    tiles = -(-extent // most)
    rows, larger = divmod(extent, tiles)
    runs = [(0, larger, rows + 1), (larger * (rows + 1), tiles - larger, rows)]
    return [run for run in runs if run[1]]
