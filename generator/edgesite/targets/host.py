"""Runs a compiled module here, under wasmtime, exactly as a browser would."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgesite.errors import UsageError
from edgesite.ir import DType
from edgesite.targets.machine import Alone, Crew, Machine
from edgesite.targets.manifest import Binding, TensorInfo, TextOperand, WeightsFile
from edgesite.targets.texts import FUNCTIONS, placed

Array = NDArray[Any]


class Instance:
    """An instantiated module with its weights in place, or one for each of several threads."""

    def __init__(
        self, manifest: Binding, code: bytes, file: WeightsFile, weights: bytes, threads: int = 1
    ) -> None:
        self._manifest, self._file = manifest, file
        self._machine = _machine(manifest, code, threads)
        self._machine.write(weights, file.offset)
        self._strings = {text: number for number, text in enumerate(manifest.strings)}
        if file.decoded is not None:
            self._machine.call("decode", len(weights))
        self._machine.call("init")

    def weights(self) -> bytes:
        """The weights as they are computed with."""
        place = self._file.decoded or self._file
        return self._machine.read(place.offset, place.size_bytes)

    def reweigh(self, weights: bytes) -> None:
        """Begin again with other weights, given as they are computed with."""
        self._machine.write(weights, (self._file.decoded or self._file).offset)
        self._machine.call("init")

    def reset(self) -> None:
        """Make the next run the first one again."""
        if self._manifest.state:
            self._machine.call("reset")

    def run(self, feeds: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.generic]]:
        """One prediction; raises UsageError for feeds that do not fit."""
        self.feed(feeds)
        self._machine.call("run")
        return {info.name: self._read(info) for info in self._manifest.outputs}

    def feed(self, feeds: Mapping[str, ArrayLike]) -> None:
        """Write inputs to where a prediction reads them; raises UsageError as `run` does."""
        manifest = self._manifest
        values = _checked(feeds, manifest)
        for info in manifest.inputs:
            self._write(info, values[info.name])
        for step in manifest.texts:
            made = FUNCTIONS[step.function](
                *(_operand(one, values) for one in step.operands), **step.options
            )
            for info, answer in zip(step.outputs, made, strict=True):
                values[info.name] = answer
                self._write(info, placed(answer, info.shape))

    def layer(self, number: int) -> None:
        """Run one of the layers of a module that has them apart."""
        self._machine.call("layer", number)

    def memory(self, offset: int, size_bytes: int) -> bytes:
        """A piece of the memory as it is now."""
        return self._machine.read(offset, size_bytes)

    def _write(self, info: TensorInfo, array: Array) -> None:
        is_text = info.dtype == "string"
        stored = self._numbered(array) if is_text else array.astype(DType(info.dtype).numpy)
        self._machine.write(stored.tobytes(), info.offset)

    def _read(self, info: TensorInfo) -> NDArray[np.generic]:
        raw = self._machine.read(info.offset, info.size_bytes)
        shape = list(info.shape)
        for axis, at in info.counts.items():
            shape[axis] = int.from_bytes(self._machine.read(at, 8), "little")
        elements = np.frombuffer(raw, DType(info.dtype).numpy)
        array = elements[: prod(shape)].reshape(shape)
        if info.dtype != "string":
            return array
        return np.asarray(np.array([*self._strings], object)[array], object)

    def _numbered(self, texts: NDArray[Any]) -> NDArray[np.int32]:
        """Strings as their numbers; one that is new gets the next."""
        known = self._strings
        numbers = [known.setdefault(str(text), len(known)) for text in texts.ravel()]
        return np.array(numbers, np.int32)


def _machine(manifest: Binding, code: bytes, threads: int) -> Machine:
    if threads == 1 or manifest.threads is None:
        return Alone(code)
    return Crew(code, manifest.memory_pages + threads * manifest.threads.pages, threads)


def _operand(operand: TextOperand, values: Mapping[str, Array]) -> Array:
    """The strings that a step takes."""
    if operand.name:
        return values[operand.name]
    return np.array(operand.texts, object).reshape(operand.shape)


def _checked(feeds: Mapping[str, ArrayLike], manifest: Binding) -> dict[str, Array]:
    """The arrays by the names of the inputs."""
    names = [info.name for info in manifest.inputs]
    if set(feeds) != set(names):
        raise UsageError(f"feeds {sorted(feeds)}: the model's inputs are {sorted(names)}")
    arrays = {}
    for info in manifest.inputs:
        array = np.asarray(feeds[info.name])
        fits = array.dtype == DType(info.dtype).numpy
        if info.dtype == "string":
            fits = array.dtype.kind in "OU"
        if array.shape != info.shape or not fits:
            raise UsageError(
                f"input {info.name}: got {array.dtype}{list(array.shape)}, "
                f"wants {info.dtype}{list(info.shape)}"
            )
        arrays[info.name] = array
    return arrays
