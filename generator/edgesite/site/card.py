"""The picture that stands for a demo where its address is posted: first example and its answer.

1200 by 630 pixels, as Open Graph's readers want them. Pillow's own font draws ASCII alone, so a
demo whose words need more is shown by its picture, which is whole then.
"""

from __future__ import annotations

import io
from dataclasses import astuple, replace
from functools import cache as remembered
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps

from edgesite.site.bars import bars
from edgesite.site.cache import key_of, tool_hash, version
from edgesite.site.pieces import Piece, content, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgesite.site.bars import Bar
    from edgesite.site.cache import Cache
    from edgesite.site.demo import DemoPage
    from edgesite.site.language import Language
    from edgesite.site.looks import Look
    from edgesite.site.pieces import Part

SIZE = (1200, 630)

_LEFT, _RIGHT, _TOP, _BOTTOM = 640, 1140, 64, 566
_BARS = 3


def card(demo: DemoPage, language: Language, look: Look, cache: Cache | None) -> Part | None:
    """Draw the card of a demo, a JPEG; None if it has no example."""
    if not demo.examples:
        return None
    first = demo.examples[0]
    rows = tuple(row for row in bars(demo, first.answers, language) if row.text)[:_BARS]
    words = (demo.title, demo.description)
    look = replace(look, accent=demo.accent or look.accent)

    def draw() -> dict[str, bytes]:
        return {"card": _draw(content(first.image), words, rows, look)}

    if cache is None:
        return draw()["card"]
    parts = [digest_of(first.image), words, [(row.label, row.text, row.width) for row in rows]]
    key = key_of("card", tool_hash(), version("pillow"), parts, astuple(look))
    if place := cache.place(key, "card"):
        return Piece(*place, is_cached=True)
    return cache.kept(key, draw)["card"]


def _draw(data: bytes, words: tuple[str, str], rows: Sequence[Bar], look: Look) -> bytes:
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    picture = Image.alpha_composite(white, upright).convert("RGB")
    texts = [*words, *(f"{row.label}{_plain(row.text)}" for row in rows)]
    if not all(text.isascii() for text in texts):
        return _jpeg(ImageOps.fit(picture, SIZE, Image.Resampling.LANCZOS))
    page = Image.new("RGB", SIZE, look.paper)
    page.paste(ImageOps.fit(picture, (_LEFT - 60, SIZE[1]), Image.Resampling.LANCZOS))
    pen = ImageDraw.Draw(page)
    title, description = words
    y = _paragraph(pen, (_LEFT, _TOP), title, 56, look.ink, lines=3)
    room = _BOTTOM - len(rows) * 72 - y
    if description and room >= 60:
        _paragraph(pen, (_LEFT, y + 16), description, 30, look.soft, lines=int(room / 40))
    for at, row in enumerate(reversed(rows)):
        bottom = _BOTTOM - at * 72
        font = _font(34)
        pen.text((_LEFT, bottom - 52), row.label, look.ink, font)
        pen.text((_RIGHT, bottom - 52), _plain(row.text), look.ink, font, anchor="ra")
        share = float(row.width.removesuffix("%")) / 100
        pen.rectangle((_LEFT, bottom - 10, _RIGHT, bottom), look.well)
        if share > 0:
            pen.rectangle(
                (_LEFT, bottom - 10, _LEFT + share * (_RIGHT - _LEFT), bottom), look.accent
            )
    return _jpeg(page)


def _plain(text: str) -> str:
    """A number with a common space before its unit."""
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def _paragraph(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: str,
    *,
    lines: int,
) -> float:
    """Write a text in at most so many lines, and say where it ends."""
    font, rows = _font(size), [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and pen.textlength(longer, font) > _RIGHT - at[0]:
            rows.append(word)
        else:
            rows[-1] = longer
    if len(rows) > lines:
        rows = [*rows[: lines - 1], f"{rows[lines - 1]} ..."]
    for number, row in enumerate(rows):
        pen.text((at[0], at[1] + number * size * 1.2), row, colour, font)
    return at[1] + len(rows) * size * 1.2


@remembered
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88, optimize=True)
    return file.getvalue()
