"""Resize and Upsample: weighted gathers along one axis after the other, from small tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np

from edgesite.errors import ModelError
from edgesite.ir import DType, Expr, Tensor, all_of, select
from edgesite.ops.axes import resolve_axis
from edgesite.ops.registry import operator
from edgesite.ops.resample import (
    COORDINATES,
    NEAREST,
    Array,
    Filter,
    Stretch,
    cubic,
    sources,
    triangle,
)
from edgesite.ops.resample import nearest as nearest_places

UNROLLED_TAPS = 4
"""Neighbours up to which a sum is written out: two are linear, four are cubic."""


@dataclass(frozen=True)
class Rules:
    """How results follow from their neighbours; the defaults are those before version 11."""

    mode: str
    coordinates: str = "asymmetric"
    nearest: str = "simple"
    antialias: bool = False
    exclude_outside: bool = False
    cubic_coefficient: float = -0.75
    extrapolation: float = 0.0

    @property
    def filter(self) -> Filter:
        """What neighbours weigh."""
        if self.mode == "cubic":
            weight = partial(cubic, a=self.cubic_coefficient)
            return Filter(weight, 2, self.antialias, self.exclude_outside)
        return Filter(triangle, 1, self.antialias, self.exclude_outside)


@operator("Upsample")
def upsample_image(
    x: Tensor, *, height_scale: float, width_scale: float, mode: str = "nearest"
) -> Tensor:
    """The images of x enlarged by factors."""
    return resized(x, by_scales(x.shape, [1, 1, height_scale, width_scale]), Rules(mode))


@operator("Upsample", since=7)
def upsample_attribute(x: Tensor, *, scales: Sequence[float], mode: str = "nearest") -> Tensor:
    """x with its axes multiplied by factors."""
    return resized(x, by_scales(x.shape, scales), Rules(mode))


@operator("Upsample", since=9)
@operator("Resize", since=10)
def resize_by_scales(x: Tensor, scales: Tensor, *, mode: str = "nearest") -> Tensor:
    """x with its axes multiplied by factors."""
    return upsample_attribute(x, scales=scales.known("the scales of Resize").tolist(), mode=mode)


@operator("Resize", since=11)
def resize(
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    """x with all axes, or some, brought to other sizes."""
    named = [resolve_axis(axis, x.rank) for axis in (range(x.rank) if axes is None else axes)]
    extents = [x.shape[axis] for axis in named]
    if scales is not None and scales.size:
        found = by_scales(extents, scales.known("the scales of Resize").tolist())
    elif sizes is not None and sizes.size:
        wanted = sizes.known("the sizes of Resize").tolist()
        found = by_sizes(extents, wanted, keep_aspect_ratio_policy)
    else:
        raise ModelError("Resize without scales and without sizes; give one of them")
    if coordinate_transformation_mode == "tf_crop_and_resize" and roi is not None:
        found = cropped(found, roi.known("the roi of Resize"))
    whole = dict(zip(named, found, strict=True))
    rules = Rules(
        mode,
        coordinate_transformation_mode,
        nearest_mode,
        bool(antialias),
        bool(exclude_outside),
        cubic_coeff_a,
        extrapolation_value,
    )
    kept = by_scales(x.shape, [1] * x.rank)
    return resized(x, [whole.get(axis, same) for axis, same in enumerate(kept)], rules)


def by_scales(extents: Sequence[int], scales: Sequence[float]) -> list[Stretch]:
    """Axes multiplied by factors; the sizes are rounded down, from products in float32."""
    if len(scales) != len(extents):
        raise ModelError(f"{len(scales)} scales for {len(extents)} axes; give one per axis")
    factors = [np.float32(scale) for scale in scales]
    widths = [np.float32(extent) * factor for extent, factor in zip(extents, factors, strict=True)]
    return [
        Stretch(extent, int(width), factor, width)
        for extent, width, factor in zip(extents, widths, factors, strict=True)
    ]


def by_sizes(extents: Sequence[int], sizes: Sequence[int], policy: str) -> list[Stretch]:
    """Axes brought to sizes, or to the largest or smallest that keep the aspect ratio."""
    if len(sizes) != len(extents):
        raise ModelError(f"{len(sizes)} sizes for {len(extents)} axes; give one per axis")
    ratios = [size / max(extent, 1) for size, extent in zip(sizes, extents, strict=True)]
    if policy == "stretch":
        return [
            Stretch(extent, size, np.float32(ratio), np.float32(size))
            for extent, size, ratio in zip(extents, sizes, ratios, strict=True)
        ]
    if policy not in ("not_larger", "not_smaller"):
        raise ModelError(
            f'keep_aspect_ratio_policy "{policy}"; use stretch, not_larger or not_smaller'
        )
    ratio = min(ratios) if policy == "not_larger" else max(ratios)
    return [
        Stretch(extent, int(ratio * extent + 0.5), np.float32(ratio), np.float32(ratio * extent))
        for extent in extents
    ]


def cropped(axes: Sequence[Stretch], roi: Array) -> list[Stretch]:
    """The axes with their regions of interest: all beginnings, then all ends."""
    starts, ends = roi.reshape(2, -1).tolist()
    return [
        replace(axis, start=start, end=end)
        for axis, start, end in zip(axes, starts, ends, strict=True)
    ]


def resized(x: Tensor, axes: Sequence[Stretch], rules: Rules) -> Tensor:
    """x with every axis stretched; integers are interpolated in float32 and truncated.

    Raises ModelError for modes that ONNX does not know.
    """
    for name, value, known in (
        ("mode", rules.mode, MODES),
        ("coordinate_transformation_mode", rules.coordinates, COORDINATES),
        ("nearest_mode", rules.nearest, NEAREST),
    ):
        if value not in known:
            raise ModelError(f'{name} "{value}"; use one of {", ".join(known)}')
    y = nearest(x, axes, rules) if rules.mode == "nearest" else interpolated(x, axes, rules)
    return extrapolated(y, axes, rules) if rules.coordinates == "tf_crop_and_resize" else y


MODES = ("nearest", "linear", "bilinear", "cubic")
"""The values of `mode`; bilinear is what version 1 of Upsample calls linear."""


def nearest(x: Tensor, axes: Sequence[Stretch], rules: Rules) -> Tensor:
    """The nearest neighbour of every position."""
    places = [nearest_places(axis, rules.coordinates, rules.nearest) for axis in axes]
    looked_up = [gathered(x, place) for place in places]
    return x.view(
        [axis.size for axis in axes],
        lambda *at: [look_up(p) for look_up, p in zip(looked_up, at, strict=True)],
    )


def gathered(x: Tensor, places: Array) -> Callable[[Expr], Expr]:
    """The function from a position to its place: arithmetic if it is simple, else a table."""
    at = np.arange(len(places))
    step = int(places[1] - places[0]) if len(places) > 1 else 0
    if (places == places[:1] + at * step).all():
        return lambda p: p * step + (int(places[0]) if len(places) else 0)
    times = int((places == 0).sum())
    if times and (places == at // times).all():
        return lambda p: p // times
    table = x.like(places.astype(np.int32))
    return lambda p: table.at(p)


def interpolated(x: Tensor, axes: Sequence[Stretch], rules: Rules) -> Tensor:
    """Weighted neighbours along one axis after the other, those that shrink most first."""
    y = x if x.dtype is DType.FLOAT64 else x.cast(DType.FLOAT32)
    changed = [k for k, axis in enumerate(axes) if not axis.is_identity]
    for k in sorted(changed, key=lambda k: axes[k].size / max(axes[k].extent, 1)):
        y = weighted(y, k, *rules.filter.taps(axes[k], rules.coordinates))
    return y.cast(x.dtype)


def weighted(x: Tensor, axis: int, places: Array, weights: Array) -> Tensor:
    """Sums of neighbours along an axis; `places` and `weights` are [size, taps]."""
    size, taps = places.shape
    table, factors = x.like(places.astype(np.int32)), x.like(weights.astype(x.dtype.numpy))
    shape = [*x.shape[:axis], size, *x.shape[axis + 1 :]]

    def term(at: Sequence[Expr], tap: Expr | int) -> Expr:
        place = table.at(at[axis], tap)
        return x.at(*at[:axis], place, *at[axis + 1 :]) * factors.at(at[axis], tap)

    def written_out(*at: Expr) -> Expr:
        return reduce(lambda total, tap: total + term(at, tap), range(1, taps), term(at, 0))

    if 1 <= taps <= UNROLLED_TAPS:
        return x.compute(shape, written_out)
    return x.reduce(shape, [taps], lambda *at: term(at[:-1], at[-1]))


def extrapolated(y: Tensor, axes: Sequence[Stretch], rules: Rules) -> Tensor:
    """y with one number wherever the source lies outside of an axis."""
    inside: dict[int, Tensor] = {}
    for k, axis in enumerate(axes):
        source = sources(axis, rules.coordinates)
        within = (source >= 0) & (source <= axis.extent - 1)
        if not within.all():
            inside[k] = y.like(within)

    def body(*at: Expr) -> Expr:
        tests = all_of([table.at(at[k]) for k, table in inside.items()])
        element = y.at(*at)
        return element if tests is None else select(tests, element, rules.extrapolation)

    return y.compute(y.shape, body) if inside else y
