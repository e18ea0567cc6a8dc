"""What machines share: entries that are what they were, or are not there."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from edgesite.errors import UsageError
from edgesite.site.build import Way, build, check
from edgesite.site.cache import Cache
from edgesite.site.store import Store, open_store, packed, unpacked
from tests.sites import contents, edit

KEY, OTHER = "ab" * 32, "cd" * 32
FILES = {"a.bin": b"\x00\n\x01", "b.json": b"{}", "empty": b""}


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of an empty place."""
    return (tmp_path / "store").as_uri() if request.param == "file" else f"memory://{uuid.uuid4()}"


def test_an_entry_is_found_again(url: str) -> None:
    Store(url).put(KEY, FILES)

    assert Store(url).get(KEY) == FILES
    assert Store(url).get(OTHER) is None


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda data: data[:-1],
        lambda data: data[:-1] + b"x",
        lambda data: data + b"x",
        lambda data: b"edgesite-entry-2" + data[16:],
        lambda data: b"",  # noqa: ARG005
        lambda data: b"a file of somebody else",  # noqa: ARG005
        lambda data: packed(OTHER, unpacked(KEY, data) or {}),
    ],
)
def test_what_is_damaged_or_foreign_counts_as_absent(
    url: str, spoiled: Callable[[bytes], bytes]
) -> None:
    store = Store(url)
    store._files.makedirs(f"{store._root}/ab", exist_ok=True)
    store._files.pipe_file(f"{store._root}/ab/{KEY}", spoiled(packed(KEY, FILES)))

    assert store.get(KEY) is None
    assert store.complaint is None

    store.put(KEY, FILES)
    assert store.get(KEY) == FILES


def test_what_another_machine_has_compiled_is_not_compiled_again(
    site: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(site / "first-machine"))
    build(site, site / "first", store=url)
    monkeypatch.setenv("EDGESITE_CACHE", str(site / "second-machine"))
    monkeypatch.setattr("edgesite.compiler.prepare", refuse)
    monkeypatch.setattr("edgesite.site.answers.verify", refuse)

    report = build(site, site / "second", store=url)

    assert contents(site / "second") == contents(site / "first")
    assert report.warnings == ()


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("not again")


@pytest.mark.parametrize("way", ["option", "environment", "configuration"])
def test_the_place_may_be_named_in_three_ways(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    url = (tmp_path / "store").as_uri()
    if way == "environment":
        monkeypatch.setenv("EDGESITE_STORE", url)
    if way == "configuration":
        edit(site / "edgesite.yaml", "title: Site", f"title: Site\nstore: {url}")

    check(site, way=Way(store=url if way == "option" else None))

    assert len(list((tmp_path / "store").glob("??/*"))) == 2


def test_a_place_that_cannot_be_used_is_a_warning_once_and_not_kept(
    site: Path, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    shutil.copytree(demo, demo.parent / "second")
    (tmp_path / "file").write_text("")
    url = (tmp_path / "file" / "store").as_uri()

    first = build(site, site / "dist", store=url)
    second = build(site, site / "dist")

    (warning,) = first.warnings
    assert warning.startswith(f"{url}: the store cannot be ")
    assert warning.endswith("; this build goes on without it")
    assert second.warnings == ()


def test_no_password_is_printed() -> None:
    with pytest.raises(UsageError, match=r"^--store: (got )?nowhere://host/path[ :]"):
        Store("nowhere://user:secret@host/path")


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)

    with pytest.raises(UsageError, match=r"pip install 'edgesite\[store\]'"):
        Store("file:///nowhere")


def test_a_cache_that_cannot_be_written_needs_no_store(tmp_path: Path, url: str) -> None:
    (tmp_path / "file").write_text("")
    Store(url).put(KEY, FILES)

    assert Cache(tmp_path / "file" / "cache", open_store(url)).fetch(KEY) is None
    assert Cache(tmp_path / "cache", open_store(url)).fetch(KEY) == FILES
