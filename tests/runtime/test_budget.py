"""What visitors load: the sizes of scripts, minified and gzipped."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from edgesite.site.assets import Assets
from edgesite.site.language import find_language

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KILOBYTE = 1024
INPUTS = ("upload", "draw", "paste", "url", "camera")


def gzipped(data: bytes) -> int:
    return len(gzip.compress(data, 9, mtime=0))


def words(language: str, inputs: tuple[str, ...]) -> bytes:
    """What the scripts of a page may say, which comes in the page itself."""
    return json.dumps(find_language(language).for_scripts(inputs), ensure_ascii=False).encode()


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
    [
        (("upload",), ()),
        (("upload", "camera", "paste"), ()),
        (("draw", "upload"), ("centre",)),
        (("upload", "camera", "paste"), ("threads",)),
    ],
    ids=["upload", "camera", "drawing", "threads"],
)
def test_the_scripts_that_a_demo_page_loads_are_at_most_12_kilobytes(
    fresh: Assets, inputs: tuple[str, ...], features: tuple[str, ...]
) -> None:
    size = gzipped(fresh.page(inputs).data) + gzipped(fresh.worker(features).data)

    assert size <= 12_000


def test_the_script_of_threads_is_at_most_1_kilobyte(fresh: Assets) -> None:
    assert gzipped(fresh.helper.data) <= KILOBYTE


@pytest.mark.parametrize("language", ["en", "de"])
def test_with_its_words_a_page_that_takes_files_has_at_most_12_kilobytes(
    fresh: Assets, language: str
) -> None:
    inputs = ("upload",)
    scripts = gzipped(fresh.page(inputs).data) + gzipped(fresh.worker(()).data)

    assert scripts + gzipped(words(language, inputs)) <= 12_000


@pytest.mark.parametrize("language", ["en", "de"])
def test_everything_a_demo_page_may_load_is_at_most_20_kilobytes(
    fresh: Assets, language: str
) -> None:
    scripts = (fresh.page(INPUTS), fresh.worker(("centre",)), fresh.tools)

    size = sum(gzipped(script.data) for script in scripts)
    assert size + gzipped(words(language, INPUTS)) <= 20_000


def test_what_embeds_demos_is_at_most_2_kilobytes(fresh: Assets) -> None:
    assert gzipped(fresh.embed.data) + gzipped(fresh.frame.data) <= 2_000


def test_the_script_of_a_model_that_takes_pictures_is_at_most_8_kilobytes(
    bundle: Callable[..., Path],
) -> None:
    assert gzipped(bundle("runtime/model.ts", pictures=True).read_bytes()) <= 8_000


def test_a_model_has_one_place_for_its_manifest(bundle: Callable[[str], Path]) -> None:
    assert bundle("runtime/model.ts").read_text().count("__EDGESITE_MANIFEST__") == 1
