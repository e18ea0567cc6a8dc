"""Pictures in the author's words: their sizes and copies, and figures with captions.

A picture that is a paragraph of its own and has a title, `![a cat](cat.jpg "A cat")`, becomes a
figure with that caption.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree.ElementTree import Element, SubElement

from markdown.treeprocessors import Treeprocessor

from edgesite.site.copies import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markdown import Markdown

    from edgesite.site.copies import Copies

    Pictures = Mapping[str, Copies]
    """By their path from the text on."""


def add_captions(markdown: Markdown, pictures: Pictures) -> None:
    """Let a converter make figures, and write what is known of the pictures."""
    # After the words in lines have been read (20), pictures among them.
    markdown.treeprocessors.register(_Figures(markdown, pictures), "captions", 15)


class _Figures(Treeprocessor):
    def __init__(self, markdown: Markdown, pictures: Pictures) -> None:
        super().__init__(markdown)
        self.pictures = pictures

    def run(self, root: Element) -> None:
        for paragraph in [*root.iter("p")]:
            _caption(paragraph)
        for parent in [*root.iter()]:
            for at, image in enumerate(parent):
                if image.tag == "img":
                    parent[at] = self._described(image)

    def _described(self, image: Element) -> Element:
        """The picture with its size, and with its copies for browsers to choose from."""
        image.set("loading", "lazy")
        address = image.get("src", "")
        known = self.pictures.get(PurePosixPath(unquote(address)).as_posix())
        if known is None:
            return image
        if not {"width", "height"} & set(image.attrib):
            image.set("width", str(known.width))
            image.set("height", str(known.height))
        if not known.files:
            return image
        picture = Element("picture")
        picture.tail, image.tail = image.tail, None
        for ending in known.files:
            SubElement(picture, "source", type=TYPES[ending], srcset=address + ending)
        picture.append(image)
        return picture


def _caption(paragraph: Element) -> None:
    image = paragraph[0] if len(paragraph) == 1 else None
    words = (paragraph.text or "") + ("" if image is None else image.tail or "")
    if image is None or image.tag != "img" or words.strip() or not image.get("title"):
        return
    paragraph.tag, paragraph.text, image.tail = "figure", None, None
    SubElement(paragraph, "figcaption").text = image.attrib.pop("title")
