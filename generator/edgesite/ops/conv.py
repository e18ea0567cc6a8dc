"""Convolutions of every rank and dtype, forwards and transposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgesite.errors import ModelError, UnsupportedShapeError
from edgesite.ir import Expr, Tensor, all_of, const, equal, select
from edgesite.ops.registry import operator
from edgesite.ops.window import Window, halves, per_axis, span, windows


@operator("Conv")
def conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Filters w slide over x; each result is the sum of products under the filter, plus b."""
    sliding = windows(
        x.shape[2:],
        checked_kernel(w, kernel_shape),
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
    )
    return with_bias(convolve(x, w, sliding, group), b)


def checked_kernel(w: Tensor, kernel_shape: Sequence[int] | None) -> tuple[int, ...]:
    """The spatial shape of the filters.

    Raises ModelError when the attribute says otherwise.
    """
    if kernel_shape and tuple(kernel_shape) != w.shape[2:]:
        raise ModelError(
            f"kernel_shape {list(kernel_shape)} for filters of {list(w.shape[2:])}; export again"
        )
    return w.shape[2:]


def with_bias(y: Tensor, b: Tensor | None) -> Tensor:
    """y plus one number per channel."""
    if b is None:
        return y
    return y.compute(y.shape, lambda n, o, *at: y.at(n, o, *at) + b.at(o))


def convolve(x: Tensor, w: Tensor, sliding: Sequence[Window], group: int) -> Tensor:
    """The sum over channels and taps of x, zero outside, times w: [N, O, *counts].

    Groups become an axis of their own, which keeps every index affine.
    """
    batch, channels, filters = x.shape[0], w.shape[1], w.shape[0] // group
    if x.shape[1] != channels * group or w.shape[0] % group:
        raise ModelError(
            f"filters {list(w.shape)} in {group} groups on input {list(x.shape)}; "
            f"channels must be {channels * group}"
        )
    rank = len(sliding)
    counts = [window.count for window in sliding]
    kernel = w.shape[2:]

    def product(n: Expr, g: Expr | int, o: Expr | int, *rest: Expr) -> Expr:
        c, taps = rest[rank], rest[rank + 1 :]
        at = [s.at(p, t) for s, p, t in zip(sliding, rest[:rank], taps, strict=True)]
        return x.at_or(0, n, g * channels + c, *at) * w.at(g * filters + o, c, *taps)

    def depthwise(n: Expr, g: Expr, *rest: Expr) -> Expr:
        at = [s.at(p, t) for s, p, t in zip(sliding, rest[:rank], rest[rank:], strict=True)]
        return x.at_or(0, n, g, *at) * w.at(g, 0, *rest[rank:])

    if group == 1:
        shape, inner = [batch, filters, *counts], [channels, *kernel]
        return x.reduce(shape, inner, lambda n, o, *rest: product(n, 0, o, *rest))
    if channels == filters == 1:
        return x.reduce([batch, group, *counts], kernel, depthwise)
    grouped = x.reduce([batch, group, filters, *counts], [channels, *kernel], product)
    return grouped.reshape([batch, group * filters, *counts])


@operator("ConvTranspose")
def conv_transpose(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """Every element of x adds itself times the filters w to the places they cover; plus b."""
    transposed = transposed_windows(
        x.shape[2:],
        checked_kernel(w, kernel_shape),
        per_axis("strides", strides, 1, x.rank - 2),
        per_axis("dilations", dilations, 1, x.rank - 2),
        per_axis("output_padding", output_padding, 0, x.rank - 2),
        pads=per_axis("pads", pads, 0, 2 * (x.rank - 2)),
        output_shape=output_shape,
        auto_pad=auto_pad,
    )
    return with_bias(convolve_transposed(x, w, transposed, group), b)


def transposed_windows(
    extents: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    extra: Sequence[int],
    *,
    pads: Sequence[int],
    output_shape: Sequence[int] | None,
    auto_pad: str,
) -> list[Window]:
    """The windows over the result of a transposed convolution; `count` is its size.

    Raises UnsupportedShapeError where filters smaller than their stride are to fill a size.
    """
    rank = len(extents)
    sizes = list(output_shape or [])[-rank:]
    if not sizes and auto_pad.startswith("SAME"):
        sizes = [extent * stride for extent, stride in zip(extents, strides, strict=True)]
    found = []
    for k, (extent, taps, stride, dilation) in enumerate(
        zip(extents, kernel, strides, dilations, strict=True)
    ):
        whole = stride * (extent - 1) + extra[k] + span(taps, dilation)
        before, after = (0, 0) if auto_pad == "VALID" else (pads[k], pads[rank + k])
        if auto_pad.startswith("SAME") and not output_shape and span(taps, dilation) < stride:
            # ONNX wants zeros in the gaps behind the last filter, onnxruntime cuts them off.
            raise UnsupportedShapeError(
                f'auto_pad "{auto_pad}" with a stride of {stride} over filters of '
                f"{span(taps, dilation)}; export with pads or output_shape"
            )
        if sizes:
            before, after = halves(max(whole - sizes[k], 0), auto_pad)
        count = sizes[k] if sizes else max(whole - before - after, 0)
        found.append(Window(extent, taps, stride, dilation, before, after, count))
    return found


@dataclass(frozen=True)
class Phases:
    """A transposed convolution along one axis, as one ordinary convolution per phase."""

    window: Window

    @property
    def taps(self) -> int:
        """Taps of the filter that one phase sees."""
        stride = self.window.stride
        return self.window.taps if stride == 1 else -(-self.window.span // stride)

    @property
    def first(self) -> int:
        """How many whole strides the padding cuts off."""
        return self.window.before // self.window.stride

    @property
    def places(self) -> int:
        """Results per phase; some may lie outside of the result as a whole."""
        end = self.window.before + self.window.count
        return -(-end // self.window.stride) - self.first

    def at(self, place: Expr, tap: Expr) -> Expr:
        """The element of the input that a tap sees."""
        gap = self.window.dilation if self.window.stride == 1 else 1
        return place + tap * gap + (self.first - (self.taps - 1) * gap)

    def filter_at(self, phase: Expr, tap: Expr) -> tuple[Expr, Expr]:
        """The index of a tap in the whole filter, and whether it exists there."""
        stride = self.window.stride
        gap = 1 if stride == 1 else self.window.dilation
        at = phase + (self.taps - 1 - tap) * stride
        exists = equal(at % gap, 0) & (at < (self.window.taps - 1) * gap + 1)
        return at // gap, exists

    def split(self, position: Expr) -> tuple[Expr, Expr]:
        """The phase and the place in it of a position in the result."""
        stride = self.window.stride
        whole = position + self.window.before
        return whole % stride, whole // stride - self.first


def convolve_transposed(x: Tensor, w: Tensor, sliding: Sequence[Window], group: int) -> Tensor:
    """The transposed convolution as one contraction: [N, O, *counts].

    Places of the result that leave the same remainder (the phase) when divided by the
    stride see the same taps of the filter, at neighbouring elements of x. So each phase is
    an ordinary convolution with every stride-th tap, all phases are columns of one product,
    and a view interleaves them.
    """
    phased = [Phases(window) for window in sliding]
    batch, channels, filters = x.shape[0], x.shape[1] // group, w.shape[1]
    if x.shape[1] != w.shape[0]:
        raise ModelError(
            f"filters {list(w.shape)} on input {list(x.shape)}; channels must be {w.shape[0]}"
        )
    rank = len(phased)
    kernel = phase_filters(w, phased)

    def product(n: Expr, g: Expr, o: Expr, *rest: Expr) -> Expr:
        phase, place = rest[:rank], rest[rank : 2 * rank]
        c, taps = g * channels + rest[2 * rank], rest[2 * rank + 1 :]
        at = [p.at(y, t) for p, y, t in zip(phased, place, taps, strict=True)]
        return x.at_or(0, n, c, *at) * kernel.at(c, o, *phase, *taps)

    def interleaved(n: Expr, o: Expr, *at: Expr) -> list[Expr]:
        split = [p.split(q) for p, q in zip(phased, at, strict=True)]
        return [n, o // filters, o % filters, *(s for s, _ in split), *(y for _, y in split)]

    outer = [batch, group, filters, *(s.stride for s in sliding), *(p.places for p in phased)]
    parts = x.reduce(outer, [channels, *(p.taps for p in phased)], product)
    return parts.view([batch, group * filters, *(s.count for s in sliding)], interleaved)


def phase_filters(w: Tensor, phased: Sequence[Phases]) -> Tensor:
    """The filters sorted by phase, with zeros for missing taps: [C, O/G, *phases, *taps]."""
    rank = len(phased)

    def body(c: Expr, o: Expr, *rest: Expr) -> Expr:
        taps = [
            p.filter_at(phase, tap)
            for p, phase, tap in zip(phased, rest[:rank], rest[rank:], strict=True)
        ]
        exists = all_of([exists for _, exists in taps])
        tap = w.at(c, o, *(at for at, _ in taps))
        return tap if exists is None else select(exists, tap, const(0, w.dtype))

    strides = [p.window.stride for p in phased]
    return w.compute([*w.shape[:2], *strides, *(p.taps for p in phased)], body)
