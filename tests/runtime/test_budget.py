"""What visitors load: the sizes of scripts, minified and gzipped."""

from __future__ import annotations

import gzip
import itertools
from typing import TYPE_CHECKING

import pytest

from edgesite.site.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILOBYTE = 1024
INPUTS = ("draw", "upload")


def gzipped(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


@pytest.fixture(scope="module")
def fresh() -> Assets:
    return Assets.load()


def test_the_script_of_a_model_is_at_most_4_kilobytes(bundle: Callable[[str], Path]) -> None:
    assert gzipped(bundle("runtime/model.ts").read_bytes()) <= 4 * KILOBYTE


@pytest.mark.parametrize(
    "inputs",
    [inputs for count in range(3) for inputs in itertools.combinations(INPUTS, count)],
    ids="-".join,
)
def test_the_scripts_of_a_demo_page_are_at_most_12_kilobytes(
    fresh: Assets, inputs: tuple[str, ...]
) -> None:
    assert gzipped(fresh.page(inputs).data) + gzipped(fresh.worker.data) <= 12 * KILOBYTE


def test_a_model_has_one_place_for_its_manifest(bundle: Callable[[str], Path]) -> None:
    assert bundle("runtime/model.ts").read_text().count("__EDGESITE_MANIFEST__") == 1
