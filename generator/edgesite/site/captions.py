"""Pictures in the author's words: with a size before they are loaded, and figures with captions.

A picture that is a paragraph of its own and has a title, `![a cat](cat.jpg "A cat")`, becomes a
figure with that caption.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree.ElementTree import Element, SubElement

from markdown.treeprocessors import Treeprocessor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markdown import Markdown

    Sizes = Mapping[str, tuple[int, int]]
    """Width and height of pictures, by their path from the text on."""


def add_captions(markdown: Markdown, sizes: Sizes) -> None:
    """Let a converter make figures, and write the sizes of pictures."""
    # After the words in lines have been read (20), pictures among them.
    markdown.treeprocessors.register(_Figures(markdown, sizes), "captions", 15)


class _Figures(Treeprocessor):
    def __init__(self, markdown: Markdown, sizes: Sizes) -> None:
        super().__init__(markdown)
        self.sizes = sizes

    def run(self, root: Element) -> None:
        for image in root.iter("img"):
            size = self.sizes.get(PurePosixPath(unquote(image.get("src", ""))).as_posix())
            if size and not {"width", "height"} & set(image.attrib):
                image.set("width", str(size[0]))
                image.set("height", str(size[1]))
            image.set("loading", "lazy")
        for paragraph in [*root.iter("p")]:
            _caption(paragraph)


def _caption(paragraph: Element) -> None:
    image = paragraph[0] if len(paragraph) == 1 else None
    words = (paragraph.text or "") + ("" if image is None else image.tail or "")
    if image is None or image.tag != "img" or words.strip() or not image.get("title"):
        return
    paragraph.tag, paragraph.text, image.tail = "figure", None, None
    SubElement(paragraph, "figcaption").text = image.attrib.pop("title")
