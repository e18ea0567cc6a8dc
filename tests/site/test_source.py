"""Sites read from folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgesite.errors import BuildError, EdgesiteError
from edgesite.site.build import check
from edgesite.site.problems import Problems
from edgesite.site.source import load_site
from tests.sites import demos_of, edit


def failure(root: Path) -> list[str]:
    with pytest.raises(EdgesiteError) as caught:
        check(root.relative_to(Path.cwd()))
    return str(caught.value).splitlines()


def test_a_site_is_its_info_and_its_demos(site: Path) -> None:
    source = load_site(site, Problems())
    (demo,) = demos_of(site)

    assert (source.info.title, source.info.language) == ("Site", "en")
    assert "own device" in source.info.body_markdown
    assert (demo.slug, demo.labels) == ("colours", ("red", "green", "blue"))
    assert [picture.name for picture in demo.pictures] == ["tomato.png", "leaf.png"]
    assert [picture.expected for picture in demo.pictures] == ["red", "green"]


def test_demos_come_in_the_order_of_their_folders(site: Path, demo: Path) -> None:
    for name in ("zebra", "Apple"):
        shutil.copytree(demo, site / "demos" / name)

    assert [demo.slug for demo in demos_of(site)] == ["apple", "colours", "zebra"]


def test_folders_that_start_with_an_underscore_are_no_demos(site: Path) -> None:
    (site / "demos" / "_drafts").mkdir()

    assert len(demos_of(site)) == 1


def test_a_slug_may_be_given(demo: Path, site: Path) -> None:
    edit(demo / "demo.yaml", "task:", "slug: rgb\ntask:")

    assert demos_of(site)[0].slug == "rgb"


def test_labels_may_be_inline(demo: Path, site: Path) -> None:
    edit(demo / "demo.yaml", "labels: labels.txt", "labels: [red, green, blue]")

    assert demos_of(site)[0].labels == ("red", "green", "blue")


def test_words_are_optional(demo: Path, site: Path) -> None:
    (demo / "index.md").unlink()

    assert demos_of(site)[0].body_markdown == ""


def test_captions_are_made_from_file_names(demo: Path, site: Path) -> None:
    (demo / "examples" / "tomato.png").rename(demo / "examples" / "tabby-cat_2.png")
    edit(
        demo / "demo.yaml",
        "{file: examples/tomato.png, caption: A drawn tomato on a plate, label: red}",
        "examples/t*.png",
    )

    assert demos_of(site)[0].pictures[0].caption == "Tabby cat 2"


def test_a_picture_that_two_patterns_name_is_taken_once(demo: Path, site: Path) -> None:
    text = (demo / "demo.yaml").read_text().split("examples:")[0]
    (demo / "demo.yaml").write_text(f"{text}examples: [examples/leaf.png, examples/*.png]\n")

    names = [picture.name for picture in demos_of(site)[0].pictures]

    assert names == ["leaf.png", "tomato.png"]


def test_a_folder_without_the_file_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"has no edgesite.yaml; give the folder of a site, or"):
        check(tmp_path)


def test_a_folder_that_is_not_there_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"nowhere: no such folder; `edgesite new SITE` makes"):
        check(tmp_path / "nowhere")


def test_a_site_without_demos_says_how_to_add_one(site: Path, demo: Path) -> None:
    shutil.rmtree(demo)

    assert failure(site) == ["demos: there are no demos; add one with `edgesite add MODEL.onnx`"]


def test_every_problem_of_every_demo_is_named(site: Path, demo: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(demo, site / "demos" / name)
    edit(site / "edgesite.yaml", "language: en", "language: e_n")
    edit(site / "demos" / "a" / "demo.yaml", "color: RGB", "color: rgb")
    edit(site / "demos" / "b" / "demo.yaml", "examples/leaf.png", "examples/lief.png")
    (demo / "labels.txt").unlink()
    (demo / "index.md").write_bytes(b"caf\xe9")
    (demo / "examples" / "leaf.png").write_bytes(b"no picture")

    assert failure(site) == [
        'edgesite.yaml:5:11: language: got "e_n"; write a language tag such as "en" or "pt-BR"',
        'demos/a/demo.yaml:10:10: input.color: got "rgb"; did you mean "RGB"?',
        'demos/b/demo.yaml:19:5: examples.1: no such file: "examples/lief.png"; '
        'did you mean "examples/leaf.png"?',
        'demos/colours/demo.yaml:14:9: labels: no such file: "labels.txt"; '
        "add the file or correct the name",
        "demos/colours/index.md:1:4: is not UTF-8 text; save the file in the UTF-8 encoding",
        "demos/colours/examples/leaf.png: not a picture; give a JPEG, PNG, WebP, GIF or BMP file",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "title: Red",
            "slug: assets\ntitle: Red",
            'demos/colours/demo.yaml:3:7: slug: the address "assets" belongs to the site itself; '
            "choose another slug, such as assets-demo",
        ),
        (
            "label: green",
            "label: gren",
            'demos/colours/demo.yaml:19:61: examples.1.label: "gren" is not among the labels; '
            'did you mean "green"?',
        ),
        (
            "model: model.onnx",
            "model: ../model.onnx",
            'demos/colours/demo.yaml:6:8: model: "../model.onnx" leaves the demo\'s folder; '
            "copy the file into it",
        ),
        (
            "labels: labels.txt",
            "labels: /etc/passwd",
            'demos/colours/demo.yaml:14:9: labels: "/etc/passwd" is an absolute path; '
            "write it from the demo's folder on",
        ),
    ],
)
def test_problems_between_file_and_folder_are_placed(
    site: Path, demo: Path, old: str, new: str, message: str
) -> None:
    edit(demo / "demo.yaml", old, new)

    assert failure(site) == [message]


def test_a_file_with_the_other_suffix_is_noticed(site: Path, demo: Path) -> None:
    (demo / "demo.yaml").rename(demo / "demo.yml")

    assert failure(site) == ["demos/colours: has no demo.yaml; rename demo.yml to demo.yaml"]


def test_a_folder_without_configuration_is_noticed(site: Path) -> None:
    (site / "demos" / "notes").mkdir()

    assert failure(site) == [
        "demos/notes: has no demo.yaml; "
        "write one, or let the folder's name start with _ if it is no demo"
    ]


def test_a_folder_of_which_no_address_can_be_made_needs_a_slug(site: Path, demo: Path) -> None:
    demo.rename(site / "demos" / "猫")

    assert failure(site) == [
        'demos/猫/demo.yaml:3:1: no address can be made of the folder\'s name "猫"; '
        "add slug: followed by a-z, 0-9 and dashes"
    ]


def test_two_demos_of_one_address_are_refused(site: Path, demo: Path) -> None:
    shutil.copytree(demo, site / "demos" / "Colours!")

    assert failure(site) == [
        'demos/colours/demo.yaml:3:1: slug: "colours" is also the address of demos/Colours!; '
        "give one of them another slug"
    ]
