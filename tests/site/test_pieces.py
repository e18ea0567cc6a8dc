"""Files that are known by their hash, and read when they are needed."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from edgesite.site.cache import digest
from edgesite.site.pieces import LostError, Piece, Pieces


def piece(path: Path, data: bytes, *, is_cached: bool = False) -> Piece:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Piece(str(path), digest(data), len(data), is_cached)


def test_files_are_the_same_wherever_they_lie(tmp_path: Path) -> None:
    files = Pieces({"a": b"one", "b": piece(tmp_path / "b", b"two")})

    assert dict(files) == {"a": b"one", "b": b"two"}
    assert [files.digest(name) for name in files] == [digest(b"one"), digest(b"two")]
    assert files.size_bytes == 6


def test_of_two_files_with_one_name_the_later_counts() -> None:
    files = Pieces({"a": b"one", "b": b"two"}) | {"b": b"three"} | Pieces({"c": b""})

    assert dict(files) == {"a": b"one", "b": b"three", "c": b""}


@pytest.mark.parametrize("change", ["deleted", "shorter", "changed"])
def test_a_file_that_is_no_longer_what_it_was_is_lost(tmp_path: Path, change: str) -> None:
    lying = piece(tmp_path / "a", b"one")
    contents = {"shorter": b"on", "changed": b"two"}
    path = tmp_path / "a"
    path.unlink() if change == "deleted" else path.write_bytes(contents[change])

    assert lying.is_there() == (change == "changed")
    with pytest.raises(LostError, match="a: was changed while the site was built; build again"):
        lying.read()


def test_a_damaged_entry_of_the_cache_goes_and_a_file_of_the_author_stays(tmp_path: Path) -> None:
    own = piece(tmp_path / "demo" / "picture", b"one")
    kept = piece(tmp_path / "entry" / "picture", b"one", is_cached=True)
    for lying in (own, kept):
        Path(lying.path).write_bytes(b"two")
        with pytest.raises(LostError):
            lying.read()

    assert Path(own.path).exists()
    assert not Path(kept.path).parent.exists()


def test_the_error_goes_from_process_to_process() -> None:
    error = pickle.loads(pickle.dumps(LostError("a")))

    assert (error.path, str(error)) == ("a", str(LostError("a")))
