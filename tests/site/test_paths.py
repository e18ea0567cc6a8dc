"""File names that authors write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgesite.site.paths import file_below, files_below, shipped_name, slug_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "demo"
    (inside / "examples" / "deep").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    for name in ("model.onnx", "examples/b.png", "examples/a.png", "examples/deep/c.png"):
        (inside / name).write_text(name)
    (inside / "examples" / ".hidden.png").write_text("")
    return inside


def test_a_file_below_the_folder_is_found(folder: Path) -> None:
    assert file_below(folder, "examples/a.png") == folder / "examples" / "a.png"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../secret.txt", r'"\.\./secret\.txt" leaves the demo\'s folder; copy the file into it'),
        ("examples/../../secret.txt", "leaves the demo's folder; copy"),
        ("/etc/passwd", '"/etc/passwd" is an absolute path; write it from the demo\'s folder on'),
        ("~/model.onnx", "is an absolute path"),
        ("C:/model.onnx", "is an absolute path"),
        ("examples\\a.png", "has a backslash; write / between folder and file"),
        ("https://a.b/model.onnx", "is an address; put the file into the demo's folder"),
        ("a\x00b", r'"a\\x00b" has a character that cannot be seen; rename the file'),
        ("a\u202eb", "has a character that cannot be seen"),
        ("  ", "is empty; write a file name"),
        ("examples", '"examples" is a folder; name a file in it'),
        ("modle.onnx", 'no such file: "modle.onnx"; did you mean "model.onnx"?'),
        ("example/a.png", 'no such file: "example/a.png"; the folder "example" is missing too'),
        ("examples/zzzz", 'no such file: "examples/zzzz"; add the file or correct the name'),
    ],
)
def test_names_of_no_file_are_refused_with_a_remedy(folder: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        file_below(folder, name)


def test_a_link_may_stay_in_the_folder(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "examples" / "a.png")

    assert file_below(folder, "link.png").read_text() == "examples/a.png"


def test_a_link_may_not_leave_the_folder(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder.parent / "secret.txt")

    with pytest.raises(ValueError, match="is a link that leaves the demo's folder; put a copy"):
        file_below(folder, "link.png")


def test_a_linked_folder_may_not_leave_the_folder(folder: Path) -> None:
    (folder / "out").symlink_to(folder.parent)

    with pytest.raises(ValueError, match="is a link that leaves the demo's folder"):
        files_below(folder, "out/*.txt")


def test_a_pattern_finds_files_in_order_and_no_hidden_ones(folder: Path) -> None:
    assert [path.name for path in files_below(folder, "examples/*.png")] == ["a.png", "b.png"]


def test_two_stars_search_folders_below(folder: Path) -> None:
    assert [path.name for path in files_below(folder, "examples/**/*.png")][-1] == "c.png"


def test_a_pattern_without_files_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r'no file matches "examples/\*\.jpg"; add one'):
        files_below(folder, "examples/*.jpg")


@pytest.mark.parametrize("pattern", ["../*.txt", "/etc/*", "examples/../../*"])
def test_a_pattern_may_not_leave_the_folder(folder: Path, pattern: str) -> None:
    with pytest.raises(ValueError, match=r"leaves the demo's folder|is an absolute path"):
        files_below(folder, pattern)


def test_a_file_whose_name_looks_like_a_pattern_is_found(folder: Path) -> None:
    (folder / "a[1].png").write_text("")

    assert files_below(folder, "a[1].png") == [folder / "a[1].png"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("cifar10", "cifar10"),
        ("My Demo_2", "my-demo-2"),
        ("Café", "cafe"),
        ("猫", ""),
        ("--a-", "a"),
    ],
)
def test_slugs_are_safe_in_addresses(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    ("name", "taken", "shipped"),
    [
        ("My Photo (1).JPG", [], "my-photo-1.jpg"),
        ("猫.png", [], "picture.png"),
        ("a.png", ["a.png", "a-2.png"], "a-3.png"),
    ],
)
def test_shipped_names_are_safe_and_free(name: str, taken: list[str], shipped: str) -> None:
    assert shipped_name(name, taken) == shipped
