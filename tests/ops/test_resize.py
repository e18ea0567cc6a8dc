from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike
from onnx.reference import ReferenceEvaluator

from edgesite.errors import ModelError, UnsupportedShapeError
from tests.ops.interpreter import express_node, run_node
from tests.ops.oracle import assert_node, one_node

Array = np.ndarray[Any, np.dtype[Any]]

COORDINATES = [
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
]
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
# (height, width), before and after
SIZES = [
    ((7, 5), (14, 10)),
    ((7, 5), (4, 3)),
    ((6, 6), (3, 9)),
    ((1, 4), (5, 1)),
    ((13, 11), (7, 17)),
    ((4, 4), (4, 4)),
]
SCALES = [(2.0, 2.0), (0.5, 3.0), (1.7, 0.6), (0.3, 0.3)]


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    return rng.uniform(-1, 1, shape).astype(np.float32)


def by_sizes(x: Array, *sizes: int) -> list[Array | None]:
    return [x, None, None, np.array(sizes, np.int64)]


def by_scales(x: Array, *scales: float) -> list[Array | None]:
    return [x, None, np.array(scales, np.float32)]


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize("nearest_mode", NEAREST)
@pytest.mark.parametrize("coordinates", ["half_pixel", "align_corners", "asymmetric"])
def test_nearest_picks_the_same_neighbours(
    coordinates: str,
    nearest_mode: str,
    old: tuple[int, int],
    new: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    attributes = {"coordinate_transformation_mode": coordinates, "nearest_mode": nearest_mode}
    inputs = by_sizes(uniform(rng, 1, 2, *old), 1, 2, *new)

    assert_node("Resize", inputs, attributes, known=[3])


@pytest.mark.parametrize(("old", "new"), SIZES)
@pytest.mark.parametrize("antialias", [0, 1])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_interpolation_weighs_neighbours(
    mode: str,
    coordinates: str,
    antialias: int,
    old: tuple[int, int],
    new: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": coordinates,
        "antialias": antialias,
    }
    inputs = by_sizes(uniform(rng, 1, 2, *old), 1, 2, *new)

    assert_node("Resize", inputs, attributes, known=[3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("coordinates", [c for c in COORDINATES if c != "align_corners"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize_multiplies_sizes(
    mode: str, coordinates: str, scales: tuple[float, float], rng: np.random.Generator
) -> None:
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    inputs = by_scales(uniform(rng, 1, 2, 8, 7), 1, 1, *scales)

    assert_node("Resize", inputs, attributes, known=[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("antialias", [0, 1])
@pytest.mark.parametrize("coefficient", [-0.5, -0.75])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_neighbours_outside_are_excluded_on_demand(
    mode: str, coefficient: float, antialias: int, rng: np.random.Generator
) -> None:
    attributes = {
        "mode": mode,
        "antialias": antialias,
        "exclude_outside": 1,
        "cubic_coeff_a": coefficient,
    }

    for sizes in [(1, 1, 13, 4), (1, 1, 3, 3)]:
        inputs = by_sizes(uniform(rng, 1, 1, 7, 7), *sizes)
        assert_node("Resize", inputs, attributes, known=[3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("size", [(3, 8), (1, 1), (9, 4)])
def test_crop_and_resize_extrapolates(
    size: tuple[int, int], mode: str, rng: np.random.Generator
) -> None:
    roi = np.array([0, 0, 0.3, -0.2, 1, 1, 1.1, 0.75], np.float32)
    attributes = {
        "mode": mode,
        "coordinate_transformation_mode": "tf_crop_and_resize",
        "extrapolation_value": 9.0,
    }
    inputs = [uniform(rng, 1, 1, 5, 6), roi, None, np.array([1, 1, *size])]

    assert_node("Resize", inputs, attributes, known=[1, 3], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize("axes", [[2, 3], [3, 2]])
def test_resize_keeps_the_aspect_ratio(
    axes: list[int], policy: str, rng: np.random.Generator
) -> None:
    attributes = {"mode": "linear", "axes": axes, "keep_aspect_ratio_policy": policy}
    inputs = by_sizes(uniform(rng, 1, 2, 6, 9), 5, 11)

    assert_node("Resize", inputs, attributes, known=[3], rtol=1e-4, atol=1e-5)


def test_resize_counts_axes_from_the_end(rng: np.random.Generator) -> None:
    inputs = by_sizes(uniform(rng, 2, 6, 9), 11, 5)
    ahead, behind = (
        run_node("Resize", inputs, {"axes": axes, "mode": "linear"}, known=[3])
        for axes in ([2, 1], [-1, -2])
    )

    np.testing.assert_array_equal(ahead, behind)


def test_align_corners_takes_the_size_before_rounding() -> None:
    # What the operator's own test says: a width of 4 * 0.6 is 2.4, not 2.
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 1, 2, 4)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}

    (y,) = run_node("Resize", by_scales(x, 1, 1, 0.6, 0.6), attributes, known=[2])

    np.testing.assert_allclose(y, [[[[1, 1 + 3 / 1.4]]]], rtol=1e-6)


@pytest.mark.parametrize("rank", [1, 2, 3, 5])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_takes_any_rank(mode: str, rank: int, rng: np.random.Generator) -> None:
    x = uniform(rng, *[4, 3, 5, 2, 3][:rank])
    sizes = np.array([3, 5, 4, 2, 7][:rank])
    attributes = {"mode": mode}

    (y,) = run_node("Resize", [x, None, None, sizes], attributes, known=[3])

    model = one_node("Resize", [x, None, None, sizes], attributes, 21, 1)
    (expected,) = map(
        np.asarray, ReferenceEvaluator(model).run(None, {"input0": x, "input3": sizes})
    )
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.float16, np.float64])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_keeps_the_dtype_of_its_input(
    mode: str, dtype: DTypeLike, rng: np.random.Generator
) -> None:
    x = rng.integers(0, 100, (1, 2, 4, 5)).astype(dtype)

    assert_node("Resize", by_sizes(x, 1, 2, 8, 8), {"mode": mode}, known=[3], rtol=1e-2)


@pytest.mark.parametrize("scale", [0.5, 0.6, 0.8, 1.0, 1.5, 2.3])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_before_version_11_takes_scales_alone(
    mode: str, scale: float, rng: np.random.Generator
) -> None:
    inputs = [uniform(rng, 1, 1, 10, 7), np.array([1, 1, scale, scale], np.float32)]

    assert_node("Resize", inputs, {"mode": mode}, opset=10, known=[1])


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scales", [(2.0, 3.0), (1.5, 2.3)])
def test_upsample_enlarges(
    scales: tuple[float, float], mode: str, rng: np.random.Generator
) -> None:
    x = uniform(rng, 1, 2, 5, 7)

    assert_node("Upsample", [x], {"mode": mode, "scales": [1.0, 1.0, *scales]}, opset=7)
    inputs = [x, np.array([1, 1, *scales], np.float32)]
    assert_node("Upsample", inputs, {"mode": mode}, opset=9, known=[1])


def test_nearest_by_a_whole_factor_needs_no_table() -> None:
    x = np.zeros((1, 2, 5, 7), np.float32)
    attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    graph, _ = express_node("Resize", by_scales(x, 1, 1, 2, 3), attributes, known=[2])

    assert graph.constants == {}


@pytest.mark.parametrize("size", [0, 1])
def test_resize_of_nothing_is_nothing(size: int) -> None:
    x = np.zeros((0, size), np.float32)

    (y,) = run_node(
        "Resize", [x, None, None, np.array([0, 3 * size])], {"mode": "linear"}, known=[3]
    )

    assert y.shape == (0, 3 * size)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"mode": "lanczos"}, 'mode "lanczos"'),
        ({"coordinate_transformation_mode": "centre"}, 'coordinate_transformation_mode "centre"'),
        ({"nearest_mode": "round"}, 'nearest_mode "round"'),
        ({"keep_aspect_ratio_policy": "fit"}, 'keep_aspect_ratio_policy "fit"'),
    ],
)
def test_resize_refuses_what_it_does_not_know(attributes: dict[str, Any], message: str) -> None:
    inputs = by_sizes(np.zeros((2, 2), np.float32), 4, 4)

    with pytest.raises(ModelError, match=message):
        run_node("Resize", inputs, attributes, known=[3])


def test_resize_refuses_sizes_that_are_computed() -> None:
    with pytest.raises(UnsupportedShapeError, match="the sizes of Resize"):
        run_node("Resize", by_sizes(np.zeros((2, 2), np.float32), 4, 4))
