from __future__ import annotations

import onnx
import pytest

from edgesite.errors import InternalError, ModelError, UnsupportedOperatorError
from edgesite.ir import Builder, DType, Tensor
from edgesite.ops import call, find, is_supported, names, operator
from edgesite.ops.registry import Function


def found(name: str) -> Function:
    function = find("", name, 21)
    assert function is not None
    return function


def test_the_newest_function_that_is_old_enough_is_found() -> None:
    assert find("", "Softmax", 12) is find("", "Softmax", 1)
    assert find("", "Softmax", 13) is not find("", "Softmax", 12)
    assert find("", "Softmax", 27) is find("", "Softmax", 13)


def test_an_operator_before_its_first_version_is_not_found() -> None:
    assert find("", "GroupNormalization", 17) is None


def test_an_unknown_operator_is_not_found() -> None:
    assert find("", "Nonsense", 21) is None
    assert not is_supported("", "Nonsense")


def test_one_version_is_registered_once() -> None:
    with pytest.raises(InternalError, match="Softmax is registered twice since version 13"):
        operator("Softmax", since=13)(lambda x: x)


def test_every_name_is_an_operator_of_onnx() -> None:
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history()}
    known.add("SimplifiedLayerNormalization")  # onnxruntime's, which writes it without a domain

    assert {name for domain, name in names() if domain == ""} <= known


def test_an_unknown_attribute_is_refused() -> None:
    x = Builder().input("x", [2], DType.FLOAT32)

    with pytest.raises(UnsupportedOperatorError, match="attribute beta is not supported"):
        call(found("Elu"), [x], {"beta": 1.0}, 1)


def test_too_many_outputs_are_refused() -> None:
    x = Builder().input("x", [2], DType.FLOAT32)

    with pytest.raises(UnsupportedOperatorError, match="output 2 is not supported"):
        call(found("Elu"), [x], {}, 2)


def test_a_function_may_ask_how_many_outputs_are_used() -> None:
    def counting(x: Tensor, *, outputs: int) -> tuple[Tensor, ...]:
        return (x,) * outputs

    x = Builder().input("x", [2], DType.FLOAT32)

    assert call(counting, [x], {}, 3) == (x, x, x)


def test_operands_that_contradict_each_other_are_refused_with_their_types() -> None:
    builder = Builder()
    x, w = (
        builder.input(name, shape, DType.FLOAT32) for name, shape in (("x", [1, 2]), ("w", [3]))
    )

    with pytest.raises(ModelError, match=r"operands float32\[1, 2\], float32\[3\] do not fit"):
        call(found("Conv"), [x, w], {}, 1)
