"""Which form each part of a model's weights takes, found by running the model.

What a form costs is known part by part: about the bytes that gzip leaves of it. What it spoils
is measured at the outputs, on the inputs of a calibration. A small error of a part adds to the
squared error of the outputs in proportion to the sum of its own squared errors, so one run with
only that part rounded tells how sensitive the outputs are to it; errors of several parts add up.
With that the cheapest forms for any error of the outputs follow by a single multiplier, as in
rate allocation of image codecs, and the largest error whose outputs stay within the limits is
found by trying.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, get_args

import numpy as np

from edgesite.targets.stored.forms import HALF, PLAIN, Form, Part, Stored, stored
from edgesite.targets.stored.trial import Effect, Limits, Trial, together
from edgesite.targets.stored.whole import whole

Weights = Literal["float32", "float16", "int8", "palette", "auto"]
"""What may be asked for."""
FORMS = get_args(Weights)
CHOSEN = ("int8", "palette", "auto")
"""Those for which the model is run."""

_STEPS = (127, 90, 63, 45, 31, 22, 15, 11, 7)
_SIZES = (256, 128, 64, 32, 16)
_PALETTES = tuple(Form("palette", size) for size in _SIZES)
_CANDIDATES = (HALF, *(Form("int8", steps) for steps in _STEPS), *_PALETTES)

_PROBE = Form("int8", 31)
"""The form in which a part is rounded alone, to see what the outputs make of it."""

FEWEST = 1024
"""Numbers of a part that is looked at for itself; smaller ones become float16 all together."""


@dataclass(frozen=True)
class Row:
    """A form of all weights."""

    name: str
    size_bytes: int
    gzip_bytes: int
    effect: Effect


@dataclass(frozen=True)
class Layer:
    """The form of one part."""

    name: str
    """The operator of the model."""
    weights: int
    form: str
    bits: float
    """A weight's, of what gzip leaves."""
    share: float
    """Of the squared error of the outputs, as predicted."""


@dataclass(frozen=True)
class Choice:
    """The forms of all parts, and why."""

    parts: tuple[Stored, ...]
    inputs: int = 0
    """How many inputs the forms were tried on."""
    layers: tuple[Layer, ...] = ()
    compare: Callable[[], tuple[Row, ...]] = tuple
    """Runs the model with all weights in each form."""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """All forms beside the chosen ones, once somebody asks: that takes many runs."""
        return self.compare()

    @cached_property
    def forms(self) -> dict[str, int]:
        """How many float numbers are stored in which form, the most common first."""
        counts: Counter[str] = Counter()
        for each in self.parts:
            if each.part.is_float:
                counts[str(each.form)] += each.part.values.size
        return dict(counts.most_common())


def halves(parts: Sequence[Part]) -> Choice:
    """Every part as float16."""
    return Choice(tuple(stored(part, HALF) for part in parts))


def choose(trial: Trial, wanted: Weights, limits: Limits) -> Choice:
    """The smallest forms whose effect is within the limits; with float32 if there are none.

    Whole numbers are not chosen for their effect, whatever the limits.
    """
    if wanted == "int8":
        return Choice(_stored(trial, whole(trial)), trial.samples)
    kinds = ("palette",) if wanted == "palette" else ("float16", "int8", "palette")
    plan = _Plan(trial, [form for form in _CANDIDATES if form.kind in kinds])
    forms = plan.within(limits)
    name = wanted if wanted == "auto" else "palettes"
    return Choice(
        _stored(trial, forms), trial.samples, plan.layers(forms), partial(_rows, trial, name, forms)
    )


def _stored(trial: Trial, forms: Mapping[int, Form]) -> tuple[Stored, ...]:
    return tuple(trial.stored(k, forms.get(k, PLAIN)) for k in range(len(trial.parts)))


def _rows(trial: Trial, name: str, forms: Mapping[int, Form]) -> tuple[Row, ...]:
    named: dict[str, Mapping[int, Form]] = {"float32": {}}
    named |= {"float16": _uniform(trial.parts, HALF), "int8": whole(trial)}
    named |= {str(form): _uniform(trial.parts, form) for form in _PALETTES}
    named[name] = forms
    return tuple(_row(trial, each, forms) for each, forms in named.items())


def _uniform(parts: Sequence[Part], form: Form) -> dict[int, Form]:
    """A form for every part; palettes for none that is one list of numbers."""
    return {
        number: form
        for number, part in enumerate(parts)
        if part.is_float and (form == HALF or len(part.shape) > 1)
    }


def _row(trial: Trial, name: str, forms: Mapping[int, Form]) -> Row:
    data = b"".join(each.data for each in _stored(trial, forms))
    gzip_bytes = len(gzip.compress(data, 9, mtime=0))
    return Row(name, len(data), gzip_bytes, trial.effect(forms))


class _Plan:
    """What every form of every large part costs, and what it spoils."""

    def __init__(self, trial: Trial, candidates: Sequence[Form]) -> None:
        self.trial, self.candidates = trial, candidates
        sizes = [part.values.size if part.is_float else 0 for part in trial.parts]
        shaped = [len(part.shape) > 1 for part in trial.parts]
        self.large = [k for k, size in enumerate(sizes) if size >= FEWEST and shaped[k]]
        self.small = [k for k, size in enumerate(sizes) if size > 0 and k not in self.large]
        probes = range(trial.probes(len(self.large) or 1))
        self.costs = np.zeros((len(self.large), len(candidates)))
        self.errors = np.zeros_like(self.costs)
        for row, number in enumerate(self.large):
            part = trial.parts[number]
            rough = [stored(part, form, balance=False) for form in candidates]
            self.costs[row] = [each.entropy_bytes for each in rough]
            probe = stored(part, _PROBE, balance=False).damage
            error = trial.effect({number: _PROBE}, probes).error
            sensitivity = error / probe if probe else 0.0
            self.errors[row] = [each.damage * sensitivity for each in rough]

    def within(self, limits: Limits) -> dict[int, Form]:
        """The cheapest forms found whose effect is within the limits.

        Most inputs show nothing that a few hard ones do not: the coarsest forms are looked for
        with these, and where another input rules out what was found it becomes one of them.
        """
        everything = range(len(self.trial.runs))
        hard = list(everything[:: max(1, len(everything) // _FIRST)])
        while (level := self._coarsest(hard, limits)) is not None:
            forms = self._at(level, limits)
            if not (spoiled := self._spoiled(forms, everything, limits)):
                return forms
            hard = [*spoiled, *(number for number in hard if number not in spoiled)]
        finest = dict.fromkeys((*self.large, *self.small), HALF)
        return {} if self._spoiled(finest, everything, limits) else finest

    def _coarsest(self, hard: Sequence[int], limits: Limits) -> int | None:
        """The largest level at which the hard runs are within the limits."""
        low, high = -1, _LEVELS
        while high - low > 1:
            middle = (low + high) // 2
            if self._spoiled(self._at(middle, limits), hard, limits):
                high = middle
            else:
                low = middle
        return low if low >= 0 else None

    def _at(self, level: int, limits: Limits) -> dict[int, Form]:
        """The cheapest forms at a level, of which the highest allows an error as large as a limit.

        What is looked for lies below: the largest of many differences is a multiple of their
        root mean square.
        """
        return self._cheapest((limits.difference * 256.0 ** (level / _LEVELS - 1)) ** 2)

    def _spoiled(self, forms: Mapping[int, Form], runs: Iterable[int], limits: Limits) -> list[int]:
        """The runs that show that forms are too coarse, as soon as some do; none if they are not.

        Runs that are not looked at count as if nothing changed in them.
        """
        effects: dict[int, Effect] = {}
        for number in runs:
            effects[number] = self.trial.effect(forms, [number])
            seen = together([*effects.values()])
            if not seen.beside(self.trial.samples).within(limits):
                return [number for number, one in effects.items() if not one.within(limits)]
        return []

    def _cheapest(self, error: float) -> dict[int, Form]:
        """The cheapest forms whose predicted squared error is at most the given one."""
        forms = dict.fromkeys(self.small, HALF)
        if not self.large:
            return forms
        rows = np.arange(len(self.large))
        low, high = -40.0, 120.0
        for _ in range(60):
            price = (low + high) / 2
            chosen = np.argmin(self.costs + self.errors * 2.0**price, axis=1)
            if self.errors[rows, chosen].sum() <= error:
                high = price
            else:
                low = price
        chosen = np.argmin(self.costs + self.errors * 2.0**high, axis=1)
        return forms | {k: self.candidates[c] for k, c in zip(self.large, chosen, strict=True)}

    def layers(self, forms: Mapping[int, Form]) -> tuple[Layer, ...]:
        """What became of every large part."""
        places = {form: column for column, form in enumerate(self.candidates)}
        errors = [
            self.errors[row, places[forms[k]]] if forms.get(k) in places else 0.0
            for row, k in enumerate(self.large)
        ]
        total = sum(errors) or 1.0
        return tuple(
            _layer(self.trial.stored(k, forms.get(k, PLAIN)), error / total)
            for k, error in zip(self.large, errors, strict=True)
        )


_LEVELS = 512
"""Of a range of 8 powers of two: to within a percent."""

_FIRST = 8
"""Runs that are taken for hard ones before anything is known of them."""


def _layer(each: Stored, share: float) -> Layer:
    size = each.part.values.size
    bits = 8 * each.entropy_bytes / size
    return Layer(each.part.name, size, str(each.form), float(bits), float(share))
