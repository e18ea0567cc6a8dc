"""compile(): the whole path of a model, from ONNX to a folder of WebAssembly, in one place."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike, NDArray

from edgesite import frontend, ops
from edgesite.errors import (
    InternalError,
    UnsupportedShapeError,
    UsageError,
)
from edgesite.express import derived, express, why_missing
from edgesite.frontend import StaticGraph
from edgesite.frontend.lists import element
from edgesite.frontend.quantization import Quantize, check_options, quantized
from edgesite.frontend.state import check_state
from edgesite.ir import (
    DType,
    Graph,
    HostOperand,
    HostStep,
    Value,
    format_graph,
    verify,
)
from edgesite.passes import PIPELINE
from edgesite.passes.layout import Arranged, choose_layouts
from edgesite.targets.artifacts import TARGETS, CompiledModel, bind, pack, tensor_info
from edgesite.targets.feeds import random_feeds
from edgesite.targets.manifest import (
    Binding,
    Decoded,
    Source,
    StateInfo,
    TargetName,
    TensorInfo,
    TextOperand,
    TextStep,
)
from edgesite.targets.stored.choice import CHOSEN, FORMS, Choice, Weights, choose, halves
from edgesite.targets.stored.forms import PLAIN, Part
from edgesite.targets.stored.moments import second_moments
from edgesite.targets.stored.trial import Limits, Trial
from edgesite.targets.wasm.explain import Layer, grouped, is_brief, layers
from edgesite.targets.wasm.module import MOST_PAGES, build_module, build_shared_module
from edgesite.targets.wasm.phases import in_phases
from edgesite.targets.wasm.rounds import AnyStep
from edgesite.targets.wasm.schedule import FIRST_BYTE, Schedule, make_schedule, reach
from edgesite.targets.wasm.threads import MOST_THREADS
from edgesite.targets.wasm.unpack import Unpacking

if TYPE_CHECKING:
    import onnx

Shapes = Mapping[str, Sequence[Sequence[int]] | Sequence[int] | int]
Threads = Literal["auto", "off"]

_RANDOM = 16
"""Inputs to try forms of weights on, where none are given."""


def compile(  # noqa: A001 - the name users expect: edgesite.compile(model)
    model: str | os.PathLike[str] | bytes | onnx.ModelProto,
    shapes: Shapes | Sequence[Shapes] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    state: Mapping[str, str] | None = None,
    threads: Threads = "auto",
    *,
    weights: Weights = "float32",
    quantize: Quantize | None = None,
    calibration: Sequence[Mapping[str, ArrayLike]] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> CompiledModel:
    """Compile an ONNX model to WebAssembly.

    `model` is a path, the bytes of a file, or a ModelProto. `shapes` gives the shape of an
    input by its name, the shapes of one that is a list of tensors, or the size of a dimension
    by the dimension's name; a list of these
    makes a model for each, of which `run` picks the one that its inputs fit, and which share
    their weights. `constants` fixes inputs, which the compiled model then no longer has.
    `state` pairs outputs with inputs, {output: input}: these are neither given nor returned,
    but kept from run to run, and zero at first. Where there is work that threads can share,
    modules for them are added, which those load who use threads; `threads="off"` leaves them out.

    `weights` is the form in which weights are stored: float16 or int8 for all, or for every
    tensor the smallest palette, with "auto" the smallest of all forms, for which the outputs
    stay within `limits`. They are tried on the inputs in `calibration`, for the first of the
    shapes; random ones if there are none.

    `quantize="int8"` lets the model compute in 8 bits, in steps as large as the inputs in
    `calibration` need, of which there must be some; `quantized` of the result is that model.

    Raises ModelError for a broken model, UnsupportedError for one that cannot be compiled,
    UsageError for shapes, constants or state that do not fit, and ProblemsError where there
    are several reasons.
    """
    if weights not in FORMS:
        raise UsageError(f'weights: got "{weights}"; give one of {", ".join(FORMS)}')
    if quantize is not None:
        check_options(quantize, weights, state or {})
        inputs = [{**(constants or {}), **feeds} for feeds in calibration or ()]
        integers = quantized(model, inputs)
        plain = prepare(integers, shapes, constants, threads=threads).plain
        return replace(plain, quantized=integers)
    ready = prepare(model, shapes, constants, state, threads)
    return ready.plain if weights == "float32" else ready.stored(weights, calibration, limits)


def prepare(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto,
    shapes: Shapes | Sequence[Shapes] | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    state: Mapping[str, str] | None = None,
    threads: Threads = "auto",
) -> Prepared:
    """All of `compile`, whose arguments these are, that the forms of weights have no part in."""
    source = Path(model) if isinstance(model, str | os.PathLike) else model
    bindings = [*shapes] if isinstance(shapes, Sequence) else [shapes or {}]
    programs = [_program(source, binding, constants, state or {}) for binding in bindings or [{}]]
    pool: tuple[Part, ...] = ()
    schedules = []
    for program in programs:
        schedules.append(program.schedule(pool))
        pool = schedules[-1].parts
    if len(programs) > 1:  # now that all weights are known, each is made for all of them
        schedules = [program.schedule(pool) for program in programs]
    return Prepared(tuple(zip(programs, schedules, strict=True)), threads)


@dataclass(frozen=True)
class Prepared:
    """A model that is compiled but for its weights, which can be stored in one form or another."""

    pairs: tuple[tuple[_Program, Schedule], ...]
    threads: Threads

    @cached_property
    def plain(self) -> CompiledModel:
        """The model with float32 weights."""
        return self._packed(None)

    def stored(
        self,
        weights: Weights,
        calibration: Sequence[Mapping[str, ArrayLike]] | None,
        limits: Limits,
    ) -> CompiledModel:
        """The model with weights in other forms, which `compile` explains."""
        parts = self.pairs[0][1].parts
        if weights not in CHOSEN:
            return self._packed(halves(parts))
        manifest = self.plain.manifest
        count = _RANDOM * 2 if weights == "int8" else _RANDOM  # which runs each but once or twice
        inputs = calibration or [random_feeds(manifest, seed) for seed in range(count)]
        # Of the two modules the one that answers the same on every machine.
        instance = self.plain.instance("simd")
        trial = Trial(
            instance, parts, inputs, manifest.source.macs, bool(manifest.state), self.observe
        )
        return self._packed(choose(trial, weights, limits))

    def observe(
        self, inputs: Sequence[Mapping[str, ArrayLike]], parts: Collection[int]
    ) -> Mapping[int, NDArray[Any]]:
        """What some parts of the weights are multiplied with."""
        program, schedule = self.pairs[0]
        made = _apart(program, schedule, [[step] for step in schedule.steps])
        return second_moments(made.instance("simd"), schedule, inputs, parts)

    def _packed(self, choice: Choice | None) -> CompiledModel:
        """A model of all bindings, its weights as they are or in other forms."""
        program, schedule = self.pairs[0]
        plain, weights, offset, decoded = None, schedule.weights, FIRST_BYTE, None
        unpacking = None
        if choice is not None and any(each.form != PLAIN for each in choice.parts):
            unpacking = Unpacking(choice.parts, FIRST_BYTE)
            plain, weights = weights, b"".join(each.data for each in unpacking.parts)
            offset = unpacking.source
            decoded = Decoded(offset=unpacking.target, size_bytes=unpacking.decoded_bytes)
        bound = [
            _bound(program, schedule.unpacked_by(unpacking), self.threads)
            for program, schedule in self.pairs
        ]
        return pack(
            [(binding, modules) for binding, modules, _ in bound],
            _source(program.static, schedule),
            weights,
            weights_offset=offset,
            shared=[shared for _, _, shared in bound],
            decoded=decoded,
            choice=choice,
            plain=plain,
        )


def explain(
    model: str | os.PathLike[str],
    shapes: Shapes | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    state: Mapping[str, str] | None = None,
) -> list[Layer]:
    """Which kernels compute each operator of a model, and what share of the time they may take.

    Takes what `compile` takes, but for one set of shapes only, and raises the same.
    """
    program = _program(Path(model), shapes or {}, constants, state or {})
    return layers(program.schedule(()).steps)


def dissect(
    model: str | os.PathLike[str] | bytes,
    shapes: Shapes | None = None,
    constants: Mapping[str, ArrayLike] | None = None,
    state: Mapping[str, str] | None = None,
) -> tuple[CompiledModel, list[Layer]]:
    """A compiled model whose modules also run a single layer, `layer(number)`, and the layers.

    Takes what `compile` takes, but for one set of shapes only, and raises the same.
    """
    given = model if isinstance(model, bytes) else Path(model)
    program = _program(given, shapes or {}, constants, state or {})
    schedule = program.schedule(())
    return _apart(program, schedule, grouped(schedule.steps)), layers(schedule.steps)


def _apart(
    program: _Program, schedule: Schedule, parts: Sequence[Sequence[AnyStep]]
) -> CompiledModel:
    """A model with float32 weights whose modules also run one of the parts of all steps."""
    binding, modules, _ = _bound(program, schedule, "off", parts)
    source = _source(program.static, schedule)
    return pack([(binding, modules)], source, schedule.weights, weights_offset=FIRST_BYTE)


@dataclass(frozen=True)
class _Program:
    """A model for one set of shapes, before its place in memory is known."""

    static: StaticGraph
    arranged: Arranged
    state: Mapping[str, str]

    def schedule(self, pool: Sequence[Part]) -> Schedule:
        return make_schedule(self.arranged, self.state.values(), pool)


def _program(
    model: Path | bytes | onnx.ModelProto,
    shapes: Shapes,
    constants: Mapping[str, ArrayLike] | None,
    state: Mapping[str, str],
) -> _Program:
    static = frontend.import_model(
        model,
        shapes=shapes,
        constants=constants,
        supported=ops.is_supported,
        missing=why_missing,
        derive=derived,
    )
    check_state(static, state)
    graph = optimise(express(static, copied=bool(state)))
    return _Program(static, arrange(graph), state)


def arrange(graph: Graph) -> Arranged:
    """Let a program's convolutions be those that kernels do best, and its values lie for them."""
    return choose_layouts(graph.everywhere(in_phases), reach)


def _bound(
    program: _Program,
    schedule: Schedule,
    threads: Threads,
    parts: Sequence[Sequence[AnyStep]] | None = None,
) -> tuple[Binding, dict[TargetName, bytes], dict[TargetName, bytes]]:
    """A binding, its modules, and those for threads.

    The modules can run each of the `parts` of the steps, too, if there are any.

    Raises UnsupportedShapeError where they need too much memory.
    """
    static, graph, place = program.static, program.arranged.graph, schedule.placement
    if place.pages > MOST_PAGES:
        raise UnsupportedShapeError(
            f"the model needs {place.end / 2**30:.1f} GiB of memory, and WebAssembly addresses "
            "4 GiB; give smaller shapes"
        )
    made = {value for step in graph.host for value in step.outputs}
    inputs = {value.name: value for value in graph.inputs if value not in made}
    outputs = dict(zip(_names_of_outputs(static, graph), graph.outputs, strict=False))
    pairs = [(outputs[output], inputs[given]) for output, given in program.state.items()]
    modules = {
        target: build_module(
            schedule.preparation, schedule.steps, place, pairs, parts, relaxed=target == "relaxed"
        ).encode()
        for target in TARGETS
    }
    shared, thread_pages = _shared(schedule, pairs) if threads == "auto" else ({}, 0)

    labels = {info.name: info.labels for info in static.outputs}
    counts = {
        name: {axis: place.offsets[count] for axis, count in graph.counts[value].items()}
        for name, value in outputs.items()
        if value in graph.counts
    }

    def infos(values: Mapping[str, Value], kept: Collection[str]) -> dict[str, TensorInfo]:
        rest = {name: value for name, value in values.items() if name not in kept}
        return {
            n: tensor_info(n, value, place.offsets[value], labels.get(n, ()), counts.get(n))
            for n, value in rest.items()
        }

    every = infos(inputs, ())
    binding = bind(
        tuple(infos(inputs, program.state.values()).values()),
        tuple(infos(outputs, program.state).values()),
        [StateInfo(**dict(every[given]), output=out) for out, given in program.state.items()],
        modules,
        place.pages,
        graph.strings
        if any(v.dtype is DType.STRING for v in (*graph.inputs, *graph.outputs))
        else (),
        [_text_step(step, place.offsets) for step in graph.host],
        shared,
        thread_pages,
        input_lists=static.lists,
        output_lists=graph.lists,
        brief=is_brief(schedule.steps),
    )
    return binding, modules, shared


def _shared(
    schedule: Schedule, state: Sequence[tuple[Value, Value]]
) -> tuple[dict[TargetName, bytes], int]:
    """The modules for threads, and the pages of each; none where there is nothing to share."""
    place, shared = schedule.placement, {}
    pages = 0
    for target in TARGETS:
        made = build_shared_module(
            schedule.preparation, schedule.steps, place, state, relaxed=target == "relaxed"
        )
        if made is None or place.pages + MOST_THREADS * made[1] > MOST_PAGES:
            return {}, 0
        module, pages = made
        shared[target] = module.encode()
    return shared, pages


def _names_of_outputs(static: StaticGraph, graph: Graph) -> Iterator[str]:
    """The names of the program's outputs, in order: of a list, those of its elements."""
    for info in static.outputs:
        length = graph.lists.get(info.name)
        if length is None:
            yield info.name
        else:
            yield from (element(info.name, number) for number in range(length))


def _text_step(step: HostStep, offsets: Mapping[Value, int]) -> TextStep:
    """The manifest's entry for what a host does ahead of the module."""

    def operand(taken: HostOperand) -> TextOperand:
        shape = taken.value.shape
        if taken.texts is None:
            return TextOperand(name=taken.value.name, shape=shape)
        return TextOperand(texts=taken.texts, shape=shape)

    return TextStep(
        function=step.function,
        operands=tuple(map(operand, step.operands)),
        outputs=tuple(tensor_info(v.name, v, offsets[v]) for v in step.outputs),
        options=dict(step.options),
    )


def _source(static: StaticGraph, schedule: Schedule) -> Source:
    facts = static.source
    if facts is None:
        raise InternalError("an outermost graph without a source")
    macs = sum(step.macs for step in schedule.steps)
    return Source(sha256=facts.sha256, opset=facts.opset, parameters=facts.parameters, macs=macs)


def optimise(graph: Graph) -> Graph:
    """Run every pass; with EDGESITE_EXPLAIN=1 the graph is printed after each that changed it."""
    explain = os.environ.get("EDGESITE_EXPLAIN") == "1"
    for step in PIPELINE:
        changed = verify(graph.everywhere(step))
        if explain and changed != graph:
            sys.stderr.write(f"# {step.__name__}\n{format_graph(changed)}\n")
        graph = changed
    return graph
