"""Code that makes float32 of stored weights, part by part, as they arrive.

The file lies so far up that no part is decoded onto bytes that are still to be read; in most
models that is where the arena will be, so that decoding takes no memory of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from edgesite.targets.stored.forms import FEW, HALF, PLAIN, Stored
from edgesite.wasm import F32, F32X4, I8X16, I16X8, I32, I32X4, Function, Module

if TYPE_CHECKING:
    from edgesite.wasm import Value

_LINE_BYTES = 64
"""What a vector of 16 codes becomes; the last one of a part may reach so far beyond its end."""

BYTES = 4
"""Of a float32."""


@dataclass(frozen=True)
class Unpacking:
    """Where stored parts lie in memory, and where they are decoded to."""

    parts: tuple[Stored, ...]
    target: int
    """Where the first part goes, in bytes."""

    @property
    def source(self) -> int:
        """Where the file goes: as low as leaves every part to be read behind those written."""
        read, written, lowest = 0, self.target, self.target
        for part in self.parts:
            written += len(part.part.data)
            # Bytes that are copied may overlap those that they are copied to.
            lowest = max(lowest, written + (_LINE_BYTES if part.form != PLAIN else 0) - read)
            read += len(part.data)
        return -(-lowest // _LINE_BYTES) * _LINE_BYTES

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return sum(len(part.data) for part in self.parts)

    @property
    def decoded_bytes(self) -> int:
        """Of all parts, decoded."""
        return sum(len(part.part.data) for part in self.parts)

    @property
    def end(self) -> int:
        """Where the file ends in memory."""
        return self.source + self.size_bytes


def add_decode(module: Module, unpacking: Unpacking) -> None:
    """Add `decode(arrived)`, which decodes the parts that are there and are not yet decoded.

    `arrived` is how many bytes of the file are in memory. Once it has been called with all,
    all weights are where kernels read them.
    """
    if not unpacking.parts:
        return
    sources = accumulate((len(p.data) for p in unpacking.parts), initial=unpacking.source)
    targets = accumulate((len(p.part.data) for p in unpacking.parts), initial=unpacking.target)
    made: dict[str, Function] = {}
    following = module.global_("following", I32, 0)
    calls: list[Callable[[Function], None]] = []
    ends = []
    for stored, source, target in zip(unpacking.parts, sources, targets, strict=False):
        calls.append(_call(module, made, stored, source, target))
        ends.append(source + len(stored.data) - unpacking.source)
    with module.function("decode", export=True, arrived=I32) as (f, arrived):
        for number, (call, end) in enumerate(zip(calls, ends, strict=True)):
            with f.if_(f.get(following) <= number):
                with f.if_(arrived < end):
                    f.return_()
                call(f)
                f.set(following, number + 1)


def _call(
    module: Module, made: dict[str, Function], stored: Stored, source: int, target: int
) -> Callable[[Function], None]:
    """What decodes one part, by a function that all parts of the same form share."""
    if stored.form == PLAIN:
        return lambda f: f.copy(target, source, len(stored.data))
    codes, values = source + stored.table_bytes, stored.part.values
    count = len(stored.part.data) // BYTES
    if stored.form == HALF:
        function = made.get("half") or made.setdefault("half", _half(module))
        return lambda f: f.run(function, target, codes, count)
    if stored.form.kind == "palette":
        name, make = ("few", _few) if stored.form.steps <= FEW else ("many", _many)
        function = made.get(name) or made.setdefault(name, make(module))
        return lambda f: f.run(function, target, source, codes, count)
    outer, lanes, inner = values.shape[0], values.shape[-1], math.prod(values.shape[1:-1])
    name, make = ("scaled", _scaled) if lanes % 4 == 0 else ("singly", _scaled_singly)
    function = made.get(name) or made.setdefault(name, make(module))
    return lambda f: f.run(function, target, source, codes, outer, inner, lanes)


def _half(module: Module) -> Function:
    """Low and high bytes of float16, `count` of each, a multiple of 16."""
    with module.function("unpack_float16", target=I32, codes=I32, count=I32) as (f, *given):
        target, codes, count = given
        with f.loop(0, count, step=16) as at:
            low, high = (f.let(f.load(I8X16, start + at)) for start in (codes, codes + count))
            for half in (0, 8):
                pairs = [k for n in range(half, half + 8) for k in (n, 16 + n)]
                bits = f.let(low.shuffle(high, pairs).as_(I16X8))
                for quarter, wide in ((0, bits.extend_low_u()), (4, bits.extend_high_u())):
                    bits_ = f.let(wide)
                    # As in mathematics/half.py, without what is infinite: none is stored.
                    size = ((bits_ & 0x7FFF) << 13).as_(F32X4) * 2.0**112
                    value = size.as_(I32X4) | ((bits_ & 0x8000) << 16)
                    f.store(target + at * BYTES, value, (half + quarter) * BYTES)
    made: Function = f
    return made


def _scaled(module: Module) -> Function:
    """Whole numbers times the scales of their channels, four of which lie side by side."""
    with module.function("unpack_int8", **_SCALED) as (f, *given):  # type: ignore[arg-type]
        target, scales, codes, outer, inner, lanes = given
        with f.repeat(outer):
            with f.repeat(inner):
                with f.loop(0, lanes, step=4) as lane:
                    number = f.load_zero(I32X4, codes + lane).as_(I8X16)
                    wide = number.extend_low_s().extend_low_s().convert_s(F32X4)
                    scale = f.load(F32X4, scales + lane * BYTES)
                    f.store(target + lane * BYTES, wide * scale)
                f.assign(codes, codes + lanes)
                f.assign(target, target + lanes * BYTES)
            f.assign(scales, scales + lanes * BYTES)
    made: Function = f
    return made


def _scaled_singly(module: Module) -> Function:
    """Whole numbers times the scales of their channels, however many there are."""
    with module.function("unpack_int8_singly", **_SCALED) as (f, *given):  # type: ignore[arg-type]
        target, scales, codes, outer, inner, lanes = given
        with f.repeat(outer):
            with f.repeat(inner):
                with f.loop(0, lanes) as lane:
                    number = f.load8_s(I32, codes + lane).convert_s(F32)
                    scale = f.load(F32, scales + lane * BYTES)
                    f.store(target + lane * BYTES, number * scale)
                f.assign(codes, codes + lanes)
                f.assign(target, target + lanes * BYTES)
            f.assign(scales, scales + lanes * BYTES)
    made: Function = f
    return made


_SCALED = dict.fromkeys(("target", "scales", "codes", "outer", "inner", "lanes"), I32)


def _many(module: Module) -> Function:
    """Values of a palette, by numbers of a byte; `count` is a multiple of 16."""
    with module.function("unpack_palette", **_PALETTE) as (f, *given):  # type: ignore[arg-type]
        target, table, codes, count = given
        with f.loop(0, count, step=4) as at:
            four = f.let(f.load(I32, codes + at))
            for k in range(4):
                number = four.shr_u(8 * k) & 0xFF if k < 3 else four.shr_u(24)
                value = f.load(F32, table + number * BYTES)
                f.store(target + at * BYTES, value, k * BYTES)
    made: Function = f
    return made


def _few(module: Module) -> Function:
    """Values of a palette of 16, by numbers of half a byte; a vector of codes makes 32 values.

    The four bytes of the values lie in a vector each: what a number picks of all four is a value.
    """
    with module.function("unpack_nibbles", **_PALETTE) as (f, *given):  # type: ignore[arg-type]
        target, table, codes, count = given
        rows = [f.let(f.load(I8X16, table, k * 16)) for k in range(4)]
        planes = [f.let(_plane(rows, k)) for k in range(4)]
        with f.loop(0, count, step=32) as at:
            both = f.let(f.load(I8X16, codes + at.shr_u(1)))
            for half, numbers in ((0, both & 15), (16, both.shr_u(4))):
                chosen = f.let(numbers)
                first, second, third, fourth = (f.let(p.swizzle(chosen)) for p in planes)
                for side, begin in ((0, 0), (8, 8)):
                    lanes = [k for n in range(begin, begin + 8) for k in (n, 16 + n)]
                    low = f.let(first.shuffle(second, lanes).as_(I16X8))
                    high = f.let(third.shuffle(fourth, lanes).as_(I16X8))
                    for quarter in (0, 4):
                        halves = [k for n in range(quarter, quarter + 4) for k in (n, 8 + n)]
                        value = low.shuffle(high, halves)
                        f.store(target + at * BYTES, value, (half + side + quarter) * BYTES)
    made: Function = f
    return made


def _plane(rows: Sequence[Value], byte: int) -> Value:
    """One byte of each of 16 values."""
    every = [4 * n + byte for n in range(4)]
    low = rows[0].shuffle(rows[1], [*every, *(16 + k for k in every), *[0] * 8])
    high = rows[2].shuffle(rows[3], [*every, *(16 + k for k in every), *[0] * 8])
    return low.shuffle(high, [*range(8), *range(16, 24)])


_PALETTE = dict.fromkeys(("target", "table", "codes", "count"), I32)
