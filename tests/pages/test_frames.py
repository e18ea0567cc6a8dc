"""The camera, for as long as a visitor likes: nothing is held on to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frames import HURRY, MEGABYTE, watched
from .test_demo_page import wait_until_live

if TYPE_CHECKING:
    from .conftest import Visit


def test_hundreds_of_frames_leave_no_memory_behind_and_one_worker(visit: Visit) -> None:
    visit.page.add_init_script(HURRY)
    page = visit.open("every/")
    wait_until_live(page)

    before, after, worker_lives = watched(page, 250)

    # Ten thousand may leave 2 MB, by `python -m tests.pages.frames`.
    assert after.grown(before) < MEGABYTE / 2
    assert worker_lives
    assert visit.complaints == []
