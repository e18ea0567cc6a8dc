"""Inputs for a model of which nothing is known but its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from edgesite.targets.manifest import Binding

Array = np.ndarray[Any, np.dtype[Any]]


def random_feeds(manifest: Binding, seed: int) -> dict[str, Array]:
    """Inputs of the right dtypes and shapes, the same for the same seed."""
    generator = np.random.default_rng(seed)
    texts = np.array([*filter(None, manifest.strings), "a", "b c"], object)
    return {
        info.name: generator.choice(texts, info.shape)
        if info.dtype == "string"
        else _random(generator, np.dtype(info.dtype), info.shape)
        for info in manifest.inputs
    }


def _random(generator: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Standard normal floats, all bytes, and otherwise 0 or 1: good as an index and as a mask.

    A larger number in a mask adds tens of thousands to the scores of attention, in which
    nothing but rounding is left of what is compared.
    """
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    if dtype.itemsize == 1:
        bounds = np.iinfo(dtype)
        return generator.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)
    return generator.integers(0, 2, shape).astype(dtype)
