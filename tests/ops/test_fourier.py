"""Fourier transforms against numpy, at lengths that split and lengths that do not."""

from __future__ import annotations

import numpy as np
import pytest

from edgesite.errors import UnsupportedShapeError
from tests.ops.interpreter import Array, run_node
from tests.ops.oracle import assert_node


def pairs(x: Array) -> Array:
    """Complex numbers as ONNX lays them out."""
    return np.stack([x.real, x.imag], -1).astype(np.float32)


def dft(x: Array, axis: int, length: int | None = None, **attributes: int) -> Array:
    named = None if length is None else np.asarray(length)
    (y,) = run_node("DFT", [x, named, np.asarray(axis)], attributes, 20, known=(1, 2))
    return y


@pytest.mark.parametrize("length", [1, 2, 3, 64, 65, 67, 100, 128, 521])
@pytest.mark.parametrize("inverse", [0, 1])
def test_transforms_of_complex_signals(length: int, inverse: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, length)) + 1j * rng.standard_normal((2, length))
    wanted = np.fft.ifft(x) if inverse else np.fft.fft(x)

    y = dft(pairs(x).astype(np.float64), -2, inverse=inverse)

    np.testing.assert_allclose(y, pairs(wanted), rtol=1e-4, atol=1e-4)


def test_inverse_transforms_in_float32_are_of_powers_of_two(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 16)) + 1j * rng.standard_normal((2, 16))

    y = dft(pairs(x), -2, inverse=1)

    np.testing.assert_allclose(y, pairs(np.fft.ifft(x)), rtol=1e-4, atol=1e-5)
    with pytest.raises(UnsupportedShapeError, match="take a power of two, or cast to float64"):
        dft(pairs(x), -2, 10, inverse=1)


@pytest.mark.parametrize("length", [None, 7, 200])
@pytest.mark.parametrize("axis", [0, 1])
def test_real_signals_are_padded_or_cut(
    length: int | None, axis: int, rng: np.random.Generator
) -> None:
    x = rng.standard_normal((12, 9, 1), np.float32)

    y = dft(x, axis, length, onesided=1)

    wanted = np.fft.rfft(x[..., 0], length, axis)
    np.testing.assert_allclose(y, pairs(wanted), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("length", [None, 15, 16, 17, 40])
def test_a_real_signal_comes_back_from_half_its_frequencies(
    length: int | None, rng: np.random.Generator
) -> None:
    x = np.fft.rfft(rng.standard_normal((3, 16)))

    y = dft(pairs(x), -2, length, inverse=1, onesided=1)

    np.testing.assert_allclose(y[..., 0], np.fft.irfft(x, length), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("onesided", [0, 1])
def test_frames_are_weighed_by_a_window(onesided: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 50, 1), np.float32)
    window = np.hanning(16).astype(np.float32)

    assert_node(
        "STFT",
        [x, np.asarray(8), window, np.asarray(16)],
        {"onesided": onesided},
        17,
        known=(1, 3),
        rtol=1e-4,
        atol=1e-4,
    )


def test_bands_on_the_mel_scale() -> None:
    operands = [np.asarray(n) for n in (8, 64, 8192)]
    edges = [np.asarray(e, np.float32) for e in (0, 4096)]

    assert_node("MelWeightMatrix", [*operands, *edges], opset=17, known=range(5))
