"""The comparison of compiled modules with onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, parser

import edgesite
from edgesite.errors import ModelError, VerificationError
from edgesite.targets.feeds import random_feeds
from edgesite.targets.manifest import TensorInfo
from edgesite.targets.stored.trial import Limits
from edgesite.verify import Feeds, Reference, Target, verify, verify_forms
from tests.models import model_of, partial_manifest

Array = np.ndarray[Any, Any]
Run = Callable[[Feeds, str], dict[str, Array]]


def model(op: str = "Neg", dtype: int = TensorProto.FLOAT, size: int = 4) -> bytes:
    """One operator from x to y."""
    tensors = [helper.make_tensor_value_info(name, dtype, [1, size]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"])], "g", tensors[:1], tensors[1:])
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


class Fake:
    """A compiled model that answers as a test wants."""

    def __init__(self, run: Run, dtype: str = "float32", size: int = 4) -> None:
        self._run = run
        self.manifest = partial_manifest(
            [info("x", dtype, (1, size))], [info("y", dtype, (1, size))]
        )

    def run(
        self,
        feeds: Feeds,
        *,
        target: Target = "relaxed",
        threads: int = 1,  # noqa: ARG002 - one thread answers as all do
    ) -> Mapping[str, Array]:
        return self._run(feeds, target)

    def reset(self) -> None:
        """There is nothing to forget."""


def info(name: str, dtype: str, shape: tuple[int, ...]) -> TensorInfo:
    return TensorInfo(name=name, dtype=dtype, shape=shape, offset=0, size_bytes=0)


def negated(error: float = 0.0, only: str | None = None) -> Run:
    """-x, and something more in one of the modules or in both."""

    def run(feeds: Feeds, target: str) -> dict[str, Array]:
        wrong = error if only in (None, target) else 0.0
        return {"y": -feeds["x"] + np.asarray(wrong, feeds["x"].dtype)}

    return run


def test_equal_answers_are_proof() -> None:
    samples = [{"x": np.array([[1, 2, 3, 4]], np.float32)}]

    found = verify(Fake(negated()), model(), samples)

    assert (found.samples, found.max_difference, found.top1_agreement) == (3, 0.0, 1.0)
    assert found.targets == ("simd", "relaxed")
    np.testing.assert_array_equal(found.references[0]["y"], -samples[0]["x"])


def test_the_references_are_those_of_the_samples_alone() -> None:
    assert verify(Fake(negated()), model()).references == ()


def test_a_small_difference_is_reported() -> None:
    found = verify(Fake(negated(error=1e-5)), model(), random_samples=1)

    assert 0.9e-5 < found.max_difference < 1.1e-5


def test_a_large_difference_names_output_module_sample_and_size() -> None:
    samples = [{"x": np.array([[0, 1, 2, 3]], np.float32)}]

    with pytest.raises(VerificationError) as caught:
        verify(Fake(negated(error=0.5, only="relaxed")), model(), samples, names=["example a.png"])

    assert str(caught.value).startswith(
        'output "y", relaxed module, example a.png: '
        "differs from onnxruntime by 0.5, 0.000301 is allowed; raise `tolerance`"
    )


def test_the_tolerance_is_a_share_of_the_largest_output() -> None:
    samples = [{"x": np.array([[0, 0, 0, 100]], np.float32)}]

    found = verify(Fake(negated(0.9)), model(), samples, tolerance=0.01, random_samples=0)

    assert found.max_difference == pytest.approx(0.9, rel=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_where_there_are_none_fail(value: float) -> None:
    with pytest.raises(VerificationError, match=r"differs from onnxruntime by (nan|inf)"):
        verify(Fake(negated(value)), model())


def test_nan_and_infinity_in_the_same_places_agree() -> None:
    samples = [{"x": np.array([[np.nan, np.inf, -np.inf, 1]], np.float32)}]

    assert verify(Fake(negated()), model(), samples).max_difference == 0.0


def test_infinity_of_the_other_sign_fails() -> None:
    samples = [{"x": np.array([[np.inf, 0, 0, 0]], np.float32)}]

    with pytest.raises(VerificationError, match="NaN or infinity is not where onnxruntime has it"):
        verify(Fake(lambda feeds, _: {"y": feeds["x"]}), model(), samples)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({}, "the compiled model has no such output"),
        ({"y": np.zeros((1, 4))}, r"is float64\[1, 4\] where onnxruntime has float32\[1, 4\]"),
        ({"y": np.zeros(4, np.float32)}, r"is float32\[4\] where onnxruntime has float32\[1, 4\]"),
    ],
)
def test_outputs_of_another_kind_fail(answer: dict[str, Array], message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        verify(Fake(lambda *_: answer), model())


def test_integers_must_be_equal() -> None:
    compiled = Fake(negated(1), dtype="int32")

    with pytest.raises(VerificationError, match="4 of 4 values differ from onnxruntime"):
        verify(compiled, model(dtype=TensorProto.INT32), tolerance=0.5)


def test_a_best_class_that_changes_is_counted() -> None:
    samples = [{"x": np.array([[0, 0, 0, 1e-9]], np.float32)}]

    found = verify(
        Fake(lambda feeds, _: {"y": -feeds["x"][:, ::-1]}), model(), samples, random_samples=0
    )

    assert found.top1_agreement == 0.0


def test_random_inputs_are_the_same_for_the_same_seed() -> None:
    manifest = partial_manifest(
        [info("a", "float32", (2, 3)), info("b", "int64", (50,)), info("c", "bool", (9,))]
    )
    first, again, other = (random_feeds(manifest, seed) for seed in (1, 1, 2))

    assert all(np.array_equal(first[name], again[name]) for name in "abc")
    assert not np.array_equal(first["a"], other["a"])
    assert set(first["b"]) == {0, 1}
    assert [first[name].dtype for name in "abc"] == ["float32", "int64", "bool"]


def test_random_bytes_use_the_whole_range() -> None:
    manifest = partial_manifest([info("a", "int8", (9999,))])

    values = random_feeds(manifest, 0)["a"]

    assert (values.min(), values.max()) == (-128, 127)


def test_a_model_that_onnxruntime_cannot_load_is_refused() -> None:
    with pytest.raises(ModelError, match=r"onnxruntime cannot load the model \(.*lower opset"):
        Reference(b"no model")


def test_inputs_that_onnxruntime_refuses_are_told() -> None:
    with pytest.raises(ModelError, match=r"onnxruntime cannot run the model \(.*shape of its inp"):
        Reference(model()).run({"x": np.zeros((3, 3), np.float32)})


def test_constants_reach_the_reference() -> None:
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in "xyz"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "z"], ["y"])], "g", [tensors[0], tensors[2]], [tensors[1]]
    )
    added = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    found = verify(
        Fake(lambda feeds, _: {"y": feeds["x"] + 1}),
        added.SerializeToString(),
        constants={"z": np.ones((1, 4), np.int64)},
    )

    assert found.max_difference == 0.0


def test_the_compiler_passes() -> None:
    data = model("Relu", size=9)

    assert verify(edgesite.compile(data), data).max_difference == 0.0


STEP = """
    <ir_version: 9, opset_import: ["": 18]>
    g (float[n] x, float[n] past) => (float[n] y, float[n] present)
    { present = Add(x, past)  half = Constant <value_float = 0.5> ()  y = Mul(present, half) }
"""


def test_a_state_is_handed_on_and_every_binding_compared() -> None:
    step = parser.parse_model(STEP)
    compiled = edgesite.compile(step, [{"n": 3}, {"n": 5}], state={"present": "past"})

    found = verify(compiled, step.SerializeToString(), random_samples=4)

    assert found.samples == 8
    assert found.max_difference == 0


def test_a_state_that_is_lost_is_noticed() -> None:
    step = parser.parse_model(STEP)
    compiled = edgesite.compile(step, {"n": 3}, state={"present": "past"})

    class Forgetful(Fake):
        manifest = compiled.manifest

        def __init__(self) -> None:
            pass

        def run(
            self, feeds: Feeds, *, target: Target = "relaxed", threads: int = 1
        ) -> Mapping[str, Array]:
            compiled.reset()
            return compiled.run(feeds, target=target, threads=threads)

    with pytest.raises(VerificationError, match='output "y", simd module, a random input: differs'):
        verify(Forgetful(), step.SerializeToString())


def test_weights_whose_forms_change_outputs_too_much_are_refused() -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.standard_normal((32, 96)).astype(np.float32)}
    feeds = {"x": np.zeros((1, 96), np.float32)}
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)]
    source = model_of(nodes, feeds, ["y"], weights).SerializeToString()
    compiled = edgesite.compile(source, weights="int8")

    effect = verify_forms(compiled, source, limits=Limits(0.1, 0.5))

    assert 0 < effect.share < 0.1
    assert verify(compiled.unrounded(), source).max_difference < 1e-4
    with pytest.raises(VerificationError, match=r"weights stored as int8: .* take weights: auto"):
        verify_forms(compiled, source, limits=Limits(1e-9))
