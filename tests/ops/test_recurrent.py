"""Recurrent layers against onnxruntime: every direction, layout, activation and option."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.interpreter import Array, express_node
from tests.ops.oracle import answer, assert_node
from tests.targets.programs import answers

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def operands(
    kind: str,
    rng: np.random.Generator,
    *,
    directions: int = 1,
    sizes: tuple[int, int, int, int] = (5, 3, 4, 6),
    layout: int = 0,
    peepholes: bool = False,
) -> list[Array | None]:
    """X, W, R, B, no lengths, and initial states; `sizes` are steps, batch, input, hidden."""
    steps, batch, width, hidden = sizes
    rows = GATES[kind] * hidden

    def numbers(*shape: int) -> Array:
        return rng.standard_normal(shape, np.float32)

    x, start = numbers(steps, batch, width), (directions, batch, hidden)
    made: list[Array | None] = [
        x.transpose(1, 0, 2) if layout else x,
        numbers(directions, rows, width),
        numbers(directions, rows, hidden),
        numbers(directions, 2 * rows),
        None,
    ]
    states = [numbers(*start) for _ in range(2 if kind == "LSTM" else 1)]
    made += [state.transpose(1, 0, 2) if layout else state for state in states]
    if peepholes:
        made.append(numbers(directions, 3 * hidden))
    return made


def outputs(kind: str) -> int:
    return 3 if kind == "LSTM" else 2


def check(kind: str, inputs: list[Array | None], **attributes: Any) -> None:
    """Compare with onnxruntime: what the program means, and what the compiled one answers."""
    r = inputs[2]
    assert r is not None
    attributes = {"hidden_size": r.shape[-1], **attributes}
    assert_node(kind, inputs, attributes, 14, outputs(kind), atol=1e-5)
    graph, feeds = express_node(kind, inputs, attributes, 14, outputs(kind), known=(1, 2, 3))
    wanted = answer(kind, inputs, attributes, 14, outputs(kind))
    for got, array in zip(answers(graph, feeds, fused=True), wanted, strict=True):
        np.testing.assert_allclose(got, array, 1e-5, 1e-5)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_every_direction(kind: str, direction: str, rng: np.random.Generator) -> None:
    inputs = operands(kind, rng, directions=1 + (direction == "bidirectional"))

    check(kind, inputs, direction=direction)


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 1, 3, 4), (3, 4, 5, 17)])
def test_sizes(kind: str, sizes: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    check(kind, operands(kind, rng, sizes=sizes))


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_sequences_of_several_lengths(kind: str, direction: str, rng: np.random.Generator) -> None:
    inputs = operands(kind, rng, directions=1 + (direction == "bidirectional"))
    inputs[4] = np.array([5, 2, 3], np.int32)

    check(kind, inputs, direction=direction)


@pytest.mark.parametrize("kind", GATES)
def test_arguments_of_activations_are_clipped(kind: str, rng: np.random.Generator) -> None:
    check(kind, operands(kind, rng), clip=0.5)


def test_a_candidate_from_what_is_reset_behind_the_product(rng: np.random.Generator) -> None:
    check("GRU", operands("GRU", rng), linear_before_reset=1)


def test_an_lstm_looks_through_peepholes(rng: np.random.Generator) -> None:
    check("LSTM", operands("LSTM", rng, peepholes=True))


def test_an_lstm_forgets_what_it_does_not_take_in(rng: np.random.Generator) -> None:
    check("LSTM", operands("LSTM", rng), input_forget=1)


def test_activations_take_parameters_in_turn(rng: np.random.Generator) -> None:
    check(
        "LSTM",
        operands("LSTM", rng),
        activations=["HardSigmoid", "LeakyRelu", "Softsign"],
        activation_alpha=[0.3, 0.1],
        activation_beta=[0.4],
    )


@pytest.mark.parametrize(
    "name",
    ["Relu", "Softplus", "Elu", "ThresholdedRelu", "ScaledTanh", "Affine"],
)
def test_activations(name: str, rng: np.random.Generator) -> None:
    more = {"activation_alpha": [0.5], "activation_beta": [0.25]}
    parameters = more if name in ("ScaledTanh", "Affine", "ThresholdedRelu") else {}
    inputs = operands("RNN", rng, sizes=(3, 2, 4, 5))

    check("RNN", inputs, activations=[name], **parameters)


@pytest.mark.parametrize("kind", GATES)
def test_batches_first(kind: str, rng: np.random.Generator) -> None:
    inputs = operands(kind, rng, layout=1)
    attributes = {"hidden_size": 6}
    turned = [
        a.transpose(1, 0, 2) if a is not None and k in (0, 5, 6) else a
        for k, a in enumerate(inputs)
    ]
    wanted = answer(kind, turned, attributes, 14, outputs(kind))
    graph, feeds = express_node(kind, inputs, {**attributes, "layout": 1}, 14, outputs(kind))

    every, *last = answers(graph, feeds)

    np.testing.assert_allclose(every, wanted[0].transpose(2, 0, 1, 3), 1e-5, 1e-5)
    for got, array in zip(last, wanted[1:], strict=True):
        np.testing.assert_allclose(got, array.transpose(1, 0, 2), 1e-5, 1e-5)
