"""A model that is run with other forms of its weights, and how far its outputs are then off."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

import numpy as np

from edgesite.targets.stored.forms import Form, Part, Stored, stored

Array = np.ndarray[Any, np.dtype[Any]]
Outputs = Mapping[str, Array]
Observe = Callable[[Sequence[Mapping[str, Any]], Collection[int]], Mapping[int, Array]]

_WORK = 2e10
"""Multiplications that all inputs of a trial may take, and all probes together."""

_SMALLEST = 1e-6
"""Absolute: the difference that counts as none, as in `verify`."""


@dataclass(frozen=True)
class Limits:
    """How far outputs may be from those with float32 weights."""

    difference: float = 1.5e-2
    """The largest difference of an output, as a share of its largest value for any input."""

    agreement: float = 0.99
    """The smallest share of outputs whose largest value stays where it is."""


UNLIMITED = Limits(math.inf, 0.0)


def limited(difference: float | None, agreement: float | None, usual: Limits = Limits()) -> Limits:
    """Limits as given, and the usual ones where none are."""
    given = {"difference": difference, "agreement": agreement}
    return replace(usual, **{name: limit for name, limit in given.items() if limit is not None})


@dataclass(frozen=True)
class Effect:
    """What other forms of the weights change, over the inputs of a calibration."""

    max_difference: float
    """The largest absolute difference of any output."""
    share: float
    """The largest difference as a share of the largest value of its output for any input."""
    agreement: float
    """The share of outputs with the largest value at the same place."""
    error: float = 0.0
    """The mean of the squared differences as shares."""
    samples: int = 0
    """How many inputs were compared."""

    def within(self, limits: Limits) -> bool:
        """Whether it is small enough."""
        return self.share <= limits.difference and self.agreement >= limits.agreement

    def beside(self, samples: int) -> Effect:
        """The same over so many inputs, of which the others are as they were."""
        others = Effect(0.0, 0.0, 1.0, 0.0, samples - self.samples)
        return together([self, others])


class Model(Protocol):
    """What a model must do to be tried with other weights."""

    def run(self, feeds: Mapping[str, Any]) -> Outputs:
        """Answer."""

    def reset(self) -> None:
        """Forget what is kept between runs."""

    def reweigh(self, weights: bytes) -> None:
        """Take other weights."""


@dataclass
class Trial:
    """A model that is run with changed weights, and its outputs compared."""

    model: Model
    parts: Sequence[Part]
    inputs: Sequence[Mapping[str, Any]]
    macs: int
    is_sequence: bool = False
    """Whether an answer depends on the inputs before, so that all must be given in order."""

    observe: Observe | None = None
    """Finds the moments of what some of the parts are multiplied with on some of the inputs."""

    moments: Mapping[int, Array] = field(default_factory=dict)
    """Those of the parts that were looked at."""

    _known: dict[tuple[int, Form], Stored] = field(default_factory=dict)
    _rights: dict[int, list[Outputs]] = field(default_factory=dict)
    _effects: dict[tuple[frozenset[tuple[int, Form]], int], Effect] = field(default_factory=dict)
    _loaded: frozenset[tuple[int, Form]] = frozenset()

    def stored(self, number: int, form: Form) -> Stored:
        """A part in a form, made once."""
        key = number, form
        if key not in self._known:
            moments = self.moments.get(number) if form.compensated else None
            self._known[key] = stored(self.parts[number], form, moments=moments)
        return self._known[key]

    @cached_property
    def runs(self) -> list[Sequence[Mapping[str, Any]]]:
        """The inputs, as many as there is time for, by those that are given together."""
        given = self.inputs[: max(8, int(_WORK / max(self.macs, 1)))]
        return [given] if self.is_sequence else [[feeds] for feeds in given]

    def look(self, numbers: Collection[int]) -> None:
        """Find out what some of the parts are multiplied with."""
        if self.observe is not None:
            self.moments = self.observe([*chain(*self.runs)], numbers)

    @property
    def samples(self) -> int:
        """How many inputs there is time for."""
        return sum(map(len, self.runs))

    def probes(self, count: int) -> int:
        """How many runs there is time for in each of so many probes."""
        return int(min(_PROBES, max(2, _WORK / max(self.macs * count, 1)), len(self.runs)))

    @cached_property
    def _wanted(self) -> list[list[Outputs]]:
        """The outputs with the weights as they are."""
        return [self._right(number) for number in range(len(self.runs))]

    def _right(self, number: int) -> list[Outputs]:
        if number not in self._rights:
            self._rights[number] = self._outputs(frozenset(), number)
        return self._rights[number]

    @cached_property
    def _largest(self) -> dict[str, float]:
        return largest([outputs for run in self._wanted for outputs in run])

    def effect(self, forms: Mapping[int, Form], runs: Iterable[int] | None = None) -> Effect:
        """What it changes to store some of the parts, by their numbers, in these forms.

        runs: the numbers of those to look at; all if left out.
        """
        numbers = range(len(self.runs)) if runs is None else runs
        return together([self._effect(frozenset(forms.items()), number) for number in numbers])

    def error(self, forms: Mapping[int, Form], runs: Iterable[int]) -> float:
        """How much some runs make of it, to tell parts apart: the mean of squared differences.

        They are shares of the run's own largest outputs, so that no other run is needed.
        """
        effects = []
        for number in runs:
            wanted = self._right(number)
            got = self._outputs(frozenset(forms.items()), number)
            effects.append(effect_of(wanted, got, largest(wanted)))
        return together(effects).error

    def _effect(self, forms: frozenset[tuple[int, Form]], number: int) -> Effect:
        key = forms, number
        if key not in self._effects:
            wanted = self._wanted[number]
            got = self._outputs(forms, number) if forms else wanted
            self._effects[key] = effect_of(wanted, got, self._largest)
        return self._effects[key]

    def _outputs(self, forms: frozenset[tuple[int, Form]], number: int) -> list[Outputs]:
        if forms != self._loaded:
            table = dict(forms)
            data = [
                self.stored(place, table[place]).bytes_decoded if place in table else part.data
                for place, part in enumerate(self.parts)
            ]
            self.model.reweigh(b"".join(data))
            self._loaded = forms
        self.model.reset()
        return [self.model.run(feeds) for feeds in self.runs[number]]


_PROBES = 16
"""Runs of one part's probe."""


def largest(outputs: Sequence[Outputs]) -> dict[str, float]:
    """The largest finite absolute value of every float output; 1 where that is 0."""
    floats = [name for name, array in outputs[0].items() if array.dtype.kind == "f"]
    return {name: max(_largest(each[name]) for each in outputs) or 1.0 for name in floats}


def _largest(array: Array) -> float:
    return float(np.abs(array, where=np.isfinite(array), out=np.zeros_like(array)).max(initial=0))


def effect_of(
    wanted: Sequence[Outputs], got: Sequence[Outputs], scales: Mapping[str, float]
) -> Effect:
    """How far the outputs of several runs are from those wanted.

    scales: for every float output what differences are shares of.
    """
    agreed = [
        _agrees(right, outputs[name])
        for reference, outputs in zip(wanted, got, strict=True)
        for name, right in reference.items()
        if right.size
    ]
    difference = share = error = 0.0
    for name, scale in scales.items():
        pairs = [(right[name], left[name]) for right, left in zip(wanted, got, strict=True)]
        apart = np.concatenate([_apart(*pair) for pair in pairs])
        most = float(apart.max(initial=0.0))
        difference = max(difference, most)
        share = max(share, max(most - _SMALLEST, 0.0) / scale)
        error += float(np.mean((apart / scale) ** 2)) / len(scales) if apart.size else 0.0
    agreement = sum(agreed) / len(agreed) if agreed else 1.0
    return Effect(difference, share, agreement, error, len(wanted))


def together(effects: Sequence[Effect]) -> Effect:
    """The effect over the inputs of several, each of which counts as often as it has inputs."""
    samples = sum(each.samples for each in effects)

    def mean(numbers: Iterable[float]) -> float:
        pairs = zip(numbers, effects, strict=True)
        return sum(number * each.samples for number, each in pairs) / max(samples, 1)

    return Effect(
        max((each.max_difference for each in effects), default=0.0),
        max((each.share for each in effects), default=0.0),
        mean(each.agreement for each in effects) if samples else 1.0,
        mean(each.error for each in effects),
        samples,
    )


def _apart(right: Array, left: Array) -> Array:
    """Absolute differences of finite numbers; infinite where one side alone is not finite."""
    if right.shape != left.shape:
        return np.array([np.inf])
    wide, other = right.ravel().astype(np.float64), left.ravel().astype(np.float64)
    finite = np.isfinite(wide)
    same = np.array_equal(wide[~finite], other[~finite], equal_nan=True)
    if not same or not np.isfinite(other[finite]).all():
        return np.array([np.inf])
    return np.asarray(np.abs(wide[finite] - other[finite]))


def _agrees(right: Array, left: Array) -> bool:
    if right.dtype.kind != "f":
        return bool(np.array_equal(right, left))
    return bool(np.argmax(right) == np.argmax(left))
