"""Sites built in parts: together they are what one build makes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgesite.errors import EdgesiteError, UsageError
from edgesite.site.build import build
from edgesite.site.shards import Shard, build_shard, merge
from tests.sites import contents, edit


@pytest.fixture
def parts(site: Path, demo: Path) -> list[Path]:
    """A site of three demos, in two parts that two machines have built."""
    for name in ("first", "second"):
        shutil.copytree(demo, demo.parent / name)
    with (site / "edgesite.yaml").open("a") as file:
        file.write("offline: true\n")
    for number in (1, 2):
        build_shard(site, site / f"part-{number}", Shard(number, 2))
    return [site / "part-1", site / "part-2"]


def test_parts_are_the_site(site: Path, parts: list[Path]) -> None:
    build(site, site / "whole")

    report = merge(site, parts, site / "merged")

    assert contents(site / "merged") == contents(site / "whole")
    assert [page.slug for page in report.pages] == ["colours", "first", "second"]


def test_the_order_of_parts_and_an_empty_one_do_not_matter(site: Path, demo: Path) -> None:
    build(site, site / "whole")
    for number in (1, 2, 3):
        build_shard(site, site / f"part-{number}", Shard(number, 3))

    merge(site, [site / f"part-{number}" for number in (3, 1, 2)], site / "merged")

    assert contents(site / "merged") == contents(site / "whole")
    assert demo.is_dir()


def test_parts_of_other_files_are_refused(site: Path, demo: Path, parts: list[Path]) -> None:
    (demo / "index.md").write_text("Other words.")
    shutil.copytree(demo, demo.parent / "third")

    with pytest.raises(EdgesiteError) as caught:
        merge(site, parts, site / "merged")

    assert str(caught.value).splitlines() == [
        "demos/colours: part-1 was built from other files, in another folder or by another "
        "edgesite; build it again",
        "demos/third: is in no part; build the parts again",
    ]
    assert not (site / "merged").exists()


def test_parts_of_another_look_are_refused(site: Path, parts: list[Path]) -> None:
    edit(site / "edgesite.yaml", "title: Site", "title: Other")

    with pytest.raises(EdgesiteError, match="part-1 was built from other files"):
        merge(site, parts, site / "merged")


def test_a_damaged_part_is_refused(site: Path, parts: list[Path]) -> None:
    page = parts[0] / "colours" / "index.html"
    page.write_bytes(page.read_bytes()[:-1] + b"x")

    with pytest.raises(EdgesiteError, match="was changed while the site was built; build again"):
        merge(site, parts, site / "merged")


def test_missing_and_foreign_parts_are_named(site: Path, parts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()

    with pytest.raises(UsageError, match="of 2 parts 2 is missing; give it, too"):
        merge(site, parts[:1], site / "merged")
    with pytest.raises(UsageError, match="part-1: is part 1, as part-1 is; give each once"):
        merge(site, [parts[0], parts[0]], site / "merged")
    with pytest.raises(UsageError, match="other: is no part of a site"):
        merge(site, [*parts, tmp_path / "other"], site / "merged")


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write the first of four parts as 1/4"):
        Shard.of(text)
