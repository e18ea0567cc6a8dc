"""Files that an author's words show or link to."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesite.errors import EdgesiteError
from edgesite.site.attachments import attachments
from edgesite.site.build import build
from edgesite.site.words import to_html


def names(folder: Path, text: str) -> list[str]:
    found = attachments(folder / "index.md", text, to_html(text))
    assert all(file.data == (folder / file.name).read_bytes() for file in found)
    return [file.name for file in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("plot.png", "my paper.pdf", "clips/a.mp4", "still.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return Path()


def test_pictures_links_and_html_are_found_once_each(folder: Path) -> None:
    text = (
        "![loss](plot.png) and [again](./plot.png#x)\n\n[paper](<my paper.pdf>)\n\n"
        "<video src='clips/a.mp4' poster='still.webp'></video>"
    )

    assert names(folder, text) == ["plot.png", "my paper.pdf", "clips/a.mp4", "still.webp"]


@pytest.mark.parametrize(
    "address", ["https://a.example/b.png", "//a.example/b", "/b", "#top", "mailto:a@b", "../mnist/"]
)
def test_what_is_not_below_the_folder_is_left_to_the_author(folder: Path, address: str) -> None:
    assert names(folder, f"[there]({address})") == []


def test_addresses_in_code_are_words(folder: Path) -> None:
    assert names(folder, '`![a](none.png)`\n\n    <img src="none.png">') == []


def test_all_that_is_missing_is_named_with_its_line(folder: Path) -> None:
    text = "One\n\n![a](plto.png)\n\n![b](clips/b.mp4)"
    with pytest.raises(EdgesiteError) as caught:
        names(folder, text)

    assert str(caught.value).splitlines() == [
        'index.md:3:6: no such file: "plto.png"; did you mean "plot.png"?',
        'index.md:5:6: no such file: "clips/b.mp4"; did you mean "clips/a.mp4"?',
    ]


def test_links_out_of_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path.parent / "secret").write_text("secret")
    (folder / "link.png").symlink_to(tmp_path.parent / "secret")

    with pytest.raises(EdgesiteError, match=r"index.md:1:6: .*a link that leaves"):
        names(folder, "![a](link.png)")


def test_files_ship_where_the_words_expect_them(site: Path, demo: Path) -> None:
    (demo / "plots").mkdir()
    (demo / "plots" / "loss.svg").write_text("<svg/>")
    (demo / "index.md").write_text("![loss](plots/loss.svg)")
    (site / "index.md").write_text("[notes](notes.txt)")
    (site / "notes.txt").write_text("notes")
    build(site, site / "dist")

    assert 'src="plots/loss.svg"' in (site / "dist" / "colours" / "index.html").read_text()
    assert (site / "dist" / "colours" / "plots" / "loss.svg").read_text() == "<svg/>"
    assert (site / "dist" / "notes.txt").read_text() == "notes"


def test_a_file_cannot_take_the_place_of_one_of_the_page(site: Path, demo: Path) -> None:
    (demo / "index.md").write_text("Words\n\n[mine](model.js)")
    (demo / "model.js").write_text("alert(1)")

    with pytest.raises(EdgesiteError, match=r'index.md:3:8: .*"model.js"; give yours another'):
        build(site.relative_to(Path.cwd()), site / "dist")
