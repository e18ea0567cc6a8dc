"""Weights in whole numbers: rounding that makes up for errors, and what is known of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgesite
from edgesite.compiler import prepare
from edgesite.targets.feeds import random_feeds
from edgesite.targets.stored.compensation import compensated, tries
from edgesite.targets.stored.forms import COMPENSATED, HALF, INT8, Part, stored
from edgesite.targets.stored.whole import SPARED
from tests.targets.test_stored import decoded

Array = np.ndarray[Any, Any]


def part_of(array: Array) -> Part:
    data = np.asarray(array, np.float32).tobytes()
    return Part(data + bytes(-len(data) % 64), array.shape, 1, "part")


def alike(inner: int, rng: np.random.Generator) -> Array:
    """The moments of inputs that are like their neighbours: float64 (1, inner, inner)."""
    inputs = np.cumsum(rng.standard_normal((4 * inner + 1, inner)), axis=1)
    return (inputs.T @ inputs)[None] / len(inputs)


def lost(part: Part, made: Array, moments: Array) -> float:
    apart = (made - part.values).reshape(part.values.shape[0], -1, part.values.shape[-1])
    return float(np.einsum("oil,ij,ojl->", apart, moments[0], apart))


@pytest.mark.parametrize("inner", [2, 63, 64, 65, 131])
def test_errors_that_are_made_up_for_change_sums_less(inner: int, rng: np.random.Generator) -> None:
    part, moments = part_of(rng.standard_normal((2, inner, 8))), alike(inner, rng)
    made = stored(part, COMPENSATED, moments=moments)

    assert made.form == COMPENSATED
    assert lost(part, made.decoded, moments) <= lost(part, stored(part, INT8).decoded, moments)
    np.testing.assert_array_equal(decoded([made])[0], made.decoded.ravel())


def test_every_group_has_moments_of_its_own(rng: np.random.Generator) -> None:
    values = rng.standard_normal((6, 9, 4)).astype(np.float32)
    moments = np.concatenate([alike(9, rng) for _ in range(3)])
    scales = np.full((1, 6, 4), 0.05, np.float32)
    found = compensated(values, moments, scales, 127)
    assert found is not None

    for group in range(3):
        own = slice(2 * group, 2 * group + 2)
        alone = compensated(values[own], moments[group : group + 1], scales[:, own], 127)
        assert alone is not None
        np.testing.assert_array_equal(found[0][own], alone[0])


def test_scales_stay_what_they_are_for_filters_of_zeros(rng: np.random.Generator) -> None:
    part = part_of(np.zeros((1, 5, 8)))
    made = stored(part, COMPENSATED, moments=alike(5, rng))

    np.testing.assert_array_equal(made.decoded, part.values)


@pytest.mark.parametrize(
    "moments", [None, np.zeros((1, 5, 5)), np.full((1, 5, 5), np.nan), np.ones((1, 7, 7))]
)
def test_without_moments_numbers_are_balanced(
    moments: Array | None, rng: np.random.Generator
) -> None:
    part = part_of(rng.standard_normal((1, 5, 8)))

    assert stored(part, COMPENSATED, moments=moments).codes == stored(part, INT8).codes


def test_large_filters_are_tried_in_one_scale_alone() -> None:
    assert tries(8, 384, 8) > tries(40, 576, 8) > tries(125, 1280, 8) == 1


def network(nodes: list[onnx.NodeProto], shape: tuple[int, ...], weights: Array) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize(
    ("attributes", "shape", "weights", "channels"),
    [
        ({"pads": [1, 1, 1, 1]}, (1, 16, 12, 12), (24, 16, 3, 3), 1),
        ({"pads": [1, 1, 1, 1], "strides": [2, 2]}, (1, 16, 64, 64), (32, 16, 3, 3), 1),
        ({"pads": [1, 1, 1, 1], "strides": [2, 2]}, (1, 5, 11, 9), (13, 5, 3, 3), 1),
        ({"group": 2}, (1, 12, 7, 7), (16, 6, 3, 3), 1),
        ({"dilations": [2, 1]}, (1, 3, 9, 8), (8, 3, 2, 3), 1),
        ({}, (1, 17, 1, 1), (23, 17, 1, 1), 1),
        (None, (7, 31), (31, 19), -1),
    ],
    ids=["winograd", "winograd by phases", "strides", "groups", "dilations", "one pixel", "matmul"],
)
def test_moments_are_those_of_what_weights_are_multiplied_with(
    attributes: dict[str, Any] | None,
    shape: tuple[int, ...],
    weights: tuple[int, ...],
    channels: int,
    rng: np.random.Generator,
) -> None:
    op = "MatMul" if attributes is None else "Conv"
    node = helper.make_node(op, ["x", "w"], ["y"], **(attributes or {}))
    ready = prepare(network([node], shape, rng.standard_normal(weights)), threads="off")
    inputs = [random_feeds(ready.plain.manifest, seed) for seed in range(3)]
    (moments,) = ready.observe(inputs, {0}).values()

    values = ready.pairs[0][1].parts[0].values
    filters = values.reshape(len(moments), -1, moments.shape[1], values.shape[-1])
    squares = np.einsum("gpil,gij,gpjl->gpl", filters, moments, filters).ravel()
    answers = [np.moveaxis(ready.plain.run(feeds)["y"], channels, 0) for feeds in inputs]
    wanted = np.mean([(y.reshape(len(y), -1) ** 2).sum(axis=1) for y in answers], axis=0)
    np.testing.assert_allclose(squares[squares > 0], wanted, rtol=1e-3)


def test_large_parts_are_whole_and_few_are_not() -> None:
    random = np.random.default_rng(0)
    names = [f"w{k}" for k in range(5)]
    sizes = [(16, 3, 3, 3), (32, 16, 1, 1), (64, 32, 3, 3), (64, 64, 3, 3), (128, 64, 1, 1)]
    arrays = [random.standard_normal(size) / np.sqrt(np.prod(size[1:])) for size in sizes]
    nodes, last = [], "x"
    for name in names:
        nodes += [
            helper.make_node("Conv", [last, name, f"{name}.bias"], [f"{name}.sum"]),
            helper.make_node("Relu", [f"{name}.sum"], [f"{name}.out"]),
        ]
        last = f"{name}.out"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["y"]))
    stored_arrays = dict(zip(names, arrays, strict=True))
    stored_arrays |= {f"{n}.bias": random.standard_normal(len(a)) for n, a in stored_arrays.items()}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 12, 12))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a.astype(np.float32), n) for n, a in stored_arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made = edgesite.compile(model, weights="int8", threads="off")
    assert made.choice is not None
    forms = {each.part.values.size: each.form for each in made.choice.parts}
    least = sum(
        len(stored(e.part, HALF if len(e.part.shape) == 1 else INT8).data)
        for e in made.choice.parts
    )

    assert forms[64 * 64 * 9] == COMPENSATED
    assert forms[16 * 27] != COMPENSATED
    assert {e.form for e in made.choice.parts if len(e.part.shape) == 1} == {HALF}
    assert least < len(made.weights) <= least * (1 + SPARED)
