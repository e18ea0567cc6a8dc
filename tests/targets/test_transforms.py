"""The transforms of Winograd's minimal filtering, as matrices: exact in fractions and integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from edgesite.targets.wasm.transforms import (
    FLOATS,
    OF_FIVE_TAPS,
    OF_FOUR_TAPS,
    STRIDED,
    WHOLE,
    Arithmetic,
)
from tests.models import Array

ALL = [
    numbers
    for ways in (FLOATS, OF_FOUR_TAPS, OF_FIVE_TAPS, STRIDED, WHOLE)
    for numbers in ways.values()
]


def filtered(numbers: Arithmetic, tile: Array, taps: Array) -> Array:
    """What comes out behind the last transform."""
    inputs, filters, results = (np.array(matrix) for matrix in numbers.matrices)
    summed = np.hstack([results[:, :count] for count in numbers.phases])
    return summed @ ((filters @ taps @ filters.T) * (inputs @ tile @ inputs.T)) @ summed.T


def correlated(tile: Array, taps: Array, stride: int) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(tile, taps.shape)
    return np.einsum("yxij,ij->yx", windows[::stride, ::stride], taps)


@pytest.mark.parametrize("numbers", ALL, ids=lambda n: n.name)
def test_the_matrices_filter_exactly(numbers: Arithmetic, rng: np.random.Generator) -> None:
    tile = rng.integers(-255, 256, (numbers.span, numbers.span)).astype(object) + Fraction(0)
    taps = rng.integers(-128, 128, (numbers.taps, numbers.taps)).astype(object) + Fraction(0)

    came_out = filtered(numbers, tile, taps)

    assert (came_out == numbers.multiple * correlated(tile, taps, numbers.stride)).all()


@pytest.mark.parametrize("numbers", WHOLE.values(), ids=lambda n: n.name)
def test_whole_transforms_have_no_fractions(numbers: Arithmetic) -> None:
    entries = [entry for matrix in numbers.matrices for row in matrix for entry in row]

    assert all(entry.denominator == 1 for entry in entries)


@pytest.mark.parametrize("numbers", WHOLE.values(), ids=lambda n: n.name)
def test_bytes_fit_whatever_their_signs(numbers: Arithmetic) -> None:
    inputs, filters, _ = (abs(np.array(matrix, int)) for matrix in numbers.matrices)

    assert (inputs @ np.full((numbers.n, numbers.n), 255) @ inputs.T).max() < 1 << 15
    assert (filters @ np.full((3, 3), 128) @ filters.T).max() < 1 << 15
    assert numbers.fits(255, 128, ((1 << 31) - 1) // numbers.headroom)
    assert not numbers.fits(255, 128, (1 << 31) // numbers.headroom)
    assert not numbers.fits(1 << 14, 128, 1)


@pytest.mark.parametrize("numbers", WHOLE.values(), ids=lambda n: n.name)
def test_the_multiple_is_undone_modulo_two_to_the_32(numbers: Arithmetic) -> None:
    odd = numbers.multiple // numbers.headroom
    largest = ((1 << 31) - 1) // numbers.headroom
    results = np.array([0, 1, -1, largest, -largest], dtype=object)

    wrapped = results * numbers.multiple * pow(odd, -1, 1 << 32) % (1 << 32)
    signed = np.where(wrapped >= 1 << 31, wrapped - (1 << 32), wrapped)

    assert (signed // numbers.headroom == results).all()
