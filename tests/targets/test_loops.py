"""The generic loops, against the meaning of the primitives: every rank, dtype and tail."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesite.ir import INDEX, DType, Expr, Tensor, binary, elementwise, equal, select, unary
from tests.targets.programs import Array, answers, assert_means_the_same, assert_same, program

SIZES = [0, 1, 3, 4, 5, 7, 8, 1009]
INTEGERS = [dtype for dtype in DType if dtype.is_integer]
SIGNED = [dtype for dtype in INTEGERS if not dtype.is_unsigned]
FLOATS = [dtype for dtype in DType if dtype.is_float]


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Array:
    """Small numbers that every dtype can hold exactly."""
    return rng.integers(0, 2 if dtype is DType.BOOL else 12, shape).astype(dtype.numpy)


def extremes(dtype: DType) -> tuple[Array, Array]:
    """Every pair of the integers where arithmetic breaks."""
    limits = np.iinfo(dtype.numpy.name)
    edges = {limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1, 2, 3, 7}
    if not dtype.is_unsigned:
        edges |= {-1, -2, -3, -7}
    array = np.array(sorted(edges), dtype.numpy)
    a, b = np.meshgrid(array, array)
    return a.ravel(), b.ravel()


# What there is arithmetic for.
COMPUTED = [d for d in DType if d.is_float or d.is_integer or d is DType.BOOL]


# Maps


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_maps_broadcast_as_numpy_does(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from(COMPUTED))
    shape = data.draw(st.lists(st.integers(1, 6), max_size=6))
    feeds = {}
    for name in ("a", "b"):
        own = [1 if data.draw(st.booleans()) else n for n in shape]
        feeds[name] = numbers(rng, tuple(own[data.draw(st.integers(0, len(own))) :]), dtype)
    op = "or" if dtype is DType.BOOL else "max"

    assert_means_the_same(lambda a, b: elementwise(lambda x, y: binary(op, x, y), a, b), feeds)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT64, DType.INT8], ids=str)
def test_maps_handle_every_tail(size: int, dtype: DType, rng: np.random.Generator) -> None:
    feeds = {"x": numbers(rng, (2, size), dtype), "y": numbers(rng, (size,), dtype)}

    assert_means_the_same(lambda x, y: (x * 2 + y) * x, feeds)


@pytest.mark.parametrize("source", COMPUTED, ids=str)
def test_casts_convert_numbers_every_dtype_holds(source: DType, rng: np.random.Generator) -> None:
    feeds = {"x": numbers(rng, (13,), source)}

    assert_means_the_same(lambda x: [x.cast(target) for target in COMPUTED], feeds)


@pytest.mark.parametrize("source", INTEGERS, ids=str)
@pytest.mark.parametrize("target", INTEGERS, ids=str)
def test_casts_between_integers_wrap_around(source: DType, target: DType) -> None:
    x, _ = extremes(source)

    graph = program(lambda x: elementwise(lambda e: e.cast(target), x), {"x": x})

    assert_same(answers(graph, {"x": x})[0], x.astype(target.numpy))


@pytest.mark.parametrize("target", [DType.INT32, DType.INT64, DType.UINT64], ids=str)
@pytest.mark.parametrize("source", [DType.FLOAT32, DType.FLOAT64], ids=str)
def test_casts_of_floats_truncate_and_saturate(source: DType, target: DType) -> None:
    limits = np.iinfo(target.numpy.name)
    x = np.array([-np.inf, -1e30, -2.7, -0.4, 0.4, 2.7, 1e30, np.inf, np.nan], source.numpy)

    got = answers(program(lambda x: x.cast(target), {"x": x}), {"x": x})[0]

    low, two = limits.min, 0 if target.is_unsigned else -2
    np.testing.assert_array_equal(got, [low, low, two, 0, 0, 2, limits.max, limits.max, 0])


@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.BFLOAT16], ids=str)
def test_halves_are_rounded_to_even_when_stored(dtype: DType) -> None:
    x = np.linspace(-70000, 70000, 1009, dtype=np.float32)

    got = answers(program(lambda x: x.cast(dtype), {"x": x}), {"x": x})[0]

    with np.errstate(over="ignore"):
        wanted = x.astype(dtype.numpy)
    np.testing.assert_array_equal(got.astype(np.float32), wanted.astype(np.float32))


# Integers


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize(
    "op", ["add", "sub", "mul", "min", "max", "and", "or", "xor", "eq", "lt", "ge"]
)
def test_integer_arithmetic_wraps_as_numpy_does(dtype: DType, op: str) -> None:
    a, b = extremes(dtype)

    assert_means_the_same(
        lambda x, y: elementwise(lambda p, q: binary(op, p, q), x, y), {"a": a, "b": b}
    )


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("op", ["floordiv", "mod", "rem", "div"])
def test_integer_division_never_traps_and_agrees_with_numpy(dtype: DType, op: str) -> None:
    a, b = extremes(dtype)
    feeds = {"a": a, "b": b}

    graph = program(lambda x, y: elementwise(lambda p, q: binary(op, p, q), x, y), feeds)
    got = answers(graph, feeds)[0]

    with np.errstate(all="ignore"):
        wanted: dict[str, Callable[..., Array]] = {
            "floordiv": np.floor_divide,
            "mod": np.mod,
            "rem": np.fmod,
            "div": truncated,
        }
        np.testing.assert_array_equal(got, wanted[op](a, b))


def truncated(a: Array, b: Array) -> Array:
    """a / b rounded towards zero, exactly; 0 where b is."""
    quotients = [0 if q == 0 else abs(int(p)) // abs(int(q)) for p, q in zip(a, b, strict=True)]
    signs = [-1 if (p < 0) != (q < 0) else 1 for p, q in zip(a, b, strict=True)]
    exact = [s * q for s, q in zip(signs, quotients, strict=True)]
    return np.array([e % (1 << 8 * a.itemsize) for e in exact], f"u{a.itemsize}").astype(a.dtype)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("op", ["shl", "shr"])
def test_shifts_beyond_the_width_leave_nothing_but_the_sign(dtype: DType, op: str) -> None:
    bits = dtype.bits
    a, b = np.meshgrid(extremes(dtype)[0][:13], [0, 1, bits - 1, bits, bits + 1, 100])
    feeds = {"a": a.astype(dtype.numpy), "b": b.astype(dtype.numpy)}

    graph = program(lambda x, y: elementwise(lambda p, q: binary(op, p, q), x, y), feeds)

    shift = np.left_shift if op == "shl" else np.right_shift
    np.testing.assert_array_equal(answers(graph, feeds)[0], shift(feeds["a"], feeds["b"]))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integer_powers_wrap_around(dtype: DType) -> None:
    a, b = extremes(dtype)
    natural = b >= 0
    feeds = {"a": a[natural], "b": b[natural]}

    graph = program(lambda x, y: elementwise(lambda p, q: binary("pow", p, q), x, y), feeds)

    np.testing.assert_array_equal(answers(graph, feeds)[0], np.power(feeds["a"], feeds["b"]))


@pytest.mark.parametrize("dtype", SIGNED, ids=str)
def test_integer_powers_below_zero_are_zero_but_for_units(dtype: DType) -> None:
    base = np.array([-3, -2, -1, -1, 0, 1, 2], dtype.numpy)
    power = np.array([-1, -2, -1, -2, -1, -3, -1], dtype.numpy)
    feeds = {"a": base, "b": power}

    graph = program(lambda x, y: elementwise(lambda p, q: binary("pow", p, q), x, y), feeds)

    np.testing.assert_array_equal(answers(graph, feeds)[0], [0, 0, -1, 1, 0, 1, 0])


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("op", ["neg", "abs", "sign", "bit_not"])
def test_integer_functions_wrap_as_numpy_does(dtype: DType, op: str) -> None:
    x, _ = extremes(dtype)

    assert_means_the_same(lambda x: elementwise(lambda e: unary(op, e), x), {"x": x})


def test_constants_that_leave_32_bits_wrap_around() -> None:
    x = np.array([1, 2, 2**30, -(2**31)], np.int32)
    big = 2**31 - 1

    graph = program(lambda x: [x * 65536 * 65536 * 3, x * 100000 * 100000, x + big + big], {"x": x})

    shifted, scaled, added = answers(graph, {"x": x}, fused=True)
    np.testing.assert_array_equal(shifted, [0, 0, 0, 0])
    np.testing.assert_array_equal(scaled, x * np.int32(100000) * np.int32(100000))
    np.testing.assert_array_equal(added, x - np.int32(2))


# Floats


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("op", ["min", "max"])
@pytest.mark.parametrize("size", [1, 4, 5])
def test_the_smaller_and_the_larger_let_a_nan_win(dtype: DType, op: str, size: int) -> None:
    a = np.array([np.nan, 1, 2, np.nan, 3][:size], dtype.numpy)
    b = np.array([1, np.nan, 3, np.nan, 2][:size], dtype.numpy)

    assert_means_the_same(
        lambda x, y: [
            elementwise(lambda p, q: binary(op, p, q), x, y),
            elementwise(lambda p: binary(op, p, 1.5), x),
            elementwise(lambda p: binary(op, 1.5, p), x),
            elementwise(lambda p: binary(op, p, np.nan), y),
        ],
        {"a": a, "b": b},
    )


@pytest.mark.parametrize("size", [1, 4, 7])
@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_with_nan_choose_in_lanes_as_alone(op: str, size: int) -> None:
    a = np.array([np.nan, 1, 2, -0.0, np.inf, 3, np.nan][:size], np.float32)
    b = np.array([1, np.nan, 2, 0.0, np.inf, 2, np.nan][:size], np.float32)

    assert_means_the_same(
        lambda x, y: elementwise(lambda p, q: select(binary(op, p, q), p + 1.0, q * 2.0), x, y),
        {"a": a, "b": b},
    )


@pytest.mark.parametrize("size", [1, 3, 4, 5, 1009])
def test_gelus_are_found_however_they_are_written(size: int, rng: np.random.Generator) -> None:
    """Among factors that are none, though they look much like one."""
    feeds = {name: 4 * numbers(rng, (size,), DType.FLOAT32) for name in ("x", "y")}

    def tail(e: Expr) -> Expr:
        return unary("erf", e)

    assert_means_the_same(
        lambda x, y: [
            elementwise(lambda e: e * (tail(e / sqrt(2)) + 1.0), x),
            elementwise(lambda e: (1.0 + tail(e * sqrt(0.5))) * e * 0.5, x),
            elementwise(lambda e, o: o * (tail(e / sqrt(2)) + 1.0), x, y),
            elementwise(lambda e: e * (tail(e * sqrt(2)) + 1.0), x),
            elementwise(lambda e: e * (tail(e / sqrt(2)) + 2.0), x),
        ],
        feeds,
        2e-6,
    )


# Reductions


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("combine", ["sum", "prod", "max", "min", "argmax", "argmin"])
def test_reductions_along_and_across_memory_handle_every_tail(
    combine: str, size: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.uniform(0.9, 1.1, (5, size)).astype(np.float32)}

    assert_means_the_same(
        lambda x: [
            x.reduce([5], [size], lambda i, j: x.at(i, j), combine),
            x.reduce([size], [5], lambda j, i: x.at(i, j), combine),
        ],
        feeds,
        tolerance=3e-6,
    )


@pytest.mark.parametrize("dtype", [d for d in COMPUTED if d is not DType.BOOL], ids=str)
@pytest.mark.parametrize("combine", ["sum", "prod", "max", "min", "argmax", "argmin"])
def test_reductions_know_every_dtype(combine: str, dtype: DType, rng: np.random.Generator) -> None:
    feeds = {"x": numbers(rng, (2, 3, 5), dtype)}

    assert_means_the_same(
        lambda x: [
            x.reduce([2, 5], [3], lambda i, k, j: x.at(i, j, k), combine),
            x.reduce([2, 1], [0], lambda i, j, k: x.at(i, j, k), combine),
        ],
        feeds,
        tolerance=1e-6,
    )


@pytest.mark.parametrize("size", [3, 4, 15, 16, 17, 21, 37])
@pytest.mark.parametrize("combine", ["sum", "prod", "max", "min"])
def test_long_reductions_side_by_side_handle_every_tail(
    combine: str, size: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.uniform(0.9, 1.1, (2, 5, 3, size)).astype(np.float32)}

    assert_means_the_same(
        lambda x: x.reduce([2, size], [5, 3], lambda n, c, h, w: x.at(n, h, w, c), combine),
        feeds,
        tolerance=3e-6,
    )


@pytest.mark.parametrize("size", [3, 4, 9, 23])
@pytest.mark.parametrize("combine", ["max", "min"])
def test_extrema_of_runs_with_a_nan_are_nan(combine: str, size: int) -> None:
    x = np.arange(size * size, dtype=np.float32).reshape(size, size)
    x[1, 2] = np.nan

    assert_means_the_same(
        lambda x: [
            x.reduce([size], [size], lambda i, j: x.at(i, j), combine),
            x.reduce([size], [size], lambda j, i: x.at(i, j), combine),
        ],
        {"x": x},
    )


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8, DType.UINT64, DType.BOOL], ids=str)
@pytest.mark.parametrize("combine", ["argmax", "argmin"])
@pytest.mark.parametrize("last", [False, True])
def test_of_equals_the_first_or_the_last_is_the_extremum(
    dtype: DType, combine: str, last: bool
) -> None:
    x = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], dtype.numpy)

    assert_means_the_same(
        lambda x: x.reduce([4], [4], lambda i, j: x.at(i, j), combine, last=last), {"x": x}
    )


@pytest.mark.parametrize("combine", ["argmax", "argmin"])
def test_the_first_nan_is_the_extremum(combine: str) -> None:
    x = np.array([[1, np.nan, 3, np.nan], [np.nan, 1, 2, 3], [np.inf, 0, -np.inf, 0]], np.float32)

    assert_means_the_same(lambda x: x.reduce([3], [4], lambda i, j: x.at(i, j), combine), {"x": x})


def test_long_sums_keep_their_precision(rng: np.random.Generator) -> None:
    x = rng.uniform(0, 1, 100_003)

    got = answers(
        program(lambda x: x.reduce([], [100_003], lambda i: x.at(i)), {"x": x.astype(np.float32)}),
        {"x": x.astype(np.float32)},
    )[0]

    np.testing.assert_allclose(got, x.sum(), rtol=2e-6)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_reductions_over_any_axes_mean_the_same(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    dtype = data.draw(st.sampled_from([DType.FLOAT32, DType.INT32, DType.FLOAT16]))
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    order = [*kept, *sorted(axes)]

    assert_means_the_same(
        lambda x: x.reduce(
            [shape[k] for k in kept],
            [shape[k] for k in sorted(axes)],
            lambda *at: x.at(*(at[order.index(k)] for k in range(len(shape)))),
        ),
        {"x": numbers(rng, tuple(shape), dtype)},
    )


# Scans and scatters


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("combine", ["sum", "prod"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((5,), 0), ((1,), 0), ((3, 4), 1), ((4, 3, 2), 1), ((2, 0), 1)]
)
def test_scans_run_from_either_end(
    shape: tuple[int, ...], axis: int, combine: str, reverse: bool, exclusive: bool,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    feeds = {"x": numbers(rng, shape, DType.FLOAT32), "y": numbers(rng, shape, DType.INT8)}

    assert_means_the_same(
        lambda *xs: [x.scan(axis, combine, exclusive=exclusive, reverse=reverse) for x in xs],
        feeds,
    )


@pytest.mark.parametrize("combine", ["set", "sum", "prod", "max", "min"])
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.UINT8, DType.INT64], ids=str)
def test_scatters_update_in_order_and_ignore_what_lies_outside(
    combine: str, dtype: DType, rng: np.random.Generator
) -> None:
    feeds = {
        "base": numbers(rng, (5, 3), dtype),
        "where": np.array([4, 0, -1, 4, 5, 2, 4], np.int64),
        "update": numbers(rng, (7, 3), dtype),
    }

    assert_means_the_same(
        lambda base, where, update: base.scatter(
            [7, 3], lambda u, v: [where.at(u).cast(INDEX), v], lambda u, v: update.at(u, v), combine
        ),
        feeds,
    )


# Boxes and addresses


@pytest.mark.parametrize("sizes", [(1, 4), (3, 5), (8, 1), (4, 4, 7)])
def test_concatenations_are_split_where_parts_meet(
    sizes: tuple[int, ...], rng: np.random.Generator
) -> None:
    feeds = {f"x{k}": numbers(rng, (2, size), DType.FLOAT32) for k, size in enumerate(sizes)}
    ends = np.cumsum(sizes)

    def joined(*parts):  # type: ignore[no-untyped-def]
        def body(i, j):  # type: ignore[no-untyped-def]
            element = parts[-1].at(i, j - int(ends[-2]))
            for part, end, size in list(zip(parts, ends, sizes, strict=True))[-2::-1]:
                element = select(j < int(end), part.at(i, j - int(end - size)), element)
            return element

        return parts[0].compute([2, int(ends[-1])], body)

    assert_means_the_same(joined, feeds)


@pytest.mark.parametrize("pads", [(0, 0, 0, 1), (1, 2, 3, 4), (0, 7, 0, 0)])
def test_padded_reads_are_split_into_border_and_inside(
    pads: tuple[int, int, int, int], rng: np.random.Generator
) -> None:
    top, left, bottom, right = pads
    feeds = {"x": numbers(rng, (3, 9), DType.FLOAT32)}

    assert_means_the_same(
        lambda x: x.compute(
            [3 + top + bottom, 9 + left + right], lambda i, j: x.at_or(-1.0, i - top, j - left)
        ),
        feeds,
    )


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("width", [3, 4, 7, 12])
@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT32, DType.FLOAT64], ids=str)
def test_arithmetic_on_what_is_turned(
    size: int, width: int, dtype: DType, rng: np.random.Generator
) -> None:
    feeds = {
        "x": numbers(rng, (3, size, width), dtype),
        "y": numbers(rng, (width, 2, size), dtype),
        "row": numbers(rng, (size,), dtype),
    }

    def mixed(x, y, row):  # type: ignore[no-untyped-def]
        return x.compute(
            [3, 2, width, size],
            lambda n, m, i, j: x.at(n, j, i) * (y.at(i, m, j) + row.at(j)) - y.at(i, m, 0),
        )

    assert_means_the_same(mixed, feeds)


@pytest.mark.parametrize("block", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("width", [1, 3, 4, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_shuffled(
    block: int, width: int, channels: int, rng: np.random.Generator
) -> None:
    feeds = {"x": numbers(rng, (2, 3, width, channels * block * block), DType.FLOAT32)}
    feeds["bias"] = numbers(rng, (channels * block * block,), DType.FLOAT32)

    def shuffled(x, bias):  # type: ignore[no-untyped-def]
        def body(n, i, j, c):  # type: ignore[no-untyped-def]
            channel = ((i % block) * block + j % block) * channels + c
            return x.at(n, i // block, j // block, channel) + bias.at(channel)

        return x.compute([2, 3 * block, width * block, channels], body)

    assert_means_the_same(shuffled, feeds)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4), (5, 1, 7)])
@pytest.mark.parametrize("cut", [0, 2, 5])
def test_merged_axes_are_read_where_they_were(
    shape: tuple[int, int, int], cut: int, rng: np.random.Generator
) -> None:
    feeds = {"x": numbers(rng, shape, DType.FLOAT32), "y": numbers(rng, shape, DType.FLOAT32)}
    middle, last = shape[1:]

    def joined(x, y):  # type: ignore[no-untyped-def]
        def body(i, j):  # type: ignore[no-untyped-def]
            at = j // last, j % last
            return select(i < cut, x.at(i % shape[0], *at), y.at(i // 2, *at))

        return x.compute([2 * shape[0], middle * last], body)

    assert_means_the_same(joined, feeds)


@pytest.mark.parametrize("divisor", [3, 4, 7, 100])
def test_indices_divide_where_nothing_comes_out_even(
    divisor: int, rng: np.random.Generator
) -> None:
    feeds = {"x": numbers(rng, (10, 10), DType.FLOAT32)}

    assert_means_the_same(
        lambda x: x.compute(
            [10, 10], lambda i, j: x.at((i + 1) // divisor % 10, j % divisor % 6) + x.at(j, i)
        ),
        feeds,
    )


@pytest.mark.parametrize("rank", range(1, 7))
def test_elements_are_reversed_and_turned_at_any_rank(rank: int, rng: np.random.Generator) -> None:
    shape = (2, 3, 1, 5, 2, 4)[:rank]
    feeds = {"x": numbers(rng, shape, DType.FLOAT32)}

    assert_means_the_same(
        lambda x: x.view(
            shape[::-1], lambda *at: [n - 1 - a for a, n in zip(at[::-1], shape, strict=True)]
        ),
        feeds,
    )


def test_gathers_read_only_where_their_index_is_valid(rng: np.random.Generator) -> None:
    feeds = {
        "x": rng.standard_normal((6, 5)).astype(np.float32),
        "where": np.array([0, 5, -3, 2**30, -(2**30), 2], np.int32),
    }

    assert_means_the_same(
        lambda x, where: x.compute([6, 5], lambda i, j: x.at_or(7.0, where.at(i), j)), feeds
    )


def test_positions_chosen_by_a_comparison_of_elements(rng: np.random.Generator) -> None:
    feeds = {"x": rng.standard_normal((3, 8)).astype(np.float32)}

    assert_means_the_same(
        lambda x: x.compute(
            [3, 8],
            lambda i, j: select(equal(i, 1) & (x.at(i, j) > 0.0), x.at(0, j), x.at(2, 7 - j)),
        ),
        feeds,
    )


@pytest.mark.parametrize("channels", [3, 4, 5, 8, 12, 16, 20])
@pytest.mark.parametrize("width", [1, 3, 4, 5, 7, 8, 9, 1009])
def test_short_rows_are_mixed_at_every_width(
    width: int, channels: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal((channels, 2, width), dtype=np.float32)}

    def interleaved(x: Tensor) -> list[Tensor]:
        shape = (2, width, channels)
        moved = x.compute(shape, lambda h, w, c: x.at(c, h, w))
        scaled = x.compute(shape, lambda h, w, c: x.at(c, h, w) * 2 + 1)
        return [moved, scaled]

    assert_means_the_same(interleaved, feeds)


@pytest.mark.parametrize("height", [3, 4, 9])
@pytest.mark.parametrize("width", [3, 4, 5, 9])
def test_squares_are_turned_where_they_are_read_backwards(
    height: int, width: int, rng: np.random.Generator
) -> None:
    feeds = {"x": rng.standard_normal((width, height), dtype=np.float32)}

    assert_means_the_same(
        lambda x: [
            x.compute((height, width), lambda h, w: x.at(w, height - 1 - h) * 2),
            x.compute((height, width), lambda h, w: x.at(width - 1 - w, h) * 2),
            x.compute((height, width), lambda h, w: x.at(width - 1 - w, height - 1 - h) * 2),
        ],
        feeds,
    )


def test_reads_that_move_unevenly_are_not_turned(rng: np.random.Generator) -> None:
    feeds = {"x": rng.standard_normal((2, 9, 8), dtype=np.float32)}

    assert_means_the_same(
        lambda x: x.compute((8, 17), lambda h, w: x.at((w + 1) % 2, (w + 1) // 2, h) * 2), feeds
    )


@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("width", [1, 3, 4, 5, 7, 8, 9, 1009])
def test_elements_apart_are_read_together(width: int, step: int, rng: np.random.Generator) -> None:
    feeds = {"x": rng.standard_normal((2, step * width), dtype=np.float32)}

    assert_means_the_same(
        lambda x: [
            x.compute((2, width), lambda h, w, k=k: x.at(h, step * w + k) * 2) for k in range(step)
        ],
        feeds,
    )
