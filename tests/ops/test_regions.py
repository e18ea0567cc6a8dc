from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgesite.errors import UnsupportedShapeError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

Array = np.ndarray[Any, np.dtype[Any]]

REGIONS = np.array(
    [
        [0, 0, 9, 7],
        [2.3, 1.7, 6.1, 6.6],
        [-3, -2, 4, 3],
        [5, 4, 14, 12],
        [3, 3, 3.2, 3.1],
    ],
    np.float32,
)
IMAGES = np.array([0, 1, 0, 1, 1])


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    return rng.uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize(("ratio", "known"), [(1, []), (2, []), (3, []), (0, [1])])
def test_roi_align_samples_bins(
    ratio: int, known: list[int], coordinates: str, mode: str, rng: np.random.Generator
) -> None:
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": coordinates,
        "output_height": 3,
        "output_width": 2,
        "sampling_ratio": ratio,
        "spatial_scale": 0.75,
    }
    inputs = [uniform(rng, 2, 3, 8, 10), REGIONS, IMAGES]

    assert_node("RoiAlign", inputs, attributes, known=known, rtol=1e-4)


def test_roi_align_of_old_versions_has_its_elements_at_corners(rng: np.random.Generator) -> None:
    attributes = {"output_height": 2, "output_width": 3, "sampling_ratio": 2}
    inputs = [uniform(rng, 2, 3, 8, 10), REGIONS, IMAGES]

    assert_node("RoiAlign", inputs, attributes, opset=10, rtol=1e-4)


def test_roi_align_refuses_to_choose_samples_at_run_time(rng: np.random.Generator) -> None:
    with pytest.raises(UnsupportedShapeError, match="sampling_ratio"):
        run_node("RoiAlign", [uniform(rng, 2, 3, 8, 10), REGIONS, IMAGES])


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 7)])
def test_max_roi_pool_takes_the_maximum_of_bins(
    shape: tuple[int, int], scale: float, rng: np.random.Generator
) -> None:
    rois = np.concatenate([IMAGES[:, None], np.maximum(REGIONS, 0)], axis=1).astype(np.float32)
    attributes = {"pooled_shape": shape, "spatial_scale": scale}

    assert_node("MaxRoiPool", [uniform(rng, 2, 3, 8, 10), rois], attributes)
