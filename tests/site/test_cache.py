"""The cache of builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgesite.site.cache import Cache, key_of, tool_hash

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"a.bin": b"\x00\x01", "b.json": b"{}"}
KEY = "ab" * 32


def test_an_entry_is_found_again(tmp_path: Path) -> None:
    Cache(tmp_path).put(KEY, FILES)

    assert Cache(tmp_path).get(KEY) == FILES


def test_an_absent_entry_is_none(tmp_path: Path) -> None:
    assert Cache(tmp_path / "nowhere").get(KEY) is None


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.bin", b"changed"), ("index.json", b"not json"), ("index.json", b'["a.bin"]')],
)
def test_a_corrupt_entry_counts_as_absent_and_is_replaced(
    tmp_path: Path, name: str, data: bytes
) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, FILES)
    (cache.path(KEY) / name).write_bytes(data)

    assert cache.get(KEY) is None

    cache.put(KEY, FILES)
    assert cache.get(KEY) == FILES


def test_a_missing_file_counts_as_absent(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, FILES)
    (cache.path(KEY) / "a.bin").unlink()

    assert cache.get(KEY) is None


def test_nothing_unfinished_is_left_behind(tmp_path: Path) -> None:
    Cache(tmp_path).put(KEY, FILES)

    assert [path.name for path in (tmp_path / KEY[:2]).iterdir()] == [KEY]


def test_a_folder_that_cannot_be_written_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")

    cache.put(KEY, FILES)

    assert cache.get(KEY) is None


def test_git_does_not_see_the_cache(tmp_path: Path) -> None:
    Cache(tmp_path).put(KEY, FILES)

    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_the_environment_may_move_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path / "elsewhere"))

    assert Cache.of_site(tmp_path).folder == tmp_path / "elsewhere"


def test_keys_tell_parts_apart() -> None:
    keys = {key_of(b"ab", b"c"), key_of(b"a", b"bc"), key_of("ab", "c"), key_of({"a": 1}), key_of()}

    assert len(keys) == 5


def test_the_hash_of_the_tools_is_stable() -> None:
    first = tool_hash()
    tool_hash.cache_clear()

    assert tool_hash() == first
