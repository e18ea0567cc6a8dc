"""Running a module that a test has built, in wasmtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import wasmtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgesite.wasm import Module

ENGINE = wasmtime.Engine()


def function_of(exports: Mapping[str, object], name: str) -> wasmtime.Func:
    exported = exports[name]
    assert isinstance(exported, wasmtime.Func)
    return exported


def memory_of(exports: Mapping[str, object]) -> wasmtime.Memory:
    exported = exports["memory"]
    assert isinstance(exported, wasmtime.Memory)
    return exported


class Machine:
    """An instance of a module: its exports by name, its memory as bytes."""

    def __init__(self, module: Module) -> None:
        self._store = wasmtime.Store(ENGINE)
        compiled = wasmtime.Module(ENGINE, module.encode())
        self._exports = wasmtime.Instance(self._store, compiled, []).exports(self._store)

    def call(self, name: str, *arguments: float) -> Any:
        return function_of(self._exports, name)(self._store, *arguments)

    def get(self, name: str) -> Any:
        exported = self._exports[name]
        assert isinstance(exported, wasmtime.Global)
        return exported.value(self._store)

    def write(self, address: int, array: np.ndarray) -> None:
        memory_of(self._exports).write(self._store, array.tobytes(), address)

    def read(self, address: int, count: int, dtype: Any) -> np.ndarray:
        size_bytes = count * np.dtype(dtype).itemsize
        payload = memory_of(self._exports).read(self._store, address, address + size_bytes)
        return np.frombuffer(bytes(payload), dtype)
