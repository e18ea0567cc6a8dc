"""Recurrent layers: RNN, GRU and LSTM as regions of contractions and maps over time.

What does not depend on the step before, the product with the input, is one contraction for
all steps ahead of the region. In a step there is one contraction with the hidden state (two
for a GRU that resets before), and a map for each new state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import DType, Expr, Round, Tensor, equal, maximum, select, unary
from edgesite.ops.activation import clamp, softplus
from edgesite.ops.precision import widened
from edgesite.ops.registry import operator

Activation = Callable[[Expr], Expr]
Cell = Callable[..., list[Tensor]]
"""From the products of a step's input, [batch, gates * hidden], and states to new states."""

ACTIVATIONS: dict[str, tuple[Callable[..., Expr], tuple[float, ...]]] = {
    "relu": (lambda e: maximum(e, 0), ()),
    "tanh": (partial(unary, "tanh"), ()),
    "sigmoid": (partial(unary, "sigmoid"), ()),
    "softsign": (lambda e: e / (unary("abs", e) + 1), ()),
    "softplus": (softplus, ()),
    "leakyrelu": (lambda e, alpha: select(e < 0, e * alpha, e), (0.01,)),
    "thresholdedrelu": (lambda e, alpha: select(e < alpha, 0, e), (1.0,)),
    "elu": (lambda e, alpha: select(e < 0, unary("expm1", e) * alpha, e), (1.0,)),
    "affine": (lambda e, alpha, beta: e * alpha + beta, (1.0, 0.0)),
    "scaledtanh": (lambda e, alpha, beta: unary("tanh", e * beta) * alpha, (1.0, 1.0)),
    "hardsigmoid": (lambda e, alpha, beta: clamp(e * alpha + beta, 0, 1), (0.2, 0.5)),
}
"""Functions by lower-case name, with the defaults of their parameters alpha and beta."""

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
"""For every direction, whether it runs from the end."""


def chosen(
    names: Sequence[str],
    alphas: Sequence[float] | None,
    betas: Sequence[float] | None,
    clip: float | None,
    kinds: int = 1,
) -> Iterator[Activation]:
    """Activations by name; each takes the parameters that it has from the front of the lists.

    Arguments are limited to -clip and clip, but for an LSTM's third, which sees its own state.
    """
    given = [iter(alphas or ()), iter(betas or ())]
    for number, name in enumerate(names):
        if name.lower() not in ACTIVATIONS:
            raise UnsupportedOperatorError(f"activation {name} is not one of ONNX's")
        function, defaults = ACTIVATIONS[name.lower()]
        values = [next(of, default) for of, default in zip(given, defaults, strict=False)]

        def activation(
            e: Expr,
            function: Callable[..., Expr] = function,
            values: Sequence[float] = values,
            clip: float | None = None if number % kinds == 2 else clip,
        ) -> Expr:
            return function(e if clip is None else clamp(e, -clip, clip), *values)

        yield activation


@dataclass(frozen=True)
class Weights:
    """The parameters of a layer, one direction of them."""

    w: Tensor
    """[gates * hidden, input]"""
    r: Tensor
    """[gates * hidden, hidden]"""
    b: Tensor
    """[2 * gates * hidden]: of the input, then of the hidden state."""
    p: Tensor | None = None
    """[3 * hidden], of an LSTM's peepholes."""

    @property
    def hidden(self) -> int:
        """The number of neurons."""
        return self.r.shape[-1]

    def bias(self, j: Expr) -> Expr:
        """Both biases together."""
        return self.b.at(j) + self.b.at(j + self.b.shape[0] // 2)


def picked(x: Tensor, number: int) -> Tensor:
    """x[number], as a constant where x is one."""
    if x.constant is not None:
        return x.like(x.constant[number])
    return x.compute(x.shape[1:], lambda *at: x.at(number, *at))


def times_transposed(x: Tensor, w: Tensor) -> Tensor:
    """x[..., k] w[j, k] summed over k."""

    def body(*axes: Expr) -> Expr:
        *row, j, k = axes
        return x.at(*row, k) * w.at(j, k)

    return x.reduce([*x.shape[:-1], w.shape[0]], [w.shape[1]], body)


def layer(
    x: Tensor,
    weights: Sequence[Tensor | None],
    lengths: Tensor | None,
    starts: Sequence[Tensor | None],
    make: Callable[[Weights, Sequence[Activation]], tuple[Cell, Callable[[Expr], Expr]]],
    activations: Sequence[Activation],
    *,
    direction: str,
    layout: int,
) -> tuple[Tensor, ...]:
    """All hidden states of a layer, then its last states, as ONNX lays them out.

    `weights` are W, R, B and P, `starts` the states before the first step. `make` gives the
    cell of a direction, and what is added to the product with the input.
    """
    dtype = x.dtype

    def turned(t: Tensor) -> Tensor:
        return t.transpose([1, 0, 2]) if layout else t

    x = turned(widened(x))
    wide = [t if t is None else widened(t) for t in weights]
    before = [t if t is None else turned(widened(t)) for t in starts]
    if direction not in DIRECTIONS or wide[0] is None or wide[1] is None:
        raise ModelError(f"direction {direction}; it is one of {', '.join(DIRECTIONS)}")
    if wide[0].shape[0] != len(DIRECTIONS[direction]):
        raise ModelError(f"{wide[0].shape[0]} sets of weights do not fit direction {direction}")
    steps, batch, _ = x.shape
    hidden = wide[1].shape[-1]
    if wide[2] is None:
        shape = (wide[0].shape[0], 2 * wide[0].shape[1])
        wide[2] = x.like(np.zeros(shape, x.dtype.numpy))
    per_direction = len(activations) // len(DIRECTIONS[direction])
    results = []
    for number, reverse in enumerate(DIRECTIONS[direction]):
        of = Weights(*(t if t is None else picked(t, number) for t in wide))  # type: ignore[arg-type]
        functions = activations[number * per_direction : (number + 1) * per_direction]
        cell, shift = make(of, functions)
        product = times_transposed(x, of.w)
        shifted = product.compute(
            product.shape, lambda t, n, j, p=product, s=shift: p.at(t, n, j) + s(j)
        )
        zero = x.like(np.zeros((batch, hidden), x.dtype.numpy))
        first = [zero if t is None else picked(t, number) for t in before]
        step = partial(stepped, cell, lengths, steps if reverse else None)
        *last, every = x.builder.repeat(steps, step, first, [shifted], reverse=reverse)
        results.append([every, *last])
    joined = [
        stacked(parts, axis=0 if k else 1) for k, parts in enumerate(zip(*results, strict=True))
    ]
    if layout:
        joined = [t.transpose([2, 0, 1, 3] if t.rank == 4 else [1, 0, 2]) for t in joined]
    return tuple(t.cast(dtype) for t in joined)


def stepped(
    cell: Cell, lengths: Tensor | None, steps: int | None, n: Tensor, *given: Tensor
) -> Round:
    """A step of a cell; sequences that are over keep their states and answer 0.

    `steps` is the number of steps where they run from the end.
    """
    *before, row = given
    after = cell(row, *before)
    shown = after[0]
    if lengths is not None:
        number = n.at() if steps is None else (steps - 1) - n.at()

        def live(at: Expr) -> Expr:
            return number < lengths.at(at).cast(DType.INT64)

        shown = after[0].compute(shown.shape, lambda b, h: select(live(b), after[0].at(b, h), 0))
        after = [
            new.compute(
                new.shape, lambda b, h, o=old, e=new: select(live(b), e.at(b, h), o.at(b, h))
            )
            for old, new in zip(before, after, strict=True)
        ]
    return Round(after, [shown])


def stacked(parts: Sequence[Tensor], axis: int) -> Tensor:
    """One or two tensors along a new axis."""
    first, last = parts[0], parts[-1]
    shape = [*first.shape[:axis], len(parts), *first.shape[axis:]]
    if len(parts) == 1:
        return first.reshape(shape)

    def body(*at: Expr) -> Expr:
        place = (*at[:axis], *at[axis + 1 :])
        return select(equal(at[axis], 0), first.at(*place), last.at(*place))

    return first.compute(shape, body)


@operator("RNN")
def rnn(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] = ("Tanh", "Tanh"),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, ...]:
    """h' = f(x W + h R + biases), step by step."""
    names = activations[: len(DIRECTIONS.get(direction, ()))]
    functions = list(chosen(names, activation_alpha, activation_beta, clip))

    def make(of: Weights, fs: Sequence[Activation]) -> tuple[Cell, Callable[[Expr], Expr]]:
        def cell(row: Tensor, h: Tensor) -> list[Tensor]:
            own = times_transposed(h, of.r)
            return [own.compute(h.shape, lambda n, j: fs[0](own.at(n, j) + row.at(n, j)))]

        return cell, of.bias

    return layer(
        x,
        (w, r, b),
        sequence_lens,
        [initial_h],
        make,
        functions,
        direction=direction,
        layout=layout,
    )


@operator("GRU")
def gru(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] = ("Sigmoid", "Tanh") * 2,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
    linear_before_reset: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, ...]:
    """Gates z (update) and r (reset): h' = (1 - z) candidate + z h.

    The candidate is g(x W + (r h) R + biases), or, with `linear_before_reset`,
    g(x W + r (h R + its bias) + the other bias).
    """
    names = activations[: 2 * len(DIRECTIONS.get(direction, ()))]
    functions = list(chosen(names, activation_alpha, activation_beta, clip))

    def make(of: Weights, fs: Sequence[Activation]) -> tuple[Cell, Callable[[Expr], Expr]]:
        f, g = fs
        size = of.hidden

        def shift(j: Expr) -> Expr:
            if not linear_before_reset:
                return of.bias(j)
            return of.b.at(j) + select(j < 2 * size, of.b.at(j + of.b.shape[0] // 2), 0)

        def linear_first(row: Tensor, h: Tensor) -> list[Tensor]:
            own = times_transposed(h, of.r)

            def body(n: Expr, j: Expr) -> Expr:
                z, reset = (f(own.at(n, j + k * size) + row.at(n, j + k * size)) for k in (0, 1))
                at = j + 2 * size
                shifted = own.at(n, at) + of.b.at(at + of.b.shape[0] // 2)
                candidate = g(row.at(n, at) + reset * shifted)
                return (1 - z) * candidate + z * h.at(n, j)

            return [h.compute(h.shape, body)]

        def reset_first(row: Tensor, h: Tensor) -> list[Tensor]:
            gates = times_transposed(h, rows_of(of.r, 0, 2 * size))
            reset = h.compute(
                h.shape,
                lambda n, j: h.at(n, j) * f(gates.at(n, j + size) + row.at(n, j + size)),
            )
            own = times_transposed(reset, rows_of(of.r, 2 * size, 3 * size))

            def body(n: Expr, j: Expr) -> Expr:
                z = f(gates.at(n, j) + row.at(n, j))
                candidate = g(own.at(n, j) + row.at(n, j + 2 * size))
                return (1 - z) * candidate + z * h.at(n, j)

            return [h.compute(h.shape, body)]

        return (linear_first if linear_before_reset else reset_first), shift

    return layer(
        x,
        (w, r, b),
        sequence_lens,
        [initial_h],
        make,
        functions,
        direction=direction,
        layout=layout,
    )


def rows_of(x: Tensor, start: int, stop: int) -> Tensor:
    """x[start:stop], as a constant where x is one."""
    if x.constant is not None:
        return x.like(x.constant[start:stop])
    return x.compute([stop - start, x.shape[1]], lambda i, j: x.at(i + start, j))


@operator("LSTM")
def lstm(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    initial_c: Tensor | None = None,
    p: Tensor | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] = ("Sigmoid", "Tanh", "Tanh") * 2,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    input_forget: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, ...]:
    """Gates i, o, f and a candidate: c' = f c + i candidate, h' = o h(c').

    Peepholes add the cell's state to the gates; `input_forget` makes f = 1 - i.
    """
    names = activations[: 3 * len(DIRECTIONS.get(direction, ()))]
    functions = list(chosen(names, activation_alpha, activation_beta, clip, 3))

    def make(of: Weights, fs: Sequence[Activation]) -> tuple[Cell, Callable[[Expr], Expr]]:
        f, g, h_of = fs
        size = of.hidden

        def cell(row: Tensor, h: Tensor, c: Tensor) -> list[Tensor]:
            own = times_transposed(h, of.r)
            gates = own + row

            def gate(number: int, n: Expr, j: Expr, seen: Tensor) -> Expr:
                total = gates.at(n, j + number * size)
                if of.p is not None:
                    total = total + of.p.at(j + number * size) * seen.at(n, j)
                return f(total)

            def state(n: Expr, j: Expr) -> Expr:
                enters = gate(0, n, j, c)
                stays = 1 - enters if input_forget else gate(2, n, j, c)
                return stays * c.at(n, j) + enters * g(gates.at(n, j + 3 * size))

            after = c.compute(c.shape, state)
            shown = c.compute(c.shape, lambda n, j: gate(1, n, j, after) * h_of(after.at(n, j)))
            return [shown, after]

        return cell, of.bias

    return layer(
        x,
        (w, r, b, p),
        sequence_lens,
        [initial_h, initial_c],
        make,
        functions,
        direction=direction,
        layout=layout,
    )
