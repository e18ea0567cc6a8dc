"""The compiler behind `onnx.backend.base.Backend`, for ONNX's own test suite.

Sizes that the model leaves open, and operands that decide sizes, are learned from the
inputs of the first run: that is when the model is compiled, once per set of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.backend.base import Backend, BackendRep

import edgesite.compiler
from edgesite.errors import (
    EdgesiteError,
    ProblemsError,
    UnsupportedError,
    UnsupportedShapeError,
    UnsupportedTypeError,
)
from edgesite.targets.artifacts import CompiledModel

Feed = NDArray[Any] | list[NDArray[Any]]


class Representation(BackendRep):
    """A model that is compiled for the shapes it is first run with."""

    def __init__(self, model: onnx.ModelProto) -> None:
        initialised = {tensor.name for tensor in model.graph.initializer}
        self._model = model
        self._names = [v.name for v in model.graph.input if v.name not in initialised]
        self._compiled: dict[object, CompiledModel] = {}

    def run(self, inputs: Sequence[Any], **kwargs: Any) -> tuple[Any, ...]:
        """The outputs, in the order of the graph."""
        del kwargs
        feeds = {name: _feed(value) for name, value in zip(self._names, inputs, strict=False)}
        try:
            compiled = self._compile(feeds)
        except ProblemsError as error:
            if not any(isinstance(problem, UnsupportedError) for problem in error.problems):
                raise
            raise UnsupportedError(str(error)) from error
        manifest = compiled.manifest
        wanted = {info.name for info in manifest.inputs} | {*manifest.input_lists}
        results = compiled.run({name: feed for name, feed in feeds.items() if name in wanted})
        return tuple(results[value.name] for value in self._model.graph.output)

    def _compile(self, feeds: dict[str, Feed]) -> CompiledModel:
        shapes = {name: _shape(feed) for name, feed in feeds.items()}
        key: tuple[object, ...] = tuple(sorted(shapes.items()))
        if key not in self._compiled:
            try:
                self._compiled[key] = edgesite.compiler.compile(self._model, shapes, threads="off")
            except (UnsupportedShapeError, ProblemsError) as error:
                if not _concerns_shapes(error):
                    raise
                constants = {
                    name: feed
                    for name, feed in feeds.items()
                    if isinstance(feed, np.ndarray) and _may_be_fixed(feed)
                }
                if not constants:
                    raise
                key = (*key, *((n, a.tobytes()) for n, a in constants.items()))
                rest = {n: s for n, s in shapes.items() if n not in constants}
                if key not in self._compiled:
                    self._compiled[key] = edgesite.compiler.compile(
                        self._model, rest, constants, threads="off"
                    )
        return self._compiled[key]


class EdgesiteBackend(Backend):
    """Compiles models and runs the shipped bytes under wasmtime."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Representation:
        """A model that is compiled for the shapes it is first run with."""
        del device, kwargs
        return Representation(model)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether there is such a device: the CPU."""
        return device == "CPU"


def _concerns_shapes(error: EdgesiteError) -> bool:
    """Whether a size that is not known is part of the trouble."""
    problems = error.problems if isinstance(error, ProblemsError) else (error,)
    return any(isinstance(problem, UnsupportedShapeError) for problem in problems)


def _may_be_fixed(array: NDArray[Any]) -> bool:
    """Whether an input looks like an operand that decides sizes, rather than data."""
    # Lists of floats are scales and regions of interest.
    is_list = array.ndim == 1 or array.dtype.kind in "iub"
    return array.size == 1 or (is_list and array.size < 64)


def _feed(value: Any) -> Feed:
    if value is None or isinstance(value, dict):
        raise UnsupportedTypeError(
            "maps, and optional inputs that are not there, are not supported"
        )
    return [np.asarray(one) for one in value] if isinstance(value, list) else np.asarray(value)


def _shape(feed: Feed) -> tuple[Any, ...]:
    return tuple(one.shape for one in feed) if isinstance(feed, list) else feed.shape
