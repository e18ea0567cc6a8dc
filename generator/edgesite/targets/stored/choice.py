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
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, get_args

import numpy as np

from edgesite.targets.stored.forms import HALF, INT8, PLAIN, Form, Part, Stored, stored

Array = np.ndarray[Any, np.dtype[Any]]
Weights = Literal["float32", "float16", "int8", "palette", "auto"]
"""What may be asked for."""
FORMS = get_args(Weights)

_STEPS = (127, 90, 63, 45, 31, 22, 15, 11, 7)
_SIZES = (256, 128, 64, 32, 16)
_PALETTES = tuple(Form("palette", size) for size in _SIZES)
_CANDIDATES = (HALF, *(Form("int8", steps) for steps in _STEPS), *_PALETTES)
_TABLE = {"float16": HALF, "int8": INT8} | {str(form): form for form in _PALETTES}

_PROBE = Form("int8", 31)
"""The form in which a part is rounded alone, to see what the outputs make of it."""

FEWEST = 1024
"""Numbers of a part that is looked at for itself; smaller ones become float16 all together."""

_WORK = 2e10
"""Multiplications that all probes together may take, and all inputs of a trial."""

_SMALLEST = 1e-6
"""Absolute: the difference that counts as none, as in `verify`."""


@dataclass(frozen=True)
class Limits:
    """How far outputs may be from those with float32 weights."""

    difference: float = 1.5e-2
    """The largest difference of an output, as a share of its largest value for any input."""

    agreement: float = 0.99
    """The smallest share of outputs whose largest value stays where it is."""


def limited(difference: float | None, agreement: float | None) -> Limits:
    """Limits as given, and the usual ones where none are."""
    given = {"difference": difference, "agreement": agreement}
    return Limits(**{name: limit for name, limit in given.items() if limit is not None})


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
    rows: tuple[Row, ...] = ()
    layers: tuple[Layer, ...] = ()

    @cached_property
    def forms(self) -> dict[str, int]:
        """How many float numbers are stored in which form, the most common first."""
        counts: Counter[str] = Counter()
        for each in self.parts:
            if each.part.is_float:
                counts[str(each.form)] += each.part.values.size
        return dict(counts.most_common())


class Model(Protocol):
    """What a model must do to be tried with other weights."""

    def run(self, feeds: Mapping[str, Any]) -> Mapping[str, Array]:
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
    _known: dict[tuple[int, Form], Stored] = field(default_factory=dict)

    def stored(self, number: int, form: Form) -> Stored:
        """A part in a form, made once."""
        key = number, form
        if key not in self._known:
            self._known[key] = stored(self.parts[number], form)
        return self._known[key]

    @property
    def given(self) -> Sequence[Mapping[str, Any]]:
        """As many inputs as there is time for."""
        return self.inputs[: max(8, int(_WORK / max(self.macs, 1)))]

    @cached_property
    def wanted(self) -> list[Mapping[str, Array]]:
        """The outputs with the weights as they are."""
        return self._outputs({}, self.given)

    def effect(self, forms: Mapping[int, Form], count: int | None = None) -> Effect:
        """What it changes to store some of the parts, by their numbers, in these forms."""
        inputs = self.given[:count]
        return effect_of(self.wanted[: len(inputs)], self._outputs(forms, inputs))

    def _outputs(
        self, forms: Mapping[int, Form], inputs: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Array]]:
        data = [
            self.stored(number, forms[number]).bytes_decoded if number in forms else part.data
            for number, part in enumerate(self.parts)
        ]
        self.model.reweigh(b"".join(data))
        self.model.reset()
        return [self.model.run(feeds) for feeds in inputs]


def fixed(parts: Sequence[Part], form: Form) -> Choice:
    """Every part of some size in one form."""
    forms = _uniform(parts, form)
    made = [stored(part, forms.get(number, PLAIN)) for number, part in enumerate(parts)]
    return Choice(tuple(made))


def choose(trial: Trial, wanted: Weights, limits: Limits) -> Choice:
    """The smallest forms whose effect is within the limits; with float32 if there are none."""
    kinds = ("palette",) if wanted == "palette" else ("float16", "int8", "palette")
    plan = _Plan(trial, [form for form in _CANDIDATES if form.kind in kinds])
    forms = plan.within(limits)
    parts = tuple(trial.stored(k, forms.get(k, PLAIN)) for k in range(len(trial.parts)))
    named: dict[str, dict[int, Form]] = {"float32": {}}
    named |= {name: _uniform(trial.parts, form) for name, form in _TABLE.items()}
    rows = [_row(trial, name, each) for name, each in named.items()]
    rows.append(_row(trial, wanted if wanted == "auto" else "palettes", forms))
    return Choice(parts, len(trial.given), tuple(rows), plan.layers(forms))


def _uniform(parts: Sequence[Part], form: Form) -> dict[int, Form]:
    """A form for every part; whole numbers and palettes for none that is one list of numbers.

    Nor whole numbers where few are summed: there errors do not cancel, and there are few of them.
    """
    forms: dict[int, Form] = {}
    for number, part in enumerate(parts):
        if part.is_float and (form == HALF or len(part.shape) > 1):
            summed = math.prod(part.values.shape[1:-1])
            forms[number] = HALF if form == INT8 and summed < _FEW_SUMMED else form
    return forms


_FEW_SUMMED = 64
"""Halves the error of a MobileNet, and takes a sixtieth more bytes."""


def _row(trial: Trial, name: str, forms: Mapping[int, Form]) -> Row:
    made = (trial.stored(k, forms.get(k, PLAIN)) for k in range(len(trial.parts)))
    data = b"".join(each.data for each in made)
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
        count = len(self.large) or 1
        probes = int(min(16, max(2, _WORK / max(trial.macs * count, 1))))
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
        """The cheapest forms found whose effect is within the limits."""
        best: dict[int, Form] = {}
        # The largest of many differences is some five times their root mean square.
        low, high = np.log2(limits.difference / 256), np.log2(limits.difference)
        for _ in range(_TRIES):
            middle = (low + high) / 2
            forms = self._cheapest(4.0**middle)
            if self.trial.effect(forms).within(limits):
                best, low = forms, middle
            else:
                high = middle
        finest = dict.fromkeys((*self.large, *self.small), HALF)
        if not best and self.trial.effect(finest).within(limits):
            return finest
        return best

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


_TRIES = 9
"""Halvings of a range of 8 powers of two: to within a percent."""


def _layer(each: Stored, share: float) -> Layer:
    size = each.part.values.size
    bits = 8 * each.entropy_bytes / size
    return Layer(each.part.name, size, str(each.form), float(bits), float(share))


def effect_of(wanted: Sequence[Mapping[str, Array]], got: Sequence[Mapping[str, Array]]) -> Effect:
    """How far the outputs of several runs are from those wanted."""
    agreed = [
        _agrees(right, outputs[name])
        for reference, outputs in zip(wanted, got, strict=True)
        for name, right in reference.items()
        if right.size
    ]
    difference = share = error = 0.0
    floats = [
        name for name, right in (wanted[0] if wanted else {}).items() if right.dtype.kind == "f"
    ]
    for name in floats:
        pairs = [(w[name].ravel(), g[name].ravel()) for w, g in zip(wanted, got, strict=True)]
        apart, largest = _apart(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
        most = float(apart.max(initial=0.0))
        difference = max(difference, most)
        share = max(share, max(most - _SMALLEST, 0.0) / largest)
        error += float(np.mean((apart / largest) ** 2)) / len(floats) if apart.size else 0.0
    return Effect(difference, share, sum(agreed) / len(agreed) if agreed else 1.0, error)


def _apart(right: Array, left: Array) -> tuple[Array, float]:
    """Absolute differences, infinite where one side alone is not finite; the largest value."""
    if right.shape != left.shape:
        return np.array([np.inf]), 1.0
    wide, other = right.astype(np.float64), left.astype(np.float64)
    finite = np.isfinite(wide)
    same = np.array_equal(wide[~finite], other[~finite], equal_nan=True)
    if not same or not np.isfinite(other[finite]).all():
        return np.array([np.inf]), 1.0
    largest = float(np.abs(wide[finite]).max(initial=0.0))
    return np.abs(wide[finite] - other[finite]), largest or 1.0


def _agrees(right: Array, left: Array) -> bool:
    if right.dtype.kind != "f":
        return bool(np.array_equal(right, left))
    return bool(np.argmax(right) == np.argmax(left))
