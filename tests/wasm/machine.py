"""Running a module that a test has built, in wasmtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import wasmtime

if TYPE_CHECKING:
    from edgesite.wasm import Module

ENGINE = wasmtime.Engine()


class Machine:
    """An instance of a module: its exports by name, its memory as bytes."""

    def __init__(self, module: Module) -> None:
        self._store = wasmtime.Store(ENGINE)
        compiled = wasmtime.Module(ENGINE, module.encode())
        self._exports = wasmtime.Instance(self._store, compiled, []).exports(self._store)

    def call(self, name: str, *arguments: float) -> Any:
        return self._exports[name](self._store, *arguments)

    def get(self, name: str) -> Any:
        return self._exports[name].value(self._store)

    def write(self, address: int, array: np.ndarray) -> None:
        self._exports["memory"].write(self._store, array.tobytes(), address)

    def read(self, address: int, count: int, dtype: Any) -> np.ndarray:
        size_bytes = count * np.dtype(dtype).itemsize
        payload = self._exports["memory"].read(self._store, address, address + size_bytes)
        return np.frombuffer(bytes(payload), dtype)
