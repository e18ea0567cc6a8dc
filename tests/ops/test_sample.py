from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgesite.errors import ModelError
from edgesite.ir import Reduce
from edgesite.ir.contraction import contraction
from tests.ops.interpreter import express_node, run_node
from tests.ops.oracle import assert_node

Array = np.ndarray[Any, np.dtype[Any]]


def uniform(rng: np.random.Generator, *shape: int, limit: float = 1) -> Array:
    return rng.uniform(-limit, limit, shape).astype(np.float32)


@pytest.mark.parametrize("align_corners", [0, 1])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_grid_sample_reads_between_elements(
    mode: str, padding_mode: str, align_corners: int, rng: np.random.Generator
) -> None:
    attributes = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    inputs = [uniform(rng, 2, 3, 5, 7), uniform(rng, 2, 4, 6, 2, limit=2.5)]

    assert_node("GridSample", inputs, attributes, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_grid_sample_takes_volumes(mode: str, padding_mode: str, rng: np.random.Generator) -> None:
    inputs = [uniform(rng, 1, 2, 3, 4, 5), uniform(rng, 1, 2, 3, 2, 3, limit=1.5)]

    assert_node(
        "GridSample", inputs, {"mode": mode, "padding_mode": padding_mode}, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(("old", "new"), [("bilinear", "linear"), ("bicubic", "cubic")])
def test_grid_sample_renamed_its_modes(old: str, new: str, rng: np.random.Generator) -> None:
    inputs = [uniform(rng, 1, 1, 4, 4), uniform(rng, 1, 3, 3, 2)]

    before = run_node("GridSample", inputs, {"mode": old}, opset=16)
    after = run_node("GridSample", inputs, {"mode": new}, opset=22)

    np.testing.assert_array_equal(before, after)


def test_grid_sample_reads_nothing_at_infinity() -> None:
    grid = np.array([[[[np.inf, 0], [-np.inf, np.inf], [1e30, -1e30]]]], np.float32)

    (y,) = run_node("GridSample", [np.ones((1, 1, 3, 3), np.float32), grid])

    np.testing.assert_array_equal(y, np.zeros((1, 1, 1, 3)))


@pytest.mark.parametrize("name", ["mode", "padding_mode"])
def test_grid_sample_refuses_what_it_does_not_know(name: str) -> None:
    inputs = [np.zeros((1, 1, 2, 2), np.float32), np.zeros((1, 1, 1, 2), np.float32)]

    with pytest.raises(ModelError, match=f'{name} "wrap"'):
        run_node("GridSample", inputs, {name: "wrap"})


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(
    ("groups", "attributes"),
    [
        ((1, 1), {}),
        ((2, 1), {"pads": [1, 0, 1, 2]}),
        ((1, 2), {"strides": [2, 1], "dilations": [1, 2]}),
        ((4, 4), {"pads": [1, 1, 1, 1]}),
    ],
)
def test_deform_conv_moves_its_taps(
    groups: tuple[int, int],
    attributes: dict[str, Any],
    biased: bool,
    masked: bool,
    rng: np.random.Generator,
) -> None:
    x, w = uniform(rng, 2, 4, 7, 6), uniform(rng, 4, 4 // groups[0], 3, 2)
    (plain,) = run_node("Conv", [x, np.ones((1, 4, 3, 2), np.float32)], attributes)
    counts = plain.shape[2:]
    inputs = [
        x,
        w,
        uniform(rng, 2, groups[1] * 12, *counts, limit=2),
        uniform(rng, 4) if biased else None,
        uniform(rng, 2, groups[1] * 6, *counts) if masked else None,
    ]
    grouped = attributes | {"group": groups[0], "offset_group": groups[1]}

    assert_node("DeformConv", inputs, grouped, rtol=1e-4, atol=1e-5)


def test_deform_conv_multiplies_in_one_contraction() -> None:
    shapes = [(1, 4, 6, 6), (4, 4, 3, 3), (1, 18, 4, 4)]
    graph, _ = express_node("DeformConv", [np.zeros(shape, np.float32) for shape in shapes])

    reductions = [node for node in graph.nodes if isinstance(node, Reduce)]
    assert contraction(reductions[-1]) is not None


@pytest.mark.parametrize(
    ("image", "block", "attributes"),
    [
        ((5, 5), (1, 5), {}),
        ((6, 7), (3, 2), {"strides": [2, 1], "pads": [1, 0, 0, 1]}),
        ((7, 5), (2, 2), {"dilations": [2, 3]}),
        ((9,), (3,), {"strides": [2]}),
        ((4, 5, 3), (2, 3, 2), {"pads": [1, 0, 1, 0, 1, 1]}),
    ],
)
def test_column_to_image_adds_overlapping_blocks(
    image: tuple[int, ...],
    block: tuple[int, ...],
    attributes: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    window = attributes | {"kernel_shape": block}
    (pooled,) = run_node("MaxPool", [np.zeros((1, 1, *image), np.float32)], window)
    columns = uniform(rng, 2, 3 * int(np.prod(block)), pooled.size)

    assert_node("Col2Im", [columns, np.array(image), np.array(block)], attributes, known=[1, 2])
