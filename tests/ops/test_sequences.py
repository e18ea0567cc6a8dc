"""Lists of tensors inside of a model, against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

import edgesite
from edgesite.errors import UnsupportedError
from tests.ops.test_control import check, model_of

X = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize("at", [0, 1, -1, -3])
def test_one_of_a_list_of_three(at: int) -> None:
    text = f"""
        g (float[4, 3] x) => (float[A, B] y, int64 n) {{
            one = Constant<value_int = 1>()
            at = Constant<value_int = {at}>()
            a = Neg(x)  b = Exp(x)  c = Concat<axis = 0>(x, x)
            first = SequenceConstruct(a, b)
            all = SequenceInsert(first, c, one)
            y = SequenceAt(all, at)
            n = SequenceLength(all)
        }}
    """
    check(text, x=X)


@pytest.mark.parametrize("at", ["", ", one", ", minus"])
def test_one_is_taken_out(at: str) -> None:
    text = f"""
        g (float[4, 3] x) => (float[A, B] y) {{
            one = Constant<value_int = 1>()
            minus = Constant<value_int = -3>()
            a = Neg(x)  b = Exp(x)
            all = SequenceConstruct(a, b, x)
            less = SequenceErase(all{at})
            y = ConcatFromSequence<axis = 1, new_axis = 1>(less)
        }}
    """
    check(text, x=X)


@pytest.mark.parametrize(
    ("split", "keepdims", "axis"),
    [("", 0, 1), ("", 1, 0), (", most", 1, 0), (", sizes", 1, 0)],
)
def test_parts_come_together_again(split: str, keepdims: int, axis: int) -> None:
    new_axis = 1 - keepdims
    text = f"""
        g (float[4, 3] x) => (float[A, B] y, int64 n) {{
            most = Constant<value_int = 3>()
            sizes = Constant<value_ints = [1, 3]>()
            parts = SplitToSequence<axis = 0, keepdims = {keepdims}>(x{split})
            y = ConcatFromSequence<axis = {axis}, new_axis = {new_axis}>(parts)
            n = SequenceLength(parts)
        }}
    """
    check(text, x=X)


def test_a_loop_fills_a_list() -> None:
    text = """
        g (float[4, 3] x) => (float[A, 3] y) {
            n = Constant<value_int = 3>()
            none = SequenceEmpty<dtype = 1>()
            all = Loop(n, , none) <
                body = b (int64 i, bool c, seq(float[4, 3]) u) => (bool d, seq(float[4, 3]) v) {
                    d = Identity(c)  f = Cast<to = 1>(i)  z = Add(x, f)  v = SequenceInsert(u, z)
                }
            >
            y = ConcatFromSequence<axis = 0>(all)
        }
    """
    check(text, x=X)


def test_a_position_that_a_run_decides_is_refused() -> None:
    text = """
        g (float[4, 3] x, int64 at) => (float[4, 3] y) {
            a = Neg(x)
            all = SequenceConstruct(a, x)
            y = SequenceAt(all, at)
        }
    """
    with pytest.raises(UnsupportedError, match="a position in a sequence is computed at run time"):
        edgesite.compile(model_of(text))

    check(text, {"at": np.asarray(1)}, x=X)
