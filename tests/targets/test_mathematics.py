"""Functions of numbers, in ulp against numpy's widest float, and where C defines a special case.

The limits are the errors that the docstrings state; they were found with more samples.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest

from edgesite.errors import InternalError
from edgesite.targets.wasm.mathematics import Mathematics
from edgesite.wasm import F32, F32X4, F64, I32, I32X4, Module, Type
from tests.wasm.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray

MEBIBYTE = 1 << 20
DTYPES = {F64: np.float64, F32: np.float32, F32X4: np.float32, I32: np.int32, I32X4: np.int32}
INFINITY, NAN = float("inf"), float("nan")

UNARY: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 1.0),
    "expm1": (np.expm1, 1.5),
    "log": (np.log, 0.8),
    "log1p": (np.log1p, 1.0),
    "sinh": (np.sinh, 2.1),
    "cosh": (np.cosh, 1.4),
    "tanh": (np.tanh, 2.1),
    "asinh": (np.arcsinh, 1.6),
    "acosh": (np.arccosh, 2.5),
    "atanh": (np.arctanh, 1.6),
    "sin": (np.sin, 0.8),
    "cos": (np.cos, 1.0),
    "tan": (np.tan, 2.1),
    "asin": (np.arcsin, 0.8),
    "acos": (np.arccos, 1.0),
    "atan": (np.arctan, 1.7),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 2.3),
}
VECTOR: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 1.2),
    "sigmoid": (UNARY["sigmoid"][0], 2.5),
    "tanh": (np.tanh, 1.4),
    "log": (np.log, 0.9),
    "sin": (np.sin, 1.6),
    "cos": (np.cos, 1.6),
}
ERF = np.vectorize(math.erf, otypes=[np.longdouble])

SPECIAL = [0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY, NAN, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0]
SPECIAL += [1e-310, -1e-310, 5e-324, 1e300, -1e300, 0.1, -1.5, math.nextafter(1, 2)]
SPECIAL += [math.nextafter(1, 0), 2.0**52 + 1, -(2.0**53), 1e19, 709.78, 710.4, -745.0, -746.0]


@functools.cache
def machine(name: str, view: Type, arity: int = 1, *, relaxed: bool = False) -> Machine:
    """Exports apply(count): a function of arrays at mebibytes 0, 1; the result goes to 2."""
    module = Module()
    module.memory(48, export="memory")
    mathematics = Mathematics(module, relaxed=relaxed)
    with (
        module.function("apply", count=I32, export=True) as (f, count),
        f.loop(0, count) as at,
    ):
        operands = [f.load(view, at * view.size_bytes, offset=k * MEBIBYTE) for k in range(arity)]
        result = mathematics.call(f, name, *operands)
        f.store(at * view.size_bytes, result, offset=2 * MEBIBYTE)
    return Machine(module)


def apply(name: str, view: Type, *arrays: Array, dtype: Any = None, relaxed: bool = False) -> Array:
    """A function of every element."""
    runner = machine(name, view, len(arrays), relaxed=relaxed)
    step, parts = MEBIBYTE // 8, []
    for start in range(0, arrays[0].size, step):
        pieces = [each[start : start + step].astype(DTYPES[view]) for each in arrays]
        size = pieces[0].size
        for k, piece in enumerate(pieces):
            runner.write(k * MEBIBYTE, np.pad(piece, (0, -size % view.lanes)))
        runner.call("apply", -(-size // view.lanes))
        parts.append(runner.read(2 * MEBIBYTE, size, dtype or DTYPES[view]))
    return np.concatenate(parts)


def errors(result: Array, exact: Array) -> Array:
    """In units of the last place of the result's type; infinite where only one is finite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(result.dtype)
        distance = np.abs(result.astype(np.longdouble) - exact) / np.spacing(np.abs(rounded))
    alike = (np.isnan(result) & np.isnan(rounded)) | (result == rounded)
    finite = np.isfinite(result) & np.isfinite(rounded)
    return np.where(finite, distance, np.where(alike, 0.0, np.inf))


def numbers(rng: np.random.Generator, dtype: Any = np.float64) -> Array:
    """Numbers of every size and both signs, denser where functions bend."""
    count = 20_000
    bits = np.dtype(dtype).itemsize * 8
    with np.errstate(all="ignore"):
        return np.concatenate(
            [
                *(rng.uniform(-size, size, count) for size in (1.0, 5.0, 30.0, 760.0)),
                1.0 + rng.uniform(-1e-3, 1e-3, count),
                10.0 ** rng.uniform(-30, 3, count),
                -(10.0 ** rng.uniform(-30, 3, count)),
                rng.uniform(700.0, 712.0, count),
                rng.integers(0, 1 << bits, count, f"u{bits // 8}").view(dtype).astype(float),
                np.array(SPECIAL),
            ]
        ).astype(dtype)


def assert_within(result: Array, exact: Array, x: Array, limit: float) -> None:
    found = errors(result, exact)
    worst = int(np.argmax(found))

    assert found[worst] <= limit, f"{found[worst]} ulp at {x[worst]!r}: {result[worst]!r}"


@pytest.mark.parametrize("name", UNARY)
def test_float64_stays_within_its_error(name: str, rng: np.random.Generator) -> None:
    function, limit = UNARY[name]
    x = numbers(rng)
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > 1e15)]  # the reference itself ends near 2^63
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.longdouble))

    assert_within(apply(name, F64, x), exact, x, limit)


def test_erf_of_float64(rng: np.random.Generator) -> None:
    x = numbers(rng)[::7]

    assert_within(apply("erf", F64, x), ERF(x), x, 1.5)


@pytest.mark.parametrize("name", [*UNARY, "erf"])
def test_float32_is_rounded_from_float64(name: str, rng: np.random.Generator) -> None:
    x = numbers(rng, np.float32)[::5]
    function = ERF if name == "erf" else UNARY[name][0]
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) > 1e15)]
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.longdouble))

    assert_within(apply(name, F32, x), exact, x, 0.5001)


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("name", VECTOR)
def test_lanes_stay_within_their_error(
    name: str, rng: np.random.Generator, *, relaxed: bool
) -> None:
    function, limit = VECTOR[name]
    x = np.concatenate([numbers(rng, np.float32), rng.uniform(-1e6, 1e6, 9999)]).astype("f4")
    if name in ("sin", "cos"):
        x = x[~(np.abs(x) > 1e15)]
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.longdouble))

    result = apply(name, F32X4, x, relaxed=relaxed)
    if name in ("exp", "sigmoid"):  # which are 0 where it is hardly a normal number
        lost = (result == 0) & (exact < 1.7e-38)
        exact = np.where(lost, 0, exact)

    assert_within(result, exact, x, limit)


@pytest.mark.parametrize("relaxed", [False, True])
def test_erf_of_lanes(rng: np.random.Generator, *, relaxed: bool) -> None:
    x = numbers(rng, np.float32)[::3]

    assert_within(apply("erf", F32X4, x, relaxed=relaxed), ERF(x.astype(float)), x, 1.3)


@pytest.mark.parametrize("relaxed", [False, True])
def test_gelu_of_lanes(rng: np.random.Generator, *, relaxed: bool) -> None:
    x = np.concatenate([numbers(rng, np.float32)[::3], rng.uniform(-9, 9, 20_000)]).astype("f4")
    exact = x * np.vectorize(math.erfc)(-x / math.sqrt(2))

    result = apply("twice_gelu", F32X4, x, relaxed=relaxed)

    np.testing.assert_array_equal(np.isnan(result), np.isnan(exact))
    ordered = np.abs(exact) < np.finfo(np.float32).max
    distance = np.abs(result - exact)[ordered]
    assert np.all(distance <= 2 * np.finfo(np.float32).eps * np.abs(x[ordered]))
    assert np.all(np.abs(result[x < -8]) < 1e-13)


@pytest.mark.parametrize("relaxed", [False, True])
def test_sigmoid_of_lanes_and_a_factor(rng: np.random.Generator, *, relaxed: bool) -> None:
    x = np.concatenate([numbers(rng, np.float32), rng.uniform(-20, 20, 20_000)]).astype("f4")
    factor = rng.standard_normal(x.size).astype(np.float32)
    with np.errstate(over="ignore"):
        exact = factor / (1 + np.exp(-x.astype(np.longdouble)))

    result = apply("times_sigmoid", F32X4, x, factor, relaxed=relaxed)

    np.testing.assert_array_equal(np.isnan(result), np.isnan(exact))
    distance = np.abs(result - exact)[~np.isnan(exact)]
    assert np.all(distance <= 2 * np.finfo(np.float32).eps * np.abs(factor[~np.isnan(exact)]))
    np.testing.assert_array_equal(result[x < -89], 0)


@pytest.mark.parametrize("view", [F64, F32X4])
@pytest.mark.parametrize("name", ["sin", "tan", "asin", "atan", "sinh", "tanh", "erf", "expm1"])
def test_odd_functions_keep_the_sign_of_zero(name: str, view: Type) -> None:
    if not Mathematics.has_vector(name):
        view = F64
    result = apply(name, view, np.array([0.0, -0.0]))

    np.testing.assert_array_equal(result, [0.0, 0.0])
    np.testing.assert_array_equal(np.signbit(result), [False, True])


@pytest.mark.parametrize("name", ["asinh", "atanh", "log1p"])
def test_the_inverses_keep_the_sign_of_zero(name: str) -> None:
    result = apply(name, F64, np.array([0.0, -0.0]))

    np.testing.assert_array_equal(np.signbit(result), [False, True])


# Sine, cosine and tangent, from 1300 bits; the last is the float64 nearest to a multiple of pi/2.
FAR = [
    (2.0**20, 0.3304931400217347, 0.943808393901312, 0.350169740126609),
    (math.nextafter(2.0**20, 9e9), 0.3304931402414822, 0.9438083938243631, 0.3501697403879891),
    (1e10, -0.4875060250875107, 0.873119622676856, -0.5583496378112418),
    (1e22, -0.8522008497671888, 0.523214785395139, -1.6287782256068988),
    (-1e300, 0.8178819121159085, -0.5753861119575491, -1.4214488238747245),
    (1.7976931348623157e308, 0.004961954789184062, -0.9999876894265599, -0.004962015874444895),
    (6381956970095103 * 2.0**797, 1.0, -4.687165924254628e-19, -2.133485385753704e18),
]


@pytest.mark.parametrize(("column", "name"), [(1, "sin"), (2, "cos"), (3, "tan")])
def test_circles_of_far_arguments_are_right(column: int, name: str) -> None:
    table = np.array(FAR)
    exact = table[:, column].astype(np.longdouble)

    assert_within(apply(name, F64, table[:, 0]), exact, table[:, 0], 2.0)


@pytest.mark.parametrize("function", [math.sin, math.cos], ids=lambda each: each.__name__)
def test_circles_of_far_arguments_agree_with_the_c_library(
    function: Callable[[float], float], rng: np.random.Generator
) -> None:
    x = np.concatenate([10 ** rng.uniform(5, 25, 2000), 10 ** rng.uniform(25, 308, 2000)])
    x = np.concatenate([x, -x])
    expected = [function(each) for each in x.tolist()]

    np.testing.assert_allclose(apply(function.__name__, F64, x), expected, rtol=1e-15)


def test_circles_of_far_lanes_are_exact_and_leave_their_neighbours_alone() -> None:
    x = np.array([0.5, 1e22, -3.0, 2e6, -1e30, NAN, INFINITY, 1.0], np.float32)
    with np.errstate(invalid="ignore"):
        expected = np.sin(x.astype(np.float64))

    np.testing.assert_allclose(apply("sin", F32X4, x), expected, rtol=2e-7)


def pairs(rng: np.random.Generator) -> tuple[Array, Array]:
    """Special numbers with each other, then bases and powers of many sizes."""
    count = 20_000
    x, y = (each.ravel() for each in np.meshgrid(SPECIAL, SPECIAL))
    bits = rng.integers(0, 1 << 64, (2, count), np.uint64).view(np.float64)
    columns = [
        (x, y),
        (rng.uniform(0, 2, count), rng.uniform(-1000, 1000, count)),
        (rng.uniform(0.9, 1.1, count), rng.uniform(-7000, 7000, count)),
        (10 ** rng.uniform(-300, 300, count), rng.uniform(-1.1, 1.1, count)),
        (rng.uniform(-100, 100, count), rng.integers(-150, 150, count).astype(float)),
        (bits[0], bits[1]),
    ]
    bases, powers = zip(*columns, strict=True)
    return np.concatenate(bases), np.concatenate(powers)


def test_powers_are_those_of_c(rng: np.random.Generator) -> None:
    x, y = pairs(rng)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    result = apply("pow", F64, x, y)

    assert_within(result, exact, x, 1.0)
    ordered = ~np.isnan(result)
    np.testing.assert_array_equal(np.signbit(result)[ordered], np.signbit(exact)[ordered])


def test_remainders_are_exact(rng: np.random.Generator) -> None:
    x, y = pairs(rng)
    with np.errstate(all="ignore"):
        expected = np.fmod(x, y)
    result = apply("fmod", F64, x, y)

    np.testing.assert_array_equal(result, expected)
    ordered = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(result)[ordered], np.signbit(expected)[ordered])


def test_float32_remainders_are_exact(rng: np.random.Generator) -> None:
    x = rng.integers(0, 1 << 32, 20_000, np.uint32).view(np.float32)
    y = rng.integers(0, 1 << 32, 20_000, np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        expected = np.fmod(x, y)

    np.testing.assert_array_equal(apply("fmod", F32, x, y), expected)


HALVES = [("float16", np.dtype(np.float16)), ("bfloat16", np.dtype(ml_dtypes.bfloat16))]


@pytest.mark.parametrize("view", [I32, I32X4])
@pytest.mark.parametrize(("name", "dtype"), HALVES)
def test_every_half_has_its_value(name: str, dtype: np.dtype, view: Type) -> None:
    bits = np.arange(1 << 16)
    expected = bits.astype(np.uint16).view(dtype).astype(np.float32)

    result = apply(f"{name}_value", view, bits, dtype=np.float32)

    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


@pytest.mark.parametrize("view", [F32, F32X4])
@pytest.mark.parametrize(("name", "dtype"), HALVES)
def test_halves_round_to_nearest_even(
    name: str, dtype: np.dtype, view: Type, rng: np.random.Generator
) -> None:
    """Random bits, sizes of half precision, all halves and the points between two of them."""
    with np.errstate(all="ignore"):
        halves = np.arange(1 << 16).astype(np.uint16).view(dtype).astype(np.float32)
        middles = halves + np.spacing(halves.astype(dtype)).astype(np.float32) / 2
        x = np.concatenate(
            [
                rng.integers(0, 1 << 32, 100_000, np.uint32).view(np.float32),
                10 ** rng.uniform(-9, 6, 50_000).astype(np.float32),
                halves,
                middles,
                np.nextafter(middles, np.float32(0)),
                np.nextafter(middles, np.float32(np.inf)),
                np.array([65504, 65519.996, 65520, 65536, 2.0**-25, 2.0**-24, 6.1e-5], "f4"),
            ]
        )
        expected = x.astype(dtype)

    result = apply(f"{name}_bits", view, x, dtype=np.int32).astype(np.uint16).view(dtype)

    np.testing.assert_array_equal(result.astype(float), expected.astype(float))
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


def test_a_module_has_a_function_once_and_only_those_it_uses() -> None:
    module = Module()
    mathematics = Mathematics(module)
    with module.function("f", x=F64, result=F64) as (f, x):
        twice = mathematics.call(f, "exp", x) + mathematics.call(f, "exp", -x)
        f.return_(twice)

    assert [each.name for each in module.functions] == ["f", "exp_f64", "exp_of_sum_f64"]


def test_an_unknown_function_is_refused_with_those_there_are() -> None:
    module = Module()
    mathematics = Mathematics(module)

    with (
        module.function("f", x=F64) as (f, x),
        pytest.raises(InternalError, match=r"no gamma of f64; there are .*atan"),
    ):
        mathematics.call(f, "gamma", x)
