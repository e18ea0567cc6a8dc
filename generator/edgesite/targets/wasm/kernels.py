"""Kernels: functions of a module, made once for every distinct piece of work.

A kernel knows its shapes and layouts; where its buffers lie it is told at every call, so
that all layers of one kind share one small function, which engines optimise sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from edgesite.ir import Node, Value, rename_values
from edgesite.ir.layout import Layout
from edgesite.targets.wasm import loops
from edgesite.targets.wasm.scalars import Scalars
from edgesite.wasm import Value as Wasm


class Kernel(Protocol):
    """Hashable: two equal kernels are one function."""

    @property
    def name(self) -> str:
        """What it is called in listings."""

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the body of the function; the pointers are those of a step's buffers."""


@dataclass(frozen=True)
class Step:
    """A call of a kernel on buffers: what it reads first, what it writes last."""

    kernel: Kernel
    reads: tuple[Value, ...]
    writes: tuple[Value, ...]
    offsets: tuple[int, ...] = ()
    """Bytes behind the start of each buffer, where a call works on a part of it."""
    macs: int = 0
    effort: float = 1.0
    """Multiplications that are done for each of `macs`."""
    origin: str = ""
    scratch: tuple[Value, ...] = ()
    """What it writes for itself, of no use when it is over."""
    block: tuple[Value, int] | None = None
    """The result that a few calls in a row compute a block of, and the number of the block.
    Blocks of one result have only in common where they keep what lies between their calls."""


@dataclass(frozen=True)
class LoopKernel:
    """The generic loops of one primitive."""

    node: Node
    layouts: tuple[Layout, ...]
    """Of the values the node reads, in their order, then of the one it writes."""

    @property
    def name(self) -> str:
        """The primitive and its shape."""
        kind = type(self.node).__name__.lower()
        return f"{kind}_{'x'.join(map(str, self.node.output.shape))}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Write the loops; they are the same with and without relaxed instructions."""
        del relaxed
        scalars.f.keep_constants()
        layouts = dict(zip(self.values, self.layouts, strict=True))
        bases = dict(zip(self.values, pointers, strict=True))
        loops.emit(scalars, self.node, layouts, bases)

    @property
    def values(self) -> tuple[Value, ...]:
        """What the pointers lead to: the values the node reads, then the one it writes."""
        # By number, as `anonymous` gave them: names decide the order of sums, and so of reads.
        # A node that works in place reads what it writes, in the place of the missing number.
        names = {value.name for value in self.node.inputs}
        numbers = {f"v{k}": k for k in range(len(names))}
        own = next((k for name, k in numbers.items() if name not in names), 0)
        inputs = sorted(self.node.inputs, key=lambda value: numbers.get(value.name, own))
        return (*inputs, self.node.output)


def loop_step(node: Node, layouts: Mapping[Value, Layout]) -> Step:
    """The generic loops of a node, on its buffers."""
    canonical = anonymous(node)
    kernel = LoopKernel(canonical, tuple(layouts[v] for v in (*node.inputs, node.output)))
    return Step(kernel, node.inputs, (node.output,), origin=node.origin)


def anonymous(node: Node) -> Node:
    """The node on values named by their order, so that equal work compares equal."""
    names = {value: replace(value, name=f"v{k}") for k, value in enumerate(node.inputs)}
    names[node.output] = replace(node.output, name="out")
    return replace(rename_values(node, names), origin="")


@dataclass(frozen=True)
class BorderKernel:
    """Writes the zeros of a halo."""

    layout: Layout
    item_bytes: int

    @property
    def name(self) -> str:
        """The shape whose border it is."""
        return f"border_{'x'.join(map(str, self.layout.shape))}"

    def emit(self, scalars: Scalars, pointers: tuple[Wasm, ...], *, relaxed: bool) -> None:
        """Fill what lies between the elements, in runs that are as long as they can be."""
        del relaxed
        self._fill(scalars, pointers[0], list(self.layout.order))

    def _fill(self, scalars: Scalars, start: Wasm, order: list[int]) -> None:
        """Zero the halo of the outermost axis, then that of the rest for each position of it."""
        layout, f = self.layout, scalars.f
        while order and not (layout.before[order[0]] or layout.after[order[0]]):
            if not any(layout.before[axis] or layout.after[axis] for axis in order[1:]):
                return
            axis = order.pop(0)
            if layout.extents[axis] > 1:
                step = layout.strides[axis] * self.item_bytes
                with f.loop(0, layout.extents[axis]) as at:
                    self._fill(scalars, f.let(start + at * step), order)
                return
        if not order:
            return
        axis, rest = order[0], order[1:]
        step = layout.strides[axis] * self.item_bytes
        before, inside = layout.before[axis], layout.shape[axis]
        if before:
            f.fill(start, 0, before * step)
        if layout.after[axis]:
            f.fill(start + (before + inside) * step, 0, layout.after[axis] * step)
        if any(layout.before[k] or layout.after[k] for k in rest):
            with f.loop(before, before + inside) as at:
                self._fill(scalars, f.let(start + at * step), list(rest))
