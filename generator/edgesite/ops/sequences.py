"""Lists of tensors whose length is known when the model is compiled: they cost nothing at run time.

A list is a value that only these operators, and Loops that are written out, know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesite.errors import ModelError, UnsupportedTypeError
from edgesite.ir import DType, Tensor
from edgesite.ops.axes import resolve_axis
from edgesite.ops.registry import operator
from edgesite.ops.slices import concat, parts_of


@dataclass(frozen=True)
class TensorList:
    """Tensors in order; they may differ in shape."""

    parts: tuple[Tensor, ...]

    def __str__(self) -> str:
        """Its type, as messages name it."""
        return f"a sequence of {len(self.parts)}"


@operator("SequenceConstruct", since=11)
def sequence_construct(*parts: Tensor) -> Any:
    """A list of tensors."""
    return TensorList(parts)


@operator("SequenceEmpty", since=11)
def sequence_empty(*, dtype: int = 1) -> Any:
    """A list of nothing; what is put into it says its type."""
    return TensorList(())


def place_in(parts: TensorList, position: Tensor | None, *, last: int) -> int:
    """A position of a list, counted from the end where it is negative; `last` if omitted.

    Raises UnsupportedShapeError where only a run can tell.
    """
    if position is None:
        return last
    number = int(position.known("a position in a sequence").item())
    if not -len(parts.parts) <= number <= last:
        raise ModelError(f"position {number} of a sequence of {len(parts.parts)}")
    return number % len(parts.parts) if number < 0 else number


@operator("SequenceInsert", since=11)
def sequence_insert(parts: TensorList, x: Tensor, position: Tensor | None = None) -> Any:
    """The list with one more, at the end or ahead of a position."""
    at = place_in(parts, position, last=len(parts.parts))
    return TensorList((*parts.parts[:at], x, *parts.parts[at:]))


@operator("SequenceErase", since=11)
def sequence_erase(parts: TensorList, position: Tensor | None = None) -> Any:
    """The list without the last or another one."""
    at = place_in(parts, position, last=len(parts.parts) - 1)
    return TensorList((*parts.parts[:at], *parts.parts[at + 1 :]))


@operator("SequenceAt", since=11)
def sequence_at(parts: TensorList, position: Tensor) -> Tensor:
    """One of the list."""
    return parts.parts[place_in(parts, position, last=len(parts.parts) - 1)]


@operator("SequenceLength", since=11)
def sequence_length(parts: TensorList) -> Tensor:
    """How many there are."""
    if not parts.parts:
        raise UnsupportedTypeError("the length of an empty sequence; export it as a constant")
    return parts.parts[0].builder.constant(len(parts.parts), DType.INT64)


@operator("SplitToSequence", since=11)
def split_to_sequence(
    x: Tensor, split: Tensor | None = None, *, axis: int = 0, keepdims: int = 1
) -> Any:
    """A list of parts of x along an axis: of size 1, of one size, or of named sizes."""
    along = resolve_axis(axis, x.rank)
    extent = x.shape[along]
    sizes = [1] * extent
    if split is not None:
        named = split.known("the sizes of SplitToSequence")
        sizes = [int(size) for size in named.ravel()]
        if named.ndim == 0 and sizes[0] > 0:
            sizes = [min(sizes[0], extent - start) for start in range(0, extent, sizes[0])]
    parts = parts_of(x, along, sizes, len(sizes))
    if split is None and not keepdims:
        shape = [n for axis, n in enumerate(x.shape) if axis != along]
        parts = tuple(part.reshape(shape) for part in parts)
    return TensorList(parts)


@operator("ConcatFromSequence", since=11)
def concat_from_sequence(parts: TensorList, *, axis: int, new_axis: int = 0) -> Tensor:
    """The tensors of a list one behind the other, along an axis of theirs or a new one."""
    made = parts.parts
    if not made:
        raise ModelError("nothing to put together: the sequence is empty")
    if new_axis:
        at = resolve_axis(axis, made[0].rank + 1)
        made = tuple(part.reshape([*part.shape[:at], 1, *part.shape[at:]]) for part in made)
    return concat(*made, axis=axis)


@operator("Optional", since=15)
def optional(x: Any = None, **_: object) -> Any:
    """x, which is there."""
    if x is None:
        raise UnsupportedTypeError("an optional that holds nothing; export the model without it")
    return x


@operator("OptionalGetElement", since=15)
def optional_get_element(x: Any) -> Any:
    """x, which is there."""
    return x


@operator("OptionalHasElement", since=15)
def optional_has_element(x: Any) -> Tensor:
    """Whether x is there: it is."""
    tensor: Tensor = x.parts[0] if isinstance(x, TensorList) else x
    return tensor.builder.constant(True, DType.BOOL)
