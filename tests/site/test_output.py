"""The output folder: whose it is, and that it changes as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesite.errors import BuildError, InternalError
from edgesite.site import output
from edgesite.site.cache import Cache, digest
from edgesite.site.output import MARKER, check_output, write_output


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "site" / "demos").mkdir(parents=True)
    return tmp_path / "site"


def test_a_new_folder_holds_exactly_the_files(root: Path) -> None:
    write_output(root / "dist", {"index.html": b"x", "a/b/c.js": b"y"})

    assert contents(root / "dist") == {"index.html": b"x", "a/b/c.js": b"y"}


def test_an_older_build_is_replaced_as_a_whole(root: Path) -> None:
    write_output(root / "dist", {"old.html": b"x"})
    write_output(root / "dist", {"new.html": b"y"})

    assert contents(root / "dist") == {"new.html": b"y"}


def test_nothing_is_left_beside_the_folder(root: Path) -> None:
    check_output(root / "dist", root)
    write_output(root / "dist", {"a": b"x"})
    write_output(root / "dist", {"a": b"y"})

    assert sorted(path.name for path in root.iterdir()) == ["demos", "dist"]


@pytest.mark.parametrize("empty", [True, False])
def test_an_empty_or_absent_folder_may_be_used(root: Path, empty: bool) -> None:
    if empty:
        (root / "dist").mkdir()

    check_output(root / "dist", root)


def test_a_folder_of_someone_else_is_left_alone(root: Path) -> None:
    (root / "dist").mkdir()
    (root / "dist" / "thesis.tex").write_text("ten years of work")

    with pytest.raises(BuildError, match="was not written by edgesite, so it is left alone; empty"):
        check_output(root / "dist", root)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "would replace the site itself; give a folder of its own"),
        ("..", "would replace the site itself; give a folder of its own"),
        ("demos/dist", "is among the sources in demos/; give a folder of its own"),
        ("edgesite.yaml", "is a file; give the name of a folder"),
        ("edgesite.yaml/dist", "cannot be written (file exists); make its parent folder"),
    ],
)
def test_places_that_cannot_be_are_refused(root: Path, out: str, message: str) -> None:
    (root / "edgesite.yaml").write_text("title: x")

    with pytest.raises(BuildError) as caught:
        check_output(root / out, root)

    assert message in str(caught.value)


def test_a_folder_that_cannot_be_written_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)

    with pytest.raises(BuildError, match=r"dist: cannot be written \(permission denied\); make"):
        check_output(root / "dist", root)


def test_a_disk_that_fills_up_leaves_the_old_build(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_output(root / "dist", {"index.html": b"old"})

    def fill(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(BuildError, match="no space left on device"):
        write_output(root / "dist", {"index.html": b"new"})

    monkeypatch.undo()
    assert contents(root / "dist") == {"index.html": b"old"}
    assert sorted(path.name for path in root.iterdir()) == ["demos", "dist"]


def test_a_swap_that_fails_halfway_puts_the_old_build_back(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_output(root / "dist", {"index.html": b"old"})
    rename = Path.rename

    def fail_at_the_second(self: Path, target: Path) -> Path:
        if self.name.startswith(".dist-"):
            raise OSError(16, "Device or resource busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_second)
    with pytest.raises(BuildError, match="device or resource busy"):
        write_output(root / "dist", {"index.html": b"new"})

    assert contents(root / "dist") == {"index.html": b"old"}
    assert sorted(path.name for path in root.iterdir()) == ["demos", "dist"]


def test_a_link_to_a_folder_stays_a_link(root: Path, tmp_path: Path) -> None:
    (root / "dist").symlink_to(tmp_path / "published", target_is_directory=True)

    write_output(root / "dist", {"a": b"x"})

    assert (root / "dist").is_symlink()
    assert contents(tmp_path / "published") == {"a": b"x"}


def test_only_files_that_somebody_has_touched_are_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, files = Cache(root / "cache"), {"a": b"x", "b": b"y"}
    write_output(root / "dist", files, cache)
    (root / "dist" / "b").write_bytes(b"z")
    read: list[bytes] = []

    def watched(data: bytes) -> str:
        read.append(data)
        return digest(data)

    monkeypatch.setattr(output, "digest", watched)

    write_output(root / "dist", files, cache)

    assert read == [b"z"]
    assert (root / "dist" / "b").read_bytes() == b"y"


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", ""])
def test_names_that_leave_the_folder_are_our_own_error(root: Path, name: str) -> None:
    with pytest.raises(InternalError):
        write_output(root / "dist", {name: b"x"})

    assert not (root / "dist").exists()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the marker."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


def test_a_folder_that_holds_the_same_already_is_not_written(root: Path) -> None:
    write_output(root / "dist", {"a/b": b"x"})
    before = (root / "dist").stat().st_ino

    write_output(root / "dist", {"a/b": b"x"})

    assert (root / "dist").stat().st_ino == before


@pytest.mark.parametrize("change", ["content", "more", "less", "folder", "link"])
def test_whatever_else_is_in_the_folder_goes(root: Path, change: str) -> None:
    files = {"a/b": b"x", "c": b"y"}
    write_output(root / "dist", files)
    match change:
        case "content":
            (root / "dist" / "c").write_text("z")
        case "more":
            (root / "dist" / "d").write_text("z")
        case "less":
            (root / "dist" / "c").unlink()
        case "folder":
            (root / "dist" / "empty").mkdir()
        case "link":
            (root / "dist" / "c").unlink()
            (root / "else").write_text("y")
            (root / "dist" / "c").symlink_to(root / "else")

    write_output(root / "dist", files)

    assert contents(root / "dist") == files
    assert not (root / "dist" / "empty").exists()
    assert not (root / "dist" / "c").is_symlink()
