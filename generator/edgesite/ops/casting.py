"""Operators that hand elements on: as they are, or in another dtype."""

from __future__ import annotations

from onnx.helper import tensor_dtype_to_np_dtype

from edgesite.errors import UnsupportedOperatorError
from edgesite.ir import DType, Tensor, elementwise, reinterpreted
from edgesite.ir.codecs import RoundMode, encoded
from edgesite.ops.registry import operator


def dtype_of(number: int) -> DType:
    """The dtype that ONNX numbers so.

    Raises UnsupportedTypeError for one the compiler has no representation of.
    """
    return DType.of(tensor_dtype_to_np_dtype(number))


@operator("Cast")
def cast(x: Tensor, *, to: int, saturate: int = 1, round_mode: RoundMode = "up") -> Tensor:
    """x in the dtype `to`; the other attributes concern floats of 8 bits."""
    return converted(x, dtype_of(to), saturate=bool(saturate), round_mode=round_mode)


@operator("CastLike")
def cast_like(
    x: Tensor, like: Tensor, *, saturate: int = 1, round_mode: RoundMode = "up"
) -> Tensor:
    """x in the dtype of `like`."""
    return converted(x, like.dtype, saturate=bool(saturate), round_mode=round_mode)


def converted(
    x: Tensor, dtype: DType, *, saturate: bool = True, round_mode: RoundMode = "up"
) -> Tensor:
    """x in another dtype, with what floats of 8 bits leave open decided."""
    if not dtype.is_coded or x.dtype is dtype:
        return x.cast(dtype)
    numbers = x.cast(DType.FLOAT32) if x.dtype.is_coded else x
    return encoded(numbers, dtype, saturate=saturate, round_mode=round_mode)


@operator("BitCast", since=26)
def bit_cast(x: Tensor, *, to: int) -> Tensor:
    """The bits of x as another dtype of as many."""
    return elementwise(lambda e: reinterpreted(e, dtype_of(to)), x)


@operator("Identity")
def identity(x: Tensor) -> Tensor:
    """x."""
    return x


@operator("Dropout")
def dropout(x: Tensor, *, ratio: float = 0.5) -> tuple[Tensor, Tensor]:
    """x, for nothing is dropped at inference, and a mask that is 0, as onnxruntime leaves it."""
    return x, x.like(0).expand(x.shape)


@operator("Dropout", since=10)
def dropout_with_bool_mask(x: Tensor, *, ratio: float = 0.5) -> tuple[Tensor, Tensor]:
    """x, for nothing is dropped at inference, and a mask of false, as onnxruntime leaves it."""
    return x, x.like(False, DType.BOOL).expand(x.shape)


@operator("Dropout", since=12)
def dropout_with_inputs(
    x: Tensor, ratio: Tensor | None = None, training_mode: Tensor | None = None, *, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """x, for nothing is dropped at inference, and a mask that is true everywhere."""
    training = training_mode is not None and training_mode.known("training_mode of Dropout").any()
    if training and (ratio is None or ratio.known("ratio of Dropout").any()):
        raise UnsupportedOperatorError(
            "Dropout draws random numbers when it trains; export the model for inference"
        )
    return x, x.like(True, DType.BOOL).expand(x.shape)
