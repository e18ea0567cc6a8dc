"""How inputs get their sizes, and what is said where one is left open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TypeProto, helper, parser

from edgesite.errors import (
    ProblemsError,
    UnsupportedShapeError,
    UnsupportedTypeError,
    UsageError,
)
from edgesite.frontend import import_model


def model(inputs: str, opset: int = 17) -> onnx.ModelProto:
    """A model whose outputs are its inputs, passed on."""
    names = [entry.split()[-1] for entry in inputs.replace(", float", ";float").split(";")]
    outputs = ", ".join(f"float out_{name}" for name in names)
    nodes = " ".join(f"out_{name} = Neg({name})" for name in names)
    text = f'<ir_version: 8, opset_import: ["": {opset}]> g ({inputs}) => ({outputs}) {{ {nodes} }}'
    parsed = parser.parse_model(text)
    for output in parsed.graph.output:
        output.type.tensor_type.ClearField("shape")
    return parsed


def shapes_of(
    inputs: str, shapes: Mapping[str, int | tuple[int, ...]] | None = None
) -> dict[str, tuple[int, ...]]:
    graph = import_model(model(inputs), shapes=shapes)
    assert [value.shape for value in graph.outputs] == [value.shape for value in graph.inputs]
    return {value.name: value.shape for value in graph.inputs}


@pytest.mark.parametrize(
    "name", ["N", "n", "batch", "batch_size", "Batch", "input_batch", "bs", "unk__12", "batchsize"]
)
def test_a_first_axis_that_counts_samples_is_one(name: str) -> None:
    assert shapes_of(f"float[{name}, 3] x") == {"x": (1, 3)}


def test_a_batch_is_one_wherever_it_occurs() -> None:
    assert shapes_of("float[batch, 3] x, float[2, batch] state") == {"x": (1, 3), "state": (2, 1)}


def test_a_nameless_first_axis_is_one() -> None:
    proto = model("float[q, 3] x")
    proto.graph.input[0].type.tensor_type.shape.dim[0].Clear()

    assert import_model(proto).inputs[0].shape == (1, 3)


@pytest.mark.parametrize("value", [-1, -7])
def test_a_negative_size_in_the_file_is_an_open_one(value: int) -> None:
    proto = model("float[1, 3] x")
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = value

    assert import_model(proto).inputs[0].shape == (1, 3)


def test_a_nameless_only_axis_is_not_taken_for_a_batch() -> None:
    proto = model("float[q] samples")
    proto.graph.input[0].type.tensor_type.shape.dim[0].Clear()

    with pytest.raises(UnsupportedShapeError, match=r"axis 0 \(no name\).*--shape samples=SIZE"):
        import_model(proto)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"x": (2, 3, 8, 9)}, (2, 3, 8, 9)),
        ({"x": (0, 3, 1, 1)}, (0, 3, 1, 1)),
        ({"height": 8, "width": 9}, (1, 3, 8, 9)),
        ({"height": np.int32(8), "width": np.array([9])}, (1, 3, 8, 9)),
        ({"height": (8,), "width": 9, "batch": 4}, (4, 3, 8, 9)),
    ],
)
def test_shapes_bind_whole_inputs_or_symbols(
    shapes: dict[str, int | tuple[int, ...]], expected: tuple[int, ...]
) -> None:
    assert shapes_of("float[batch, 3, height, width] x", shapes) == {"x": expected}


def test_a_shape_sizes_the_symbols_of_other_inputs() -> None:
    bound = shapes_of("float[batch, text] ids, float[batch, text] mask", {"ids": (2, 16)})

    assert bound == {"ids": (2, 16), "mask": (2, 16)}


def test_one_symbol_may_have_two_sizes_where_both_are_given() -> None:
    given = {"a": (1, 4), "b": (1, 5)}

    assert shapes_of("float[batch, dim] a, float[batch, dim] b", given) == given


def test_a_symbol_with_two_sizes_is_open_elsewhere() -> None:
    with pytest.raises(UnsupportedShapeError, match=r"^input c: the size of axis 1 \(dim\)"):
        shapes_of(
            "float[batch, dim] a, float[batch, dim] b, float[batch, dim] c",
            {"a": (1, 4), "b": (1, 5)},
        )


def test_every_open_size_is_listed_with_the_option_to_give() -> None:
    with pytest.raises(UnsupportedShapeError) as error:
        import_model(model("float[batch, 3, height, width] x, float[time] y"))

    assert str(error.value) == (
        "input x: the size of axis 2 (height), 3 (width) of [batch, 3, height, width] is open, and "
        "a compiled model has fixed sizes; give --shape x=1,3,HEIGHT,WIDTH or --shape height=SIZE "
        "--shape width=SIZE\n"
        "input y: the size of axis 0 (time) of [time] is open, and a compiled model has fixed "
        "sizes; give --shape y=TIME or --shape time=SIZE"
    )


def test_an_input_without_any_shape_asks_for_it() -> None:
    proto = model("float[1] x")
    proto.graph.input[0].type.tensor_type.ClearField("shape")

    with pytest.raises(UnsupportedShapeError, match="input x: the file does not say its shape"):
        import_model(proto)

    assert import_model(proto, shapes={"x": (2, 2)}).inputs[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        (
            {"x": (3, 8, 9)},
            "shape x: got [3, 8, 9], which has 3 axes; the model's input has 4: "
            "[batch, 3, height, width]",
        ),
        (
            {"x": (1, 4, 8, 9)},
            "shape x: got [1, 4, 8, 9]; the model fixes it to [batch, 3, height, width], give that "
            "or export the model with dynamic axes",
        ),
        ({"x": (1, 3, -8, 9)}, "shape x: got (1, 3, -8, 9); sizes are whole and 0 or more"),
        ({"height": 8.5}, "shape height: got 8.5; sizes are whole and 0 or more"),
        ({"height": "tall"}, "shape height: got tall; sizes are whole and 0 or more"),
        (
            {"heigth": 8},
            "shape heigth: the model has no input or size of that name; did you mean height?",
        ),
        (
            {"depth": 8},
            "shape depth: the model has no input or size of that name; "
            "there are batch, height, width, x",
        ),
        ({"height": (8, 9)}, "shape height: is one size, got [8, 9]; give one number"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shapes: dict[str, Any], sentence: str) -> None:
    with pytest.raises((UsageError, ProblemsError)) as error:
        import_model(model("float[batch, 3, height, width] x"), shapes=shapes)

    assert sentence in str(error.value).splitlines()


def test_constants_fix_inputs_to_values() -> None:
    proto = parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[2, 3] x, int64[K] target) => (float[A, B] y) { y = Reshape(x, target) }
        """
    )

    graph = import_model(proto, constants={"target": [3, 2]})

    assert [value.name for value in graph.inputs] == ["x"]
    assert graph.constants["target"].dtype == np.int64
    assert graph.outputs[0].shape == (3, 2)


def test_constants_size_the_symbols_of_other_inputs() -> None:
    graph = import_model(
        model("float[rows, 2] a, float[rows, 3] b"), constants={"a": np.zeros((4, 2), np.float32)}
    )

    assert [(value.name, value.shape) for value in graph.inputs] == [("b", (4, 3))]


def test_constants_override_the_defaults_of_inputs() -> None:
    proto = parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        g (float[2] x, float[1] scale) => (float[2] y) <float[1] scale = {2}> { y = Mul(x, scale) }
        """
    )

    graph = import_model(proto, constants={"scale": [5.0]})

    assert graph.constants["scale"].tolist() == [5.0]


@pytest.mark.parametrize(
    ("constants", "sentence"),
    [
        ({"n": [1.5]}, "constants n: got float64; the input takes int64, give that"),
        ({"n": ["a"]}, "constants n: got <U1; the input takes int64, give that"),
        ({"n": [1, 2]}, "shape n: got [2]; the model fixes it to [1], give that or export the"),
        ({"n": 1}, "shape n: got [], which has 0 axes; the model's input has 1: [1]"),
        ({"m": 1}, "constants m: the model has no input or size of that name; there are n"),
    ],
)
def test_constants_that_do_not_fit_are_refused(constants: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        import_model(model("int64[1] n"), constants=constants)  # type: ignore[arg-type]

    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("sequence", "a sequence of unknown length; give the shape of each of its tensors"),
        ("optional", "optional, where a tensor is needed"),
    ],
)
def test_inputs_that_are_no_tensors_are_refused(kind: str, wanted: str) -> None:
    tensor = helper.make_tensor_type_proto(1, [2])
    make = {
        "sequence": helper.make_sequence_type_proto,
        "optional": helper.make_optional_type_proto,
    }
    proto = model("float[1] x, float[W] y")
    proto.graph.input[0].type.CopyFrom(make[kind](tensor))

    with pytest.raises(ProblemsError) as error:
        import_model(proto)

    kinds = [type(problem) for problem in error.value.problems]
    assert kinds == [UnsupportedTypeError, UnsupportedShapeError]
    assert str(error.value).startswith(f"input x: is {wanted}")


def test_an_input_of_no_type_is_refused() -> None:
    proto = model("float[1] x")
    proto.graph.input[0].type.CopyFrom(TypeProto())

    with pytest.raises(UnsupportedTypeError, match="input x: is of no type, where a tensor"):
        import_model(proto)


def test_sizes_beyond_what_a_page_can_address_are_refused() -> None:
    with pytest.raises(ProblemsError, match=r"value x: shape \[1, 2000000000\] takes 8000000000"):
        shapes_of("float[1, W] x", {"W": 2_000_000_000})
