"""What is measured: a model or a demo's model, compiled, with an input and the right answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

import edgesite
from edgesite.errors import UsageError
from edgesite.site.cache import Cache
from edgesite.site.compiled import compiled
from edgesite.site.folders import DEMO_FILE
from edgesite.site.problems import Problems
from edgesite.site.source import DemoSource, load_demo
from edgesite.targets.feeds import random_feeds
from edgesite.verify import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgesite.site.compiled import Compiled
    from edgesite.targets.manifest import Manifest, TensorInfo

SEED = 0


@dataclass(frozen=True)
class Subject:
    """A model, ready to be served to any engine."""

    name: str
    model: bytes
    """The .onnx file."""

    manifest: Manifest
    compiled: Mapping[str, bytes]
    """The files of the compiled model, by name."""

    inputs: tuple[bytes, ...]
    """A random input, in the order of the manifest."""

    outputs: tuple[bytes, ...]
    """onnxruntime's answer to it."""

    demo: DemoSource | None = None
    """The demo whose model it is."""

    def files(self) -> dict[str, bytes]:
        """All that a benchmark page fetches about the model, by its address."""
        tables = (("input", self.inputs), ("output", self.outputs))
        return {
            "model.onnx": self.model,
            **{f"model/{name}": data for name, data in self.compiled.items()},
            **{f"{folder}/{i}.bin": d for folder, all_ in tables for i, d in enumerate(all_)},
        }

    def task(self, engine: str, *, warm_ms: float, timed_ms: float, cold: bool) -> bytes:
        """What theme/bench/bench.ts is told to do."""
        facts = {
            "engine": engine,
            "inputs": [_place(info) for info in self.manifest.inputs],
            "outputs": [_place(info) for info in self.manifest.outputs],
            "warm_ms": warm_ms,
            "timed_ms": timed_ms,
            "cold": cold,
        }
        return json.dumps(facts).encode()


def subject(path: Path, shapes: Mapping[str, int | tuple[int, ...]] | None = None) -> Subject:
    """Compile a model, or that of a demo's folder, and ask onnxruntime for the right answer.

    Raises UsageError where the path is neither, and what compiling raises.
    """
    if not path.is_dir():
        made = edgesite.compile(path, shapes=shapes, threads="off")
        return _answered(path.stem, path, made.manifest, made.files())
    demo = demo_in(path)
    kept = compiled_demo(path, demo)
    found = _answered(demo.slug, demo.model, kept.manifest, kept.files)
    return replace(found, demo=demo)


def compiled_demo(path: Path, demo: DemoSource) -> Compiled:
    """The model of a demo in a folder, as it ships."""
    return compiled(demo, Cache.of_site(path.resolve().parent.parent))


def demo_in(path: Path) -> DemoSource:
    """The demo of a folder. Raises UsageError where there is none, and what reading it does."""
    if not (path / DEMO_FILE).is_file():
        raise UsageError(f"{path}: has no {DEMO_FILE}; give a model or the folder of a demo")
    problems = Problems()
    demo = load_demo(path, problems)
    problems.raise_any()
    assert demo is not None  # else there was a problem
    return demo


def _answered(name: str, path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Subject:
    feeds = random_feeds(manifest, SEED)
    answers = Reference(path).run(feeds)
    return Subject(
        name=name,
        model=path.read_bytes(),
        manifest=manifest,
        compiled=files,
        inputs=tuple(bytes_of(feeds[info.name]) for info in manifest.inputs),
        outputs=tuple(bytes_of(answers[info.name]) for info in manifest.outputs),
    )


def _place(info: TensorInfo) -> dict[str, object]:
    return {"name": info.name, "dtype": info.dtype, "shape": list(info.shape)}


def bytes_of(array: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    """The elements of an array in their order."""
    return np.ascontiguousarray(array).tobytes()
