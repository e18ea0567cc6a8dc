"""The forms in which a tensor of weights can be stored, and what each makes of the numbers.

    float32   as it is: bytes are copied
    float16   rounded to half the bits; all low bytes, then all high bytes
    int8      a scale for every channel, then whole numbers of -127 to 127, a byte each
    palette   a sorted list of 16 to 256 values, then the number of one for every weight:
              a byte each, or two in a byte where there are 16

Hosts compress what they send, so bytes of one kind lie together, and numbers that do not fill
a byte are not packed across bytes, which would keep gzip from seeing that some are more common
than others: 6 bits of a byte each take less room compressed than 6 bits packed.

Every part begins at a multiple of 16 bytes. Encoding needs numpy; decoding is code of the module
(`targets/wasm/unpack.py`) and must give bit for bit what `Stored.decoded` gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from edgesite.targets.stored.compensation import compensated, tries
from edgesite.targets.stored.rounding import balanced, clusters, rounded

Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["float32", "float16", "int8", "palette"]

ALIGNMENT = 16
"""Bytes: of a vector."""

FEW = 16
"""So many values of a palette have numbers of half a byte."""


@dataclass(frozen=True)
class Part:
    """A constant as kernels read it."""

    data: bytes
    """Its elements, filled up to a whole number of cache lines."""

    shape: tuple[int, ...] = ()
    """The sizes of its axes where it holds float32; empty where it holds anything else."""

    leading: int = 0
    """How many axes lie ahead of those that are summed over; the last axis lies behind them."""

    name: str = ""

    @property
    def is_float(self) -> bool:
        """Whether it can take another form."""
        return bool(self.shape) and math.prod(self.shape) > 0

    @cached_property
    def values(self) -> Array:
        """Its numbers with the axes (outer, *inner, lanes)."""
        size = math.prod(self.shape)
        flat = np.frombuffer(self.data, np.float32, size)
        if len(self.shape) == 1:
            return flat.reshape(1, size, 1)
        outer, inner = math.prod(self.shape[: self.leading]), self.shape[self.leading : -1]
        return flat.reshape(outer, *inner, self.shape[-1])

    @property
    def inner(self) -> int:
        """The number of axes in the middle of `values`."""
        return self.values.ndim - 2


@dataclass(frozen=True, order=True)
class Form:
    """A way to store a part."""

    kind: Kind
    steps: int = 0
    """int8: the largest number that is used. palette: how many values it has."""

    compensated: bool = False
    """int8: whether weights make up for how others are rounded, as `compensation` says."""

    def __str__(self) -> str:
        """What it is called in tables: int8, 6-bit int8, 5-bit palette, float16."""
        if self.kind == "palette":
            return f"{max(self.steps - 1, 1).bit_length()}-bit palette"
        bits = (2 * self.steps).bit_length()
        return f"{bits}-bit int8" if self.kind == "int8" and bits < 8 else self.kind


PLAIN = Form("float32")
HALF = Form("float16")
INT8 = Form("int8", 127)
COMPENSATED = Form("int8", 127, compensated=True)


@dataclass(frozen=True)
class Stored:
    """A part in a form."""

    form: Form
    part: Part
    table: bytes = b""
    """Scales or values of a palette."""

    codes: bytes = b""

    @cached_property
    def data(self) -> bytes:
        """As it lies in the weights file."""
        if self.form == PLAIN:
            return self.part.data
        return _filled(self.table) + _filled(self.codes)

    @property
    def table_bytes(self) -> int:
        """How far behind the start the codes lie."""
        return -(-len(self.table) // ALIGNMENT) * ALIGNMENT

    @cached_property
    def entropy_bytes(self) -> float:
        """About what gzip leaves of it: the entropy of the codes, and half of the table."""
        if self.form == PLAIN:
            return _entropy_bytes(self.part.data)
        if self.form == HALF:
            half = len(self.codes) // 2
            return _entropy_bytes(self.codes[:half]) + _entropy_bytes(self.codes[half:])
        return _entropy_bytes(self.codes) + len(self.table) / 2

    @cached_property
    def decoded(self) -> Array:
        """The numbers that the module computes with, in the shape of `part.values`."""
        values = self.part.values
        if self.form == PLAIN:
            return values
        if self.form == HALF:
            low, high = np.frombuffer(self.codes, np.uint8).reshape(2, -1).astype(np.uint16)
            halves = (low | high << 8).view(np.float16)[: values.size]
            return halves.astype(np.float32).reshape(values.shape)
        table = np.frombuffer(self.table, np.float32)
        if self.form.kind == "int8":
            numbers = np.frombuffer(self.codes, np.int8).astype(np.float32)
            scales = table.reshape(values.shape[0], *[1] * self.part.inner, values.shape[-1])
            return numbers.reshape(values.shape) * scales
        return table[_unpacked(self.codes, self.form, values.size)].reshape(values.shape)

    @cached_property
    def damage(self) -> float:
        """The sum of the squared errors."""
        apart = self.decoded.astype(np.float64) - self.part.values
        return float(np.square(apart).sum())

    @property
    def bytes_decoded(self) -> bytes:
        """The part as the module has it after decoding, filled up like the original."""
        raw = self.decoded.tobytes() if self.form != PLAIN else self.part.data
        return raw + bytes(len(self.part.data) - len(raw))


def stored(part: Part, form: Form, *, balance: bool = True, moments: Array | None = None) -> Stored:
    """A part in a form; as it is where the form is not smaller or cannot hold its numbers.

    Without `balance` numbers are rounded to the nearest, which is faster and good enough to
    tell how large the errors are. A form that is compensated needs `moments`, as in
    `compensation`, and is balanced without.
    """
    plain = Stored(PLAIN, part)
    if form == PLAIN or not part.is_float or not np.isfinite(part.values).all():
        return plain
    made = None
    if form.compensated and moments is not None:
        made = _compensated(part, form, moments)
    made = made or _ENCODERS[form.kind](part, form, part.inner if balance else None)
    return made if made is not None and len(made.data) < len(plain.data) else plain


def _float16(part: Part, form: Form, inner: int | None) -> Stored | None:
    del inner
    with np.errstate(over="ignore"):
        halves = part.values.astype(np.float16)
    if np.isinf(halves).any():
        return None
    bits = halves.reshape(-1).view(np.uint16)
    bits = np.pad(bits, (0, -bits.size % ALIGNMENT))
    planes = np.stack([bits & 0xFF, bits >> 8]).astype(np.uint8)
    return Stored(form, part, codes=planes.tobytes())


def _int8(part: Part, form: Form, inner: int | None) -> Stored | None:
    values = part.values
    middle = tuple(range(1, values.ndim - 1))
    scales = _short(np.abs(values).max(axis=middle, keepdims=True) / np.float32(form.steps))
    if not np.isfinite(scales).all():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(scales > 0, values / scales, 0).astype(np.float32)
    grid = np.arange(-form.steps, form.steps + 1, dtype=np.float32)
    numbers = _numbers(steps, grid, inner) - form.steps
    return Stored(form, part, scales.tobytes(), numbers.astype(np.int8).tobytes())


def _compensated(part: Part, form: Form, moments: Array) -> Stored | None:
    """None where the moments are not those of what this part is multiplied with, or say nothing."""
    shape = part.values.shape
    values = part.values.reshape(shape[0], math.prod(shape[1:-1]), shape[-1])
    if moments.shape[1] != values.shape[1] or shape[0] % len(moments):
        return None
    fitting = _short(np.abs(values).max(axis=1) / np.float32(form.steps))
    scales = _around(fitting, tries(*values.shape))
    found = compensated(values, moments, scales, form.steps) if np.isfinite(scales).all() else None
    if found is None:
        return None
    numbers, chosen = found
    return Stored(form, part, chosen.tobytes(), numbers.astype(np.int8).tobytes())


def _around(scales: Array, count: int) -> Array:
    """So many scales of 8 bits next to given ones, most of them larger: (count, *scales.shape)."""
    bits = scales.view(np.uint32)[None]
    steps = np.arange(count).reshape(-1, *[1] * scales.ndim) - count // 4
    moved = np.where(bits > 0, bits + (steps << 16), 0).astype(np.uint32)
    return moved.view(np.float32)


def _short(scales: Array) -> Array:
    """The next larger numbers of 8 bits, whose other bytes are zeros that compress to nothing."""
    bits = np.ascontiguousarray(scales, np.float32).view(np.uint32).astype(np.uint64)
    short = ((bits + 0xFFFF) & 0xFFFF0000).astype(np.uint32)
    return short.view(np.float32)


def _palette(part: Part, form: Form, inner: int | None) -> Stored | None:
    values = part.values
    table = clusters(values, form.steps)
    numbers = _numbers(values, table, inner).reshape(-1)
    return Stored(form, part, table.tobytes(), _packed(numbers, form))


def _numbers(values: Array, grid: Array, inner: int | None) -> Array:
    return rounded(values, grid) if inner is None else balanced(values, grid, inner)


_ENCODERS = {"float16": _float16, "int8": _int8, "palette": _palette}


def _packed(numbers: Array, form: Form) -> bytes:
    """A byte for each number; where two fit, numbers i and i + 16 of every 32 share one."""
    if form.steps > FEW:
        return numbers.astype(np.uint8).tobytes()
    blocks = np.pad(numbers, (0, -numbers.size % 32)).reshape(-1, 2, 16).astype(np.uint8)
    return (blocks[:, 0] | blocks[:, 1] << 4).tobytes()


def _unpacked(codes: bytes, form: Form, size: int) -> Array:
    numbers = np.frombuffer(codes, np.uint8)
    if form.steps <= FEW:
        pairs = numbers.reshape(-1, 16)
        numbers = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1)
    return numbers[:size]


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _entropy_bytes(data: bytes) -> float:
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=1).astype(np.float64)
    counts = counts[counts > 0]
    return float((counts * np.log2(counts.sum() / counts)).sum()) / 8
