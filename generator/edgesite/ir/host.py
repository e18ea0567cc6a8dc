"""Steps of a program that hosts take ahead of the module: those that make strings of strings.

A module knows strings by their numbers, which it can move and compare. What is inside of a
string only the host sees, in Python and in JavaScript, so a step is one of the few functions
that both have. Its answers are inputs of the module, which the host gives instead of the user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgesite.errors import UnsupportedTypeError
from edgesite.ir.dtypes import DType
from edgesite.ir.expr import Value

if TYPE_CHECKING:
    from edgesite.ir.tensor import Tensor

HostFunction = Literal["concat", "match", "normalize", "split"]
Option = str | int | bool | tuple[str, ...]


@dataclass(frozen=True)
class HostOperand:
    """What a step takes: an input of the program, or always the same strings."""

    value: Value
    texts: tuple[str, ...] | None


@dataclass(frozen=True)
class HostStep:
    """A function of strings."""

    function: HostFunction
    operands: tuple[HostOperand, ...]
    outputs: tuple[Value, ...]
    options: Mapping[str, Option]


def on_host(
    function: HostFunction,
    operands: Sequence[Tensor],
    outputs: Sequence[tuple[Sequence[int], DType]],
    **options: Option,
) -> list[Tensor]:
    """Add a step to the program; `outputs` are the shapes and types of what it makes.

    Raises UnsupportedTypeError where an operand is made by the module, or where its size
    follows from data.
    """
    builder = operands[0].builder
    for x in operands:
        is_given = x.constant is not None or x.value in builder.inputs
        if not is_given or x.dtype is not DType.STRING or x.value in builder.counts:
            raise UnsupportedTypeError(
                "strings are made of those that are given, or of constants, before anything "
                "else; export the part of the model in front of it on its own"
            )
    made = [builder.input(builder.fresh(*one).name, *one) for one in outputs]
    taken = tuple(HostOperand(x.value, _texts(x)) for x in operands)
    builder.host.append(HostStep(function, taken, tuple(x.value for x in made), options))
    return made


def _texts(x: Tensor) -> tuple[str, ...] | None:
    """The strings of a constant."""
    if x.constant is None:
        return None
    every = [*x.builder.strings]
    return tuple(every[int(number)] for number in x.constant.ravel())
