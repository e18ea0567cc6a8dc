"""What visitors load: the sizes of scripts, minified and gzipped."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from edgesite.site.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILOBYTE = 1024
INPUTS = ("upload", "draw", "paste", "url", "camera")


def gzipped(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


@pytest.fixture(scope="module")
def fresh() -> Assets:
    return Assets.load()


def test_the_script_of_a_model_is_at_most_4_kilobytes(bundle: Callable[[str], Path]) -> None:
    assert gzipped(bundle("runtime/model.ts").read_bytes()) <= 4 * KILOBYTE


def test_threads_leave_the_script_of_a_model_at_most_4_kilobytes(
    bundle: Callable[..., Path],
) -> None:
    assert gzipped(bundle("runtime/model.ts", threads=True).read_bytes()) <= 4 * KILOBYTE


@pytest.mark.parametrize(
    ("inputs", "features"),
    [(("upload",), ()), (("upload", "camera", "paste"), ()), (("draw", "upload"), ("centre",))],
    ids=["upload", "camera", "drawing"],
)
def test_the_scripts_that_a_demo_page_loads_are_at_most_12_kilobytes(
    fresh: Assets, inputs: tuple[str, ...], features: tuple[str, ...]
) -> None:
    size = gzipped(fresh.page(inputs).data) + gzipped(fresh.worker(features).data)

    assert size <= 12_000


def test_everything_a_demo_page_may_load_is_at_most_20_kilobytes(fresh: Assets) -> None:
    scripts = (fresh.page(INPUTS), fresh.worker(("centre",)), fresh.tools)

    assert sum(gzipped(script.data) for script in scripts) <= 20_000


def test_the_script_of_a_model_that_takes_pictures_is_at_most_8_kilobytes(
    bundle: Callable[..., Path],
) -> None:
    assert gzipped(bundle("runtime/model.ts", pictures=True).read_bytes()) <= 8_000


def test_a_model_has_one_place_for_its_manifest(bundle: Callable[[str], Path]) -> None:
    assert bundle("runtime/model.ts").read_text().count("__EDGESITE_MANIFEST__") == 1
