"""Outputs that become inputs of the next run: the state of recurrent models, caches of keys."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from edgesite.errors import EdgesiteError, ProblemsError, UnsupportedShapeError, UsageError
from edgesite.frontend.graph import StaticGraph


def check_state(graph: StaticGraph, state: Mapping[str, str]) -> None:
    """Check that outputs can be the inputs they are paired with, as {output: input}.

    Raises UsageError for names that the model does not have, UnsupportedShapeError where type
    or shape differ, ProblemsError for several of these.
    """
    outputs = {value.name: value for value in graph.outputs}
    inputs = {value.name: value for value in graph.inputs}
    problems: list[EdgesiteError] = []
    for output, given in state.items():
        for what, name, known in (("output", output, outputs), ("input", given, inputs)):
            if name not in known:
                close = get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                problems.append(UsageError(f"state: the model has no {what} {name}; {hint}"))
        if output not in outputs or given not in inputs:
            continue
        made, wanted = outputs[output], inputs[given]
        if (made.dtype, made.shape) != (wanted.dtype, wanted.shape):
            shape = "of unknown size" if made.shape is None else list(made.shape)
            problems.append(
                UnsupportedShapeError(
                    f"state: output {output} is {made.dtype}{shape}, input {given} is "
                    f"{wanted.dtype}{list(wanted.shape)}, and a state keeps its size; export the "
                    "model with a state of fixed size that it writes into"
                )
            )
    twice = {given for given in state.values() if list(state.values()).count(given) > 1}
    problems += [
        UsageError(f"state: input {name} is made from two outputs; name one") for name in twice
    ]
    if problems:
        raise problems[0] if len(problems) == 1 else ProblemsError(problems)
