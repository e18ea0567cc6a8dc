"""What a program's time goes into, as far as its shapes tell: a row per operator of the model."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from math import inf

from edgesite.ir import Axis, Binary, Load, Map, Value, axes_of, linear
from edgesite.targets.wasm.contract import ContractKernel
from edgesite.targets.wasm.cuts import operations
from edgesite.targets.wasm.depthwise import DepthwiseKernel
from edgesite.targets.wasm.depthwise8 import Depthwise8Kernel
from edgesite.targets.wasm.int8 import Int8Kernel
from edgesite.targets.wasm.kernels import Kernel, LoopKernel
from edgesite.targets.wasm.rounds import AnyStep, Rounds, calls

MACS_PER_US = 30_000
"""What kernels of contractions reach of the 60 GFLOP/s of KERNELS.md, 1."""

BYTES_PER_US = 20_000
"""What streams through from the outer caches."""

BRIEF_OPERATIONS = 80_000_000
"""What takes a millisecond or two."""


@dataclass(frozen=True)
class Layer:
    """The calls that compute an operator, and those fused with it."""

    origin: str
    """The operator's name in the model."""
    kernels: tuple[str, ...]
    tiles: tuple[str, ...]
    """The largest tile of each, as rows and columns of its result, with relaxed instructions and
    without if that differs; empty for one that does not work in tiles."""
    transposes: int
    """Calls that do nothing but bring numbers into another order."""
    border_transposes: int
    """Those of inputs and outputs, which have ONNX's order; not among the `transposes`."""
    macs: int
    """Multiplications of its definition; a kernel may need fewer."""
    size_bytes: int
    """All buffers that it reads and writes."""
    share: float
    """Of the predicted time of a run."""


def grouped(steps: Sequence[AnyStep]) -> list[list[AnyStep]]:
    """The steps of each layer: an operator's and those fused with it; a loop is one layer."""
    groups: list[list[AnyStep]] = []
    for step in steps:
        if groups and _origin([step]) in ("", _origin(groups[-1])):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def layers(steps: Sequence[AnyStep]) -> list[Layer]:
    """The layers of a program in their order, with predicted shares that add up to 1.

    A layer takes as long as its multiplications or as its memory traffic, whichever is more.
    """
    groups = grouped(steps)
    times = [_predicted_us(group) for group in groups]
    whole = sum(times) or 1.0
    written = {value for call in calls(steps) for value in call.writes}
    inside = written & {value for call in calls(steps) for value in call.reads}
    return [_layer(group, time / whole, inside) for group, time in zip(groups, times, strict=True)]


def _layer(group: Sequence[AnyStep], share: float, inside: Set[Value]) -> Layer:
    kernels = {call.kernel.name: call.kernel for call in calls(group)}
    moving = (call for call in calls(group) if _is_transpose(call.kernel))
    transposed = [inside >= {*call.reads, *call.writes} for call in moving]
    return Layer(
        _origin(group),
        tuple(kernels),
        tuple(map(_tile, kernels.values())),
        transposed.count(True),
        transposed.count(False),
        sum(step.macs for step in group),
        _size_bytes(group),
        share,
    )


def _tile(kernel: Kernel) -> str:
    """The largest tile of a kernel."""
    if not isinstance(kernel, ContractKernel | DepthwiseKernel | Depthwise8Kernel | Int8Kernel):
        return ""
    sizes = [kernel.tile(relaxed=relaxed) for relaxed in (True, False)]
    return " or ".join(dict.fromkeys(f"{rows}x{columns}" for rows, columns in sizes))


def _is_transpose(kernel: Kernel) -> bool:
    """Whether a kernel copies elements so that their axes, or parts of these, change order."""
    if not (isinstance(kernel, LoopKernel) and isinstance(kernel.node, Map)):
        return False
    node, load = kernel.node, kernel.node.body
    if not isinstance(load, Load):
        return False
    layouts = dict(zip(kernel.values, kernel.layouts, strict=True))
    target = linear(layouts[node.output].address(axes_of(node.output.shape))).terms
    source = linear(layouts[load.value].address(load.index)).terms
    steps = {term: step for term, step in source if isinstance(term, Axis) and term.extent > 1}
    order = [steps[axis] for axis, _ in sorted(target, key=lambda t: -t[1]) if axis in steps]
    is_split = any(isinstance(term, Binary) and term.op == "mod" for term, _ in source)
    return is_split or order != sorted(order, reverse=True)


def is_brief(steps: Sequence[AnyStep]) -> bool:
    """Whether a run is over in a moment, whatever it is given."""
    return _operations(steps) <= BRIEF_OPERATIONS


def _operations(steps: Sequence[AnyStep]) -> float:
    """The arithmetic of all calls; without end where data decide how often they are done."""
    done = 0.0
    for step in steps:
        if isinstance(step, Rounds):
            if not isinstance(step.times, int) or step.going is not None:
                return inf
            done += step.times * _operations(step.steps)
        else:
            done += operations(step)
    return done


def table(rows: Sequence[Layer]) -> list[str]:
    """A line per layer, under a heading; below, how much is moved about."""
    lines = (f"{row.share:6.1%} {described(row)}" for row in rows)
    between = sum(row.transposes for row in rows)
    around = sum(row.border_transposes for row in rows)
    return [
        f"{'share':>6} {HEADING}",
        *lines,
        f"transposes: {between} between layers, {around} of inputs and outputs",
    ]


HEADING = f"{'Mmac':>9} {'KB':>9}  operator: kernels, and their tiles"


def described(row: Layer) -> str:
    """The end of a layer's line: its work, its bytes, its name and its kernels."""
    figures = f"{row.macs / 1e6:9.2f} {row.size_bytes / 1000:9.0f}"
    kernels = (
        f"{kernel} ({tile})" if tile else kernel
        for kernel, tile in zip(row.kernels, row.tiles, strict=True)
    )
    return f"{figures}  {row.origin or '-'}: {', '.join(kernels)}"


def _origin(steps: Sequence[AnyStep]) -> str:
    return next((call.origin for call in calls(steps) if call.origin), "")


def _predicted_us(steps: Sequence[AnyStep]) -> float:
    return max(_work(steps) / MACS_PER_US, _size_bytes(steps) / BYTES_PER_US)


def _work(steps: Sequence[AnyStep]) -> float:
    """The multiplications that are really done."""
    work = 0.0
    for step in steps:
        if isinstance(step, Rounds):
            work += _work(step.steps) * (step.times if isinstance(step.times, int) else 1)
        else:
            work += step.macs * step.effort
    return work


def _size_bytes(steps: Sequence[AnyStep]) -> int:
    values = {value for step in calls(steps) for value in (*step.reads, *step.writes)}
    return sum(value.size * value.dtype.size_bytes for value in values)
