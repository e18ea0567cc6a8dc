"""The proof of a demo, and its answers to its examples: both from one comparison, both cached.

Answers are those of Pillow and onnxruntime; the comparison makes sure that the modules that
ship give the same. Where weights or numbers are rounded, whose cost the comparison states, they
are those of what ships: a visitor's browser must come to the answers that the page was built with.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgesite.errors import EdgesiteError
from edgesite.site.cache import digest, key_of, version
from edgesite.site.calibration import calibration
from edgesite.site.compiled import placed
from edgesite.site.demo import Proof
from edgesite.targets.stored.trial import UNLIMITED, Limits, limited
from edgesite.tasks.classification import Answer, best
from edgesite.tasks.images import open_image, prepare
from edgesite.verify import verify, verify_forms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.site.cache import Cache
    from edgesite.site.compiled import Compiled
    from edgesite.site.fit import Fit
    from edgesite.site.source import DemoSource

Scores = np.ndarray[tuple[int, int], np.dtype[Any]]
"""examples x classes, in the dtype of the model's output."""


@dataclass(frozen=True)
class Verified:
    """What the comparison found."""

    proof: Proof
    scores: Scores


def verified(demo: DemoSource, compiled: Compiled, fit: Fit, cache: Cache) -> Verified:
    """Compare the compiled model with onnxruntime on the examples and on random inputs.

    Raises VerificationError where they disagree, ModelError where onnxruntime refuses.
    """
    pictures = [digest(picture.data) for picture in demo.pictures]
    key = key_of(
        "verify",
        compiled.key,
        fit.input.model_dump(mode="json"),
        fit.output,
        pictures,
        calibration(demo).key,
        [demo.config.tolerance, demo.config.agreement],
        [version("onnxruntime"), version("wasmtime"), version("pillow")],
    )
    return _kept(cache.fetch(key)) or _compared(demo, compiled, fit, cache, key)


def _compared(demo: DemoSource, compiled: Compiled, fit: Fit, cache: Cache, key: str) -> Verified:
    samples = [
        {fit.input.name: prepare(open_image(picture.path), fit.input, len(fit.shape))}
        for picture in demo.pictures
    ]
    names = [f"example {picture.path.name}" for picture in demo.pictures]
    model, config = compiled.open(), demo.config
    integers = compiled.quantized
    rounded = model.plain is not None or integers is not None
    tolerance = None if rounded else config.tolerance
    try:
        result = verify(model.unrounded(), integers or demo.model, samples, tolerance, names=names)
        effect = None
        if rounded:
            inputs = calibration(demo).inputs(fit)
            usual = Limits() if integers is None else UNLIMITED
            limits = limited(config.tolerance, config.agreement, usual)
            effect = verify_forms(model, demo.model, inputs, limits)
    except EdgesiteError as error:
        raise placed(demo, error) from None
    proof = Proof(
        samples=result.samples,
        max_difference=result.max_difference,
        top1_agreement=result.top1_agreement,
        onnxruntime=result.onnxruntime,
        targets=result.targets,
    )
    if effect is not None:
        proof = replace(
            proof,
            samples=effect.samples,
            max_difference=effect.max_difference,
            top1_agreement=effect.agreement,
            code_difference=result.max_difference,
            quantized=integers is not None,
        )
    found = [model.run(sample) for sample in samples] if rounded else result.references
    rows = [outputs[fit.output].reshape(1, fit.classes) for outputs in found]
    scores = np.concatenate(rows) if rows else np.zeros((0, fit.classes), np.float32)
    file = io.BytesIO()
    np.save(file, scores, allow_pickle=False)
    cache.share(
        key, {"proof.json": json.dumps(asdict(proof)).encode(), "scores.npy": file.getvalue()}
    )
    return Verified(proof, scores)


def _kept(files: dict[str, bytes] | None) -> Verified | None:
    if files is None:
        return None
    record = json.loads(files["proof.json"])
    record["targets"] = tuple(record["targets"])
    scores = np.load(io.BytesIO(files["scores.npy"]), allow_pickle=False)
    return Verified(Proof(**record), scores)


def answers(
    row: np.ndarray, labels: Sequence[str], top: int, threshold: float | None
) -> tuple[Answer, ...]:
    """The best classes of a row of probabilities that a page shows, best first."""
    found = best(row, labels)[:top]
    return tuple(a for a in found if threshold is None or a.probability >= threshold)


def losses(demo: DemoSource, proof: Proof) -> list[str]:
    """A warning where computing in integers changes more answers than one would expect."""
    if not proof.quantized or demo.config.agreement is not None:
        return []
    if proof.top1_agreement >= Limits().agreement:
        return []
    return [
        f"{demo.document.where(('quantize',))}: quantize: {proof.top1_agreement:.1%} of "
        f"{proof.samples} calibration pictures keep their best class; calibrate with more "
        "pictures, leave quantize out, or say with agreement: how many are enough"
    ]


def doubts(demo: DemoSource, scores: Scores) -> list[str]:
    """Warnings about an activation that the scores of the examples speak against."""
    if not scores.size:
        return []
    where = demo.document.where(("output", "activation"))
    values = scores.astype(np.float64)
    within = bool(((values >= 0) & (values <= 1)).all())
    sums_to_one = within and bool(np.allclose(values.sum(axis=1), 1, atol=1e-3))
    activation = demo.config.output.activation
    if activation == "softmax" and sums_to_one:
        return [
            f"{where}: output.activation: the model's output already sums to 1, "
            "a second softmax levels it; write none if the model ends in a softmax"
        ]
    if activation == "none" and not within:
        return [
            f"{where}: output.activation: the model's output leaves 0..1, so bars cannot show it; "
            "write softmax or sigmoid"
        ]
    return []
