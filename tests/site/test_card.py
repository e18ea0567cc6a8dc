from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edgesite.site.card import SIZE, card
from edgesite.site.language import find_language
from edgesite.site.looks import LOOKS
from tests.pages import toys


def drawn(**changes: object) -> Image.Image:
    data = card(toys.colour_demo(**changes), find_language("en"), LOOKS["plain"], None)
    assert isinstance(data, bytes)
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_a_card_shows_the_first_example_and_its_answer_in_the_accent() -> None:
    image = drawn(accent="#0000ff")

    assert image.size == SIZE
    assert image.getpixel((100, 100)) == pytest.approx((255, 0, 0), abs=8)
    pixels = np.asarray(image, np.int32)[:, 600:]
    blue = (pixels[..., 2] > 200) & (pixels[..., :2].max(axis=2) < 60)
    assert blue.any(axis=1).sum() >= 9


@pytest.mark.parametrize("title", ["A", "word " * 60, "Donaudampfschifffahrtsgesellschaft" * 3])
def test_a_card_takes_words_of_every_length(title: str) -> None:
    assert drawn(title=title, description=title).size == SIZE


def test_words_that_the_font_lacks_leave_the_whole_card_to_the_picture() -> None:
    image = drawn(title="数字")

    assert image.getpixel((1100, 100)) == pytest.approx((255, 0, 0), abs=8)


def test_a_demo_without_examples_has_no_card() -> None:
    assert card(toys.colour_demo(examples=()), find_language("en"), LOOKS["plain"], None) is None
