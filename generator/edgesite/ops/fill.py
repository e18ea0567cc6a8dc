"""Operators that make tensors of numbers known beforehand."""

from __future__ import annotations

import numpy as np

from edgesite.ir import Array, DType, Tensor, const
from edgesite.ops.registry import operator


@operator("ConstantOfShape", since=9)
def constant_of_shape(shape: Tensor, *, value: Array | None = None) -> Tensor:
    """One number everywhere, the float32 0 if it is omitted."""
    known = np.zeros(1, np.float32) if value is None else value
    number = const(known.item(), DType.of(known.dtype))
    sizes = shape.known("the shape of ConstantOfShape").tolist()
    return shape.compute(sizes, lambda *_: number)


@operator("Range", since=11)
def range_of(start: Tensor, limit: Tensor, delta: Tensor, *, stash_type: int = 1) -> Tensor:
    """The numbers from start up to limit in steps of delta; halves are computed in float32."""
    low, high, step = (
        operand.known(f"the {name} of Range").item()
        for operand, name in ((start, "start"), (limit, "limit"), (delta, "delta"))
    )
    count = max(int(np.ceil((high - low) / step)), 0)
    wide = np.float64 if start.dtype.is_float else np.int64
    return start.like((low + np.arange(count, dtype=wide) * step).astype(start.dtype.numpy))
