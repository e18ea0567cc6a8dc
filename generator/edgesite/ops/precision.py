"""Operators of several steps compute halves in float32, so that no step rounds in between."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from edgesite.ir import DType, Tensor

if TYPE_CHECKING:
    from edgesite.ops.registry import F

HALVES = (DType.FLOAT16, DType.BFLOAT16)


def widened(x: Tensor) -> Tensor:
    """Halves as float32; every other tensor as it is."""
    return x.cast(DType.FLOAT32) if x.dtype in HALVES else x


def in_float32(function: F) -> F:
    """Let an operator see halves as float32; its first output gets the first input's dtype back."""

    @wraps(function)
    def computed_wide(x: Tensor, *inputs: Tensor | None, **attributes: Any) -> Any:
        if x.dtype not in HALVES:
            return function(x, *inputs, **attributes)
        wide = [tensor if tensor is None else widened(tensor) for tensor in inputs]
        result = function(widened(x), *wide, **attributes)
        if isinstance(result, tuple):
            return (result[0].cast(x.dtype), *result[1:])
        return result.cast(x.dtype)

    return cast("F", computed_wide)
