from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError
from edgesite.ir import Builder, DType
from edgesite.ops import call, find
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

Array = np.ndarray[Any, np.dtype[Any]]

FAR = 2**31 - 1
# (starts, ends, axes, steps) of a tensor of 7 x 5 x 3
SLICES: list[tuple[list[int], list[int], list[int] | None, list[int] | None]] = [
    ([1], [4], None, None),
    ([1, 0], [4, -1], [0, 1], None),
    ([-3], [FAR], [0], [1]),
    ([0], [FAR], [1], [2]),
    ([FAR], [-FAR], [0], [-1]),
    ([-1, -1, -1], [-9, -9, -9], [0, 1, 2], [-2, -1, -3]),
    ([4], [1], [1], [-2]),
    ([3], [3], [0], None),
    ([5], [2], [0], None),
    ([9], [12], [1], None),
    ([-100], [100], [-1], [1]),
]
# (shape, begin and end of every axis)
PADS: list[tuple[tuple[int, ...], list[int]]] = [
    ((5,), [0, 0]),
    ((5,), [2, 3]),
    ((2, 3), [0, 2, 1, 0]),
    ((4, 5, 3), [1, 2, 0, 3, 1, 2]),
    ((1, 2, 4, 5), [0, 0, 1, 2, 0, 0, 2, 1]),
]


def numbered(*shape: int, dtype: Any = np.float32) -> Array:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def integers(values: list[int] | None) -> Array | None:
    return None if values is None else np.array(values, np.int64)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("sizes", [(3,), (1, 2), (4, 0, 1), (1, 2, 3, 4, 5, 6, 7)])
def test_concat_joins_any_number_of_parts(sizes: tuple[int, ...], axis: int) -> None:
    shapes = [[size if k == axis % 3 else 2 for k in range(3)] for size in sizes]

    assert_node("Concat", [numbered(*shape) + k for k, shape in enumerate(shapes)], {"axis": axis})


@pytest.mark.parametrize(
    ("attributes", "sizes", "outputs"),
    [
        ({"axis": 0}, None, 2),
        ({"axis": 0}, [1, 0, 5], 3),
        ({"axis": 1, "num_outputs": 3}, None, 3),
        ({"axis": -1, "num_outputs": 4}, None, 4),
    ],
)
def test_split_cuts_equal_or_named_parts(
    attributes: dict[str, int], sizes: list[int] | None, outputs: int
) -> None:
    opset = 21 if sizes or "num_outputs" in attributes else 13
    inputs = [numbered(6, 7, 8), integers(sizes)]

    assert_node("Split", inputs, attributes, opset, outputs, known=[1])


@pytest.mark.parametrize("attributes", [{}, {"split": [1, 5]}])
def test_split_of_old_versions_has_its_sizes_as_an_attribute(attributes: dict[str, Any]) -> None:
    assert_node("Split", [numbered(6, 2)], attributes, 11, 2)


def test_split_counts_outputs_that_nobody_reads() -> None:
    function = find("", "Split", 13)
    assert function is not None
    x = Builder().input("x", [6], DType.FLOAT32)

    parts = call(function, [x], {}, outputs=2, places=3)

    assert [part.shape for part in parts] == [(2,), (2,), (2,)]


def test_split_refuses_sizes_that_do_not_add_up() -> None:
    with pytest.raises(ModelError, match="must add up"):
        run_node("Split", [numbered(6), integers([2, 2])], outputs=2, known=[1])


@pytest.mark.parametrize(("starts", "ends", "axes", "steps"), SLICES)
def test_slice_takes_what_numpy_takes(
    starts: list[int], ends: list[int], axes: list[int] | None, steps: list[int] | None
) -> None:
    operands = [integers(operand) for operand in (starts, ends, axes, steps)]

    assert_node("Slice", [numbered(7, 5, 3), *operands], known=[1, 2, 3, 4])


@pytest.mark.parametrize("axes", [None, [2, 1]])
def test_slice_of_old_versions_has_attributes(axes: list[int] | None) -> None:
    attributes = {"starts": [1, 0], "ends": [100, -1]} | ({"axes": axes} if axes else {})

    assert_node("Slice", [numbered(7, 5, 3)], attributes, opset=9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int32, np.int64, np.bool_])
@pytest.mark.parametrize(("shape", "pads"), PADS)
def test_pad_fills_with_a_constant(
    shape: tuple[int, ...], pads: list[int], dtype: DTypeLike
) -> None:
    x = numbered(*shape, dtype=dtype)

    assert_node("Pad", [x, integers(pads), np.array(1, dtype)], known=[1, 2])
    assert_node("Pad", [x, integers(pads), np.array(1, dtype)], known=[1])
    assert_node("Pad", [x, integers(pads)], known=[1])


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize(("shape", "pads"), PADS)
def test_pad_repeats_its_input(shape: tuple[int, ...], pads: list[int], mode: str) -> None:
    assert_node("Pad", [numbered(*shape), integers(pads)], {"mode": mode}, known=[1])


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_pad_repeats_as_often_as_it_must(mode: str) -> None:
    x = numbered(3, 1)

    (y,) = run_node("Pad", [x, integers([7, 2, 8, 1])], {"mode": mode}, known=[1])

    np.testing.assert_array_equal(y, np.pad(x, [(7, 8), (2, 1)], mode))  # type: ignore[call-overload]


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("pads", [[-1, 0, 0, -2], [-2, 2, 1, -1], [1, -5, 1, 0]])
def test_pad_cuts_off_where_pads_are_negative(pads: list[int], mode: str) -> None:
    assert_node("Pad", [numbered(6, 7), integers(pads)], {"mode": mode}, known=[1])


@pytest.mark.parametrize(("axes", "pads"), [([1], [2, 3]), ([-1, 0], [1, 2, 3, 0])])
def test_pad_takes_axes(axes: list[int], pads: list[int]) -> None:
    inputs = [numbered(4, 3, 5), integers(pads), None, integers(axes)]

    assert_node("Pad", inputs, known=[1, 3])


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_pad_of_old_versions_has_attributes(mode: str) -> None:
    attributes = {"pads": [1, 2, 0, 1], "mode": mode, "value": 1.5}

    assert_node("Pad", [numbered(3, 4)], attributes, opset=10)


def test_pad_refuses_an_unknown_mode() -> None:
    with pytest.raises(ModelError, match='pad mode "mirror"'):
        run_node("Pad", [numbered(3), integers([1, 1])], {"mode": "mirror"}, known=[1])
