"""Models that compute in floats, made to compute in integers by onnxruntime's quantiser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgesite
from edgesite.errors import UnsupportedError, UnsupportedTypeError, UsageError
from edgesite.frontend.quantization import FEWEST, quantized
from edgesite.targets.stored.trial import UNLIMITED, Limits
from edgesite.verify import verify, verify_forms

Array = np.ndarray[Any, Any]


def network(opset: int = 17, *, listed: bool = False) -> onnx.ModelProto:
    """A convolution and its normalisation, a Relu, a mean, and a matrix; `listed` as old ones."""
    random = np.random.default_rng(0)
    arrays = {
        "filter": random.standard_normal((8, 3, 3, 3)) / 5,
        "scale": random.uniform(0.5, 1.5, 8),
        "bias": random.standard_normal(8),
        "mean": random.standard_normal(8) / 5,
        "variance": random.uniform(0.5, 1.5, 8),
        "matrix": random.standard_normal((5, 8)),
    }
    weights = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()]
    nodes = [
        helper.make_node("Conv", ["image", "filter"], ["sums"], pads=[1, 1, 1, 1]),
        helper.make_node(
            "BatchNormalization", ["sums", "scale", "bias", "mean", "variance"], ["normal"]
        ),
        helper.make_node("Relu", ["normal"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix"], ["scores"], transB=1),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 9, 9])]
    inputs += [
        helper.make_tensor_value_info(each.name, TensorProto.FLOAT, list(each.dims))
        for each in (weights if listed else ())
    ]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, weights)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=min(8, opset - 5)
    )


def images(count: int = 8) -> list[dict[str, Array]]:
    random = np.random.default_rng(1)
    return [{"image": random.standard_normal((1, 3, 9, 9), np.float32)} for _ in range(count)]


@pytest.mark.parametrize("opset", [9, 13, 17])
@pytest.mark.parametrize("listed", [False, True])
def test_weights_become_bytes_with_a_scale_for_every_channel(opset: int, listed: bool) -> None:
    graph = onnx.load_from_string(quantized(network(opset, listed=listed), images())).graph

    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    filters = [array for array in stored.values() if array.shape == (8, 3, 3, 3)]
    assert [array.dtype for array in filters] == [np.int8]
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    scales = [a.shape for n, a in stored.items() if "scale" in n and a.shape == (8,)]
    assert scales


def test_the_same_inputs_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(network(), path)
    code = (
        "import sys, hashlib; from edgesite.frontend.quantization import quantized;"
        "from tests.frontend.test_quantization import images;"
        "print(hashlib.sha256(quantized(sys.argv[1], images())).hexdigest())"
    )

    root = Path(__file__).parent.parent.parent
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(hashes) == 1


def test_weights_in_other_files_are_found(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(network(), path, save_as_external_data=True, location="weights", size_threshold=0)

    assert quantized(path, images()) == quantized(network(), images())


def test_the_model_that_was_given_is_left_as_it_was() -> None:
    model = network(9, listed=True)
    before = model.SerializeToString(deterministic=True)
    quantized(model, images())

    assert model.SerializeToString(deterministic=True) == before


def test_a_compiled_model_computes_in_integers_as_onnxruntime_does() -> None:
    data = network().SerializeToString()
    made = edgesite.compile(data, quantize="int8", calibration=images())
    assert made.quantized is not None
    found = verify(made, made.quantized, images())
    cost = verify_forms(made, data, images(64), UNLIMITED)

    assert found.max_difference <= 1e-6
    assert 0 < cost.share < 0.1
    assert made.manifest.weights.size_bytes < edgesite.compile(data).manifest.weights.size_bytes


def test_more_loss_than_is_allowed_is_an_error() -> None:
    data = network().SerializeToString()
    made = edgesite.compile(data, quantize="int8", calibration=images())

    with pytest.raises(edgesite.EdgesiteError, match="quantize: int8: the outputs differ"):
        verify_forms(made, data, images(), Limits(difference=1e-6))


def test_fixed_inputs_need_not_be_in_the_calibration() -> None:
    model = network()
    model.graph.input.append(helper.make_tensor_value_info("factor", TensorProto.FLOAT, [1]))
    model.graph.node[0].input[0] = "scaled"
    model.graph.node.insert(0, helper.make_node("Mul", ["image", "factor"], ["scaled"]))
    factor = np.array([0.5], np.float32)

    made = edgesite.compile(
        model, constants={"factor": factor}, quantize="int8", calibration=images()
    )

    assert [info.name for info in made.manifest.inputs] == ["image"]


def test_a_model_that_is_quantised_already_is_refused() -> None:
    once = quantized(network(), images())

    with pytest.raises(UnsupportedError, match=r"quantised already.*leave quantize out"):
        quantized(once, images())


def test_a_model_without_anything_to_quantise_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Cos", ["image"], ["scores"])],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 9, 9])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3, 9, 9])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    with pytest.raises(UnsupportedError, match=r"no operators that .* makes integers of"):
        quantized(model, images())


def test_text_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["words"], ["same"])],
        "graph",
        [helper.make_tensor_value_info("words", TensorProto.STRING, [2])],
        [helper.make_tensor_value_info("same", TensorProto.STRING, [2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    with pytest.raises(UnsupportedTypeError, match=r'input "words" is text'):
        quantized(model, [{"words": np.array(["a", "b"], object)}] * FEWEST)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "there are 0 inputs to calibrate with; give at least 4"),
        (images(FEWEST - 1), "there are 3 inputs"),
        ([*images(3), {"picture": np.zeros(1)}], 'calibration input 4 has no array for "image"'),
    ],
)
def test_a_calibration_that_says_too_little_is_refused(
    inputs: list[dict[str, Array]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        quantized(network(), inputs)


def test_what_the_quantiser_fails_at_is_said_in_a_sentence(capfd: Any) -> None:
    wrong = [{"image": np.zeros((1, 3, 5, 5), np.float32)}] * FEWEST

    with pytest.raises(UnsupportedError, match=r"^model: onnxruntime's quantiser fails \(.+"):
        quantized(network(), wrong)
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int4"}, r'quantize: got "int4"; give int8'),
        ({"quantize": "int8", "weights": "auto"}, "weights: auto and quantize: int8"),
        ({"quantize": "int8", "state": {"scores": "image"}}, "state: is kept from run to run"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        edgesite.compile(network(), calibration=images(), **options)
