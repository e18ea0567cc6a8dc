"""An instance of a module under wasmtime: alone, or one of several that share their work."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import Thread
from typing import Any, Protocol, cast

import numpy as np
import wasmtime
from wasmtime import _ffi

from edgesite.targets.wasm.module import PAGE_BYTES
from edgesite.targets.wasm.threads import LAST, MAY_SLEEP


class Machine(Protocol):
    """Exports and memory."""

    def call(self, name: str, *arguments: int) -> None:
        """Run an exported function."""

    def write(self, data: bytes, offset: int) -> None:
        """Copy into memory."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Copy from memory."""


class Alone:
    """An instance with a memory of its own."""

    def __init__(self, code: bytes) -> None:
        engine = wasmtime.Engine(_config())
        self._store = wasmtime.Store(engine)
        instance = wasmtime.Instance(self._store, wasmtime.Module(engine, code), [])
        self._exports = instance.exports(self._store)
        self._memory = cast(wasmtime.Memory, self._exports["memory"])

    def call(self, name: str, *arguments: int) -> None:
        """Run an exported function."""
        _called(self._exports, name, self._store, *arguments)

    def write(self, data: bytes, offset: int) -> None:
        """Copy into memory."""
        self._memory.write(self._store, data, offset)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Copy from memory."""
        return bytes(self._memory.read(self._store, offset, offset + size_bytes))


class Crew:
    """An instance that leads, and others in threads of theirs that take parts of its work."""

    def __init__(self, code: bytes, pages: int, threads: int) -> None:
        config = _config()
        config.wasm_threads = True
        config.shared_memory = True
        engine = wasmtime.Engine(config)
        module = wasmtime.Module(engine, code)
        limits = wasmtime.Limits(pages, pages)
        memory = SharedMemory(engine, wasmtime.MemoryType(limits, shared=True))
        self._bytes = np.ctypeslib.as_array(memory.data_ptr(), (pages * PAGE_BYTES,))
        self._memory = memory  # which the array does not keep
        self._bytes[MAY_SLEEP] = 1

        def instance() -> tuple[wasmtime.Store, Any]:
            store = wasmtime.Store(engine)
            return store, wasmtime.Instance(store, module, [memory]).exports(store)

        def help_out(number: int) -> None:
            store, exports = instance()
            _called(exports, "help", store, number)

        self._store, self._exports = instance()
        self._end = weakref.finalize(self, _called, self._exports, "post", self._store, LAST)
        for number in range(1, threads):
            Thread(target=help_out, args=(number,), daemon=True).start()

    def call(self, name: str, *arguments: int) -> None:
        """Run an exported function."""
        _called(self._exports, name, self._store, *arguments)

    def write(self, data: bytes, offset: int) -> None:
        """Copy into memory."""
        self._bytes[offset : offset + len(data)] = np.frombuffer(data, np.uint8)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Copy from memory."""
        return self._bytes[offset : offset + size_bytes].tobytes()


class SharedMemory(wasmtime.SharedMemory):
    """One that can be given to an instance: wasmtime's own passes a pointer to its pointer."""

    def _as_extern(self) -> _ffi.wasmtime_extern_t:
        union = _ffi.wasmtime_extern_union(sharedmemory=self.ptr())
        return _ffi.wasmtime_extern_t(_ffi.WASMTIME_EXTERN_SHAREDMEMORY, union)


def _config() -> wasmtime.Config:
    config = wasmtime.Config()
    config.wasm_relaxed_simd = True
    return config


def _called(exports: Any, name: str, store: wasmtime.Store, *arguments: int) -> None:
    cast(Callable[..., None], exports[name])(store, *arguments)
