"""Strided convolutions as ones of stride 1, which Winograd's filtering then makes short.

Every stride-th row and column of an image is an image of its own, a phase. A filter of stride s
sees s * s of them, each with every s-th of its taps, at stride 1: 7x7 taps of 3 channels at
stride 2 are 4x4 taps of 12 channels, some of them zero. Other strided convolutions stay what
they are; 3x3 taps have phases of unlike sizes, which `winograd` itself sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from edgesite.ir import (
    Array,
    DType,
    Graph,
    Load,
    Map,
    Node,
    Reduce,
    Value,
    axes_of,
    linear,
    simplify,
    within,
)
from edgesite.ir.contraction import Contraction, contraction
from edgesite.targets.wasm.tiles import along
from edgesite.targets.wasm.winograd_shape import Sliding, pays, shape_of, sliding


def in_phases(graph: Graph) -> Graph:
    """The same program with phases where Winograd's way pays for a convolution of them."""
    constants: dict[Value, Array] = dict(graph.constants)
    nodes: list[Node] = []
    for node in graph.nodes:
        split = _split(node, graph) if isinstance(node, Reduce) else None
        if split is None:
            nodes.append(node)
            continue
        constants[split.filters] = split.taps(graph.constants)
        nodes += [split.phases(), split.whole()]
    return replace(graph, constants=constants).with_nodes(nodes)


def _split(node: Reduce, graph: Graph) -> _Split | None:
    """A node as a convolution of phases, or None where it is none or would not gain by it."""
    product = contraction(node, graph.constants)
    found = None if product is None else sliding(product)
    if product is None or found is None or found.stride == 1:
        return None
    if product.left.dtype is not DType.FLOAT32 or product.right.value not in graph.constants:
        return None
    split = _Split(node, product, found)
    phased = contraction(split.whole(), {split.filters})
    shape = None if phased is None else shape_of(phased)
    axes = (found.y, found.x, found.channel, found.tap_y, found.tap_x, *product.columns)
    return split if shape is not None and pays(shape, product.size(axes)) else None


@dataclass(frozen=True)
class _Window:
    """One of the two axes along which filters slide, in the input's numbers and in phases'."""

    place: int
    """The axis of the results."""
    tap: int
    number: int
    """The axis of the input."""
    start: int
    """Where the first filter begins; padding makes it negative."""
    taps: int
    stride: int
    extent: int

    @property
    def shift(self) -> int:
        """Taps of zero ahead of the filter, which then begins with a phase's first element."""
        return self.start % self.stride

    @property
    def size(self) -> int:
        """Taps that a phase sees."""
        return -(-(self.shift + self.taps) // self.stride)

    @property
    def first(self) -> int:
        """Where the first filter begins in each phase."""
        return self.start // self.stride

    @property
    def rows(self) -> int:
        """Elements of a phase."""
        return -(-self.extent // self.stride)


@dataclass(frozen=True)
class _Split:
    """A strided convolution, and the same in phases."""

    node: Reduce
    product: Contraction
    found: Sliding

    @cached_property
    def windows(self) -> tuple[_Window, _Window]:
        """Along y and x."""
        found, left = self.found, self.product.left
        made = []
        for place, tap in ((found.y, found.tap_y), (found.x, found.tap_x)):
            number = next(k for k, at in enumerate(left.index) if place in at.axes)
            made.append(
                _Window(
                    place, tap, number, linear(left.index[number]).constant,
                    self.product.extents[tap], found.stride, left.value.shape[number],
                )
            )  # fmt: skip
        y, x = made
        return y, x

    @cached_property
    def across(self) -> int:
        """The axis of the input's channels."""
        index = self.product.left.index
        return next(k for k, at in enumerate(index) if self.found.channel in at.axes)

    @cached_property
    def image(self) -> Value:
        """The phases: an image of as many channels as there are."""
        shape = list(self.product.left.value.shape)
        shape[self.across] = self.found.stride**2 * self.product.extents[self.found.channel]
        for window in self.windows:
            shape[window.number] = window.rows
        return Value(f"{self.node.output.name}.phases", tuple(shape), DType.FLOAT32)

    @cached_property
    def filters(self) -> Value:
        """Filters as [column, phase and channel, tap, tap]."""
        columns = self.product.extents[self.product.columns[0]]
        shape = (columns, self.image.shape[self.across], *(w.size for w in self.windows))
        return Value(f"{self.node.output.name}.taps", shape, DType.FLOAT32)

    def taps(self, constants: Mapping[Value, Array]) -> Array:
        """The filters' numbers, with zeros where a phase has fewer taps."""
        stride = self.found.stride
        axes = (self.product.columns[0], self.found.channel, *(w.tap for w in self.windows))
        given = along(self.product, constants[self.product.right.value], axes)
        zeros = [(w.shift, w.size * stride - w.shift - w.taps) for w in self.windows]
        high, wide = (w.size for w in self.windows)
        split = np.pad(given, [(0, 0), (0, 0), *zeros]).reshape(
            *given.shape[:2], high, stride, wide, stride
        )
        return np.ascontiguousarray(split.transpose(0, 3, 5, 1, 2, 4)).reshape(self.filters.shape)

    def phases(self) -> Map:
        """What makes the phases."""
        source, stride = self.product.left.value, self.found.stride
        at = list(axes_of(self.image.shape))
        channels = self.product.extents[self.found.channel]
        first = linear(self.product.left.index[self.across]).constant
        phase = at[self.across] // channels
        at[self.across] = at[self.across] % channels + first
        for window, offset in zip(self.windows, (phase // stride, phase % stride), strict=True):
            at[window.number] = at[window.number] * stride + offset
        body = within(Load(DType.FLOAT32, source, tuple(at)), at, source.shape, 0.0)
        return Map(self.image, simplify(body), self.node.origin)

    def whole(self) -> Reduce:
        """The convolution of all phases at once."""
        extent = self.filters.shape[1:]
        axes = axes_of((*self.node.iteration, *extent))
        channel, *taps = axes[-3:]
        at = list(self.product.left.index)
        at[self.across] = channel
        for window, tap in zip(self.windows, taps, strict=True):
            at[window.number] = simplify(axes[window.place] + tap + window.first)
        image = within(Load(DType.FLOAT32, self.image, tuple(at)), at, self.image.shape, 0.0)
        column = axes[self.product.columns[0]]
        filters = Load(DType.FLOAT32, self.filters, (column, channel, *taps))
        return replace(self.node, body=simplify(image * filters), extent=extent)
