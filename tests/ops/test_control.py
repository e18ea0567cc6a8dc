"""Branches and loops: whole models, compiled, against onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

import edgesite
from edgesite.errors import UnsupportedError, UnsupportedShapeError

Array = np.ndarray[Any, Any]

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def model_of(text: str, opset: int = 17) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}')


def check(
    text: str, constants: dict[str, Any] | None = None, opset: int = 17, **feeds: Any
) -> None:
    """Compare both modules with onnxruntime, twice, as memory must not remember."""
    model = model_of(text, opset)
    arrays = {name: np.asarray(array) for name, array in feeds.items()}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    wanted = session.run(None, {**arrays, **(constants or {})})
    shapes = {name: array.shape for name, array in arrays.items()}
    compiled = edgesite.compile(model, shapes, constants)
    for target in ("simd", "relaxed", "relaxed"):
        got = compiled.run(arrays, target=target)
        for array, expected in zip(got.values(), wanted, strict=True):
            assert array.shape == expected.shape
            assert array.dtype == expected.dtype
            np.testing.assert_allclose(array, expected, 1e-5, 1e-5)


BRANCHES = """
    g (float[2, 3] x, bool c, bool d) => (float[2, 3] y, float[2] z) {
        y, z = If(c) <
            then_branch = a () => (float[2, 3] p, float[2] q) {
                p = Neg(x)  q = ReduceSum<keepdims = 0>(x, one)
            },
            else_branch = b () => (float[2, 3] r, float[2] s) {
                r = If(d) <
                    then_branch = e () => (float[2, 3] t) { t = Exp(x) },
                    else_branch = f () => (float[2, 3] u) { u = Identity(x) }
                >
                s = ReduceMax<keepdims = 0, axes = [1]>(r)
            }
        >
    }
"""


@pytest.mark.parametrize("c", [False, True])
@pytest.mark.parametrize("d", [False, True])
def test_a_branch_is_chosen_at_run_time(c: bool, d: bool) -> None:
    text = BRANCHES.replace("y, z = If", "one = Constant<value_ints = [1]>()  y, z = If")

    check(text, x=X, c=c, d=d)


def test_branches_of_different_sizes_are_refused() -> None:
    text = """
        g (float[2, 3] x, bool c) => (float[A, 3] y) {
            y = If(c) <
                then_branch = a () => (float[2, 3] p) { p = Neg(x) },
                else_branch = b () => (float[4, 3] q) { q = Concat<axis = 0>(x, x) }
            >
        }
    """
    with pytest.raises(UnsupportedShapeError, match="the branches make has different types"):
        edgesite.compile(model_of(text))


LOOP = """
    g (float[2, 3] x, int64 n, bool go) => (float[2, 3] last) {
        last = Loop(n, go, x) <
            body = b (int64 i, bool c, float[2, 3] s) => (bool d, float[2, 3] t) {
                f = Cast<to = 1>(i)  u = Add(s, f)  t = Mul(u, x)
                limit = Constant<value_float = 1000.0>()
                m = ReduceMax<keepdims = 0>(t)
                d = Less(m, limit)
            }
        >
    }
"""


@pytest.mark.parametrize("n", [0, 1, 3, 50])
@pytest.mark.parametrize("go", [False, True])
def test_a_loop_ends_by_its_count_or_its_condition(n: int, go: bool) -> None:
    check(LOOP, x=X, n=np.int64(n), go=go)


def test_a_loop_keeps_what_its_rounds_make() -> None:
    text = """
        g (float[2, 3] x, float[3, 3] w) => (float[2, 3] last, float[70, 2, 3] all) {
            n = Constant<value_int = 70>()
            last, all = Loop(n, , x) <
                body = b (int64 i, bool c, float[2, 3] s)
                    => (bool d, float[2, 3] t, float[2, 3] o) {
                    d = Identity(c)  u = MatMul(s, w)  t = Tanh(u)  o = Add(t, x)
                }
            >
        }
    """
    check(text, x=X, w=np.eye(3, dtype=np.float32) * 2 - 1)


def test_a_short_loop_may_carry_what_grows() -> None:
    text = """
        g (float[2, 3] x) => (float[A, 3] last) {
            n = Constant<value_int = 3>()
            last = Loop(n, , x) <
                body = b (int64 i, bool c, float[B, 3] s) => (bool d, float[C, 3] t) {
                    d = Identity(c)  t = Concat<axis = 0>(s, x)
                }
            >
        }
    """
    check(text, x=X)


def test_a_loop_of_unknown_length_that_grows_is_refused() -> None:
    text = """
        g (float[2, 3] x, int64 n) => (float[A, 3] last) {
            last = Loop(n, , x) <
                body = b (int64 i, bool c, float[B, 3] s) => (bool d, float[C, 3] t) {
                    d = Identity(c)  t = Concat<axis = 0>(s, x)
                }
            >
        }
    """
    with pytest.raises(UnsupportedError, match="what a loop carries has different types"):
        edgesite.compile(model_of(text))


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_scan_runs_along_any_axis_either_way(turned: int, axis: int) -> None:
    text = f"""
        g (float[4] start, float[5, 4] x, float[S, T] y) => (float[4] last, float[A, B] all) {{
            last, all = Scan<
                num_scan_inputs = 2,
                scan_input_axes = [0, {axis}],
                scan_input_directions = [{turned}, 0],
                scan_output_axes = [{axis}],
                scan_output_directions = [{turned}],
                body = b (float[4] s, float[4] a, float[3] c) => (float[4] t, float[4] o) {{
                    t = Add(s, a)  m = ReduceSum<keepdims = 1>(c)  o = Mul(t, m)
                }}
            >(start, x, y)
        }}
    """
    rng = np.random.default_rng(5)
    y = rng.standard_normal((5, 3) if axis == 0 else (3, 5)).astype(np.float32)

    check(text, start=np.ones(4, np.float32), x=np.arange(20, dtype=np.float32).reshape(5, 4), y=y)


@pytest.mark.parametrize("turned", [0, 1])
def test_the_scan_of_opset_8_runs_for_every_sample(turned: int) -> None:
    text = f"""
        g (float[2, 4] start, float[2, 5, 4] x) => (float[2, 4] last, float[2, 5, 4] all) {{
            last, all = Scan<num_scan_inputs = 1, directions = [{turned}],
                body = b (float[4] s, float[4] a) => (float[4] t, float[4] o) {{
                    t = Add(s, a)  o = Mul(t, a)
                }}
            >(, start, x)
        }}
    """
    rng = np.random.default_rng(5)
    start, x = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 4), (2, 5, 4)))

    check(text, opset=8, start=start, x=x)


def test_the_number_of_a_round_may_decide_sizes() -> None:
    text = """
        g (float[6] x) => (float[6] last) {
            n = Constant<value_int = 3>()  one = Constant<value_ints = [1]>()
            two = Constant<value_ints = [2]>()
            empty = Slice(x, two, two)
            last = Loop(n, , empty) <
                body = b (int64 i, bool c, float[A] s) => (bool d, float[B] t) {
                    d = Identity(c)
                    axes = Constant<value_ints = [0]>()
                    start = Unsqueeze(i, axes)  after = Add(start, one)  end = Mul(after, two)
                    begin = Sub(end, two)
                    part = Slice(x, begin, end)  t = Concat<axis = 0>(s, part)
                }
            >
        }
    """
    check(text, x=np.arange(6, dtype=np.float32))
