"""New sites."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import yaml
from PIL import Image

from edgesite.errors import BuildError
from edgesite.site.build import check
from edgesite.site.scaffold import new_site, title_of
from edgesite.site.starter import colour_model, leaf, tomato
from edgesite.verify import Reference
from tests.sites import contents, pages_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_site_has_no_problems_and_answers_rightly(site: Path) -> None:
    page = pages_of(site)[0]

    assert [example.answers[0].label for example in page.examples] == ["red", "green"]
    assert [example.expected for example in page.examples] == ["red", "green"]


def test_a_new_site_raises_no_warnings(site: Path) -> None:
    assert check(site).warnings == ()


def test_a_new_site_is_the_same_every_time(tmp_path: Path) -> None:
    new_site(tmp_path / "a" / "site")
    new_site(tmp_path / "b" / "site")

    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_new_site_keeps_what_is_built_out_of_git(site: Path) -> None:
    assert (site / ".gitignore").read_text().split() == ["dist/", ".edgesite-cache/"]


@pytest.mark.parametrize("name", ["edgesite.yaml", "demos/colours/demo.yaml"])
def test_editors_find_the_schema_of_every_file(site: Path, name: str) -> None:
    first = (site / name).read_text().splitlines()[0]
    schema = json.loads(((site / name).parent / first.partition("$schema=")[2]).read_bytes())

    assert first.startswith("# yaml-language-server: ")
    assert set(yaml.safe_load((site / name).read_text())) <= set(schema["properties"])


def test_the_title_comes_from_the_folder(tmp_path: Path) -> None:
    new_site(tmp_path / "my-models")

    assert "title: My models\n" in (tmp_path / "my-models" / "edgesite.yaml").read_text()


def test_an_empty_folder_may_become_a_site(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()

    assert "edgesite.yaml" in new_site(tmp_path / "site")


@pytest.mark.parametrize("name", ["full", "file"])
def test_what_exists_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("ten years of work")
    (tmp_path / "file").write_text("more work")
    before = contents(tmp_path)

    with pytest.raises(BuildError, match=f"{name}: exists and is not empty; choose another name"):
        new_site(tmp_path / name)

    assert contents(tmp_path) == before


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BuildError, match=r"cannot be written \(.*\); choose another place"):
        new_site(tmp_path / "file" / "site")


@pytest.mark.parametrize(
    ("name", "title"), [("my-first_site", "My first site"), ("site", "Site"), ("---", "")]
)
def test_titles_are_words(name: str, title: str) -> None:
    assert title_of(name) == title


def test_the_model_of_the_new_site_is_what_its_page_says() -> None:
    onnx.checker.check_model(onnx.load_from_string(colour_model()), full_check=True)
    image = np.zeros((1, 3, 32, 32), np.float32)
    image[0, 0] = 1

    scores = Reference(colour_model()).run({"image": image})["scores"]

    np.testing.assert_array_equal(scores, [[6, -3, -3]])


@pytest.mark.parametrize("draw", [tomato, leaf])
def test_the_pictures_of_the_new_site_are_small_pngs(draw: object) -> None:
    data = draw()  # type: ignore[operator]
    image = Image.open(io.BytesIO(data))

    assert (image.format, image.size) == ("PNG", (256, 256))
    assert len(data) < 10_000
