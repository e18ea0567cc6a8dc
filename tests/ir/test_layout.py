"""Layouts: addresses and arranged bytes agree with numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesite.ir import axes_of
from edgesite.ir.layout import Layout
from tests.ops.interpreter import Evaluation


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Any order of up to five axes, with or without halos."""
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=5)))
    order = tuple(draw(st.permutations(range(len(shape)))))
    halo = st.lists(st.integers(0, 2), min_size=len(shape), max_size=len(shape)).map(tuple)
    return Layout(shape, order, draw(halo), draw(halo))


@settings(max_examples=150, deadline=None)
@given(layouts())
def test_elements_lie_where_their_address_says_and_zeros_around_them(layout: Layout) -> None:
    array = np.arange(1, 1 + int(np.prod(layout.shape))).reshape(layout.shape)

    flat = layout.arrange(array)
    places = Evaluation({}, layout.shape).array(layout.address(axes_of(layout.shape)))

    assert flat.shape == (layout.size,)
    np.testing.assert_array_equal(flat[places], array)
    assert np.count_nonzero(flat) == array.size


def test_row_major_is_the_order_of_numpy() -> None:
    layout = Layout.row_major((2, 3, 4))

    assert layout.strides == (12, 4, 1)
    assert not layout.has_halo


def test_channels_last_puts_the_halo_outside_of_the_channels() -> None:
    layout = Layout((1, 8, 5, 6), (0, 2, 3, 1), (0, 0, 1, 1), (0, 0, 1, 2))

    assert layout.extents == (1, 8, 7, 9)
    assert layout.strides == (504, 1, 72, 8)
    assert layout.offset == 72 + 8
