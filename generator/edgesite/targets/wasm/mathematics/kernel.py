"""Functions of numbers as functions of a module: the table of them, and adding those in use.

Each function is written once per type it computes in, with `kernel`. None reads memory, so
calls may be moved freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesite.errors import InternalError
from edgesite.wasm import F32, F32X4, F64, Function, Local, Module, Type, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Kernel:
    """How the body of a function is written; the value it gives is what the function returns."""

    parameters: dict[str, Type]
    result: Type
    write: Callable[..., Value]
    inline: bool
    """Whether it is written where it is used, not called."""


KERNELS: dict[tuple[str, Type], Kernel] = {}


def kernel(
    name: str, result: Type, *, inline: bool = False, **parameters: Type
) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
    """Enter a function into the table, under its name and the type of its first parameter."""

    def enter(write: Callable[..., Value]) -> Callable[..., Value]:
        first = next(iter(parameters.values()))
        KERNELS[name, first] = Kernel(parameters, result, write, inline)
        return write

    return enter


class Mathematics:
    """The functions that a module uses, each added to it at its first call.

    `relaxed` allows relaxed SIMD in functions of vectors.
    """

    def __init__(self, module: Module, *, relaxed: bool = False) -> None:
        self.module, self.relaxed = module, relaxed
        self._added: dict[tuple[str, Type], Function] = {}

    def call(self, f: Function, name: str, *arguments: Value) -> Value:
        """Apply a function; the type of the first argument chooses the version.

        What is not there for f32 is computed in f64 and rounded.
        """
        view = arguments[0].type
        if view is F32 and (name, view) not in KERNELS:
            return self.call(f, name, *(each.promote() for each in arguments)).demote()
        return f.call(self._function(name, view), *arguments)

    def call_vector(self, f: Function, name: str, *arguments: Value) -> Value:
        """Apply a function to four float32 lanes."""
        made = KERNELS.get((name, F32X4))
        if made is not None and made.inline:
            return made.write(self, f, *map(f.let, arguments))
        return f.call(self._function(name, F32X4), *arguments)

    @staticmethod
    def has_vector(name: str) -> bool:
        """Whether a function exists for four float32 lanes."""
        return (name, F32X4) in KERNELS

    def _function(self, name: str, view: Type) -> Function:
        key = name, view
        if key in self._added:
            return self._added[key]
        if key not in KERNELS:
            known = ", ".join(sorted(each for each, of in KERNELS if of is view))
            raise InternalError(f"mathematics: no {name} of {view}; there are {known}")
        made = KERNELS[key]
        parameters: dict[str, Any] = made.parameters
        with self.module.function(
            f"{name}_{view}", result=made.result, pure=True, **parameters
        ) as (f, *arguments):
            f.return_(made.write(self, f, *arguments))
        function: Function = f
        self._added[key] = function
        return function

    def multiply_add(self, a: Value, b: Value | float, c: Value | float) -> Value:
        """Compute a * b + c in lanes, rounded once where relaxed SIMD is allowed."""
        return a.relaxed_madd(b, c) if self.relaxed else a * b + c

    def polynomial(self, x: Local, coefficients: Sequence[float]) -> Value:
        """Evaluate a polynomial, the constant first, by Horner's rule."""
        *lower, highest = coefficients
        total: Value | float = highest
        for coefficient in reversed(lower):
            if x.type.is_vector and self.relaxed:
                total = x.relaxed_madd(total, coefficient)
            else:
                total = x * total + coefficient
        assert isinstance(total, Value)
        return total


def power_of_two(exponent: Value) -> Value:
    """Give 2 to the power of an i32 between -1022 and 1023, in f64."""
    return ((exponent + 1023).extend_s() << 52).reinterpret(F64)


def two_sum(f: Function, a: Local, b: Local) -> tuple[Local, Local]:
    """Add without loss: the rounded sum and its error (Knuth)."""
    total = f.let(a + b)
    back = f.let(total - a)
    return total, f.let((a - (total - back)) + (b - back))


def two_product(f: Function, a: Local, b: Local) -> tuple[Local, Local]:
    """Multiply f64 without loss: the rounded product and its error (Dekker)."""
    product = f.let(a * b)
    (a_high, a_low), (b_high, b_low) = _split(f, a), _split(f, b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, f.let(error)


def _split(f: Function, x: Local) -> tuple[Local, Local]:
    """Split into two halves of 26 bits (Veltkamp); |x| below 2^996."""
    shifted = f.let(x * (2.0**27 + 1))
    high = f.let(shifted - (shifted - x))
    return high, f.let(x - high)
