"""What a demo page tells its script, and what it tells the visitor about its size."""

from __future__ import annotations

import gzip
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgesite.site.cache import digest, key_of
from edgesite.site.language import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgesite.site.assets import Asset
    from edgesite.site.cache import Cache
    from edgesite.site.demo import DemoPage, Example
    from edgesite.site.language import Language


@dataclass(frozen=True)
class Size:
    """Bytes as they lie on the disk, and as servers that compress send them."""

    raw: int
    gzip: int

    @classmethod
    def of(cls, data: bytes, cache: Cache | None = None) -> Size:
        """Measure a file, gzip at its best, unless an earlier build has."""

        def measure() -> dict[str, bytes]:
            return {"gzip": str(len(gzip.compress(data, 9, mtime=0))).encode()}

        kept = cache.kept(key_of("size", digest(data)), measure) if cache else measure()
        return cls(len(data), int(kept["gzip"]))

    def __add__(self, other: Size) -> Size:
        return Size(self.raw + other.raw, self.gzip + other.gzip)


@dataclass(frozen=True)
class Receipt:
    """The bytes that a demo makes a visitor load. A browser takes one of the two modules."""

    script: Size
    """The page's and the worker's."""

    weights: Size
    simd: Size
    relaxed: Size

    @classmethod
    def of(
        cls,
        demo: DemoPage,
        script: Asset,
        worker: Asset,
        cache: Cache | None = None,
    ) -> Receipt:
        """Measure the files of a demo and the scripts of its page."""
        modules = demo.manifest["modules"]
        return cls(
            script=Size.of(script.data, cache) + Size.of(worker.data, cache),
            weights=Size.of(demo.files[demo.manifest["weights"]["file"]], cache),
            simd=Size.of(demo.files[modules["simd"]["file"]], cache),
            relaxed=Size.of(demo.files[modules["relaxed"]["file"]], cache),
        )

    @property
    def total(self) -> Size:
        """All of it with the module that every browser runs."""
        return self.script + self.weights + self.simd


def page_data(
    demo: DemoPage, scripts: Mapping[str, str], receipt: Receipt, language: Language
) -> dict[str, Any]:
    """Fill in `PageData` of theme/runtime/page.ts; scripts: addresses seen from the page."""
    return {
        "manifest": dict(demo.manifest),
        "base": "",
        **scripts,
        "words": language.for_scripts(demo.inputs_enabled),
        "input": demo.input.model_dump(mode="json"),
        "labels": demo.labels,
        "output": demo.output,
        "activation": demo.activation,
        "top": demo.top,
        "threshold": demo.threshold,
        "examples": [_example(example, language) for example in demo.examples],
        "inputs": demo.inputs_enabled,
        "proof": asdict(demo.proof),
        "bytes": asdict(receipt),
    }


def caption(example: Example, language: Language) -> str:
    """Say what the picture shows, and the right answer where that does not say it."""
    if example.expected is None or example.expected.lower() in example.caption.lower():
        return example.caption
    return fill(language.say.labelled, caption=example.caption, label=example.expected)


def _example(example: Example, language: Language) -> dict[str, Any]:
    return {
        "name": example.name,
        "caption": caption(example, language),
        "url": f"examples/{example.name}",
        "width": example.width,
        "height": example.height,
        "seen": f"seen/{example.name}.png",
        "answers": [[answer.index, answer.probability] for answer in example.answers],
    }
