"""What a demo page tells its script, and what it tells the visitor about its size."""

from __future__ import annotations

import gzip
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from edgesite.site.cache import key_of
from edgesite.site.language import fill
from edgesite.site.pieces import content, digest_of, size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite.site.assets import Asset
    from edgesite.site.cache import Cache
    from edgesite.site.demo import DemoPage, Example
    from edgesite.site.language import Language
    from edgesite.site.pieces import Part


@dataclass(frozen=True)
class Size:
    """Bytes as they lie on the disk, and as servers that compress send them."""

    raw: int
    gzip: int

    @classmethod
    def of(cls, part: Part, cache: Cache | None = None) -> Size:
        """Measure a file, gzip at its best, unless an earlier build has."""

        def measure() -> dict[str, bytes]:
            return {"gzip": str(len(gzip.compress(content(part), 9, mtime=0))).encode()}

        hashed, known = digest_of(part), _measured()
        if hashed not in known:
            kept = cache.kept(key_of("size", hashed), measure) if cache else measure()
            known[hashed] = int(kept["gzip"])
        return cls(size_of(part), known[hashed])

    def __add__(self, other: Size) -> Size:
        return Size(self.raw + other.raw, self.gzip + other.gzip)


@lru_cache(maxsize=1)
def _measured() -> dict[str, int]:
    """What this process has measured already, by hash: demos share scripts."""
    return {}


@dataclass(frozen=True)
class Receipt:
    """The bytes that a demo makes a visitor load. A browser takes one of the two modules."""

    script: Size
    """The page's and the worker's."""

    weights: Size
    simd: Size
    relaxed: Size
    threads: Receipt | None = None
    """What it is instead where threads share the work."""

    @classmethod
    def of(
        cls,
        demo: DemoPage,
        scripts: Sequence[Asset],
        helper: Asset | None = None,
        cache: Cache | None = None,
    ) -> Receipt:
        """Measure the files of a demo and the scripts of its page; helper: that of threads."""
        manifest, parts = demo.manifest, demo.files.parts
        weights = Size.of(parts[manifest["weights"]["file"]], cache)

        def receipt(
            modules: Mapping[str, Mapping[str, Any]],
            scripts: Sequence[Asset],
            threads: Receipt | None = None,
        ) -> Receipt:
            simd, relaxed = (
                Size.of(parts[modules[target]["file"]], cache) for target in ("simd", "relaxed")
            )
            first, *others = (Size.of(script.data, cache) for script in scripts)
            return cls(sum(others, first), weights, simd, relaxed, threads)

        threads = receipt(manifest["threads"]["modules"], [*scripts, helper]) if helper else None
        return receipt(manifest["modules"], scripts, threads)

    @property
    def total(self) -> Size:
        """All of it with the module that every browser runs."""
        return self.script + self.weights + self.simd

    def for_script(self) -> dict[str, Any]:
        """What changes with the module, by the element that shows it."""
        loaded = {
            target: {
                f"{part}-{form}": count
                for part, size in (
                    ("code", code),
                    ("script", self.script),
                    ("all", self.script + self.weights + code),
                )
                for form, count in asdict(size).items()
            }
            for target, code in (("simd", self.simd), ("relaxed", self.relaxed))
        }
        return {**loaded, "threads": self.threads and self.threads.for_script()}


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
        "bytes": receipt.for_script(),
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
