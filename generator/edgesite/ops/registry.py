"""The table of operators: which function expresses which ONNX operator, from which version on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from edgesite.errors import InternalError, ModelError, UnsupportedOperatorError
from edgesite.ir import Tensor

Outputs = Tensor | tuple[Tensor, ...]
Function = Callable[..., Outputs]
F = TypeVar("F", bound=Function)

_MISFITS = (ArithmeticError, AttributeError, InternalError, LookupError, TypeError, ValueError)
"""What becomes of sizes and ranks that no operator's function was written for."""

_TABLE: dict[tuple[str, str], dict[int, Function]] = {}


def operator(*names: str, since: int = 1, domain: str = "") -> Callable[[F], F]:
    """Register a function as the meaning of ONNX operators.

    The function takes the operator's inputs as tensors (None where an optional one is
    omitted) and its attributes as keyword arguments under ONNX's names with ONNX's
    defaults; it returns a tensor, or a tuple of as many as the node has outputs. A
    keyword argument `outputs`, when it has one, receives the number of outputs up to the
    last that is used; `places`, the number of all. `since` is the first version of the
    operator the function is right for; a later registration takes over from its own version on.
    """

    def register(function: F) -> F:
        for name in names:
            versions = _TABLE.setdefault((domain, name), {})
            if since in versions:
                raise InternalError(f"{name} is registered twice since version {since}")
            versions[since] = function
        return function

    return register


def find(domain: str, name: str, version: int) -> Function | None:
    """The function for an operator at its version in the model, or None."""
    versions = _TABLE.get((domain, name), {})
    fitting = [since for since in versions if since <= version]
    return versions[max(fitting)] if fitting else None


def versions(domain: str, name: str) -> tuple[int, ...]:
    """The versions of an operator from which on its meaning is known, oldest first."""
    return tuple(sorted(_TABLE.get((domain, name), ())))


def is_supported(domain: str, name: str) -> bool:
    """Whether an operator has a meaning at any version."""
    return (domain, name) in _TABLE


def names() -> list[tuple[str, str]]:
    """Every operator in the table, as (domain, name), sorted."""
    return sorted(_TABLE)


def call(
    function: Function,
    inputs: Sequence[Tensor | None],
    attributes: Mapping[str, Any],
    outputs: int,
    places: int | None = None,
) -> tuple[Tensor, ...]:
    """Express one node, of whose outputs, `places` in number, the first `outputs` are used.

    Raises UnsupportedOperatorError for an attribute the function does not know, ModelError for
    operands that contradict each other or the attributes in a way that onnx lets pass, such as a
    bias of another rank: the function then fails somewhere on the way.
    """
    parameters = inspect.signature(function).parameters
    keywords = dict(attributes)
    counts = {"outputs": outputs, "places": outputs if places is None else places}
    keywords.update({name: count for name, count in counts.items() if name in parameters})
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    unknown = [] if takes_any else [name for name in keywords if name not in parameters]
    if unknown:
        raise UnsupportedOperatorError(f"attribute {', '.join(sorted(unknown))} is not supported")
    try:
        result = function(*inputs, **keywords)
    except _MISFITS as error:
        given = ", ".join("none" if x is None else str(x) for x in inputs)
        raise ModelError(
            f"operands {given} do not fit its attributes or each other; export the model again, "
            "and report it if onnxruntime runs it"
        ) from error
    results = result if isinstance(result, tuple) else (result,)
    if len(results) < outputs:
        raise UnsupportedOperatorError(f"output {len(results) + 1} is not supported")
    return results
