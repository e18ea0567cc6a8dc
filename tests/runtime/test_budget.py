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


@pytest.mark.parametrize(
    ("inputs", "features", "kilobytes"),
    [(("upload",), (), 12), (INPUTS, ("centre",), 20)],
    ids=["upload", "everything"],
)
def test_the_scripts_of_a_demo_page_are_small(
    fresh: Assets, inputs: tuple[str, ...], features: tuple[str, ...], kilobytes: int
) -> None:
    size = gzipped(fresh.page(inputs).data) + gzipped(fresh.worker(features).data)

    assert size <= kilobytes * KILOBYTE


def test_a_model_has_one_place_for_its_manifest(bundle: Callable[[str], Path]) -> None:
    assert bundle("runtime/model.ts").read_text().count("__EDGESITE_MANIFEST__") == 1
