"""How windows slide: what convolutions and pools share of padding, strides and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgesite.errors import ModelError
from edgesite.ir import Expr

AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Window:
    """A window that slides along one axis."""

    extent: int
    """Elements of the axis it slides along."""
    taps: int
    stride: int
    dilation: int
    before: int
    """Elements of padding ahead of the first; negative cuts elements off."""
    after: int
    count: int
    """Positions of the window: the size of the result."""

    @property
    def span(self) -> int:
        """Elements from the first tap to the last."""
        return span(self.taps, self.dilation)

    def at(self, position: Expr, tap: Expr) -> Expr:
        """Where a tap lies, counted from the first element of the axis."""
        return position * self.stride + tap * self.dilation - self.before


def resting(extent: int) -> Window:
    """A window of one element at each of an axis."""
    return Window(extent, taps=1, stride=1, dilation=1, before=0, after=0, count=extent)


def span(taps: int, dilation: int) -> int:
    """Elements from the first tap of a window to the last."""
    return (taps - 1) * dilation + 1


def per_axis(name: str, values: Sequence[int] | None, default: int, count: int) -> list[int]:
    """An attribute with one number per axis, `default` where it is omitted.

    Raises ModelError when it has more or fewer numbers.
    """
    if values is None or len(values) == 0:
        return [default] * count
    if len(values) != count:
        raise ModelError(f"{name} has {len(values)} numbers for {count} values; export again")
    return [int(value) for value in values]


def windows(
    extents: Sequence[int],
    kernel: Sequence[int],
    *,
    strides: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
) -> tuple[Window, ...]:
    """The window along every spatial axis, from the attributes of an operator.

    Raises ModelError when the attributes do not fit the axes or each other.
    """
    rank = len(extents)
    sizes = per_axis("kernel_shape", kernel, 1, rank)
    steps = per_axis("strides", strides, 1, rank)
    gaps = per_axis("dilations", dilations, 1, rank)
    explicit = per_axis("pads", pads, 0, 2 * rank)
    if auto_pad not in AUTO_PADS:
        raise ModelError(f'auto_pad "{auto_pad}"; use one of {", ".join(AUTO_PADS)}')
    if min([1, *sizes, *steps, *gaps]) < 1:
        raise ModelError("a kernel size, stride or dilation below 1; use 1 or more")
    return tuple(
        _window(
            extents[k],
            sizes[k],
            steps[k],
            gaps[k],
            (explicit[k], explicit[rank + k]),
            auto_pad,
            bool(ceil_mode),
        )
        for k in range(rank)
    )


def _window(
    extent: int,
    taps: int,
    stride: int,
    dilation: int,
    pads: tuple[int, int],
    auto_pad: str,
    ceil: bool,
) -> Window:
    if auto_pad.startswith("SAME"):
        count = -(-extent // stride)
        missing = max((count - 1) * stride + span(taps, dilation) - extent, 0)
        before, after = halves(missing, auto_pad)
        return Window(extent, taps, stride, dilation, before, after, count)
    before, after = (0, 0) if auto_pad == "VALID" else pads
    room = extent + before + after - span(taps, dilation)
    count = (-(-room // stride) if ceil else room // stride) + 1
    # A window that starts behind the last element, in the padding, does not count.
    if ceil and (count - 1) * stride >= extent + before:
        count -= 1
    if count < 1:
        raise ModelError(
            f"a window of {span(taps, dilation)} on {extent + before + after} elements, padding "
            "included; bind a larger input shape"
        )
    return Window(extent, taps, stride, dilation, before, after, count)


def halves(missing: int, auto_pad: str) -> tuple[int, int]:
    """Padding ahead and behind; SAME_UPPER puts an odd element behind."""
    smaller = missing // 2
    larger = missing - smaller
    return (smaller, larger) if auto_pad == "SAME_UPPER" else (larger, smaller)
