"""Folders as hashes."""

from __future__ import annotations

import os
from pathlib import Path

from edgesite.site.folders import digests_below, site_digests, size_below


def filled(folder: Path) -> Path:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    (folder / "deep" / "er" / ".b").write_text("two")
    return folder


def test_equal_folders_have_equal_digests_wherever_they_are(tmp_path: Path) -> None:
    first, second = filled(tmp_path / "first"), filled(tmp_path / "second")

    assert digests_below(first) == digests_below(second)
    assert list(digests_below(first)) == ["a.txt", "deep/er/.b"]
    assert size_below(first) == 6


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert digests_below(tmp_path / "absent") == {}


def test_compiled_python_does_not_count(tmp_path: Path) -> None:
    before = digests_below(filled(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "train.pyc").write_text("x")

    assert digests_below(tmp_path) == before


def test_a_link_counts_by_where_it_leads_and_what_is_there(tmp_path: Path) -> None:
    folder = filled(tmp_path / "folder")
    (tmp_path / "other").write_text("one")
    plain = digests_below(folder)["a.txt"]
    (folder / "a.txt").unlink()
    (folder / "a.txt").symlink_to(tmp_path / "other")
    linked = digests_below(folder)["a.txt"]
    (tmp_path / "other").write_text("two")

    assert len({plain, linked, digests_below(folder)["a.txt"]}) == 3


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("absent")
    (tmp_path / "folder").symlink_to(".")

    assert digests_below(tmp_path) == {
        "folder": ".: no file",
        "nowhere": "absent: no file",
        "pipe": "no file",
    }


def test_a_site_is_its_files_and_the_folders_that_are_watched(tmp_path: Path) -> None:
    for name in ("edgesite.yaml", "demos/a/demo.yaml", "theme/x.css", "docs/a.md", "dist/a", "b/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    assert sorted(site_digests(tmp_path)) == [
        "demos/a/demo.yaml",
        "docs/a.md",
        "edgesite.yaml",
        "theme/x.css",
    ]
