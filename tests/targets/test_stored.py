"""Weights in smaller forms: what numpy writes is what the modules read, and how far it is off."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
from onnx import helper

import edgesite
from edgesite.targets.stored.choice import Weights
from edgesite.targets.stored.forms import HALF, INT8, PLAIN, Form, Part, Stored, stored
from edgesite.targets.stored.rounding import balanced, clusters, rounded
from edgesite.targets.stored.trial import Limits
from edgesite.targets.wasm.unpack import Unpacking, add_decode
from edgesite.wasm import Module
from tests.models import Array, model_of
from tests.wasm.machine import Machine

FORMS = (PLAIN, HALF, INT8, Form("int8", 7), Form("palette", 16), Form("palette", 256))
SIZES = (0, 1, 3, 15, 16, 17, 31, 33, 1009)


def part_of(array: Array, leading: int = 0) -> Part:
    data = np.asarray(array, np.float32).tobytes()
    return Part(data + bytes(-len(data) % 64), array.shape, leading, "part")


def decoded(parts: list[Stored]) -> list[Array]:
    """What a module makes of parts that arrive a few bytes at a time."""
    unpacking = Unpacking(tuple(parts), 1024)
    module = Module()
    module.memory(-(-(unpacking.end + 64) // 65536), export="memory")
    add_decode(module, unpacking)
    machine = Machine(module)
    file = b"".join(part.data for part in parts)
    for at in range(0, len(file), 100):
        machine.write(unpacking.source + at, np.frombuffer(file[at : at + 100], np.uint8))
        machine.call("decode", min(at + 100, len(file)))
    machine.call("decode", len(file))
    found, at = [], 1024
    for part in parts:
        size = part.part.values.size if part.part.is_float else 0
        found.append(machine.read(at, size, np.float32))
        at += len(part.part.data)
    return found


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_modules_decode_every_size_to_the_bits_that_numpy_does(
    form: Form, rng: np.random.Generator
) -> None:
    parts = [stored(part_of(rng.standard_normal(size)), form) for size in SIZES]

    for part, got in zip(parts, decoded(parts), strict=True):
        np.testing.assert_array_equal(got, part.decoded.ravel() if part.part.is_float else [])


@pytest.mark.parametrize("shape", [(3, 5, 8), (2, 9, 7, 8), (9, 13), (3, 3, 32), (4, 33, 1)])
@pytest.mark.parametrize("leading", [0, 1])
@pytest.mark.parametrize("form", [INT8, Form("int8", 7)], ids=str)
def test_every_channel_has_a_scale_of_its_own(
    shape: tuple[int, ...], leading: int, form: Form, rng: np.random.Generator
) -> None:
    sizes = np.exp(
        rng.standard_normal((*shape[:leading], *[1] * (len(shape) - leading - 1), shape[-1]))
    )
    part = part_of(rng.standard_normal(shape) * sizes, leading)
    made = stored(part, form)

    np.testing.assert_array_equal(decoded([made])[0], made.decoded.ravel())
    middle = tuple(range(1, part.values.ndim - 1))
    largest = np.abs(part.values).max(axis=middle, keepdims=True)
    # A number that moves to the other side of its grid is up to one step away; scales have 8 bits.
    assert (np.abs(made.decoded - part.values) <= 1.01 * largest / form.steps).all()


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, 1e-30, -3e38])
def test_a_tensor_of_one_value_keeps_it(form: Form, value: float) -> None:
    made = stored(part_of(np.full((2, 3, 64), value, np.float32)), form)

    np.testing.assert_allclose(decoded([made])[0], value, rtol=1e-2, atol=1e-7)


@pytest.mark.parametrize("form", FORMS[1:], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_float32(form: Form, value: float) -> None:
    array = np.ones((4, 64), np.float32)
    array[1, 2] = value

    assert stored(part_of(array), form).form == PLAIN


def test_what_float16_cannot_hold_stays_float32() -> None:
    assert stored(part_of(np.full(64, 65520.0)), HALF).form == PLAIN
    assert stored(part_of(np.full(64, 65504.0)), HALF).form == HALF


def test_float16_keeps_subnormal_numbers() -> None:
    made = stored(part_of(np.arange(64) * 2.0**-24), HALF)

    np.testing.assert_array_equal(decoded([made])[0], np.arange(64) * 2.0**-24)


def test_what_is_no_float32_is_copied() -> None:
    parts = [stored(Part(bytes(range(64))), INT8), stored(part_of(np.ones((4, 64))), INT8)]

    assert parts[0].data == bytes(range(64))
    np.testing.assert_array_equal(decoded(parts)[1], parts[1].decoded.ravel())


@pytest.mark.parametrize("count", [16, 40, 256])
def test_clusters_are_never_worse_than_as_many_even_steps(
    count: int, rng: np.random.Generator
) -> None:
    values = rng.standard_normal(5000).astype(np.float32)
    even = np.linspace(values.min(), values.max(), count).astype(np.float32)
    found = clusters(values, count)

    def damage(grid: Array) -> float:
        return float(((grid[rounded(values, grid)] - values) ** 2).sum())

    assert len(found) <= count
    assert (np.diff(found) > 0).all()
    assert damage(found) < damage(even)


def test_few_distinct_values_are_kept_exactly() -> None:
    values = np.array([3, 1, 1, 2, 3], np.float32)

    np.testing.assert_array_equal(clusters(values, 16), [1, 2, 3])


def test_balanced_errors_cancel_in_every_channel(rng: np.random.Generator) -> None:
    values = rng.standard_normal((2, 9, 16, 8)).astype(np.float32)
    grid = np.linspace(-4, 4, 32).astype(np.float32)
    step = grid[1] - grid[0]

    apart = grid[balanced(values, grid, 2)] - values

    assert np.abs(apart).max() <= step + 1e-6
    assert np.abs(apart.sum(axis=(1, 2))).max() <= step / 2 + 1e-5
    assert np.abs((grid[rounded(values, grid)] - values).sum(axis=(1, 2))).max() > step


def network(rng: np.random.Generator, channels: int = 24) -> tuple[Any, dict[str, Array]]:
    """A few layers of every kind that reads weights in an order of its own."""
    feeds = {"x": rng.standard_normal((1, 8, 12, 12), dtype=np.float32)}

    def weights(*shape: int) -> Array:
        return (rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))).astype(np.float32)

    constants = {
        "a": weights(channels, 8, 3, 3), "b": weights(channels), "c": weights(channels, 1, 3, 3),
        "d": weights(40, channels, 1, 1), "e": weights(10, 40), "f": weights(10),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "a", "b"], ["1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("Conv", ["2", "c"], ["3"], group=channels, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["3", "d"], ["4"]),
        helper.make_node("GlobalAveragePool", ["4"], ["5"]),
        helper.make_node("Flatten", ["5"], ["6"]),
        helper.make_node("Gemm", ["6", "e", "f"], ["y"], transB=1),
    ]
    return model_of(nodes, feeds, ["y"], constants), feeds


@pytest.mark.parametrize("weights", get_args(Weights))
def test_models_with_every_form_answer_nearly_the_same(
    weights: Weights, rng: np.random.Generator
) -> None:
    model, feeds = network(rng)
    plain = edgesite.compile(model).run(feeds)["y"]
    compiled = edgesite.compile(model, weights=weights)

    for target in ("simd", "relaxed"):
        apart = np.abs(compiled.run(feeds, target=target)["y"] - plain).max()
        assert apart <= 5e-2 * np.abs(plain).max()
        exact = compiled.unrounded().run(feeds, target=target)["y"]
        np.testing.assert_allclose(exact, plain, rtol=1e-5, atol=1e-6)
    assert (len(compiled.weights) < 8_000) is (weights != "float32")


def test_auto_stays_within_the_limits_that_it_is_given(rng: np.random.Generator) -> None:
    model, _ = network(rng)
    inputs = [{"x": rng.standard_normal((1, 8, 12, 12), dtype=np.float32)} for _ in range(40)]
    sizes = []
    for difference in (1e-9, 1e-3, 1e-1):
        limits = Limits(difference)
        compiled = edgesite.compile(model, weights="auto", calibration=inputs, limits=limits)
        assert compiled.choice is not None
        assert compiled.choice.rows[-1].effect.within(limits)
        sizes.append(compiled.choice.rows[-1].gzip_bytes)

    assert sizes[0] > sizes[1] > sizes[2]


def test_an_input_unlike_the_others_is_reckoned_with(rng: np.random.Generator) -> None:
    model, _ = network(rng)
    inputs = [{"x": rng.standard_normal((1, 8, 12, 12), dtype=np.float32)} for _ in range(40)]
    usual = edgesite.compile(model, weights="auto", calibration=inputs)
    inputs[13] = {"x": inputs[13]["x"] * 8}
    other = edgesite.compile(model, weights="auto", calibration=inputs)

    assert other.choice is not None
    assert other.choice.rows[-1].effect.within(Limits())
    assert other.weights != usual.weights


def test_errors_of_a_state_add_up_over_the_inputs(rng: np.random.Generator) -> None:
    feeds = {"x": np.zeros((1, 64), np.float32), "past": np.zeros((1, 64), np.float32)}
    w = (rng.standard_normal((64, 64)) / 8).astype(np.float32)
    nodes = [
        helper.make_node("Add", ["x", "past"], ["sum"]),
        helper.make_node("MatMul", ["sum", "w"], ["present"]),
        helper.make_node("Identity", ["present"], ["y"]),
    ]
    model = model_of(nodes, feeds, ["y", "present"], {"w": w})
    inputs = [{"x": rng.standard_normal((1, 64), dtype=np.float32)} for _ in range(8)]
    made = edgesite.compile(
        model, state={"present": "past"}, weights="auto", calibration=inputs, limits=Limits(1e-2, 0)
    )
    assert made.choice is not None
    exact = made.unrounded()
    largest = apart = 0.0
    for given in inputs:
        right, got = exact.run(given)["y"], made.run(given)["y"]
        largest = max(largest, float(np.abs(right).max()))
        apart = max(apart, float(np.abs(right - got).max()))

    assert 0 < apart <= 1e-2 * largest + 1e-5


def test_the_same_model_is_stored_in_the_same_bytes(rng: np.random.Generator) -> None:
    model, _ = network(rng)

    assert (
        edgesite.compile(model, weights="auto").files()
        == edgesite.compile(model, weights="auto").files()
    )


def test_sizes_of_one_model_share_weights_in_smaller_forms(rng: np.random.Generator) -> None:
    w = rng.standard_normal((32, 32), dtype=np.float32)
    model = model_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": np.zeros((4, 32), np.float32)},
        ["y"],
        {"w": w},
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "rows"
    compiled = edgesite.compile(model, [{"rows": 4}, {"rows": 9}], weights="int8")

    for rows in (4, 9):
        x = rng.standard_normal((rows, 32), dtype=np.float32)
        np.testing.assert_allclose(compiled.run({"x": x})["y"], x @ w, atol=0.2)


def test_a_form_that_does_not_exist_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(edgesite.UsageError, match=r"weights: got \"int4\"; give one of float32, "):
        edgesite.compile(network(rng)[0], weights="int4")  # type: ignore[arg-type]
