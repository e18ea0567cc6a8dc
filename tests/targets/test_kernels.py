"""The fast kernels, at the sizes where they can break, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from edgesite.ir import DType
from edgesite.targets.wasm import winograd_shape
from edgesite.targets.wasm.contract import ContractKernel
from edgesite.targets.wasm.kernels import Step
from edgesite.targets.wasm.rounds import calls
from edgesite.targets.wasm.schedule import make_schedule
from edgesite.targets.wasm.transforms import STRIDED
from tests.models import Array, arranged, assert_answers_alike, model_of

WAYS = {3: "winograd4", 4: "winograd3x4", 5: "winograd4x5"}
"""The kernels of Winograd's filtering by the taps along an axis."""


def calls_of(model: onnx.ModelProto) -> list[Step]:
    """The calls that a model is computed by."""
    schedule = make_schedule(arranged(model))
    return list(calls((*schedule.preparation, *schedule.steps)))


def kernels_of(model: onnx.ModelProto) -> set[str]:
    """The kinds of kernels a model is computed by."""
    return {step.kernel.name.split("_")[0] for step in calls_of(model)}


def tiles_of(model: onnx.ModelProto) -> list[ContractKernel]:
    """The contractions in register tiles among them."""
    kernels = (step.kernel for step in calls_of(model))
    return [kernel for kernel in kernels if isinstance(kernel, ContractKernel)]


def conv(
    rng: np.random.Generator, x: tuple[int, ...], w: tuple[int, ...], **attributes: Any
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A convolution with bias and clamp, and an input."""
    feeds = {"x": rng.standard_normal(x, dtype=np.float32)}
    fan = float(np.prod(w[1:]))
    weights = {
        "w": (rng.standard_normal(w) / np.sqrt(fan)).astype(np.float32),
        "b": rng.standard_normal(w[0], dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", **attributes),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    return model_of(nodes, feeds, ["y"], weights), feeds


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        *((1, columns) for columns in (1, 3, 4, 5, 8, 9, 17, 40, 41)),
        *((13, columns) for columns in (1, 3, 4, 5, 7, 8, 9, 12, 17)),
        *((rows, 9) for rows in (4, 5, 6, 7, 8)),
        *((rows, 4) for rows in (7, 8, 9)),
    ],
)
@pytest.mark.parametrize("inner", [1, 37])
def test_gemm_handles_every_tail(
    rows: int, columns: int, inner: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal((rows, inner), dtype=np.float32)}
    weights = {
        "w": rng.standard_normal((columns, inner), dtype=np.float32),
        "b": rng.standard_normal(columns, dtype=np.float32),
    }
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=0.5)]

    assert_answers_alike(model_of(nodes, feeds, ["y"], weights), feeds)


@pytest.mark.parametrize("columns", [3, 4, 5, 7, 8, 9, 1009])
@pytest.mark.parametrize("behind", ["MatMul", "Neg"])
def test_functions_handle_every_tail_in_place_and_elsewhere(
    behind: str, columns: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal((13, columns), dtype=np.float32)}
    weights = {"w": np.eye(columns, dtype=np.float32)} if behind == "MatMul" else {}
    nodes = [
        helper.make_node(behind, ["x", *weights], ["p"]),
        helper.make_node("Sigmoid", ["p"], ["s"]),
        helper.make_node("Mul", ["s", "p"], ["y"]),
    ]

    assert_answers_alike(model_of(nodes, feeds, ["y"], weights), feeds, tolerance=1e-6)


@pytest.mark.parametrize("columns", [8, 9, 33, 40, 64, 97])
@pytest.mark.parametrize("rows", [11, 12, 13])
def test_panels_that_come_from_far_are_fetched_as_far_as_they_go(
    rows: int, columns: int, rng: np.random.Generator
) -> None:
    inner = 65536 // (4 * columns) + 1
    feeds = {"x": rng.standard_normal((rows, inner), dtype=np.float32)}
    weights = {"w": rng.standard_normal((inner, columns), dtype=np.float32) / inner**0.5}
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], feeds, ["y"], weights)

    assert_answers_alike(model, feeds, tolerance=1e-5)
    assert [kernel.ahead for kernel in tiles_of(model)] == [rows >= 12]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_convolutions_of_every_geometry_answer_as_onnxruntime(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = (data.draw(st.integers(1, 17)) * groups for _ in range(2))
    kernel = [data.draw(st.sampled_from([1, 2, 3, 5])) for _ in range(2)]
    dilations = [data.draw(st.integers(1, 2)) for _ in range(2)]
    strides = [data.draw(st.integers(1, 3)) for _ in range(2)]
    pads = [data.draw(st.integers(0, 2)) for _ in range(4)]
    reach_of = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    size = [max(r, data.draw(st.integers(1, 13))) for r in reach_of]
    batch = data.draw(st.integers(1, 2))
    model, feeds = conv(
        rng, (batch, channels, *size), (filters, channels // groups, *kernel),
        group=groups, dilations=dilations, strides=strides, pads=pads,
    )  # fmt: skip

    assert_answers_alike(model, feeds)


@pytest.mark.parametrize(
    ("channels", "kernel", "stride"),
    [
        *((c, 3, 1) for c in (1, 3, 4, 5, 8, 17)),
        (5, 3, 2),
        (4, 5, 1),
        (5, 5, 2),
        (5, 7, 1),
        (4, 7, 2),
    ],
)
def test_depthwise_convolutions_use_their_kernel(
    channels: int, kernel: int, stride: int, rng: np.random.Generator
) -> None:
    model, feeds = conv(
        rng, (1, channels, 11, 13), (channels, 1, kernel, kernel),
        group=channels, strides=[stride] * 2, pads=[kernel // 2] * 4,
    )  # fmt: skip

    assert_answers_alike(model, feeds)
    assert channels < 4 or "depthwise" in kernels_of(model)


@pytest.mark.parametrize("size", [(7, 9), (8, 16)])
@pytest.mark.parametrize("taps", [1, 3])
def test_a_single_filter_is_a_column_of_a_tile_where_channels_are_neighbours(
    size: tuple[int, int], taps: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal((1, 3, *size), dtype=np.float32)}
    weights = {
        "v": rng.standard_normal((16, 3, 3, 3), dtype=np.float32),
        "w": rng.standard_normal((1, 16, taps, taps), dtype=np.float32),
        "b": rng.standard_normal(1, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["c"], pads=[1] * 4),
        helper.make_node("Conv", ["c", "w", "b"], ["d"], pads=[taps // 2] * 4),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    model = model_of(nodes, feeds, ["y"], weights)

    assert_answers_alike(model, feeds, tolerance=2e-5)
    assert [tile.columns.extent for tile in tiles_of(model)] == [16, 1]


@pytest.mark.parametrize(
    ("size", "channels", "filters", "pad"),
    [
        *((size, 16, 16, 1) for size in ((8, 8), (7, 7), (9, 14), (16, 5), (16, 4), (4, 23))),
        *((size, 20, 24, 0) for size in ((8, 8), (9, 14), (4, 23))),
        ((7, 7), 32, 16, 0),
        ((16, 5), 32, 16, 1),
        *(((9, 14), 16, filters, 1) for filters in (8, 9, 11, 12, 17)),
        ((7, 142), 64, 16, 1),
    ],
)
def test_winograd_handles_ragged_edges(
    size: tuple[int, int], channels: int, filters: int, pad: int, rng: np.random.Generator
) -> None:
    model, feeds = conv(rng, (2, channels, *size), (filters, channels, 3, 3), pads=[pad] * 4)

    assert_answers_alike(model, feeds, tolerance=2e-5)
    tiles = [-(-(extent + 2 * pad - 2) // 4) for extent in size]
    assert tiles[0] * tiles[1] < 4 or "winograd4" in kernels_of(model)


@pytest.mark.parametrize("taps", [3, 4, 5])
@pytest.mark.parametrize("size", [(12, 13), (9, 14), (8, 21), (14, 23)])
@pytest.mark.parametrize(("channels", "filters"), [(4, 8), (8, 9), (12, 19), (20, 24)])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (2, 1, 0, 2)])
def test_winograd_handles_filters_of_several_sizes(
    taps: int, size: tuple[int, int], channels: int, filters: int, pads: tuple[int, ...],
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(winograd_shape, "FEWEST_PRODUCTS", {1: 0})
    model, feeds = conv(rng, (2, channels, *size), (filters, channels, taps, taps), pads=pads)

    assert_answers_alike(model, feeds, tolerance=2e-5)
    assert WAYS[taps] in kernels_of(model)


@pytest.mark.parametrize(("taps", "stride"), [(5, 2), (6, 2), (7, 2), (9, 2), (9, 3), (11, 4)])
@pytest.mark.parametrize("size", [(48, 48), (49, 62)])
@pytest.mark.parametrize("channels", [2, 3, 8])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (2, 2, 2, 2), (3, 1, 0, 2)])
def test_strided_convolutions_become_ones_of_phases(
    taps: int, stride: int, size: tuple[int, int], channels: int, pads: tuple[int, ...],
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(winograd_shape, "PRODUCTS_PER_BYTE", 0)
    monkeypatch.setattr(winograd_shape, "MOST_WORK", 9)
    model, feeds = conv(
        rng, (2, channels, *size), (16, channels, taps, taps), pads=pads, strides=[stride] * 2
    )

    assert_answers_alike(model, feeds, tolerance=2e-5)
    high, wide = (-(-(-pad % stride + taps) // stride) for pad in pads[:2])
    if high == wide and channels * stride**2 % 4 == 0:
        assert WAYS[high] in kernels_of(model)
    else:
        assert kernels_of(model) <= {"contract", "map", "border"}


def test_phases_are_left_where_their_filters_would_be_too_large(rng: np.random.Generator) -> None:
    small, feeds = conv(rng, (1, 192, 8, 8), (64, 192, 4, 4), pads=[1] * 4, strides=[2, 2])
    large, _ = conv(rng, (1, 12, 64, 64), (64, 12, 4, 4), pads=[1] * 4, strides=[2, 2])

    assert_answers_alike(small, feeds, tolerance=2e-5)
    assert kernels_of(small) <= {"contract", "map", "border"}
    assert "winograd4" in kernels_of(large)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ((0, 4, 0, 0), (2, 8, 50, 52)),
        ((0, 0, 3, 6), (2, 8, 50, 52)),
        ((1, 2, 5, 0), (2, 6, 45, 47)),
    ],
)
@pytest.mark.parametrize("pad", [0, 3])
def test_parts_of_an_image_have_phases(
    starts: tuple[int, ...], ends: tuple[int, ...], pad: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal((2, 8, 50, 52), dtype=np.float32)}
    channels = ends[1] - starts[1]
    weights = {
        "starts": np.array(starts),
        "ends": np.array(ends),
        "w": (rng.standard_normal((16, channels, 7, 7)) / 14).astype(np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["x", "starts", "ends"], ["part"]),
        helper.make_node("Conv", ["part", "w"], ["y"], strides=[2, 2], pads=[pad] * 4),
    ]

    assert_answers_alike(model_of(nodes, feeds, ["y"], weights), feeds, tolerance=2e-5)


@pytest.mark.parametrize("m", [2, 4])
@pytest.mark.parametrize("size", [(31, 33), (32, 18), (17, 15), (16, 50)])
@pytest.mark.parametrize(("channels", "filters"), [(16, 9), (20, 33), (32, 24)])
@pytest.mark.parametrize("pads", [(1, 1, 1, 1), (0, 0, 0, 0), (0, 0, 1, 1), (1, 0, 0, 1)])
def test_winograd_handles_stride_two(
    m: int, size: tuple[int, int], channels: int, filters: int, pads: tuple[int, ...],
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, value in {"FEWEST_PRODUCTS": {2: 0}, "MOST_WORK": 9, "PRODUCTS_PER_BYTE": 0}.items():
        monkeypatch.setattr(winograd_shape, name, value)
    monkeypatch.setitem(winograd_shape.WAYS, (DType.FLOAT32, 3, 2), {m: STRIDED[m]})
    model, feeds = conv(
        rng, (2, channels, *size), (filters, channels, 3, 3), pads=pads, strides=[2, 2]
    )

    assert_answers_alike(model, feeds, tolerance=2e-5)
    assert f"winograd{m}s2" in kernels_of(model)


@pytest.mark.parametrize("size", [(4, 4), (3, 3), (4, 3), (3, 8), (2, 8)])
@pytest.mark.parametrize(("channels", "filters"), [(16, 9), (256, 264)])
def test_small_maps_are_cut_into_smaller_tiles(
    size: tuple[int, int], channels: int, filters: int, rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(winograd_shape, "FEWEST_PRODUCTS", {1: 0})
    model, feeds = conv(rng, (2, channels, *size), (filters, channels, 3, 3), pads=[1] * 4)

    assert_answers_alike(model, feeds, tolerance=2e-5)
    assert "winograd2" in kernels_of(model)


@pytest.mark.parametrize(("filters", "kernel"), [(192, "winograd4"), (194, "winograd2")])
def test_large_filters_are_transformed_in_equal_parts_or_for_smaller_tiles(
    filters: int, kernel: str, rng: np.random.Generator
) -> None:
    model, feeds = conv(rng, (2, 192, 7, 7), (filters, 192, 3, 3), pads=[1] * 4)

    assert_answers_alike(model, feeds, tolerance=2e-5)
    assert kernel in kernels_of(model)


@pytest.mark.parametrize("size", [(1, 7), (2, 3), (7, 7), (5, 8), (3, 10)])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 2), (1, 2)])
def test_tiles_run_on_from_short_lines_into_the_next(
    size: tuple[int, int], kernel: int, stride: int, rng: np.random.Generator
) -> None:
    model, feeds = conv(
        rng, (2, 5, *size), (9, 5, kernel, kernel), strides=[stride] * 2, pads=[kernel // 2] * 4
    )

    assert_answers_alike(model, feeds)


@pytest.mark.parametrize("rank", [1, 3])
def test_convolutions_of_other_ranks_answer_as_onnxruntime(
    rank: int, rng: np.random.Generator
) -> None:
    model, feeds = conv(
        rng, (2, 5, *[9] * rank), (7, 5, *[3] * rank), pads=[1] * (2 * rank), strides=[2] * rank
    )

    assert_answers_alike(model, feeds)


@pytest.mark.parametrize(
    ("left", "right"),
    [((5, 7), (7, 9)), ((2, 3, 5, 7), (2, 3, 7, 8)), ((3, 5, 7), (7, 1)), ((4, 1, 6), (3, 6, 10))],
)
def test_products_of_two_computed_matrices_answer_as_onnxruntime(
    left: tuple[int, ...], right: tuple[int, ...], rng: np.random.Generator
) -> None:
    if len(left) == 3 and len(right) == 3:
        left = (right[0], *left[1:])
    feeds = {
        "a": rng.standard_normal(left, dtype=np.float32),
        "b": rng.standard_normal(right, dtype=np.float32),
    }
    nodes = [helper.make_node("MatMul", ["a", "b"], ["y"])]

    assert_answers_alike(model_of(nodes, feeds, ["y"]), feeds)


def test_residuals_are_added_in_the_epilogue(rng: np.random.Generator) -> None:
    feeds = {"x": rng.standard_normal((1, 16, 8, 8), dtype=np.float32)}
    weights = {name: (rng.standard_normal((16, 16, 3, 3)) / 12).astype(np.float32) for name in "vw"}
    nodes = [
        helper.make_node("Conv", ["x", "v"], ["a"], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["b"], pads=[1] * 4),
        helper.make_node("Add", ["b", "r"], ["s"]),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    model = model_of(nodes, feeds, ["y"], weights)

    assert_answers_alike(model, feeds, tolerance=2e-5)
    assert kernels_of(model) <= {"winograd4", "contract", "map", "border"}


def test_layers_of_one_shape_share_their_functions(rng: np.random.Generator) -> None:
    feeds = {"x": rng.standard_normal((1, 16, 12, 12), dtype=np.float32)}
    weights = {
        f"w{k}": (rng.standard_normal((16, 16, 3, 3)) / 12).astype(np.float32) for k in range(4)
    }
    names = ["x", "a", "b", "c", "y"]
    nodes = [
        helper.make_node("Conv", [names[k], f"w{k}"], [names[k + 1]], pads=[1] * 4)
        for k in range(4)
    ]
    one = model_of([nodes[0]], feeds, ["a"], weights)
    four = model_of(nodes, feeds, ["y"], weights)
    compiled = [assert_answers_alike(model, feeds, tolerance=3e-5) for model in (one, four)]
    sizes = [len(model.modules["simd"]) for model in compiled]

    assert sizes[1] < 2 * sizes[0]
