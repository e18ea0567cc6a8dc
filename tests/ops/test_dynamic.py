"""Answers whose size follows from data: what counts of them, and what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgesite
from edgesite.errors import UnsupportedError
from tests.ops.oracle import assert_node
from tests.ops.test_control import check, model_of

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3), (3, 1, 4), (0, 3)])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_positions_of_what_is_not_zero(
    shape: tuple[int, ...], share: float, rng: np.random.Generator
) -> None:
    x = (rng.random(shape) < share).astype(np.float32) * 3

    assert_node("NonZero", [x])
    assert_node("NonZero", [x != 0])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("known", [(), (1,)])
def test_slices_where_a_condition_holds(
    axis: int | None, known: tuple[int, ...], rng: np.random.Generator
) -> None:
    x = rng.standard_normal((4, 3, 5), np.float32)
    condition = np.array([False, True, True])
    attributes = {} if axis is None else {"axis": axis}

    assert_node("Compress", [x, condition], attributes, known=known)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("ordered", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (5, 4), (9, 2)])
def test_every_element_once(
    axis: int | None, ordered: int, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    x = rng.integers(0, 3, shape).astype(np.float32)
    attributes = {"sorted": ordered} | ({} if axis is None else {"axis": axis})

    assert_node("Unique", [x], attributes, outputs=4)


def boxes_and_scores(rng: np.random.Generator, count: int = 40) -> tuple[Array, Array]:
    corners = rng.random((2, count, 2)) * 8
    boxes = np.concatenate([corners, corners + rng.random((2, count, 2)) * 6], -1)
    return boxes.astype(np.float32), rng.random((2, 3, count), np.float32)


@pytest.mark.parametrize("limit", [0, 1, 5, 100])
@pytest.mark.parametrize("center", [0, 1])
@pytest.mark.parametrize("known", [(), (2, 3, 4)])
def test_boxes_that_no_better_one_overlaps(
    limit: int, center: int, known: tuple[int, ...], rng: np.random.Generator
) -> None:
    boxes, scores = boxes_and_scores(rng)
    limits = [np.array([limit]), np.array([0.4], np.float32), np.array([0.2], np.float32)]

    assert_node(
        "NonMaxSuppression", [boxes, scores, *limits], {"center_point_box": center}, known=known
    )


def test_without_thresholds_every_box_is_taken_that_overlaps_none(
    rng: np.random.Generator,
) -> None:
    boxes, scores = boxes_and_scores(rng, 5)

    assert_node("NonMaxSuppression", [boxes, scores, np.array([9])])


# What follows


@pytest.mark.parametrize("level", [-9.0, 0.3])
def test_what_follows_stays_within_the_count(level: float, rng: np.random.Generator) -> None:
    text = """
        g (float[6, 4] x, float level) => (
            float[N, 4] kept, float[4] total, float[4] mean, float[4] most, int64[2] size,
            float[N] share, float[N, 3] product, float[M, 4] named
        ) {
            first = ReduceMax<axes = [1], keepdims = 0>(x)
            hit = Greater(first, level)
            some = Compress<axis = 0>(x, hit)
            kept = Relu(some)
            zero = Constant<value_ints = [0]>()
            total = ReduceSum<keepdims = 0>(some, zero)
            mean = ReduceMean<axes = [0], keepdims = 0>(some)
            most = ReduceMax<axes = [0], keepdims = 0>(some)
            size = Shape(some)
            sums = ReduceMean<axes = [1], keepdims = 0>(some)
            share = Softmax<axis = 0>(sums)
            three = Constant<value_ints = [4, 3]>()
            m = ConstantOfShape<value = float[1] {0.5}>(three)
            product = MatMul(some, m)
            where = NonZero(hit)
            two = Transpose(where)
            one = Constant<value_ints = [1]>()
            row = Squeeze(two, one)
            named = Gather(x, row)
        }
    """
    x = rng.random((6, 4)).astype(np.float32) ** 3

    check(text, x=x, level=np.float32(level))


def test_nothing_may_count() -> None:
    text = """
        g (float[4, 2] x, float level) => (float[N, 2] kept, float[2] total, int64 number) {
            first = ReduceMax<axes = [1], keepdims = 0>(x)
            hit = Greater(first, level)
            some = Compress<axis = 0>(x, hit)
            kept = Exp(some)
            zero = Constant<value_ints = [0]>()
            total = ReduceSum<keepdims = 0>(some, zero)
            number = Size(some)
        }
    """
    check(text, x=np.ones((4, 2), np.float32), level=np.float32(2))


def test_a_reading_behind_the_count_is_refused() -> None:
    text = """
        g (float[6] x) => (float[N] y) {
            flags = Cast<to = 9>(x)
            some = Compress<axis = 0>(x, flags)
            y = Concat<axis = 0>(some, x)
        }
    """
    with pytest.raises(UnsupportedError, match="whose size follows from the data"):
        edgesite.compile(model_of(text))


def test_a_detector_with_its_suppression(rng: np.random.Generator) -> None:
    text = """
        g (float[1, 30, 4] boxes, float[1, 2, 30] scores) => (
            int64[N, 3] picks, float[N, 4] kept, float[N] points
        ) {
            most = Constant<value_ints = [7]>()
            overlap = Constant<value_floats = [0.5]>()
            low = Constant<value_floats = [0.3]>()
            picks = NonMaxSuppression(boxes, scores, most, overlap, low)
            two = Constant<value_int = 2>()
            box = Gather<axis = 1>(picks, two)
            zero = Constant<value_ints = [0]>()
            all = Squeeze(boxes, zero)
            kept = Gather(all, box)
            points = GatherND(scores, picks)
        }
    """
    boxes, scores = boxes_and_scores(rng, 30)

    check(text, boxes=boxes[:1], scores=scores[:1, :2])


def test_what_counts_is_told_to_hosts() -> None:
    text = "g (float[2, 3] x) => (int64[2, N] y) { y = NonZero(x) }"
    (info,) = edgesite.compile(model_of(text)).manifest.outputs

    assert info.shape == (2, 6)
    assert list(info.counts) == [1]
