"""Weights in whole numbers, but for the few that would spoil the most for their size.

In whole numbers all parts together are as small as they get. A thirtieth more buys floats for
some: those for which the error of the outputs falls most by the byte. These are the first
layers of a network as a rule, which have few weights.
"""

from __future__ import annotations

from itertools import pairwise

from edgesite.targets.stored.forms import COMPENSATED, HALF, INT8, PLAIN, Form, stored
from edgesite.targets.stored.trial import Trial

SPARED = 1 / 30
"""Of all bytes: it halves the error of a MobileNet."""

_LADDER = (INT8, HALF, PLAIN)


def whole(trial: Trial) -> dict[int, Form]:
    """A form for every part of floats; the trial has looked at what is compensated.

    Lists, such as biases, are float16: they are short, and added to everything.
    """
    floats = {k: part for k, part in enumerate(trial.parts) if part.is_float}
    forms = {k: INT8 if len(part.shape) > 1 else HALF for k, part in floats.items()}
    numbers = [k for k, form in forms.items() if form == INT8]
    runs = range(trial.probes(len(numbers) or 1))
    room, steps = 0.0, []
    for number in numbers:
        made = [stored(trial.parts[number], form, balance=False) for form in _LADDER]
        room += SPARED * len(made[0].data)
        error = trial.error({number: INT8}, runs) if made[0].damage else 0.0
        for rung, (low, high) in enumerate(pairwise(made)):
            gain = error * (low.damage - high.damage) / (made[0].damage or 1.0)
            more = len(high.data) - len(low.data)
            steps.append((-gain / max(more, 1), number, rung, more))
    for _, number, rung, more in sorted(steps):
        if more <= room and forms[number] == _LADDER[rung]:
            room -= more
            forms[number] = _LADDER[rung + 1]
    rounded = [number for number in numbers if forms[number] == INT8]
    trial.look(rounded)
    return forms | dict.fromkeys(rounded, COMPENSATED)
