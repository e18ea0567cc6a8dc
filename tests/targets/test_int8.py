"""Quantised models in integers: every bit as the integers say, at sizes where kernels can break."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import DTypeLike
from onnx import helper

import edgesite
from edgesite.targets.artifacts import TARGETS
from tests.models import Array, model_of
from tests.targets.test_kernels import kernels_of

F = np.float32


def quantised(
    rng: np.random.Generator,
    nodes: list[onnx.NodeProto],
    x: Array,
    w: Array,
    *,
    y_scale: float,
    y_zero: int = 128,
    x_zero: int = 128,
    per_channel: bool = True,
    axis: int = 0,
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """`nodes` make "y" of "x", "w" and "b", all dequantised; "q" is y as bytes.

    Gives the model, and its numbers.
    """
    channels = w.shape[axis] if per_channel else 1
    shape = [channels] if per_channel else []
    numbers = {
        "xs": np.asarray(0.02, F),
        "xz": np.asarray(x_zero, x.dtype),
        "wq": w,
        "ws": rng.uniform(0.001, 0.01, shape).astype(F),
        "wz": np.zeros(shape, w.dtype),
        "bq": rng.integers(-4000, 4000, w.shape[axis]).astype(np.int32),
        "bz": np.zeros(shape, np.int32),
        "ys": np.asarray(y_scale, F),
        "yz": np.asarray(y_zero, x.dtype),
    }
    numbers["bs"] = (numbers["xs"] * numbers["ws"]).astype(F)
    made = [
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["x"]),
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], axis=axis),
        helper.make_node("DequantizeLinear", ["bq", "bs", "bz"], ["b"], axis=0),
        *nodes,
        helper.make_node("QuantizeLinear", ["y", "ys", "yz"], ["q"]),
    ]
    return model_of(made, {"xq": x}, ["q"], numbers), numbers


def requantised(sums: Array, numbers: dict[str, Array], shape: tuple[int, ...]) -> Array:
    """What ONNX makes of int32 sums: scaled in float32, halves to even, moved, limited."""
    factor = ((numbers["xs"] * numbers["ws"]) / numbers["ys"]).astype(F)
    scaled = sums.astype(np.int32).astype(F) * np.broadcast_to(factor.reshape(shape), sums.shape)
    limits = np.iinfo(numbers["yz"].dtype)
    moved = np.rint(scaled) + F(numbers["yz"])
    return np.clip(moved, limits.min, limits.max).astype(numbers["yz"].dtype)


def convolved(
    x: Array,
    w: Array,
    pads: tuple[int, ...],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    group: int,
) -> Array:
    """The sums of a convolution in int64."""
    top, left, bottom, right = pads
    wide = np.pad(x.astype(np.int64), [(0, 0), (0, 0), (top, bottom), (left, right)])
    (dy, dx), (sy, sx), (ky, kx) = dilations, strides, w.shape[2:]
    height = (wide.shape[2] - dy * (ky - 1) - 1) // sy + 1
    width = (wide.shape[3] - dx * (kx - 1) - 1) // sx + 1
    grouped = wide.reshape(wide.shape[0], group, -1, *wide.shape[2:])
    filters = w.astype(np.int64).reshape(group, -1, *w.shape[1:])
    total = np.zeros((x.shape[0], group, filters.shape[1], height, width), np.int64)
    for i in range(ky):
        for j in range(kx):
            y0, x0 = i * dy, j * dx
            window = grouped[
                ..., y0 : y0 + sy * (height - 1) + 1 : sy, x0 : x0 + sx * (width - 1) + 1 : sx
            ]
            total += np.einsum("ngchw,goc->ngohw", window, filters[..., i, j])
    return total.reshape(x.shape[0], -1, height, width)


def assert_equal_in_both_modules(
    model: onnx.ModelProto, feeds: dict[str, Array], expected: Array
) -> None:
    compiled = edgesite.compile(model)
    for target in TARGETS:
        np.testing.assert_array_equal(compiled.run(feeds, target=target)["q"], expected)


CONVOLUTIONS: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    *(("int8", (1, c, 5, 6), (8, c, 1, 1), {}) for c in (1, 2, 3, 4, 5, 17)),
    *(("int8", (1, 6, 3, 5), (o, 6, 3, 3), {"pads": (1, 1, 1, 1)}) for o in (2, 4, 5, 7, 9, 17)),
    *(("int8", (1, 4, 1, w), (9, 4, 1, 1), {}) for w in (1, 2, 4, 5, 6, 11)),
    ("int8", (1, 3, 11, 13), (8, 3, 3, 3), {"pads": (1, 1, 1, 1), "strides": (2, 2)}),
    ("int8", (1, 3, 15, 9), (16, 3, 7, 7), {"pads": (3, 3, 3, 3), "strides": (2, 2)}),
    ("int8", (2, 5, 9, 7), (6, 5, 3, 2), {"pads": (0, 1, 2, 1), "dilations": (2, 3)}),
    ("int8", (1, 12, 6, 5), (18, 4, 3, 3), {"pads": (1, 1, 1, 1), "group": 3}),
    *(
        ("depthwise8", (1, c, 6, 7), (c, 1, 3, 3), {"pads": (1, 1, 1, 1), "group": c})
        for c in (2, 7, 8, 9, 17, 24)
    ),
    ("depthwise8", (1, 8, 9, 11), (8, 1, 5, 5), {"pads": (2, 2, 2, 2), "group": 8}),
    ("depthwise8", (1, 9, 9, 8), (9, 1, 3, 3), {"group": 9, "strides": (2, 2), "pads": (1,) * 4}),
    ("depthwise8", (2, 8, 7, 9), (8, 1, 2, 3), {"group": 8, "dilations": (2, 2)}),
    ("depthwise8", (2, 8, 7, 9), (8, 1, 3, 3), {"group": 8, "dilations": (2, 3)}),
    ("depthwise8", (1, 5, 9, 13), (5, 1, 3, 4), {"group": 5, "strides": (1, 3)}),
    ("depthwise8", (1, 4, 6, 22), (4, 1, 3, 5), {"group": 4, "strides": (2, 3), "pads": (1,) * 4}),
    ("depthwise8", (1, 11, 4, 4), (11, 1, 1, 1), {"group": 11}),
    ("depthwise8", (1, 10, 1, 13), (10, 1, 1, 3), {"group": 10, "pads": (0, 1, 0, 1)}),
]


@pytest.mark.parametrize(("kernel", "x", "w", "attributes"), CONVOLUTIONS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_a_quantised_convolution_is_exact(
    kernel: str,
    x: tuple[int, ...],
    w: tuple[int, ...],
    attributes: dict[str, Any],
    dtype: DTypeLike,
    rng: np.random.Generator,
) -> None:
    limits = np.iinfo(dtype)
    zero = int(rng.integers(limits.min, limits.max + 1))
    given = rng.integers(limits.min, limits.max + 1, x).astype(dtype)
    weights = rng.integers(-128, 128, w).astype(np.int8)
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], **attributes)
    model, numbers = quantised(
        rng,
        [node],
        given,
        weights,
        y_scale=0.7,
        x_zero=zero,
        y_zero=int(limits.max) - 99,
        per_channel=dtype is np.uint8,
    )
    sums = convolved(
        given.astype(int) - zero,
        weights,
        attributes.get("pads", (0, 0, 0, 0)),
        attributes.get("strides", (1, 1)),
        attributes.get("dilations", (1, 1)),
        attributes.get("group", 1),
    ) + numbers["bq"].reshape(-1, 1, 1)

    assert kernel in kernels_of(model)
    assert_equal_in_both_modules(model, {"xq": given}, requantised(sums, numbers, (-1, 1, 1)))


@pytest.mark.parametrize(
    ("size", "channels", "filters", "pad"),
    [
        *(((8, 8), 16, filters, 1) for filters in (8, 9, 11, 12, 17)),
        *((size, 16, 8, 1) for size in ((7, 7), (9, 14), (16, 5), (4, 23), (13, 11))),
        *((size, 24, 12, 0) for size in ((8, 8), (9, 14), (4, 23))),
        ((7, 142), 64, 16, 1),
        ((7, 8), 240, 248, 1),  # filters that are transformed in parts
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_winograds_way_is_exact(
    size: tuple[int, int],
    channels: int,
    filters: int,
    pad: int,
    dtype: DTypeLike,
    rng: np.random.Generator,
) -> None:
    limits = np.iinfo(dtype)
    zero = int(rng.integers(limits.min, limits.max + 1))
    given = rng.integers(limits.min, limits.max + 1, (2, channels, *size)).astype(dtype)
    weights = rng.integers(-128, 128, (filters, channels, 3, 3)).astype(np.int8)
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[pad] * 4)
    model, numbers = quantised(rng, [node], given, weights, y_scale=0.7, x_zero=zero, y_zero=9)
    sums = convolved(given.astype(int) - zero, weights, (pad,) * 4, (1, 1), (1, 1), 1)
    sums = sums + numbers["bq"].reshape(-1, 1, 1)

    tiles = [-(-(extent + 2 * pad - 2) // 4) for extent in size]
    assert ("winograd4int8" in kernels_of(model)) == (tiles[0] * tiles[1] >= 4)
    assert_equal_in_both_modules(model, {"xq": given}, requantised(sums, numbers, (-1, 1, 1)))


@pytest.mark.parametrize(("channels", "kernel"), [(112, "winograd4int8"), (120, "winograd2int8")])
@pytest.mark.parametrize("byte", [0, 255])
def test_the_largest_sums_take_tiles_that_leave_them_room(
    channels: int, kernel: str, byte: int, rng: np.random.Generator
) -> None:
    given = np.full((1, channels, 8, 8), byte, np.uint8)
    weights = np.full((8, channels, 3, 3), -128, np.int8)
    weights[1::2] = 127
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1] * 4)
    model, numbers = quantised(rng, [node], given, weights, y_scale=1e3, x_zero=255 - byte)
    sums = convolved(given.astype(int) - (255 - byte), weights, (1,) * 4, (1, 1), (1, 1), 1)
    sums = sums + numbers["bq"].reshape(-1, 1, 1)

    assert kernel in kernels_of(model)
    assert_equal_in_both_modules(model, {"xq": given}, requantised(sums, numbers, (-1, 1, 1)))


@pytest.mark.parametrize("y_scale", [1e-8, 5e-6, 5e-5, 0.001, 0.05, 1e4])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_extremes_saturate(dtype: DTypeLike, y_scale: float, rng: np.random.Generator) -> None:
    limits = np.iinfo(dtype)
    given = rng.choice([limits.min, limits.max], (1, 64, 4, 4)).astype(dtype)
    weights = rng.choice([-128, 127], (16, 64, 1, 1)).astype(np.int8)
    given[..., 0], weights[0], weights[1] = limits.max, -128, 127
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"])
    model, numbers = quantised(
        rng, [node], given, weights, y_scale=y_scale, x_zero=int(limits.min), y_zero=0
    )
    sums = convolved(given.astype(int) - int(limits.min), weights, (0,) * 4, (1, 1), (1, 1), 1)
    expected = requantised(sums + numbers["bq"].reshape(-1, 1, 1), numbers, (-1, 1, 1))

    assert_equal_in_both_modules(model, {"xq": given}, expected)


@pytest.mark.parametrize("rows", [1, 5, 6])
@pytest.mark.parametrize(("inner", "columns"), [(1, 3), (37, 9), (64, 8), (100, 41)])
def test_a_quantised_gemm_is_exact(
    rows: int, inner: int, columns: int, rng: np.random.Generator
) -> None:
    given = rng.integers(0, 256, (rows, inner)).astype(np.uint8)
    weights = rng.integers(-127, 128, (columns, inner)).astype(np.int8)
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    model, numbers = quantised(rng, [node], given, weights, y_scale=0.3, x_zero=77)
    sums = (given.astype(np.int64) - 77) @ weights.T.astype(np.int64) + numbers["bq"]

    assert "int8" in kernels_of(model)
    assert_equal_in_both_modules(model, {"xq": given}, requantised(sums, numbers, (-1,)))


def of_operators(
    nodes: list[onnx.NodeProto], feeds: dict[str, Array], numbers: dict[str, Array]
) -> tuple[edgesite.CompiledModel, Array]:
    """A model compiled, and what onnxruntime answers by default."""
    model = model_of(nodes, feeds, ["q"], numbers)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return edgesite.compile(model), np.asarray(session.run(["q"], feeds)[0])


def linear(name: str, out: str, op: str = "DequantizeLinear", scale: str = "s") -> onnx.NodeProto:
    return helper.make_node(op, [name, scale, f"{scale}z"], [out])


SCALES: dict[str, Array] = {
    "s": np.asarray(0.031, F),
    "sz": np.asarray(131, np.uint8),
    "t": np.asarray(0.052, F),
    "tz": np.asarray(97, np.uint8),
}


@pytest.mark.parametrize(
    ("op", "attributes", "scale"),
    [
        ("MaxPool", {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1,) * 4}, "s"),
        ("GlobalAveragePool", {}, "t"),
        ("Relu", {}, "t"),
        ("Flatten", {}, "s"),
        ("Transpose", {"perm": (0, 2, 3, 1)}, "s"),
    ],
)
@pytest.mark.parametrize("channels", [3, 4, 8, 9])
def test_operators_between_bytes_are_as_in_onnxruntime(
    op: str, attributes: dict[str, Any], scale: str, channels: int, rng: np.random.Generator
) -> None:
    feeds = {"xq": rng.integers(0, 256, (1, channels, 6, 7)).astype(np.uint8)}
    nodes = [
        linear("xq", "x"),
        helper.make_node(op, ["x"], ["y"], **attributes),
        linear("y", "q", "QuantizeLinear", scale),
    ]

    compiled, expected = of_operators(nodes, feeds, SCALES)

    for target in TARGETS:
        np.testing.assert_array_equal(compiled.run(feeds, target=target)["q"], expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("even", [True, False])
def test_every_sum_of_two_bytes_is_rounded_as_onnxruntime_does_on_x86(
    dtype: type[np.integer], relu: bool, even: bool, rng: np.random.Generator
) -> None:
    limits = np.iinfo(dtype)
    every = np.arange(limits.min, limits.max + 1).astype(dtype)
    feeds = dict(zip(("aq", "bq"), np.meshgrid(every, every), strict=True))
    # Many sums lie between two numbers if scales are tenths: float32 cannot tell them all apart.
    s, t, u = np.asarray([0.1, 0.3, 1 / 3.6] if even else rng.uniform(0.01, 0.1, 3), F)
    zero = int(limits.min) if relu else int(rng.integers(limits.min, limits.max + 1))
    numbers = {
        "s": s, "t": t, "u": (s + t) * u * F(9),
        "sz": dtype(rng.integers(limits.min, limits.max + 1)), "tz": dtype(7), "uz": dtype(zero),
    }  # fmt: skip
    nodes = [
        linear("aq", "a"),
        linear("bq", "b", scale="t"),
        helper.make_node("Add", ["a", "b"], ["c"]),
        *([helper.make_node("Relu", ["c"], ["y"])] if relu else []),
        linear("y" if relu else "c", "q", "QuantizeLinear", "u"),
    ]

    compiled, answer = of_operators(nodes, feeds, {k: np.asarray(v) for k, v in numbers.items()})
    ratio, other = (float(F(numbers[name] / numbers["u"])) for name in ("s", "t"))
    zeros = F(ratio * float(numbers["sz"]) + float(F(other * float(numbers["tz"]))))
    inner = (feeds["bq"] * other + float(F(zero) - zeros)).astype(F)
    total = (feeds["aq"] * ratio + inner.astype(float)).astype(F)
    expected = np.clip(np.rint(total), limits.min, limits.max)

    assert np.abs(expected - answer).max() <= 1  # on every processor
    for target in TARGETS:
        np.testing.assert_array_equal(compiled.run(feeds, target=target)["q"], expected)


@pytest.mark.parametrize("same", [True, False])
def test_bytes_are_joined(same: bool, rng: np.random.Generator) -> None:
    feeds = {name: rng.integers(0, 256, (1, 5, 3, 3)).astype(np.uint8) for name in ("aq", "bq")}
    nodes = [
        linear("aq", "a"),
        linear("bq", "b", scale="s" if same else "t"),
        helper.make_node("Concat", ["a", "b"], ["y"], axis=1),
        linear("y", "q", "QuantizeLinear"),
    ]

    compiled, expected = of_operators(nodes, feeds, SCALES)

    np.testing.assert_array_equal(compiled.run(feeds)["q"], expected)


def test_a_whole_block_reads_no_bytes_twice(rng: np.random.Generator) -> None:
    """Convolutions, a residual sum and a pool, of one value that three operators read."""
    feeds = {"x0": rng.standard_normal((1, 8, 9, 9)).astype(F)}
    numbers: dict[str, Array] = SCALES | {
        "w1": rng.integers(-127, 128, (8, 8, 3, 3)).astype(np.int8),
        "w2": rng.integers(-127, 128, (8, 1, 3, 3)).astype(np.int8),
        "u": np.asarray(0.004, F),
        "uz": np.asarray(0, np.int8),
    }
    nodes = [
        linear("x0", "xq", "QuantizeLinear"), linear("xq", "x"),
        linear("w1", "w1f", scale="u"), linear("w2", "w2f", scale="u"),
        helper.make_node("Conv", ["x", "w1f"], ["a"], pads=[1] * 4),
        linear("a", "aq", "QuantizeLinear", "t"), linear("aq", "ad", scale="t"),
        helper.make_node("Conv", ["x", "w2f"], ["b"], pads=[1] * 4, group=8),
        linear("b", "bq", "QuantizeLinear"), linear("bq", "bd"),
        helper.make_node("Add", ["ad", "bd"], ["c"]),
        linear("c", "cq", "QuantizeLinear", "t"), linear("cq", "cd", scale="t"),
        helper.make_node("Add", ["cd", "x"], ["e"]),
        linear("e", "q", "QuantizeLinear", "t"),
    ]  # fmt: skip

    compiled, expected = of_operators(nodes, feeds, numbers)

    assert {"int8", "depthwise8"} <= kernels_of(model_of(nodes, feeds, ["q"], numbers))
    for target in TARGETS:
        steps = compiled.run(feeds, target=target)["q"].astype(int) - expected
        assert np.abs(steps).max() <= 2  # a step of each sum, where processors round otherwise


@pytest.mark.parametrize("zero", [0, 3])
def test_the_integer_operators_use_the_same_kernels(zero: int, rng: np.random.Generator) -> None:
    feeds = {"xq": rng.integers(0, 256, (1, 9, 5, 7)).astype(np.uint8)}
    weights = rng.integers(-100, 100, (11, 9, 3, 3)).astype(np.int8)
    numbers: dict[str, Array] = SCALES | {
        "w": weights,
        "ws": rng.uniform(0.001, 0.01, 11).astype(F),
        "wz": np.full(11, zero, np.int8),
        "b": rng.integers(-999, 999, 11).astype(np.int32),
    }
    names = ["xq", "s", "sz", "w", "ws", "wz", "t", "tz", "b"]
    nodes = [helper.make_node("QLinearConv", names, ["q"], pads=[1] * 4)]

    model = model_of(nodes, feeds, ["q"], numbers)
    sums = convolved(
        feeds["xq"].astype(int) - 131, weights.astype(int) - zero, (1,) * 4, (1, 1), (1, 1), 1
    )
    scales = {"xs": numbers["s"], "ws": numbers["ws"], "ys": numbers["t"], "yz": numbers["tz"]}
    expected = requantised(sums + numbers["b"].reshape(-1, 1, 1), scales, (-1, 1, 1))

    assert "int8" in kernels_of(model)
    assert_equal_in_both_modules(model, feeds, expected)


def test_asymmetric_weights_that_need_nine_bits_stay_right(rng: np.random.Generator) -> None:
    feeds = {"a": rng.integers(0, 256, (5, 7)).astype(np.uint8)}
    numbers = {
        "b": rng.integers(0, 256, (7, 9)).astype(np.uint8),
        "az": np.asarray(200, np.uint8),
        "bz": np.asarray(3, np.uint8),
    }
    nodes = [helper.make_node("MatMulInteger", ["a", "b", "az", "bz"], ["q"])]

    compiled, expected = of_operators(nodes, feeds, numbers)

    np.testing.assert_array_equal(compiled.run(feeds)["q"], expected)


def test_a_nan_becomes_the_lowest_byte_with_and_without_lanes() -> None:
    feeds = {"x": np.full(7, np.nan, F)}
    nodes = [linear("x", "q", "QuantizeLinear")]
    numbers: dict[str, Array] = {"s": np.asarray(1, F), "sz": np.asarray(0, np.uint8)}
    compiled = edgesite.compile(model_of(nodes, feeds, ["q"], numbers))

    assert compiled.run(feeds)["q"].tolist() == [0] * 7


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("width", [3, 4, 9])
def test_a_picture_is_quantised_on_its_way_to_channels_last(
    channels: int, width: int, rng: np.random.Generator
) -> None:
    feeds = {"x0": rng.standard_normal((1, channels, 5, width)).astype(F) * 3}
    weights = rng.integers(-127, 128, (8, channels, 3, 3)).astype(np.int8)
    numbers: dict[str, Array] = SCALES | {
        "w": weights,
        "u": np.asarray(0.004, F),
        "uz": np.asarray(0, np.int8),
    }
    nodes = [
        linear("x0", "xq", "QuantizeLinear"),
        linear("xq", "x"),
        linear("w", "wf", scale="u"),
        helper.make_node("Conv", ["x", "wf"], ["y"], pads=[1] * 4),
        linear("y", "q", "QuantizeLinear", "t"),
    ]
    whole = np.clip(np.rint(feeds["x0"] / numbers["s"]) + F(131), 0, 255).astype(int) - 131
    sums = convolved(whole, weights, (1,) * 4, (1, 1), (1, 1), 1)
    scales = {"xs": numbers["s"], "ws": numbers["u"], "ys": numbers["t"], "yz": numbers["tz"]}

    assert_equal_in_both_modules(
        model_of(nodes, feeds, ["q"], numbers), feeds, requantised(sums, scales, ())
    )
