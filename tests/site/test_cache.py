"""The cache of builds."""

from __future__ import annotations

import os
import time
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


def keys(cache: Cache) -> list[str]:
    return [entry.folder.name[:2] for entry in cache.entries()]


def aged(cache: Cache, key: str, seconds: float) -> None:
    """Let an entry be last used some time ago."""
    index = cache.path(key) / "index.json"
    os.utime(index, (index.stat().st_atime, index.stat().st_mtime - seconds))


@pytest.fixture
def filled(tmp_path: Path) -> Cache:
    """Three entries of a hundred bytes and a bit: aa the oldest, cc the youngest."""
    cache = Cache(tmp_path)
    for age, name in enumerate(("cc", "bb", "aa")):
        cache.put(name * 32, {"file": bytes(100)})
        aged(cache, name * 32, 60 * age)
    return cache


def test_entries_are_listed_by_their_last_use(filled: Cache) -> None:
    assert keys(filled) == ["aa", "bb", "cc"]
    assert filled.get("aa" * 32)
    assert keys(filled) == ["bb", "cc", "aa"]


def test_pruning_forgets_what_was_not_used_for_longest(filled: Cache) -> None:
    size = filled.entries()[0].size_bytes

    assert [entry.folder.name[:2] for entry in filled.prune(2 * size)] == ["aa"]
    assert keys(filled) == ["bb", "cc"]
    assert filled.prune(2 * size) == ()


def test_pruning_to_nothing_leaves_what_is_no_entry(filled: Cache, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    (tmp_path / "aa" / "notes").mkdir()

    filled.prune(0)

    assert keys(filled) == []
    assert (tmp_path / "thesis.tex").exists()
    assert (tmp_path / "aa" / "notes").is_dir()


def test_pruning_takes_away_what_killed_builds_have_left(filled: Cache, tmp_path: Path) -> None:
    for name, age in (("old", 7200), ("young", 60)):
        draft = tmp_path / "aa" / f".new-{name}"
        draft.mkdir()
        os.utime(draft, (time.time() - age,) * 2)

    filled.prune(10_000)

    assert [path.name for path in (tmp_path / "aa").glob(".*")] == [".new-young"]


def test_a_build_keeps_the_cache_within_its_limit_once_a_day(
    filled: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESITE_CACHE_LIMIT", "0")
    filled.prune_daily()
    after_one = keys(filled)
    filled.put(KEY, FILES)
    filled.prune_daily()
    same_day = keys(filled)
    os.utime(tmp_path / "pruned", (0, 0))
    filled.prune_daily()

    assert (after_one, same_day, keys(filled)) == ([], ["ab"], [])


def test_keys_tell_parts_apart() -> None:
    keys = {key_of(b"ab", b"c"), key_of(b"a", b"bc"), key_of("ab", "c"), key_of({"a": 1}), key_of()}

    assert len(keys) == 5


def test_the_hash_of_the_tools_is_stable() -> None:
    first = tool_hash()
    tool_hash.cache_clear()

    assert tool_hash() == first
