"""Programs: what verify refuses, what is settled, what is dropped, and how they print."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgesite.errors import InternalError, UnsupportedShapeError, UnsupportedTypeError
from edgesite.ir import (
    INDEX,
    Axis,
    Builder,
    DType,
    Graph,
    Load,
    Map,
    Value,
    broadcast_shape,
    elementwise,
    format_graph,
    verify,
)

X, Y, Z = (Value(name, (3,), DType.FLOAT32) for name in "xyz")
I = Axis(INDEX, 0, 3)  # noqa: E741 - the axis that listings call i


def at(value: Value) -> Load:
    return Load(value.dtype, value, (I,))


GOOD = Graph((X,), (Z,), (Map(Y, at(X) + 1.0), Map(Z, at(Y) * 2.0)), {})


def test_a_good_program_is_given_back() -> None:
    assert verify(GOOD) is GOOD


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (replace(GOOD, nodes=GOOD.nodes[::-1]), "z reads y too early"),
        (replace(GOOD, nodes=(*GOOD.nodes, GOOD.nodes[1])), "z is made twice"),
        (replace(GOOD, nodes=(Map(X, at(X)),)), "x is made twice"),
        (replace(GOOD, nodes=GOOD.nodes[:1]), "output z is never made"),
        (replace(GOOD, nodes=(Map(Z, Load(DType.FLOAT32, X, ())),)), "z misreads x"),
        (replace(GOOD, nodes=(Map(Z, Load(DType.INT8, X, (I,))),)), "z misreads x"),
        (replace(GOOD, constants={Y: np.zeros(4, np.float32)}), "constant"),
        (replace(GOOD, constants={Y: np.zeros(3, np.float64)}), "constant"),
    ],
)
def test_broken_programs_are_refused(broken: Graph, message: str) -> None:
    with pytest.raises(InternalError, match=message):
        verify(broken)


def test_what_nothing_reads_is_dropped_with_its_constants() -> None:
    builder = Builder()
    x = builder.input("x", (3,), DType.FLOAT32)
    unused = x * builder.constant(np.ones(3, np.float32))
    used = x + builder.constant(np.zeros(3, np.float32))

    graph = builder.graph([used])

    assert [node.output for node in graph.nodes] == [used.value]
    assert [value.name for value in graph.constants] == ["c1"]
    assert unused.value not in graph.producers


def test_what_follows_from_constants_alone_is_settled() -> None:
    builder = Builder()
    x = builder.input("x", (3,), DType.FLOAT32)
    weights = builder.constant(np.arange(3, dtype=np.float32))
    scaled = weights * 2.0
    answer = x * scaled

    settled = builder.graph([answer]).settled

    assert settled == {weights.value, scaled.value}


def test_readers_and_producers_are_known() -> None:
    assert GOOD.producers == {Y: GOOD.nodes[0], Z: GOOD.nodes[1]}
    assert GOOD.readers == {X: (GOOD.nodes[0],), Y: (GOOD.nodes[1],)}


@pytest.mark.parametrize("name", ["t0", "c0", "t1"])
def test_inputs_may_be_called_as_the_compiler_calls_its_own(name: str) -> None:
    builder = Builder()
    x = builder.input(name, (3,), DType.FLOAT32)
    y = x * builder.constant(np.ones(3, np.float32))
    z = y + 1.0

    graph = verify(builder.graph([z]))

    values = [*graph.inputs, *graph.constants, *graph.producers]
    assert len({value.name for value in values}) == 4


def test_programs_print_a_line_per_value() -> None:
    builder = Builder(origin="op")
    x = builder.input("x", (2, 3), DType.FLOAT32)
    w = builder.constant(np.ones(3, np.float32))
    rows = x.reduce([2], [3], lambda i, j: x.at(i, j) * w.at(j))
    clamped = elementwise(lambda e: (e < 0.0).cast(DType.FLOAT32), rows)
    sums = clamped.scan(0, exclusive=True)
    best = sums.reduce([], [2], lambda i: sums.at(i), "argmax")

    assert format_graph(builder.graph([sums, best])) == (
        "input x: float32[2, 3]\n"
        "constant c0: float32[3]\n"
        "t0: float32[2] = sum over j < 3: (x[i, j] * c0[j])  # op\n"
        "t1: float32[2] = map float32((t0[i] < 0))  # op\n"
        "t2: float32[2] = scan sum exclusive along i: t1[i]  # op\n"
        "t3: int64[] = argmax over i < 2: t2[i]  # op\n"
        "output t2\n"
        "output t3\n"
    )


def test_operands_that_decide_shapes_must_be_known() -> None:
    x = Builder().input("x", (3,), DType.INT64)

    with pytest.raises(UnsupportedShapeError, match="the shape of Reshape is computed at run time"):
        x.known("the shape of Reshape")


def test_shapes_that_do_not_broadcast_are_named() -> None:
    assert broadcast_shape((3, 1), (2, 1, 4)) == (2, 3, 4)
    with pytest.raises(UnsupportedShapeError, match=r"\[2, 3\] and \[4\]"):
        broadcast_shape((2, 3), (4,))


@pytest.mark.parametrize("dtype", [d for d in DType if d is not DType.STRING], ids=str)
def test_dtypes_know_their_numpy_type(dtype: DType) -> None:
    assert DType.of(dtype.numpy) is dtype
    assert dtype.bits == 8 * dtype.size_bytes == 8 * np.zeros(1, dtype.numpy).nbytes
    kinds = [dtype.is_float, dtype.is_integer, dtype.is_coded, dtype is DType.BOOL]
    assert sum(kinds) == 1


@pytest.mark.parametrize("name", ["complex64", "datetime64[s]", "U5"])
def test_types_without_a_representation_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedTypeError, match="supported are float16"):
        DType.of(name)
