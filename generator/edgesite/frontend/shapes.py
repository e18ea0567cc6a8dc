"""Give every input of a model a size: what the file says, what the caller says, or a batch of 1.

The caller names an input and gives its whole shape, or names a symbol ("height") and
gives its size wherever it occurs. What is left open after that is an error, but for one
case so common that asking would be pedantic: a first axis that counts samples is 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import ValueInfoProto

from edgesite.errors import (
    EdgesiteError,
    UnsupportedShapeError,
    UnsupportedTypeError,
    UsageError,
)
from edgesite.frontend.graph import Dtype, ValueInfo
from edgesite.frontend.types import Dim, dims_of, dtype_of

Array = np.ndarray[Any, Any]
Sizes = int | Sequence[int]

# What exporters call a first axis that counts samples: "N", "batch_size", "unk__12"
# (tf2onnx), "DynamicDimension.0" (Paddle).
_BATCH = re.compile(
    r"n|b|bs|bsz|(\w*_)?batch(es|_?size|_?dim|_?axis|_?\d+)?|unk__\d+|.*DynamicDimension\.0",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Bound:
    """Inputs in full, the values of those that are fixed, and what each symbol stands for."""

    inputs: tuple[ValueInfo, ...]
    constants: Mapping[str, Array]
    sizes: Mapping[str, int]


@dataclass
class _Given:
    """What the caller said, sorted into shapes of inputs and sizes of symbols."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)


def bind_inputs(
    declared: Sequence[ValueInfoProto],
    shapes: Mapping[str, Sizes],
    constants: Mapping[str, ArrayLike],
    problems: list[EdgesiteError],
) -> Bound:
    """Size every input; problems are gathered so that the caller reads all of them at once.

    Gathers UnsupportedTypeError for inputs that are no tensors, UnsupportedShapeError for
    sizes left open (one error, a line per input), UsageError for what was given wrongly.
    """
    dtypes = _dtypes(declared, problems)
    dims = {value.name: dims_of(value.type) for value in declared if value.name in dtypes}
    given = _sorted_out(shapes, constants, dtypes, dims, problems)
    sizes = _sizes(given, dims)
    inputs, open_inputs = [], []
    for name, dtype in dtypes.items():
        if name in given.constants:
            continue
        shape = given.shapes[name] if name in given.shapes else _shape(dims[name], sizes)
        if shape is None:
            open_inputs.append(_open_input(name, dims[name], sizes))
        else:
            inputs.append(ValueInfo(name, dtype, shape))
    if open_inputs:
        problems.append(UnsupportedShapeError("\n".join(open_inputs)))
    return Bound(tuple(inputs), given.constants, sizes)


def _dtypes(declared: Sequence[ValueInfoProto], problems: list[EdgesiteError]) -> dict[str, Dtype]:
    """The element type of each input that is a tensor."""
    dtypes = {}
    for value in declared:
        dtype = dtype_of(value.type)
        if dtype is not None:
            dtypes[value.name] = dtype
            continue
        kind = str(value.type.WhichOneof("value") or "of no type").removesuffix("_type")
        problems.append(
            UnsupportedTypeError(
                f"input {value.name}: is a sequence of unknown length; give the shape of each of "
                f"its tensors, as --shape '{value.name}=2,3;2,3'"
                if kind == "sequence"
                else f"input {value.name}: is {kind}, where a tensor is needed; "
                "export the model with tensors as inputs"
            )
        )
    return dtypes


def _sorted_out(
    shapes: Mapping[str, Sizes],
    constants: Mapping[str, ArrayLike],
    dtypes: Mapping[str, Dtype],
    dims: Mapping[str, tuple[Dim, ...] | None],
    problems: list[EdgesiteError],
) -> _Given:
    """Check what the caller said against what the file says."""
    given = _Given()
    symbols = {dim for axes in dims.values() for dim in axes or () if isinstance(dim, str)}
    for name, value in constants.items():
        if name not in dtypes:
            problems.append(_unknown("constants", name, dtypes))
            continue
        array = _as_dtype(name, value, dtypes[name], problems)
        if array is not None and _agrees(name, array.shape, dims[name], problems):
            given.constants[name] = array
            given.shapes[name] = array.shape
    for name, value in shapes.items():
        numbers = _numbers(value)
        if numbers is None:
            problems.append(UsageError(f"shape {name}: got {value}; sizes are whole and 0 or more"))
        elif name in dims:
            if _agrees(name, numbers, dims[name], problems):
                given.shapes[name] = numbers
        elif name in symbols and len(numbers) == 1:
            given.sizes[name] = numbers[0]
        elif name in symbols:
            problems.append(
                UsageError(f"shape {name}: is one size, got {_text(numbers)}; give one number")
            )
        else:
            problems.append(_unknown("shape", name, {*dims, *symbols}))
    return given


def _numbers(value: Sizes) -> tuple[int, ...] | None:
    """The sizes as integers, None where they are none or negative."""
    array = np.atleast_1d(np.asarray(value))
    if array.size and (array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0):
        return None
    return tuple(int(size) for size in array)


def _unknown(what: str, name: str, known: Mapping[str, Any] | set[str]) -> UsageError:
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.7)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}"
    return UsageError(f"{what} {name}: the model has no input or size of that name; {hint}")


def _as_dtype(
    name: str, value: ArrayLike, dtype: Dtype, problems: list[EdgesiteError]
) -> Array | None:
    """The value in the input's element type, None where that would change it."""
    array = np.asarray(value)
    try:
        cast = array.astype(dtype)
        same = array.dtype == dtype or bool(np.array_equal(cast.astype(array.dtype), array))
    except (TypeError, ValueError):
        same = False
    if same:
        return cast
    problems.append(
        UsageError(f"constants {name}: got {array.dtype}; the input takes {dtype}, give that")
    )
    return None


def _agrees(
    name: str,
    numbers: tuple[int, ...],
    dims: tuple[Dim, ...] | None,
    problems: list[EdgesiteError],
) -> bool:
    """Whether a shape has the rank that the file says, and the sizes it fixes."""
    if dims is None:
        return True
    if len(numbers) != len(dims):
        problems.append(
            UsageError(
                f"shape {name}: got {_text(numbers)}, which has {len(numbers)} axes; "
                f"the model's input has {len(dims)}: {_text(dims)}"
            )
        )
        return False
    fixed = [dim for dim, size in zip(dims, numbers, strict=True) if _differs(dim, size)]
    if fixed:
        problems.append(
            UsageError(
                f"shape {name}: got {_text(numbers)}; the model fixes it to {_text(dims)}, "
                "give that or export the model with dynamic axes"
            )
        )
    return not fixed


def _differs(dim: Dim, size: int) -> bool:
    return isinstance(dim, int) and dim != size


def _sizes(given: _Given, dims: Mapping[str, tuple[Dim, ...] | None]) -> dict[str, int]:
    """What each symbol stands for: as given, as shapes given imply, 1 for a batch.

    A symbol that shapes give two sizes is left open: some exporters use one name for axes
    that have nothing to do with each other.
    """
    implied: dict[str, set[int]] = {}
    for name, shape in given.shapes.items():
        for dim, size in zip(dims[name] or (), shape, strict=False):
            if isinstance(dim, str):
                implied.setdefault(dim, set()).add(size)
    sizes = {dim: found.pop() for dim, found in implied.items() if len(found) == 1}
    sizes.update(given.sizes)
    for axes in dims.values():
        first = axes[0] if axes else None
        if isinstance(first, str) and first not in {*sizes, *implied} and _BATCH.fullmatch(first):
            sizes[first] = 1
    return sizes


def _shape(dims: tuple[Dim, ...] | None, sizes: Mapping[str, int]) -> tuple[int, ...] | None:
    """The shape of an input, None where a size is left open."""
    if dims is None:
        return None
    resolved = [_size(dims, axis, sizes) for axis in range(len(dims))]
    shape = tuple(size for size in resolved if size is not None)
    return shape if len(shape) == len(dims) else None


def _size(dims: tuple[Dim, ...], axis: int, sizes: Mapping[str, int]) -> int | None:
    """The size of an axis; a nameless first one is a batch unless it is the only one."""
    dim = dims[axis]
    if dim is None:
        return 1 if axis == 0 and len(dims) > 1 else None
    return dim if isinstance(dim, int) else sizes.get(dim)


def _open_input(name: str, dims: tuple[Dim, ...] | None, sizes: Mapping[str, int]) -> str:
    """The sentence for an input that has sizes left open."""
    if dims is None:
        return f"input {name}: the file does not say its shape; give it, as --shape {name}=1,3,H,W"
    open_axes = [axis for axis in range(len(dims)) if _size(dims, axis, sizes) is None]
    symbols = dict.fromkeys(dim for axis in open_axes if isinstance(dim := dims[axis], str))
    example = ",".join(
        str(dims[axis] or "SIZE").upper() if axis in open_axes else str(_size(dims, axis, sizes))
        for axis in range(len(dims))
    )
    ways = [f"--shape {name}={example}"]
    if symbols and all(isinstance(dims[axis], str) for axis in open_axes):
        ways.append(" ".join(f"--shape {symbol}=SIZE" for symbol in symbols))
    axes = ", ".join(f"{axis} ({dims[axis] or 'no name'})" for axis in open_axes)
    return (
        f"input {name}: the size of axis {axes} of {_text(dims)} is open, and a compiled model "
        f"has fixed sizes; give {' or '.join(ways)}"
    )


def _text(dims: Sequence[Dim]) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in dims) + "]"
