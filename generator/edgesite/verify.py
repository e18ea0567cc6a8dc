"""The modules that ship against onnxruntime: same inputs, and how far the outputs are apart.

The reference runs on one thread and without graph optimisations, which is the literal meaning
of the model. An output agrees where every element is within

    1e-6 + tolerance * (the largest finite absolute value of the reference output)

of the reference, is NaN where the reference is NaN and infinite where it is infinite. The
default tolerance is 1e-4 for float32, 1e-9 for float64 and 1e-2 for float16, which are some
hundred times the rounding error of a deep network; integers and booleans must be equal.

A quantised model rounds to integers on its way, and where a number lies between two of them
the last bit of a sum decides. One such step changes sums behind it, so that even two correct
readings end some steps apart: the literal one, in floats, and the one that onnxruntime takes
by default, in integers. Outputs of such a model agree with the nearer of the two where they are
not further from it than one step, or than the two are from each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from edgesite.errors import ModelError, VerificationError
from edgesite.frontend.steps import steps_of_outputs
from edgesite.ir import DType
from edgesite.targets.feeds import random_feeds
from edgesite.targets.lists import gathered, spread
from edgesite.targets.stored.trial import Effect, Limits, effect_of, largest

if TYPE_CHECKING:
    from pathlib import Path

    from edgesite.targets.manifest import Manifest

Array = np.ndarray[Any, np.dtype[Any]]
Feeds = Mapping[str, Array]
Target = Literal["simd", "relaxed"]

TARGETS: tuple[Target, ...] = ("simd", "relaxed")
TOLERANCES = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-9}
SMALLEST = 1e-6
"""Absolute: what remains of rounding where all outputs are near zero."""


class Runnable(Protocol):
    """What a compiled model offers to those who check it."""

    @property
    def manifest(self) -> Manifest:
        """The names, dtypes and shapes of inputs and outputs."""

    def run(self, feeds: Feeds, *, target: Target = ..., threads: int = ...) -> Mapping[str, Array]:
        """Answer with one of the modules."""

    def reset(self) -> None:
        """Forget what is kept between runs."""


@dataclass(frozen=True)
class Verification:
    """What was compared, and how well it agrees."""

    samples: int
    max_difference: float
    """The largest absolute difference of any output of any sample and target."""

    top1_agreement: float
    """The share of (sample, target, output) with the largest value at the same place."""

    onnxruntime: str
    targets: tuple[str, ...]
    references: tuple[dict[str, Array], ...]
    """onnxruntime's outputs for the samples that were given, in their order."""


def verify(
    compiled: Runnable,
    model: Path | str | bytes,
    samples: Sequence[Feeds] = (),
    tolerance: float | None = None,
    *,
    names: Sequence[str] = (),
    constants: Feeds = MappingProxyType({}),
    random_samples: int = 2,
) -> Verification:
    """Compare both modules with onnxruntime on samples, then on seeded random inputs.

    `names` are what messages call the samples; `constants` are the inputs that were fixed when
    the model was compiled. A state is handed on from sample to sample on both sides. Samples
    come first; then every binding gets random inputs. Two threads must answer the first exactly
    as one does.

    Raises VerificationError, which names the output, the module and the difference, where they
    disagree; ModelError where onnxruntime cannot run the model.
    """
    reference = Reference(model)
    steps = steps_of_outputs(model)
    fused = None if steps is None else Reference(model, literal=False)
    manifest = compiled.manifest
    references: list[dict[str, Array]] = []
    differences: list[float] = []
    agreements: list[bool] = []
    compiled.reset()
    for binding in (manifest, *manifest.bindings):
        own = samples if binding is manifest else ()
        given = [*own, *(random_feeds(binding, seed) for seed in range(random_samples))]
        state = {info.name: np.zeros(info.shape, DType(info.dtype).numpy) for info in binding.state}
        for number, feeds in enumerate(given):
            inputs = gathered({**constants, **feeds, **state}, binding.input_lists)
            expected = spread(reference.run(inputs), binding.output_lists)
            other = None if fused is None else spread(fused.run(inputs), binding.output_lists)
            state = {info.name: expected[info.output] for info in binding.state}
            references += [expected] if number < len(own) else []
            sample = _name_of(number, len(own), names)
            for target in TARGETS:
                given_to = gathered(feeds, binding.input_lists)
                answers = compiled.run(given_to, target=target)
                actual = spread(answers, binding.output_lists)
                if number == 0 and binding.threads is not None:
                    shared = compiled.run(given_to, target=target, threads=2)
                    _same(f"{target} module", actual, spread(shared, binding.output_lists))
                for info in binding.outputs:
                    where = f'output "{info.name}", {target} module, {sample}'
                    got, wanted = _pair(where, actual, expected, info.name)
                    if steps is None or other is None:
                        differences.append(_difference(where, got, wanted, tolerance))
                    else:
                        readings = wanted, np.asarray(other[info.name])
                        wanted = min(readings, key=lambda each: _distance(got, each))
                        step = steps.get(info.name, 0.0)
                        differences.append(
                            _stepped_difference(where, got, wanted, readings, step, tolerance)
                        )
                    agreements.append(_same_best(got, wanted))
    return Verification(
        samples=len(samples) + random_samples * (1 + len(manifest.bindings)),
        max_difference=max(differences, default=0.0),
        top1_agreement=sum(agreements) / max(len(agreements), 1),
        onnxruntime=reference.version,
        targets=TARGETS,
        references=tuple(references),
    )


def _same(module: str, alone: Mapping[str, Array], shared: Mapping[str, Array]) -> None:
    """Raise VerificationError where threads that share the work make another answer."""
    for name, array in alone.items():
        if array.tobytes() != shared[name].tobytes():
            raise VerificationError(
                f'output "{name}", {module}: two threads answer otherwise than one; '
                "compile with threads off, and report the model"
            )


def verify_forms(
    compiled: Runnable,
    model: Path | str | bytes,
    samples: Sequence[Feeds] = (),
    limits: Limits = Limits(),  # noqa: B008 - frozen
    *,
    constants: Feeds = MappingProxyType({}),
    random_samples: int = 16,
) -> Effect:
    """Compare both modules, rounded as they ship, with onnxruntime and the model as it was.

    Unlike `verify`, which shows that the code is right, this shows what it costs to store weights
    in smaller forms or to compute in integers, on the samples or else on seeded random inputs.
    Raises VerificationError where that is more than the limits allow.
    """
    reference, manifest = Reference(model), compiled.manifest
    given = samples or [random_feeds(manifest, seed) for seed in range(random_samples)]
    state = {info.name: np.zeros(info.shape, DType(info.dtype).numpy) for info in manifest.state}
    wanted = []
    for feeds in given:
        expected = reference.run({**constants, **feeds, **state})
        state = {info.name: expected[info.output] for info in manifest.state}
        wanted.append({info.name: expected[info.name] for info in manifest.outputs})
    compiled.reset()
    got = [dict(compiled.run(feeds, target=target)) for target in TARGETS for feeds in given]
    found = effect_of(wanted * len(TARGETS), got, largest(wanted))
    effect = replace(found, samples=len(given))
    if not effect.within(limits):
        forms = " and ".join(manifest.weights.forms)
        what = f"weights stored as {forms}" if forms else "quantize: int8"
        remedy = "take weights: auto" if forms else "calibrate with more inputs, leave quantize out"
        raise VerificationError(
            f"{what}: the outputs differ from onnxruntime by up to "
            f"{effect.share:.2%} of the largest, and {effect.agreement:.2%} have the same best; "
            f"{limits.difference:.2%} and {limits.agreement:.2%} are wanted: "
            f"{remedy}, or raise `tolerance` or lower `agreement`"
        )
    return effect


def _name_of(number: int, given: int, names: Sequence[str]) -> str:
    if number >= given:
        return "a random input"
    return names[number] if number < len(names) else f"sample {number + 1}"


class Reference:
    """A model in onnxruntime."""

    def __init__(self, model: Path | str | bytes, *, literal: bool = True) -> None:
        """Load a model; if not `literal`, as onnxruntime runs it by default, fused."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_DISABLE_ALL if literal else levels.ORT_ENABLE_ALL
        )
        options.log_severity_level = 4  # its warnings are about speed, and its errors are raised
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no common class
            raise ModelError(
                f"onnxruntime cannot load the model ({_first_line(error)}); "
                "it is needed as the reference: export the model again with a lower opset"
            ) from None
        self.version: str = onnxruntime.__version__
        self.inputs: dict[str, list[int | str | None]] = {
            info.name: list(info.shape) for info in self._session.get_inputs()
        }
        self._dtypes = {info.name: _dtype(info.type) for info in self._session.get_inputs()}
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Every output by name; ModelError where onnxruntime refuses the inputs.

        Inputs are brought to the dtypes that the model takes.
        """
        names = [info.name for info in self._session.get_outputs()]
        try:
            cast = {name: self._cast(name, feed) for name, feed in feeds.items()}
            values = self._session.run(names, cast)
        except Exception as error:
            raise ModelError(
                f"onnxruntime cannot run the model ({_first_line(error)}); "
                "it is needed as the reference: check the model and the shape of its inputs"
            ) from None
        return dict(zip(names, map(_plain, values), strict=True))

    def _cast(self, name: str, feed: Any) -> Any:
        dtype = self._dtypes.get(name)
        return feed if isinstance(feed, list) else np.asarray(feed, dtype)


def _plain(value: Any) -> Any:
    """An output as an array, or a list of them; of dictionaries by label, the values."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([[*row.values()] for row in value], np.float32)
    return value if isinstance(value, list) else np.asarray(value)


def _dtype(name: str) -> str | None:
    """The name in numpy of onnxruntime's "tensor(float)"; None for what is no tensor."""
    element = name.removeprefix("tensor(").removesuffix(")")
    if element == name or element == "string":
        return None
    return {"float": "float32", "double": "float64"}.get(element, element)


def _pair(where: str, actual: Feeds, expected: Feeds, name: str) -> tuple[Array, Array]:
    """An output of both sides; VerificationError unless dtype and shape are the same."""
    if name not in actual or name not in expected:
        side = "the compiled model" if name not in actual else "onnxruntime"
        raise VerificationError(f"{where}: {side} has no such output; {_REPORT}")
    got, wanted = np.asarray(actual[name]), np.asarray(expected[name])
    if (got.dtype, got.shape) != (wanted.dtype, wanted.shape):
        raise VerificationError(
            f"{where}: is {got.dtype}{list(got.shape)} where onnxruntime has "
            f"{wanted.dtype}{list(wanted.shape)}; {_REPORT}"
        )
    return got, wanted


_REPORT = "this is an error of edgesite, report it with the model"


def _difference(where: str, got: Array, wanted: Array, tolerance: float | None) -> float:
    """The largest absolute difference; VerificationError where it is above tolerance."""
    if not wanted.size:
        return 0.0
    if wanted.dtype.kind != "f":
        wrong = int(np.count_nonzero(got != wanted))
        if wrong:
            raise VerificationError(
                f"{where}: {wrong} of {wanted.size} values differ from onnxruntime; {_REPORT}"
            )
        return 0.0
    finite = np.isfinite(wanted)
    if not np.array_equal(got[~finite], wanted[~finite], equal_nan=True):
        raise VerificationError(
            f"{where}: NaN or infinity is not where onnxruntime has it; {_REPORT}"
        )
    if not finite.any():
        return 0.0
    reference = wanted[finite].astype(np.float64)
    difference = float(np.max(np.abs(got[finite].astype(np.float64) - reference)))
    share = TOLERANCES[wanted.dtype.name] if tolerance is None else tolerance
    allowed = SMALLEST + share * float(np.max(np.abs(reference)))
    if not difference <= allowed:  # written so that NaN fails
        raise VerificationError(
            f"{where}: differs from onnxruntime by {difference:.3g}, {allowed:.3g} is allowed; "
            "raise `tolerance` if the model is that sensitive, otherwise report it with the model"
        )
    return difference


def _distance(a: Array, b: Array) -> float:
    """The largest absolute difference; infinite where one is not a finite number alone."""
    wide = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(wide[0]) & np.isfinite(wide[1])
    if not np.array_equal(wide[0][~finite], wide[1][~finite], equal_nan=True):
        return float("inf")
    return float(np.max(np.abs(wide[0] - wide[1]), where=finite, initial=0.0))


def _stepped_difference(
    where: str,
    got: Array,
    wanted: Array,
    readings: tuple[Array, Array],
    step: float,
    tolerance: float | None,
) -> float:
    """As `_difference`, for an output of a quantised model."""
    distance, apart = _distance(got, wanted), _distance(*readings)
    # 1e-3: scales are products in float32, so that steps are not whole to the last bit.
    if distance <= max(step, apart) * (1 + 1e-3):
        return distance
    try:
        return _difference(where, got, wanted, tolerance)
    except VerificationError:
        if not step or not np.isfinite(distance):
            raise
        raise VerificationError(
            f"{where}: differs from onnxruntime by {distance / step:.0f} steps of {step:.3g}, "
            f"where its own two readings of the model are {apart / step:.0f} apart; {_REPORT}"
        ) from None


def _same_best(got: Array, wanted: Array) -> bool:
    return not wanted.size or bool(np.argmax(got) == np.argmax(wanted))


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:199] + "…"
