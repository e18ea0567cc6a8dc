"""What reductions begin with, and how four of their results run on side by side."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np

from edgesite.ir import DType
from edgesite.targets.wasm.lanes import LANES, lane_type
from edgesite.wasm import F32X4, Function, Local
from edgesite.wasm import Value as Wasm


class LaneTotal:
    """Four running sums, products or extremes of float32 or int32.

    pmin and pmax are five times as fast as min and max (KERNELS.md, 4) but drop a nan; lanes
    in which one was seen are remembered beside them.
    """

    def __init__(self, f: Function, combine: str, dtype: DType) -> None:
        self._f, self._combine = f, combine
        self._total = f.local(lane_type(dtype), identity(combine, dtype))
        self._whole = dtype is DType.INT32
        extreme = combine in ("max", "min")
        self._nan = f.local(F32X4, 0.0) if extreme and not self._whole else None

    def take(self, vector: Wasm) -> None:
        """Combine four more elements."""
        f, total = self._f, self._total
        match self._combine:
            case "sum":
                f.assign(total, total + vector)
                return
            case "prod":
                f.assign(total, total * vector)
                return
        if self._whole:
            larger = self._combine == "max"
            f.assign(total, total.max_s(vector) if larger else total.min_s(vector))
            return
        x = f.let(vector)
        assert self._nan is not None
        f.assign(self._nan, self._nan | (x != x))
        f.assign(total, total.pmax(x) if self._combine == "max" else total.pmin(x))

    def result(self) -> Local:
        """All elements so far combined; a mask of ones is a nan."""
        return self._total if self._nan is None else self._f.let(self._total | self._nan)

    def elements(self) -> Iterator[Wasm]:
        """Numbers that come to the same as the lanes, and are fewer where they can be."""
        if self._nan is None:
            yield from (self._total.extract_lane(number) for number in range(LANES))
            return
        # Scalar extremes take long in engines, as a nan and the sign of zero are looked at apart.
        for turned in ([2, 3, 0, 1], [1, 0, 3, 2]):
            lanes = self.result()
            self.take(lanes.shuffle(lanes, turned))
        yield self.result().extract_lane(0)


def identity(combine: str, dtype: DType) -> float:
    """What a reduction of nothing gives."""
    if combine in ("sum", "prod"):
        return int(combine == "prod")
    least = combine in ("max", "argmax")
    if dtype.is_float:
        return -inf if least else inf
    if dtype is DType.BOOL:
        return int(not least)
    limits = np.iinfo(dtype.value)
    return int(limits.min if least else limits.max)
