"""Where the time of a prediction goes: every layer of a model timed in a real browser."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesite import compiler
from edgesite.bench.subject import SEED, bytes_of, compiled_demo, demo_in
from edgesite.bench.visit import visit
from edgesite.site.assets import Assets
from edgesite.site.compiled import shapes_of
from edgesite.targets.feeds import random_feeds
from edgesite.targets.wasm.explain import HEADING, Layer, described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgesite.targets.manifest import TargetName

WARM_MS = 1500.0


@dataclass(frozen=True)
class Timed:
    """A layer and what it took."""

    layer: Layer
    """Its share is the predicted one."""

    us: float
    """The mean over many predictions, without those in which something came between."""

    share: float
    """Of the time that all layers take."""

    gflops: float
    """Two operations for every multiplication of the definition, a second."""


@dataclass(frozen=True)
class Profile:
    """What a browser found."""

    model: str
    target: TargetName
    browser: str
    predictions: int
    """How many were timed layer by layer."""

    whole_us: float
    """The mean of predictions that were not taken apart, in turns with the others."""

    rows: tuple[Timed, ...]


def profile(
    path: Path,
    shapes: Mapping[str, int | tuple[int, ...]] | None = None,
    *,
    target: TargetName = "relaxed",
    browser: str = "chromium",
    seconds: float = 3.0,
) -> Profile:
    """Time every layer of a model, or of that of a demo's folder.

    Raises UsageError where the path is neither, BuildError where there is no browser, and what
    compiling raises.
    """
    name, model, state = path.stem, path, None
    integers = None
    if path.is_dir():
        demo = demo_in(path)
        name, model, state = demo.slug, demo.model, demo.config.state
        integers = compiled_demo(path, demo).quantized
        shapes = next(iter(shapes_of(demo) or ()), None)
    made, layers = compiler.dissect(integers or model, shapes, state=state)
    feeds = random_feeds(made.manifest, SEED)
    inputs = [bytes_of(feeds[info.name]) for info in made.manifest.inputs]
    task = {"target": target, "layers": len(layers), "warm_ms": WARM_MS, "timed_ms": 1000 * seconds}
    files = {
        **{f"model/{file}": data for file, data in made.files().items()},
        **{f"input/{number}.bin": data for number, data in enumerate(inputs)},
        "task.json": json.dumps(task).encode(),
    }
    facts = visit(Assets.load().profile.data, files, browser).facts
    return Profile(
        name,
        target,
        browser,
        facts["passes"],
        facts["whole_us"],
        tuple(timed(layers, facts["layers_us"])),
    )


def timed(layers: Sequence[Layer], times_us: Sequence[float]) -> list[Timed]:
    """Layers with their times, and what follows from both."""
    whole = sum(times_us) or 1.0
    return [
        Timed(layer, us, us / whole, layer.macs * 2e-3 / us if us else 0.0)
        for layer, us in zip(layers, times_us, strict=True)
    ]


def table(found: Profile) -> list[str]:
    """A line per layer, under a heading; below, the whole."""
    heading = f"{'us':>9} {'share':>6} {'GFLOP/s':>8} {'predicted':>9} {HEADING}"
    lines = [
        f"{row.us:9.1f} {row.share:6.1%} {row.gflops:8.1f} {row.layer.share:9.1%} "
        f"{described(row.layer)}"
        for row in found.rows
    ]
    layers_us = sum(row.us for row in found.rows)
    macs = sum(row.layer.macs for row in found.rows)
    return [
        heading,
        *lines,
        f"{found.model} ({found.target}, {found.browser}): a prediction {found.whole_us:.1f} us, "
        f"its layers one by one {layers_us:.1f} us, "
        f"{macs * 2e-3 / (layers_us or 1.0):.1f} GFLOP/s; {found.predictions} predictions",
    ]
