"""Demos whose weights are stored in smaller forms, and the pictures that these are tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edgesite.errors import EdgesiteError
from edgesite.site.build import build, check
from edgesite.site.scaffold import new_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A new site with a demo that leaves its weights as they are."""
    new_site(tmp_path / "site")
    return tmp_path / "site"


def written(site: Path, lines: str) -> Path:
    """The demo's configuration with more lines."""
    path = site / "demos" / "colours" / "demo.yaml"
    path.write_text(path.read_text() + lines)
    return path


def test_the_proof_says_what_is_lost_by_rounding_and_what_by_the_code(site: Path) -> None:
    exact = check(site).reports[0].proof
    written(site, "weights: float16\ntolerance: 0.01\n")
    rounded = check(site).reports[0].proof

    assert exact.code_difference is None
    assert rounded.code_difference is not None
    assert rounded.code_difference <= rounded.max_difference or rounded.max_difference == 0


def test_calibration_pictures_are_read_and_do_not_ship(site: Path, tmp_path: Path) -> None:
    folder = site / "demos" / "colours" / "trial"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    written(site, "weights: float16\ncalibration: trial\n")

    build(site, tmp_path / "out")

    assert not [path for path in (tmp_path / "out").rglob("*") if "trial" in path.as_posix()]


def test_a_calibration_folder_that_is_not_there_is_named(site: Path) -> None:
    written(site, "weights: auto\ncalibration: trail\n")

    with pytest.raises(EdgesiteError, match=r"demo.yaml:\d+:\d+: calibration: no such file"):
        check(site)
