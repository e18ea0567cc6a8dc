"""Formulas in the author's words: LaTeX between dollars becomes MathML, which needs no script.

`$x^2$` stands in a line, `$$` on lines of their own enclose a formula that has one. A dollar is
money where a space follows it, or a digit the next one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from markdown.inlinepatterns import InlineProcessor
from markdown.preprocessors import Preprocessor

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown import Markdown

    Complain = Callable[[str, str], None]
    """Hears of a part of the text, and what is wrong with it: `what; what to do`."""

_INLINE = r"(?<![\\$])\$(?![\s$])([^$\n]*?[^$\s\\])\$(?![\d$])"
_BLOCK = re.compile(r"^\$\$(.+?)\$\$[ \t]*$", re.MULTILINE | re.DOTALL)

# What MathML lets stand on elements, but pages must not take from a formula.
_REFUSED = ("style", "href", "class", "id")


def add_math(markdown: Markdown, complain: Complain) -> None:
    """Let a converter understand formulas."""
    # After fenced code has been set aside (25), before HTML is looked for (20).
    markdown.preprocessors.register(_Blocks(markdown, complain), "math-block", 24)
    # After code in a line (190), before backslashes are read (180).
    markdown.inlinePatterns.register(_Inline(markdown, complain), "math", 185)


def mathml(latex: str, *, block: bool) -> str:
    """Convert a formula; ValueError says what cannot be."""
    from latex2mathml.converter import convert  # whose table of symbols takes a while to read

    try:
        html = convert(latex.strip(), display="block" if block else "inline")
        tree = ET.fromstring(html)
    except ET.ParseError:
        raise ValueError("a formula has < or & inside of text; write it outside") from None
    except Exception as error:  # its errors have no common class, and bad input meets Python's own
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Error"))
        raise ValueError(f"not a formula: {what.lower()}; correct the LaTeX") from None
    for element in tree.iter():
        if refused := [name for name in _REFUSED if name in element.attrib]:
            raise ValueError(f"a formula sets {refused[0]}; leave that to the style sheet")
        if (element.text or "").startswith("\\") and len(element.text or "") > 1:
            raise ValueError(f"a formula has the unknown command {element.text}; correct it")
    return html


class _Inline(InlineProcessor):
    def __init__(self, markdown: Markdown, complain: Complain) -> None:
        super().__init__(_INLINE, markdown)
        self.complain = complain

    def handleMatch(  # type: ignore[override]  # noqa: N802
        self,
        m: re.Match[str],
        data: str,  # noqa: ARG002
    ) -> tuple[str, int, int]:
        try:
            html = mathml(m[1], block=False)
        except ValueError as error:
            self.complain(m[0], str(error))
            html = ""
        return self.md.htmlStash.store(html), m.start(0), m.end(0)


class _Blocks(Preprocessor):
    def __init__(self, markdown: Markdown, complain: Complain) -> None:
        super().__init__(markdown)
        self.complain = complain

    def run(self, lines: list[str]) -> list[str]:
        return _BLOCK.sub(self._set, "\n".join(lines)).split("\n")

    def _set(self, found: re.Match[str]) -> str:
        try:
            html = mathml(found[1], block=True)
        except ValueError as error:
            self.complain(found[0], str(error))
            return ""
        return f"\n{self.md.htmlStash.store(html)}\n"
