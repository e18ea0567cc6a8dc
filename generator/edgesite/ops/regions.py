"""Pools over regions of interest, which are computed at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgesite.errors import UnsupportedShapeError
from edgesite.ir import INDEX, Expr, Tensor, equal, maximum, minimum, select, unary
from edgesite.ops.pool import lowest
from edgesite.ops.precision import in_float32
from edgesite.ops.registry import operator


@operator("MaxRoiPool")
@in_float32
def max_roi_pool(
    x: Tensor, rois: Tensor, *, pooled_shape: Sequence[int], spatial_scale: float = 1.0
) -> Tensor:
    """The maximum of each bin of regions [image, left, top, right, bottom]; 0 of an empty bin."""

    def edge(n: Expr, column: int) -> Expr:
        scaled = rois.at(n, column) * spatial_scale
        return unary("floor", scaled + 0.5)

    def inside(n: Expr, axis: int, at: Expr, place: Expr) -> Expr:
        start, end = edge(n, 2 - axis), edge(n, 4 - axis)
        size = maximum(end - start + 1, 1) / pooled_shape[axis]
        bin_ = at.cast(x.dtype)
        first, last = unary("floor", bin_ * size), unary("ceil", (bin_ + 1) * size)
        here = place.cast(x.dtype)
        return (here >= first + start) & (here < last + start)

    def body(n: Expr, c: Expr, i: Expr, j: Expr, row: Expr, column: Expr) -> Expr:
        image = rois.at(n, 0).cast(INDEX)
        within = inside(n, 0, i, row) & inside(n, 1, j, column)
        return select(within, x.at(image, c, row, column), lowest(x.dtype))

    shape = [rois.shape[0], x.shape[1], *pooled_shape]
    largest = x.reduce(shape, x.shape[2:], body, "max")
    return largest.compute(
        shape, lambda *at: select(equal(largest.at(*at), lowest(x.dtype)), 0, largest.at(*at))
    )


@dataclass(frozen=True)
class Grid:
    """The points that RoiAlign samples along one axis, in the bins of every region."""

    starts: Tensor
    """Where the region begins: [regions]."""
    steps: Tensor
    """The size of a bin: [regions]."""
    counts: Tensor
    """Points per bin, as floats: [regions]."""
    most: int
    """The largest of the counts."""
    extent: int

    def at(self, n: Expr, bin_: Expr, point: Expr) -> Expr:
        """A point, between the first and last elements, or -1 if it is outside of the axis."""
        dtype = self.starts.dtype
        step = self.steps.at(n)
        within = (point.cast(dtype) + 0.5) * step / self.counts.at(n)
        place = self.starts.at(n) + bin_.cast(dtype) * step + within
        outside = (place < -1) | (place > self.extent)
        return select(outside, -1, minimum(maximum(place, 0), self.extent - 1))

    def points(self, bins: int) -> Tensor:
        """All points: [regions, bins, most]."""
        return self.starts.compute([*self.starts.shape, bins, self.most], self.at)


def sampling_grid(
    rois: Tensor, axis: int, bins: int, extent: int, scale: float, ratio: int, *, centred: bool
) -> Grid:
    """The sampling points of regions [left, top, right, bottom] along the rows or columns.

    Raises UnsupportedShapeError when their number follows from regions known only later.
    """
    shift = 0.5 if centred else 0.0
    ends = [1 - axis, 3 - axis]
    starts = rois.compute(rois.shape[:1], lambda n: rois.at(n, ends[0]) * scale - shift)

    def step(n: Expr) -> Expr:
        size = (rois.at(n, ends[1]) * scale - shift) - starts.at(n)
        return (size if centred else maximum(size, 1)) / bins

    steps = rois.compute(rois.shape[:1], step)
    if ratio > 0:
        return Grid(
            starts, steps, rois.like(np.full(rois.shape[0], ratio, rois.dtype.numpy)), ratio, extent
        )
    if rois.constant is None:
        raise UnsupportedShapeError(
            "RoiAlign chooses its number of samples by regions that are computed at run time; "
            "export with a sampling_ratio, such as 2"
        )
    known = rois.constant.astype(np.float32)
    sizes = (known[:, ends[1]] - known[:, ends[0]]) * np.float32(scale)
    counts = np.ceil((sizes if centred else np.maximum(sizes, 1)) / np.float32(bins))
    table = rois.like(counts.astype(rois.dtype.numpy))
    return Grid(starts, steps, table, int(counts.max(initial=0)), extent)


@operator("RoiAlign", since=16)
@in_float32
def roi_align(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    """Points sampled between elements in each bin of a region, averaged or their maximum.

    The maximum is that of the weighted neighbours, as ONNX defines it.
    """
    centred = coordinate_transformation_mode == "half_pixel"
    bins = (output_height, output_width)
    grids = [
        sampling_grid(
            rois,
            axis,
            bins[axis],
            x.shape[2 + axis],
            spatial_scale,
            sampling_ratio,
            centred=centred,
        )
        for axis in (0, 1)
    ]
    points = [grid.points(count) for grid, count in zip(grids, bins, strict=True)]

    def weighed(n: Expr, c: Expr, i: Expr, j: Expr, *rest: Expr) -> Expr:
        rows = neighbour(points[0].at(n, i, rest[0]), rest[2], x.shape[2])
        columns = neighbour(points[1].at(n, j, rest[1]), rest[3], x.shape[3])
        element = x.at(batch_indices.at(n).cast(INDEX), c, rows[0], columns[0])
        counted = (rest[0].cast(x.dtype) < grids[0].counts.at(n)) & (
            rest[1].cast(x.dtype) < grids[1].counts.at(n)
        )
        return select(
            counted, element * rows[1] * columns[1], 0 if mode == "avg" else lowest(x.dtype)
        )

    shape = [rois.shape[0], x.shape[1], *bins]
    extent = [grids[0].most, grids[1].most, 2, 2]
    combined = x.reduce(shape, extent, weighed, "sum" if mode == "avg" else "max")
    if mode != "avg":
        return combined

    def mean(n: Expr, *at: Expr) -> Expr:
        samples = grids[0].counts.at(n) * grids[1].counts.at(n)
        return combined.at(n, *at) / maximum(samples, 1)

    return combined.compute(shape, mean)


def neighbour(point: Expr, corner: Expr, extent: int) -> tuple[Expr, Expr]:
    """The element below or above a point and its weight; nothing weighs anything at -1."""
    low = minimum(maximum(unary("floor", point).cast(INDEX), 0), extent - 1)
    part = point - low.cast(point.dtype)
    weight = select(equal(corner, 0), 1 - part, part)
    return minimum(low + corner, extent - 1), select(point < 0, 0, weight)


@operator("RoiAlign", since=10)
def roi_align_by_corners(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    *,
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    """RoiAlign with elements at their corners, and regions of one element at least."""
    return roi_align(
        x,
        rois,
        batch_indices,
        coordinate_transformation_mode="output_half_pixel",
        mode=mode,
        output_height=output_height,
        output_width=output_width,
        sampling_ratio=sampling_ratio,
        spatial_scale=spatial_scale,
    )
