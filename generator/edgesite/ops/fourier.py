"""Fourier transforms: products with constant matrices, long ones split into short ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgesite.errors import ModelError, UnsupportedShapeError
from edgesite.ir import DType, Expr, Tensor, equal, index, select
from edgesite.ops.axes import resolve_axis
from edgesite.ops.casting import dtype_of
from edgesite.ops.precision import in_float32
from edgesite.ops.registry import operator

MATRIX_LENGTH = 64
"""Up to this length a transform is a product with a matrix; longer ones are split."""

Numbers = np.ndarray[Any, Any]

TABLE_LENGTH = 512
"""A length without divisors has a matrix up to here; beyond, N angles are looked up N times."""


@dataclass(frozen=True)
class Complex:
    """Complex numbers; of real ones the imaginary part is None."""

    real: Tensor
    imaginary: Tensor | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every axis."""
        return self.real.shape


def roots(length: int, sign: float, a: Numbers, b: Numbers) -> list[Numbers]:
    """Cosines and sines of a full turn / length times the products of a and b."""
    angles = np.outer(a, b) % length * (2 * np.pi / length)
    return [np.cos(angles), sign * np.sin(angles)]


def transform(x: Complex, sign: float) -> Complex:
    """sum over n of x[..., n] exp(sign 2 pi i k n / N), for every k.

    Splits N = A B after Cooley and Tukey, "An Algorithm for the Machine Calculation of
    Complex Fourier Series", 1965: n = B a + b, k = j + A l.
    """
    *outer, length = x.shape
    axes = range(len(outer))
    short = next((a for a in range(int(length**0.5), 1, -1) if length % a == 0), 1)
    if length <= MATRIX_LENGTH or short == 1:
        return _direct(x, sign)
    long = length // short
    columns = _each(
        x,
        lambda t: t.view([*outer, long, short], lambda *at: [*at[:-2], at[-1] * long + at[-2]]),
    )
    inner = transform(columns, sign)
    cosines, sines = roots(length, sign, np.arange(long), np.arange(short))
    turned = _times(inner, cosines, sines)
    rows = _each(turned, lambda t: t.transpose([*axes, len(outer) + 1, len(outer)]))
    done = transform(rows, sign)
    return _each(
        done,
        lambda t: t.view([*outer, length], lambda *at: [*at[:-1], at[-1] % short, at[-1] // short]),
    )


def _each(x: Complex, change: Callable[[Tensor], Tensor]) -> Complex:
    """Both parts changed alike."""
    return Complex(change(x.real), None if x.imaginary is None else change(x.imaginary))


def _direct(x: Complex, sign: float) -> Complex:
    """A transform as a product with the matrix of all angles."""
    *outer, length = x.shape
    dtype = x.real.dtype.numpy
    numbers = np.arange(length)
    if length <= TABLE_LENGTH:
        matrices = [x.real.like(m.astype(dtype)) for m in roots(length, sign, numbers, numbers)]

        def weight(table: Tensor, k: Expr, n: Expr) -> Expr:
            return table.at(n, k)

    else:
        angles = roots(length, sign, numbers, np.ones(1, np.int64))
        matrices = [x.real.like(m.ravel().astype(dtype)) for m in angles]

        def weight(table: Tensor, k: Expr, n: Expr) -> Expr:
            return table.at((k * n) % length)

    def product(t: Tensor, table: Tensor) -> Tensor:
        return t.reduce(
            [*outer, length],
            [length],
            lambda *at: t.at(*at[:-2], at[-1]) * weight(table, at[-2], at[-1]),
        )

    cosines, sines = matrices
    if x.imaginary is None:
        return Complex(product(x.real, cosines), product(x.real, sines))
    return Complex(
        product(x.real, cosines) - product(x.imaginary, sines),
        product(x.real, sines) + product(x.imaginary, cosines),
    )


def _times(x: Complex, cosines: Numbers, sines: Numbers) -> Complex:
    """x times complex numbers that broadcast to it."""
    dtype = x.real.dtype.numpy
    c, s = (x.real.like(part.astype(dtype)) for part in (cosines, sines))
    if x.imaginary is None:
        return Complex(x.real * c, x.real * s)
    return Complex(x.real * c - x.imaginary * s, x.real * s + x.imaginary * c)


def parts(x: Tensor, axis: int, length: int) -> Complex:
    """x[..., 1 or 2] as complex numbers, `axis` moved to the end, padded or cut to a length."""
    rest = [n for k, n in enumerate(x.shape[:-1]) if k != axis]

    def part(number: int) -> Tensor:
        def body(*at: Expr) -> Expr:
            *others, n = at
            return x.at_or(0, *others[:axis], n, *others[axis:], number)

        return x.compute([*rest, length], body)

    return Complex(part(0), part(1) if x.shape[-1] == 2 else None)


def joined(x: Complex, axis: int, length: int, *, real: bool) -> Tensor:
    """The first elements of the last axis, which moves to `axis`; the parts side by side."""
    other = x.imaginary
    *rest, _ = x.shape
    shape = [*rest[:axis], length, *rest[axis:]]

    def body(*at: Expr) -> Expr:
        *place, part = at
        source = [*place[:axis], *place[axis + 1 :], place[axis]]
        if real or other is None:
            return x.real.at(*source)
        return select(equal(part, 0), x.real.at(*source), other.at(*source))

    return x.real.compute([*shape, 1 if real else 2], body)


def mirrored(x: Complex, length: int) -> Complex:
    """All frequencies of a real signal from the lower half: the others are conjugates."""

    def spread(t: Tensor, sign: int) -> Tensor:
        def body(*at: Expr) -> Expr:
            *rest, k = at
            low = k < length // 2 + 1
            element = t.at(*rest, select(low, k, index(length) - k))
            return element if sign > 0 else select(low, element, -element)

        return t.compute([*t.shape[:-1], length], body)

    return Complex(spread(x.real, 1), None if x.imaginary is None else spread(x.imaginary, -1))


def fourier(x: Tensor, length: int | None, axis: int, inverse: int, onesided: int) -> Tensor:
    """A transform along an axis; `onesided` leaves out the frequencies that mirror others."""
    if x.shape[-1] not in (1, 2):
        raise ModelError(f"the last axis of {list(x.shape)} is to hold 1 or 2 parts of a number")
    along = resolve_axis(axis, x.rank)
    count = x.shape[along]
    if inverse and onesided:
        size = length or 2 * (count - 1)
        spectrum = mirrored(parts(x, along, size // 2 + 1), size)
        return joined(transform(spectrum, 1), along, size, real=True) * (1 / size)
    size = length or count
    if inverse and size & (size - 1) and x.dtype is DType.FLOAT32:
        raise UnsupportedShapeError(
            f"an inverse transform of {size} numbers in float32, where answers that should be 0 "
            "are the noise of whoever computes them; take a power of two, or cast to float64"
        )
    done = transform(parts(x, along, size), 1 if inverse else -1)
    made = joined(done, along, size // 2 + 1 if onesided else size, real=False)
    return made * (1 / size) if inverse else made


@operator("DFT", since=17)
@in_float32
def dft_along_attribute(
    x: Tensor,
    dft_length: Tensor | None = None,
    *,
    axis: int = 1,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    """The discrete Fourier transform along an axis."""
    return fourier(x, _number(dft_length, "the length of DFT"), axis, inverse, onesided)


@operator("DFT", since=20)
@in_float32
def dft(
    x: Tensor,
    dft_length: Tensor | None = None,
    axis: Tensor | None = None,
    *,
    inverse: int = 0,
    onesided: int = 0,
) -> Tensor:
    """The discrete Fourier transform along an axis."""
    along = _number(axis, "the axis of DFT")
    length = _number(dft_length, "the length of DFT")
    return fourier(x, length, -2 if along is None else along, inverse, onesided)


def _number(operand: Tensor | None, what: str) -> int | None:
    return None if operand is None else int(operand.known(what).item())


@operator("STFT", since=17)
@in_float32
def stft(
    signal: Tensor,
    frame_step: Tensor,
    window: Tensor | None = None,
    frame_length: Tensor | None = None,
    *,
    onesided: int = 1,
) -> Tensor:
    """The transforms of windowed frames of a signal: [batch, frames, frequencies, 2]."""
    step = int(frame_step.known("the step of STFT").item())
    length = _number(frame_length, "the frame length of STFT")
    if length is None:
        length = signal.shape[1] if window is None else window.shape[0]
    if step < 1 or length > signal.shape[1]:
        raise ModelError(f"frames of {length}, {step} apart, do not fit {signal.shape[1]} samples")
    frames = (signal.shape[1] - length) // step + 1

    def body(b: Expr, f: Expr, n: Expr, part: Expr) -> Expr:
        sample = signal.at(b, f * step + n, part)
        return sample if window is None else sample * window.at(n)

    shape = [signal.shape[0], frames, length, signal.shape[2]]
    return fourier(signal.compute(shape, body), None, 2, 0, onesided)


@operator("MelWeightMatrix", since=17)
def mel_weight_matrix(*operands: Tensor, output_datatype: int = 1) -> Tensor:
    """Triangles on the mel scale: [frequencies, bands], of operands known when compiling."""
    names = ("bands", "DFT length", "sample rate", "lower edge", "upper edge")
    bands, length, rate, low, high = (
        t.known(f"the {name} of MelWeightMatrix").item()
        for name, t in zip(names, operands, strict=True)
    )
    edges = _mel(np.array([low, high], np.float64))
    width = (edges[1] - edges[0]) / (bands + 2)
    mels = edges[0] + width * np.arange(bands + 2)
    bins = ((length + 1) * 700 * (10 ** (mels / 2595) - 1) // rate).astype(np.int64)
    made = np.zeros((length // 2 + 1, bands))
    for band in range(bands):
        lower, middle, upper = bins[band : band + 3]
        if lower == middle:
            made[middle, band] = 1
        else:
            made[lower : middle + 1, band] = np.arange(middle - lower + 1) / (middle - lower)
        if middle != upper:
            made[middle:upper, band] = (upper - np.arange(middle, upper)) / (upper - middle)
    return operands[0].like(made.astype(dtype_of(output_datatype).numpy))


def _mel(hertz: Numbers) -> Numbers:
    return 2595 * np.log10(1 + hertz / 700)
