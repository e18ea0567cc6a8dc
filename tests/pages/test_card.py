"""The answer on the stage, saved as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from .test_demo_page import picture, wait_until_live
from .test_drawing import DOWN, draw

if TYPE_CHECKING:
    from .conftest import Visit


def saved(visit: Visit) -> tuple[str, Image.Image]:
    """What the button gives: a file's name, and the picture."""
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save as picture").click()
    return download.value.suggested_filename, Image.open(Path(download.value.path())).convert("RGB")


def coloured(image: Image.Image, colour: str, left: int, right: int) -> int:
    """How many pixels between two columns have very nearly a colour."""
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return int((np.abs(np.asarray(image, int)[:, left:right] - wanted).max(axis=2) < 4).sum())


def test_a_card_shows_the_picture_and_the_bars_in_the_colours_of_the_page(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    page.get_by_role("radio", name="All blue").check()
    wait_until_live(page)

    name, image = saved(visit)

    assert (name, image.size) == ("answer.png", (1200, 675))
    assert coloured(image, "#0000ff", 0, 640) > 100_000
    # The best class has nearly the whole of a bar of 477 by 8 pixels.
    assert coloured(image, "#0b6a80", 640, 1200) > 3000
    assert coloured(image, "#1b1c1d", 640, 1200) > 500
    assert visit.complaints == []
    assert visit.foreign == []


@pytest.mark.parametrize("context_options", [{"color_scheme": "dark"}])
def test_a_card_of_a_drawing_is_dark_where_the_page_is(visit: Visit) -> None:
    page = visit.open("stroke/")
    draw(page, *DOWN)
    wait_until_live(page)

    _, image = saved(visit)

    assert image.getpixel((5, 5)) == (0x13, 0x14, 0x15)
    assert coloured(image, "#ffffff", 0, 640) > 200_000
    assert coloured(image, "#000000", 0, 640) > 3000


def test_a_card_of_a_visitors_own_picture_has_that(visit: Visit) -> None:
    page = visit.open("colour/")
    wait_until_live(page)
    page.set_input_files("#upload", picture("green.png", Image.new("RGB", (60, 90), "#00ff00")))
    wait_until_live(page)

    assert coloured(saved(visit)[1], "#00ff00", 0, 640) > 100_000
