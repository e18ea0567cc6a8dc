"""Tensors of a file as arrays: initializers, attribute values, data kept in other files.

Arrays are views of the bytes read wherever their layout allows it, hence read-only.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from edgesite.errors import ModelError, UnsupportedShapeError

Array = np.ndarray[Any, Any]

# 256 MiB: a sparse tensor is a few numbers that may claim any dense size.
_DENSE_LIMIT_BYTES = 1 << 28

_BITS: dict[int, int] = {
    TensorProto.INT4: 4,
    TensorProto.UINT4: 4,
    TensorProto.FLOAT4E2M1: 4,
    TensorProto.INT2: 2,
    TensorProto.UINT2: 2,
    TensorProto.FLOAT6E2M3: 6,
    TensorProto.FLOAT6E3M2: 6,
}
"""Element types whose raw form is packed, with the bits of one element."""


def array_of(tensor: TensorProto, folder: Path | None = None) -> Array:
    """The array of a tensor; `folder` is where data kept in other files lies.

    Raises ModelError where data and shape contradict each other or data is missing.
    """
    where = f"tensor {tensor.name or '(unnamed)'}"
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape):
        raise ModelError(
            f"{where}: shape {list(shape)} has a negative size; export the model again"
        )
    if tensor.data_location == TensorProto.EXTERNAL:
        return _external(tensor, folder, where)
    if tensor.HasField("raw_data"):
        _check_size(tensor, len(tensor.raw_data), where)
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ModelError(
            f"{where}: its data does not make an array of shape {list(shape)} ({error}); "
            "the file is damaged, export or download it again"
        ) from None


def dense_of(sparse: SparseTensorProto, folder: Path | None = None) -> Array:
    """The dense array of a sparse tensor: indices are flat or one row per element."""
    values, indices = array_of(sparse.values, folder), array_of(sparse.indices, folder)
    where = f"sparse tensor {sparse.values.name or '(unnamed)'}"
    shape = tuple(sparse.dims)
    if math.prod(shape) * values.itemsize > _DENSE_LIMIT_BYTES:
        raise UnsupportedShapeError(
            f"{where}: shape {list(shape)} is too large to be made dense; export it dense"
        )
    dense = np.zeros(shape, values.dtype)
    try:
        if indices.ndim == 2:
            dense[tuple(indices.T)] = values
        else:
            dense.reshape(-1)[indices] = values
    except (IndexError, ValueError) as error:
        raise ModelError(
            f"{where}: indices and values contradict each other ({error}); export the model again"
        ) from None
    return dense


def _check_size(tensor: TensorProto, size_bytes: int, where: str) -> None:
    """Compare bytes with the shape before anything is allocated for it."""
    expected = _size_bytes(tensor, where)
    if size_bytes != expected:
        raise ModelError(
            f"{where}: {size_bytes} bytes for shape {list(tensor.dims)}, which takes {expected}; "
            "the file is damaged, export or download it again"
        )


def _size_bytes(tensor: TensorProto, where: str) -> int:
    count = math.prod(int(size) for size in tensor.dims)
    bits = _BITS.get(tensor.data_type)
    if bits is not None:
        return -(-count * bits // 8)
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, TypeError):
        raise ModelError(
            f"{where}: element type {tensor.data_type} is not one of ONNX; export the model again"
        ) from None
    if dtype == np.dtype(object):
        raise ModelError(f"{where}: strings cannot be stored raw; export the model again")
    return count * dtype.itemsize


def _external(tensor: TensorProto, folder: Path | None, where: str) -> Array:
    """Read data kept beside the model, from inside the model's folder alone."""
    facts = {entry.key: entry.value for entry in tensor.external_data}
    path = _external_path(facts.get("location", ""), folder, where)
    expected = _size_bytes(tensor, where)
    try:
        offset = int(facts.get("offset") or 0)
        length = int(facts.get("length") or expected)
    except ValueError:
        raise ModelError(
            f"{where}: offset and length in {path.name} must be numbers; export the model again"
        ) from None
    _check_size(tensor, length, where)
    if offset < 0 or offset + length > path.stat().st_size:
        raise ModelError(
            f"{where}: wants bytes {offset} to {offset + length} of {path.name}, which has "
            f"{path.stat().st_size}; the file is truncated, download it again"
        )
    with path.open("rb") as file:
        file.seek(offset)
        raw = file.read(length)
    if tensor.data_type not in _BITS:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        return np.frombuffer(raw, dtype).reshape(tuple(tensor.dims))
    packed = TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=raw)
    return numpy_helper.to_array(packed)


def _external_path(location: str, folder: Path | None, where: str) -> Path:
    if folder is None:
        raise ModelError(
            f"{where}: its data is in {location or 'another file'}, which cannot be found for a "
            "model given as bytes; give the path of the .onnx file"
        )
    root = folder.resolve()
    try:
        path = (root / location).resolve()
        found = path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL in it
        raise ModelError(
            f"{where}: its data is in {location[:40]!r}..., which no file can be called; "
            "the file is damaged, export or download it again"
        ) from None
    if not location or not path.is_relative_to(root):
        raise ModelError(
            f"{where}: its data is in {location!r}, outside the model's folder; "
            "put the data file beside the .onnx file and export with that name"
        )
    if not found:
        raise ModelError(
            f"{where}: its data is in {location}, which is missing; "
            "copy that file into the folder of the .onnx file"
        )
    with path.open("rb") as file:
        is_pointer = file.read(40).startswith(b"version https://git-lfs")
    if is_pointer:
        raise ModelError(
            f"{where}: its data file {location} is a Git LFS pointer; fetch it with `git lfs pull`"
        )
    return path
