"""What a build knows about a demo, for the author's words: `{{ model.params }}` in an index.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown.inlinepatterns import InlineProcessor
from markupsafe import Markup

from edgesite._version import __version__
from edgesite.site.wording import suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from markdown import Markdown

    from edgesite.site.demo import DemoPage, SiteInfo
    from edgesite.site.figures import Figures
    from edgesite.site.page import Receipt

Facts = dict[str, str]
"""Values by name, as they stand in a text; those that are Markup are HTML."""

_FACT = r"\{\{\s*([^{}]*?)\s*\}\}"

SITE_FACTS = ("edgesite.version", "site.demos", "site.title")
"""What every text may name."""

DEMO_FACTS = (
    *SITE_FACTS,
    "demo.examples",
    "demo.labels",
    "demo.title",
    "input.height",
    "input.width",
    "model.code",
    "model.macs",
    "model.opset",
    "model.params",
    "model.weights",
    "page.bytes",
    "proof.agreement",
    "proof.difference",
    "proof.onnxruntime",
    "proof.samples",
)
"""What the text of a demo may name."""


def site_facts(site: SiteInfo, demos: int, figures: Figures) -> Facts:
    """Give the values of SITE_FACTS."""
    return {
        "edgesite.version": __version__,
        "site.demos": figures.counted(demos),
        "site.title": site.title,
    }


def demo_facts(demo: DemoPage, receipt: Receipt, figures: Figures) -> Facts:
    """Give the values of what DEMO_FACTS has beyond SITE_FACTS."""
    source, proof = demo.manifest["source"], demo.proof
    return {
        "demo.examples": figures.counted(len(demo.examples)),
        "demo.labels": figures.counted(len(demo.labels)),
        "demo.title": demo.title,
        "input.height": str(demo.input.height),
        "input.width": str(demo.input.width),
        "model.code": figures.kilobytes(receipt.simd.gzip),
        "model.macs": figures.counted(source["macs"]),
        "model.opset": str(source["opset"]),
        "model.params": figures.counted(source["parameters"]),
        "model.weights": figures.kilobytes(receipt.weights.gzip),
        "page.bytes": figures.kilobytes(receipt.total.gzip),
        "proof.agreement": figures.percent(proof.top1_agreement),
        "proof.difference": figures.scientific(proof.max_difference),
        "proof.onnxruntime": proof.onnxruntime,
        "proof.samples": figures.counted(proof.samples),
    }


def add_facts(
    markdown: Markdown, facts: Mapping[str, str], complain: Callable[[str, str], None]
) -> None:
    """Let a converter fill facts in, but in code; a backslash before the braces keeps them."""
    # After code in a line (190) and backslashes (180).
    markdown.inlinePatterns.register(_Fact(markdown, facts, complain), "facts", 178)


class _Fact(InlineProcessor):
    def __init__(
        self, markdown: Markdown, facts: Mapping[str, str], complain: Callable[[str, str], None]
    ) -> None:
        super().__init__(_FACT, markdown)
        self.facts, self.complain = facts, complain

    def handleMatch(  # type: ignore[override]  # noqa: N802
        self,
        m: re.Match[str],
        data: str,  # noqa: ARG002
    ) -> tuple[str, int, int]:
        value = self.facts.get(m[1])
        if value is None:
            hint = suggestion(m[1], self.facts, "facts")
            self.complain(m[0], f'no fact "{m[1]}"; {hint}')
            value = ""
        if isinstance(value, Markup):
            value = self.md.htmlStash.store(value)
        return value, m.start(0), m.end(0)
