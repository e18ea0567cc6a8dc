"""A model that computes in floats made one that computes in integers, by onnxruntime's quantiser.

Post-training static quantisation: the model runs on inputs of a calibration, which shows how
large the numbers of every tensor get; these ranges are divided into 256 steps, and those of the
weights channel by channel. The result is the same model in QDQ form, in which tensors are rounded
to the steps between operators, and which is compiled like any model that was quantised elsewhere.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import onnx
from onnx import TensorProto, version_converter

from edgesite.errors import EdgesiteError, UnsupportedError, UnsupportedTypeError, UsageError
from edgesite.frontend.load import Loaded, load

Quantize = Literal["int8"]
"""What may be asked for."""
QUANTIZED = get_args(Quantize)

FEWEST = 4
"""Inputs of a calibration: of fewer one cannot say how large numbers get."""

_OPSET = 13
"""The oldest whose DequantizeLinear has a scale for every channel."""

_ROUNDED = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QGemm"})


def check_options(quantize: str, weights: str, state: Mapping[str, str]) -> None:
    """Raise UsageError where compiling is to do what does not go with a model in integers."""
    if quantize not in QUANTIZED:
        raise UsageError(f'quantize: got "{quantize}"; give {" or ".join(QUANTIZED)}')
    if weights != "float32":
        raise UsageError(
            f"weights: {weights} and quantize: {quantize} both say what weights become; "
            "leave one out"
        )
    if state:
        raise UsageError(
            "state: is kept from run to run, and a calibration for quantize knows single runs; "
            "leave one out"
        )


def quantized(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto, inputs: Sequence[Mapping[str, Any]]
) -> bytes:
    """An ONNX model that computes in 8 bits what another computes in floats.

    `inputs` are the calibration, an array for every input of the model; the same bytes come of
    the same inputs.

    Raises UsageError for inputs that are too few or lack an array, ModelError for a broken model,
    and UnsupportedError for one that is quantised already or cannot be.
    """
    loaded = load(Path(model) if isinstance(model, os.PathLike) else model)
    where, proto = loaded.where, _whole(loaded)
    _check(proto, inputs, where)
    with _refused(where), tempfile.TemporaryDirectory() as name:
        made = _quantized(_recent(proto), inputs, Path(name))
    if not any(node.op_type == "QuantizeLinear" for node in made.graph.node):
        raise UnsupportedError(
            f"{where}: has no operators that onnxruntime's quantiser makes integers of; "
            "leave quantize out"
        )
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _quantized(
    proto: onnx.ModelProto, inputs: Sequence[Mapping[str, Any]], folder: Path
) -> onnx.ModelProto:
    # A part of onnxruntime that nothing else needs.
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
        """The inputs, one after the other."""

        def __init__(self) -> None:
            self.rest = iter(inputs)

        def get_next(self) -> dict[str, Any] | None:
            feeds = next(self.rest, None)
            return None if feeds is None else dict(feeds)

    prepared, result = str(folder / "prepared.onnx"), str(folder / "quantized.onnx")
    _prepare(proto, prepared)
    quantize_static(
        prepared,
        result,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return onnx.load(result)


def _prepare(proto: onnx.ModelProto, path: str) -> None:
    """Write the model without what is constant: normalisations become part of convolutions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = path
    options.log_severity_level = 4
    onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _whole(loaded: Loaded) -> onnx.ModelProto:
    """The model with the data that lies in other files."""
    if loaded.folder is not None:
        try:
            onnx.load_external_data_for_model(loaded.proto, str(loaded.folder))
        except Exception as error:  # what onnx raises depends on what is wrong with the file
            raise UnsupportedError(
                f"{loaded.where}: its weights cannot be read ({_first_line(error)}); "
                "put the files that it names beside it"
            ) from None
    return loaded.proto


def _check(proto: onnx.ModelProto, inputs: Sequence[Mapping[str, Any]], where: str) -> None:
    """Refuse what the quantiser would fail at, or make nonsense of."""
    rounded = next((node for node in proto.graph.node if _is_rounded(node)), None)
    if rounded is not None:
        raise UnsupportedError(
            f"{where}: is quantised already, as its {rounded.op_type} shows; leave quantize out"
        )
    stored = {tensor.name for tensor in proto.graph.initializer}
    wanted = [info for info in proto.graph.input if info.name not in stored]
    for info in wanted:
        kind = info.type.tensor_type.elem_type
        if kind in (TensorProto.UNDEFINED, TensorProto.STRING):
            what = "text" if kind == TensorProto.STRING else "no single tensor"
            raise UnsupportedTypeError(
                f'{where}: input "{info.name}" is {what}, and quantize is for models of numbers; '
                "leave it out"
            )
    if len(inputs) < FEWEST:
        raise UsageError(
            f"quantize: there are {len(inputs)} inputs to calibrate with; give at least {FEWEST} "
            "that are like those of your users"
        )
    for number, feeds in enumerate(inputs):
        missing = [info.name for info in wanted if info.name not in feeds]
        if missing:
            raise UsageError(
                f'quantize: calibration input {number + 1} has no array for "{missing[0]}"; '
                "give one for every input of the model"
            )


def _is_rounded(node: onnx.NodeProto) -> bool:
    return node.op_type in _ROUNDED or node.op_type.startswith("QLinear")


def _recent(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model in an opset that the quantiser works with."""
    opset = next((entry.version for entry in proto.opset_import if not entry.domain), _OPSET)
    newer = onnx.ModelProto()
    newer.CopyFrom(proto if opset >= _OPSET else version_converter.convert_version(proto, _OPSET))
    # Old models list their weights as inputs, too, which keeps these from being constants.
    stored = {tensor.name for tensor in newer.graph.initializer}
    given = [info for info in newer.graph.input if info.name not in stored]
    del newer.graph.input[:]
    newer.graph.input.extend(given)
    return newer


@contextmanager
def _refused(where: str) -> Iterator[None]:
    """Say in a sentence that the quantiser failed, and nothing of what it logs."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    except EdgesiteError:
        raise
    except Exception as error:  # it raises whatever its parts do
        raise UnsupportedError(
            f"{where}: onnxruntime's quantiser fails ({_first_line(error)}); leave quantize out, "
            "or quantise the model with tools of your own and give the result"
        ) from None
    finally:
        logging.disable(before)


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
