"""Programs compiled without ONNX, run here, and compared with their meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgesite.compiler import arrange, optimise
from edgesite.ir import Builder, DType, Graph, Tensor, verify
from edgesite.targets.artifacts import TARGETS, CompiledModel, bind, pack, tensor_info
from edgesite.targets.manifest import Source
from edgesite.targets.wasm.module import build_module
from edgesite.targets.wasm.schedule import FIRST_BYTE, make_schedule
from tests.ops.interpreter import evaluate

Array = np.ndarray[Any, Any]


def program(make: Callable[..., Any], feeds: Mapping[str, Array]) -> Graph:
    """The program that `make` writes, of inputs like the arrays given."""
    builder = Builder()
    inputs = [builder.input(name, a.shape, DType.of(a.dtype)) for name, a in feeds.items()]
    made = make(*inputs)
    return verify(builder.graph([made] if isinstance(made, Tensor) else list(made)))


def compiled(graph: Graph) -> CompiledModel:
    """A program as it would ship, its outputs called y0, y1 and so on."""
    schedule = make_schedule(arrange(graph))
    place = schedule.placement
    modules = {
        target: build_module(
            schedule.preparation, schedule.steps, place, relaxed=target == "relaxed"
        ).encode()
        for target in TARGETS
    }
    binding = bind(
        [tensor_info(value.name, value, place.offsets[value]) for value in graph.inputs],
        [
            tensor_info(f"y{k}", value, place.offsets[value])
            for k, value in enumerate(graph.outputs)
        ],
        (),
        modules,
        place.pages,
    )
    source = Source(sha256="", opset=1, parameters=0, macs=0)
    return pack([(binding, modules)], source, schedule.weights, weights_offset=FIRST_BYTE)


def answers(graph: Graph, feeds: Mapping[str, Array], *, fused: bool = False) -> list[Array]:
    """What the compiled program gives, as it is written or after all passes."""
    model = compiled(optimise(graph) if fused else graph)
    return list(model.run(feeds).values())


def meaning(graph: Graph, feeds: Mapping[str, Array]) -> list[Array]:
    """What the program means."""
    values = evaluate(graph, feeds)
    return [values[value.name] for value in graph.outputs]


def assert_same(got: Array, wanted: Array, tolerance: float = 0.0) -> None:
    """Equal shapes, dtypes and elements, a nan being equal to another."""
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    if wanted.dtype.kind in "iub":
        np.testing.assert_array_equal(got, wanted)
    else:
        wide = np.float64
        np.testing.assert_allclose(got.astype(wide), wanted.astype(wide), tolerance, tolerance)


def assert_means_the_same(
    make: Callable[..., Any], feeds: Mapping[str, Array], tolerance: float = 0.0
) -> None:
    """The loops of a program, as written and after all passes, do what it means."""
    graph = program(make, feeds)
    wanted = meaning(graph, feeds)
    for fused in (False, True):
        for got, array in zip(answers(graph, feeds, fused=fused), wanted, strict=True):
            assert_same(got, array, tolerance)
