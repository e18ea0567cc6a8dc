"""A site to build and to break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgesite.site.scaffold import new_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, so that each model is compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cached(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(shared_cache))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new site, as the working directory."""
    new_site(tmp_path / "site")
    monkeypatch.chdir(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def demo(site: Path) -> Path:
    """The folder of the site's only demo."""
    return site / "demos" / "colours"
