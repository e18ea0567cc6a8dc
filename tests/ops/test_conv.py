from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError, UnsupportedShapeError
from edgesite.ir import Graph, Reduce
from edgesite.ir.contraction import contraction
from tests.ops.interpreter import express_node, run_node
from tests.ops.oracle import assert_node

# (input, filters, attributes)
CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 1), (1, 1, 1), {}),
    ((2, 3, 7), (5, 3, 3), {}),
    ((1, 3, 11), (2, 3, 4), {"strides": [3], "pads": [2, 1], "dilations": [2]}),
    ((1, 3, 7, 5), (4, 3, 1, 1), {}),
    ((2, 3, 7, 5), (4, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 2, 8, 7), (3, 2, 3, 2), {"strides": [2, 3], "pads": [0, 1, 2, 3]}),
    ((1, 2, 11, 13), (3, 2, 3, 2), {"dilations": [2, 3], "pads": [3, 0, 1, 2]}),
    ((1, 2, 5, 6, 7), (3, 2, 2, 3, 3), {"strides": [1, 2, 1], "pads": [1, 0, 1, 0, 2, 1]}),
    ((2, 6, 7, 5), (4, 3, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    ((1, 6, 9), (9, 2, 3), {"group": 3, "strides": [2]}),
    ((2, 5, 7, 5), (5, 1, 3, 3), {"group": 5, "pads": [1, 1, 1, 1]}),
    ((1, 3, 7, 8), (6, 1, 3, 2), {"group": 3, "strides": [2, 1]}),
    ((1, 4, 6, 6), (2, 2, 3, 3), {"group": 2}),
    ((0, 3, 7, 5), (4, 3, 3, 3), {}),
    ((1, 2, 3, 3), (3, 2, 3, 3), {}),
]

TRANSPOSED: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 1), (1, 1, 1), {}),
    ((2, 3, 7), (3, 5, 3), {}),
    ((1, 3, 5), (3, 2, 4), {"strides": [3], "pads": [2, 1], "output_padding": [1]}),
    ((1, 3, 5), (3, 2, 2), {"strides": [3]}),
    ((1, 3, 5), (3, 2, 4), {"strides": [2], "dilations": [3], "pads": [1, 0]}),
    ((1, 3, 5), (3, 2, 4), {"dilations": [2]}),
    ((1, 3, 5), (3, 2, 2), {"strides": [4], "dilations": [2]}),
    ((2, 3, 4, 5), (3, 2, 2, 2), {"strides": [2, 2]}),
    ((2, 3, 4, 5), (3, 2, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((1, 2, 5, 4), (2, 3, 3, 5), {"strides": [2, 3], "pads": [1, 0, 2, 3]}),
    ((1, 2, 5, 4), (2, 3, 3, 3), {"strides": [1, 2], "output_padding": [0, 1]}),
    ((1, 4, 5, 4), (4, 3, 3, 3), {"group": 2, "strides": [2, 2]}),
    ((1, 4, 5, 4), (4, 1, 3, 3), {"group": 4, "strides": [2, 1], "dilations": [1, 2]}),
    ((1, 2, 3, 4, 3), (2, 3, 2, 3, 2), {"strides": [2, 1, 3]}),
    ((1, 2, 3, 3), (2, 2, 3, 3), {"strides": [3, 2], "output_shape": [10, 8]}),
    ((1, 2, 3, 3), (2, 2, 3, 3), {"strides": [3, 2], "output_shape": [8, 6]}),
    (
        (1, 2, 3, 3),
        (2, 2, 3, 3),
        {"strides": [3, 2], "output_shape": [8, 6], "auto_pad": "SAME_UPPER"},
    ),
    ((0, 2, 3, 3), (2, 2, 3, 3), {}),
]


def uniform(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return rng.uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("image", "filters", "attributes"), CONVOLUTIONS)
def test_conv_is_a_sliding_sum_of_products(
    image: tuple[int, ...],
    filters: tuple[int, ...],
    attributes: dict[str, Any],
    biased: bool,
    rng: np.random.Generator,
) -> None:
    bias = [uniform(rng, filters[0])] if biased else []

    assert_node("Conv", [uniform(rng, *image), uniform(rng, *filters), *bias], attributes)


@pytest.mark.parametrize("auto_pad", ["VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("taps", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [5, 6, 13])
def test_conv_pads_by_itself(
    size: int, taps: int, stride: int, auto_pad: str, rng: np.random.Generator
) -> None:
    x, w = uniform(rng, 1, 2, size), uniform(rng, 3, 2, taps)

    assert_node("Conv", [x, w], {"auto_pad": auto_pad, "strides": [stride]})


def test_conv_pads_a_dilated_window_by_its_whole_span(rng: np.random.Generator) -> None:
    x, w = uniform(rng, 1, 2, 9), uniform(rng, 3, 2, 3)
    same = {"dilations": [2], "auto_pad": "SAME_UPPER"}
    explicit = {"dilations": [2], "pads": [2, 2]}

    np.testing.assert_array_equal(
        run_node("Conv", [x, w], same), run_node("Conv", [x, w], explicit)
    )


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float16, 2e-2)])
def test_conv_keeps_the_dtype_of_its_input(
    dtype: DTypeLike, rtol: float, rng: np.random.Generator
) -> None:
    x, w, b = (uniform(rng, *s).astype(dtype) for s in [(1, 3, 6, 5), (4, 3, 3, 3), (4,)])

    assert_node("Conv", [x, w, b], opset=22, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("group", [1, 2, 4])
def test_conv_is_one_contraction_with_affine_indices(group: int) -> None:
    shapes = [(1, 4, 8, 8), (8, 4 // group, 3, 3)]
    attributes = {"group": group, "pads": [1, 1, 1, 1], "strides": [2, 2]}
    graph, _ = express_node("Conv", [np.zeros(s, np.float32) for s in shapes], attributes)

    assert contractions(graph) == 1


@pytest.mark.parametrize("attributes", [{"strides": [2, 2]}, {"dilations": [2, 2]}, {"group": 2}])
def test_conv_transpose_is_one_contraction_with_affine_indices(attributes: dict[str, Any]) -> None:
    arrays = [np.zeros(s, np.float32) for s in [(1, 4, 8, 8), (4, 3, 3, 3)]]
    graph, _ = express_node("ConvTranspose", arrays, attributes)

    assert contractions(graph) == 1


def test_conv_refuses_channels_that_do_not_fit() -> None:
    with pytest.raises(ModelError, match="channels must be 4"):
        run_node("Conv", [np.zeros((1, 3, 5, 5), np.float32), np.zeros((2, 4, 3, 3), np.float32)])


def test_conv_refuses_a_kernel_shape_unlike_its_filters() -> None:
    arrays = [np.zeros((1, 3, 5, 5), np.float32), np.zeros((2, 3, 3, 3), np.float32)]

    with pytest.raises(ModelError, match="kernel_shape"):
        run_node("Conv", arrays, {"kernel_shape": [2, 2]})


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("image", "filters", "attributes"), TRANSPOSED)
def test_conv_transpose_spreads_its_input(
    image: tuple[int, ...],
    filters: tuple[int, ...],
    attributes: dict[str, Any],
    biased: bool,
    rng: np.random.Generator,
) -> None:
    channels = filters[1] * attributes.get("group", 1)
    bias = [uniform(rng, channels)] if biased else []

    assert_node("ConvTranspose", [uniform(rng, *image), uniform(rng, *filters), *bias], attributes)


@pytest.mark.parametrize("auto_pad", ["VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(
    ("taps", "stride"), [(1, 1), (2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 2), (3, 3), (4, 3)]
)
@pytest.mark.parametrize("size", [1, 4])
def test_conv_transpose_pads_by_itself(
    size: int, taps: int, stride: int, auto_pad: str, rng: np.random.Generator
) -> None:
    x, w = uniform(rng, 1, 2, size), uniform(rng, 2, 3, taps)

    assert_node("ConvTranspose", [x, w], {"auto_pad": auto_pad, "strides": [stride]})


def test_conv_transpose_refuses_to_guess_what_fills_the_gaps() -> None:
    arrays = [np.zeros((1, 2, 4), np.float32), np.zeros((2, 3, 1), np.float32)]

    with pytest.raises(UnsupportedShapeError, match="output_shape"):
        run_node("ConvTranspose", arrays, {"auto_pad": "SAME_UPPER", "strides": [2]})


def contractions(graph: Graph) -> int:
    reductions = [node for node in graph.nodes if isinstance(node, Reduce)]
    return sum(contraction(node) is not None for node in reductions)
