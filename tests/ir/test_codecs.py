from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from numpy.typing import DTypeLike
from onnx import TensorProto, helper, numpy_helper

import edgesite
from edgesite.errors import UnsupportedTypeError
from edgesite.ir import Builder, DType, codecs, elementwise
from tests.ops.interpreter import Array, evaluate, run_node

CODED = [dtype for dtype in DType if dtype.is_coded]
INTEGERS = [dtype for dtype in CODED if codecs.is_coded_integer(dtype)]
FLOATS = [dtype for dtype in CODED if dtype not in INTEGERS and dtype is not DType.FLOAT8E8M0]
NUMBERS = [DType.FLOAT16, DType.FLOAT32, DType.FLOAT64]


def number_of(dtype: DType) -> int:
    return int(helper.np_dtype_to_tensor_dtype(dtype.numpy))


def every_code(dtype: DType) -> Array:
    return np.arange(1 << codecs.BITS.get(dtype, 8), dtype=np.uint8).view(dtype.numpy)


def crucial_numbers(dtype: DType, precision: DType) -> Array:
    """What a type can hold, what lies halfway between, and what lies just beside that."""
    values = np.unique(codecs.meanings(dtype)[np.isfinite(codecs.meanings(dtype))])
    halfway = (values[:-1] + values[1:]) / 2
    beyond = [2 * values[-1] - values[-2], 4 * values[-1], np.inf, -np.inf, np.nan]
    exact = np.concatenate([values, halfway, beyond, -np.asarray(beyond)])
    with np.errstate(over="ignore"):
        numbers = exact.astype(precision.numpy)
    return np.concatenate([numbers, np.nextafter(numbers, np.inf), np.nextafter(numbers, -np.inf)])


@pytest.mark.parametrize("target", [DType.FLOAT16, DType.FLOAT32, DType.FLOAT64])
@pytest.mark.parametrize("dtype", CODED)
def test_every_code_has_the_meaning_that_ml_dtypes_gives_it(dtype: DType, target: DType) -> None:
    x = every_code(dtype)

    (y,) = run_node("Cast", [x], {"to": number_of(target)})

    with np.errstate(over="ignore"):
        expected = x.astype(np.float64).astype(target.numpy)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("precision", NUMBERS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_round_to_the_nearest_code(dtype: DType, precision: DType) -> None:
    x = crucial_numbers(dtype, precision)

    (y,) = run_node("Cast", [x], {"to": number_of(dtype), "saturate": 0})

    with np.errstate(over="ignore"):
        expected = x.astype(dtype.numpy).astype(np.float64)
    np.testing.assert_array_equal(y.astype(np.float64), expected)


@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_out_of_range_become_the_largest_number_unless_told_otherwise(dtype: DType) -> None:
    x = crucial_numbers(dtype, DType.FLOAT32)

    (y,) = run_node("Cast", [x], {"to": number_of(dtype)})

    expected = numpy_helper.saturate_cast(x, dtype.numpy).astype(np.float64)
    np.testing.assert_array_equal(y.astype(np.float64), expected)


@pytest.mark.parametrize("source", [np.float32, np.int8, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_of_few_bits_wrap_around(dtype: DType, source: DTypeLike) -> None:
    x = np.arange(0 if source == np.uint8 else -20, 20).astype(source)

    (y,) = run_node("Cast", [x], {"to": number_of(dtype)})

    np.testing.assert_array_equal(y, x.astype(np.int32).astype(dtype.numpy))


@pytest.mark.parametrize(
    ("round_mode", "expected"),
    [("up", [0, 1, 2, 4, 4]), ("down", [0, 1, 2, 2, 2]), ("nearest", [0, 1, 2, 4, 2])],
)
def test_powers_of_two_round_as_asked(round_mode: str, expected: list[float]) -> None:
    x = np.array([0, 1, 2, 3, 2.9], np.float32)
    attributes = {"to": TensorProto.FLOAT8E8M0, "round_mode": round_mode}

    (y,) = run_node("Cast", [x], attributes, opset=24)

    np.testing.assert_array_equal(np.round(y.astype(np.float32)), expected)


def test_powers_of_two_saturate_or_become_nan() -> None:
    x = np.array([3e38, np.inf, np.nan], np.float32)

    (saturated,) = run_node("Cast", [x], {"to": TensorProto.FLOAT8E8M0})
    (not_saturated,) = run_node("Cast", [x], {"to": TensorProto.FLOAT8E8M0, "saturate": 0})

    np.testing.assert_array_equal(saturated.view(np.uint8), [254, 254, 255])
    np.testing.assert_array_equal(not_saturated.view(np.uint8), [255, 255, 255])


@pytest.mark.parametrize("dtype", codecs.BITS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (4,), (5,), (2, 3, 7)])
def test_codes_of_few_bits_come_out_of_their_bytes(dtype: DType, shape: tuple[int, ...]) -> None:
    codes = np.resize(np.arange(61, dtype=np.uint8), shape) % (1 << codecs.BITS[dtype])
    array = codes.astype(np.uint8).view(dtype.numpy)
    builder = Builder()
    graph = builder.graph([builder.constant(array)])

    result = evaluate(graph, {})[graph.outputs[0].name]

    np.testing.assert_array_equal(result.view(np.uint8), array.view(np.uint8))


@pytest.mark.parametrize("dtype", CODED)
def test_arithmetic_of_codes_is_refused(dtype: DType) -> None:
    x = Builder().input("x", (3,), dtype)

    with pytest.raises(UnsupportedTypeError, match="it has no arithmetic"):
        elementwise(lambda e: e + e, x)


@pytest.mark.parametrize("bits", [4, 2])
def test_weights_of_few_bits_are_shipped_packed(bits: int, rng: np.random.Generator) -> None:
    dtype = np.dtype(getattr(ml_dtypes, f"int{bits}"))
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (256, 129)).astype(dtype)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["f"]),
        helper.make_node("MatMul", ["x", "f"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "packed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 256])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 129])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array(0.5, np.float32), "s"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)
    x = rng.standard_normal((3, 256)).astype(np.float32)

    compiled = edgesite.compile(onnx.ModelProto.FromString(model.SerializeToString()))
    y = compiled.run({"x": x})["y"]

    np.testing.assert_allclose(y, x @ (weights.astype(np.float32) * 0.5), rtol=1e-5, atol=1e-4)
    assert len(compiled.weights) < weights.size * bits // 8 + 512
