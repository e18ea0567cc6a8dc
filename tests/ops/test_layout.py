from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike

from edgesite.errors import ModelError, UnsupportedShapeError
from tests.ops.interpreter import run_node
from tests.ops.oracle import assert_node

Array = np.ndarray[Any, np.dtype[Any]]

DTYPES = [np.float32, np.float16, np.float64, np.int8, np.int64, np.uint8, np.uint64, np.bool_]


def numbered(*shape: int, dtype: DTypeLike = np.float32) -> Array:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def integers(*values: int) -> Array:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((2, 3, 4), (4, 3, 2)),
        ((2, 3, 4), (0, -1)),
        ((2, 3, 4), (-1,)),
        ((2, 3, 4), (0, 0, 2, 2)),
        ((1,), ()),
        ((), (1, 1)),
        ((0, 3), (0, 0)),
        ((4, 0, 3), (0, 0, 5)),
    ],
)
def test_reshape_keeps_row_major_order(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    assert_node("Reshape", [numbered(*old), integers(*new)], known=[1])


def test_reshape_takes_zero_at_its_word_on_demand() -> None:
    assert_node("Reshape", [numbered(0, 3), integers(3, 0)], {"allowzero": 1}, known=[1])


def test_reshape_of_old_versions_has_its_shape_as_an_attribute() -> None:
    (y,) = run_node("Reshape", [numbered(2, 3)], {"shape": [-1, 2]}, opset=1)

    np.testing.assert_array_equal(y, numbered(3, 2))


def test_reshape_refuses_a_shape_of_another_size() -> None:
    with pytest.raises(ModelError, match="multiply to 6"):
        run_node("Reshape", [numbered(2, 3), integers(4, 2)], known=[1])


def test_reshape_refuses_a_shape_that_is_computed() -> None:
    with pytest.raises(UnsupportedShapeError, match="the shape of Reshape"):
        run_node("Reshape", [numbered(2, 3), integers(3, 2)])


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -3])
def test_flatten_makes_a_matrix(axis: int) -> None:
    assert_node("Flatten", [numbered(2, 3, 4)], {"axis": axis})


@pytest.mark.parametrize("axes", [None, (0,), (-2,), (0, 2)])
def test_squeeze_drops_axes_of_size_one(axes: tuple[int, ...] | None) -> None:
    x = numbered(1, 3, 1, 2)

    assert_node("Squeeze", [x, None if axes is None else integers(*axes)], known=[1])
    assert_node("Squeeze", [x], {} if axes is None else {"axes": axes}, opset=11)


def test_squeeze_refuses_an_axis_of_another_size() -> None:
    with pytest.raises(ModelError, match="sizes must be 1"):
        run_node("Squeeze", [numbered(2, 3), integers(0)], known=[1])


@pytest.mark.parametrize("axes", [(0,), (-1,), (2, 0), (1, 2, 3)])
def test_unsqueeze_inserts_axes_of_size_one(axes: tuple[int, ...]) -> None:
    assert_node("Unsqueeze", [numbered(2, 3), integers(*axes)], known=[1])
    assert_node("Unsqueeze", [numbered(2, 3)], {"axes": axes}, opset=11)


@pytest.mark.parametrize(
    ("shape", "perm"),
    [((7,), [0]), ((2, 3), [1, 0]), ((2, 3, 5), [2, 0, 1]), ((2, 3, 4, 5), [0, 2, 3, 1])],
)
def test_transpose_permutes_axes(shape: tuple[int, ...], perm: list[int]) -> None:
    assert_node("Transpose", [numbered(*shape)], {"perm": perm})


def test_transpose_reverses_axes_by_itself() -> None:
    assert_node("Transpose", [numbered(2, 3, 5)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_views_keep_the_dtype_of_their_input(dtype: DTypeLike) -> None:
    assert_node("Transpose", [numbered(2, 3, dtype=dtype)])


@pytest.mark.parametrize(
    ("old", "new"),
    [((3, 1), (2, 3, 4)), ((3, 1), (1,)), ((), (2, 2)), ((2, 3), (1, 3)), ((1, 3), (0, 3))],
)
def test_expand_broadcasts_both_ways(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    assert_node("Expand", [numbered(*old), integers(*new)], known=[1])


@pytest.mark.parametrize(
    ("shape", "repeats"),
    [((3,), (2,)), ((2, 3), (1, 3)), ((2, 1, 3), (3, 2, 2)), ((2, 3), (0, 2)), ((0, 2), (3, 1))],
)
def test_tile_repeats_every_axis(shape: tuple[int, ...], repeats: tuple[int, ...]) -> None:
    assert_node("Tile", [numbered(*shape), integers(*repeats)], known=[1])


def test_tile_of_old_versions_repeats_one_axis() -> None:
    arrays = [numbered(2, 3), integers(2), integers(1)]

    (y,) = run_node("Tile", arrays, opset=1, known=[1, 2])

    np.testing.assert_array_equal(y, np.tile(arrays[0], (1, 2)))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize(("shape", "blocksize"), [((1, 8, 2, 3), 2), ((2, 27, 1, 2), 3)])
def test_depth_to_space_makes_blocks(shape: tuple[int, ...], blocksize: int, mode: str) -> None:
    assert_node("DepthToSpace", [numbered(*shape)], {"blocksize": blocksize, "mode": mode})


@pytest.mark.parametrize(("shape", "blocksize"), [((1, 2, 4, 6), 2), ((2, 3, 3, 6), 3)])
def test_space_to_depth_takes_blocks(shape: tuple[int, ...], blocksize: int) -> None:
    assert_node("SpaceToDepth", [numbered(*shape)], {"blocksize": blocksize})


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_space_to_depth_is_undone_by_depth_to_space(mode: str) -> None:
    x = numbered(2, 3, 4, 6)

    (deep,) = run_node("SpaceToDepth", [x], {"blocksize": 2, "mode": mode}, opset=28)
    (back,) = run_node("DepthToSpace", [deep], {"blocksize": 2, "mode": mode}, opset=28)

    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize(("batch_axis", "time_axis"), [(1, 0), (0, 1)])
@pytest.mark.parametrize("known", [(), (1,)])
def test_reverse_sequence_stops_at_the_length(
    known: tuple[int, ...], batch_axis: int, time_axis: int
) -> None:
    attributes = {"batch_axis": batch_axis, "time_axis": time_axis}

    assert_node(
        "ReverseSequence", [numbered(4, 4, 3), integers(1, 3, 4, 2)], attributes, known=known
    )


@pytest.mark.parametrize(
    "attributes", [{}, {"start": 1}, {"end": -1}, {"start": -2, "end": 9}, {"start": 2, "end": 1}]
)
def test_shape_lists_sizes(attributes: dict[str, int]) -> None:
    assert_node("Shape", [numbered(2, 3, 5)], attributes)


@pytest.mark.parametrize("shape", [(), (7,), (2, 0, 3)])
def test_size_counts_elements(shape: tuple[int, ...]) -> None:
    assert_node("Size", [numbered(*shape)])
