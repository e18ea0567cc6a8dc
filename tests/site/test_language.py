"""The words of the interface."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import edgesite
from edgesite.errors import ConfigError
from edgesite.site.assets import theme_folder
from edgesite.site.language import fill, find_language
from tests.pages import toys
from tests.site.test_render import Bundles
from tests.sites import render_site

TABLES = {path.stem: json.loads(path.read_text()) for path in (theme_folder() / "words").iterdir()}
GAP = re.compile(r"\{\w+\}")


def flat(table: dict[str, Any]) -> dict[str, str]:
    groups = [(group, entries) for group, entries in table.items() if group != "name"]
    return {f"{group}.{name}": text for group, entries in groups for name, text in entries.items()}


def source(*folders: str) -> str:
    files = [path for folder in folders for path in (theme_folder() / folder).rglob("*.*")]
    return "\n".join(path.read_text() for path in files)


@pytest.mark.parametrize("tag", TABLES)
def test_no_word_is_missing_in_any_language(tag: str) -> None:
    words, english = flat(TABLES[tag]), flat(TABLES["en"])

    assert words.keys() == english.keys()
    assert {key for key, text in words.items() if not text} == set()


@pytest.mark.parametrize("tag", TABLES)
def test_every_sentence_has_the_gaps_of_the_english_one(tag: str) -> None:
    words, english = flat(TABLES[tag]), flat(TABLES["en"])

    assert {key: set(GAP.findall(text)) for key, text in words.items()} == {
        key: set(GAP.findall(text)) for key, text in english.items()
    }


def test_every_word_of_the_tables_is_said_somewhere() -> None:
    scripts = source("ui", "runtime")
    python = "".join(path.read_text() for path in Path(edgesite.__file__).parent.rglob("*.py"))
    pages = source("templates") + python

    for key in flat(TABLES["en"]):
        group, name = key.split(".")
        if group == "page":
            assert name.startswith("box_") or re.search(rf"\bsay\.{name}\b", pages), key
        else:
            # A name may be taken out of its group first, or be one that the browser gives.
            known = group == "figures" or name.endswith("Error")
            assert known or re.search(rf"\.{group}\b", scripts), key
            assert known or re.search(rf"\b{name}\b", scripts), key


def test_pages_in_german_say_nothing_that_only_english_does() -> None:
    demo = toys.colour_demo(
        inputs_enabled=toys.EVERY_INPUT, threshold=0.5, body_markdown="", description=""
    )

    files = render_site(toys.site(language="de-AT", footer=None), [demo], Bundles())  # type: ignore[arg-type]

    german = set(TABLES["de"]["page"].values())
    english = {text for text in TABLES["en"]["page"].values() if text not in german}
    for path in ("index.html", "404.html", "colour/index.html"):
        page = files[path].decode()
        said = re.findall(r'>([^<{]+)<|(?:title|aria-label|alt)="([^"]+)"', page)
        assert english.isdisjoint(one or other for one, other in said)
    assert "Hochladen" in files["colour/index.html"].decode()


def test_a_page_has_the_words_of_its_own_inputs_only() -> None:
    words = find_language("en").for_scripts(("paste",))

    assert set(words) == {"figures", "stage", "picture", "tools", "paste"}


def test_a_site_may_change_a_word(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "en.json").write_text('{"page": {"upload": "Open"}}')

    say = find_language("en", tmp_path).say

    assert (say.upload, say.camera) == ("Open", "Camera")


def test_a_site_may_bring_a_language(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "fr.json").write_text(json.dumps(TABLES["en"] | {"name": "Français"}))

    assert find_language("fr-CA", tmp_path).name == "Français"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{", "fr.json:1:2: not JSON"),
        ("[]", "fr.json:1:1: got another form; write groups of words"),
        ('{"page": {}}', "fr.json:1:1: has no words for camera.NotAllowedError, "),
        (
            json.dumps(TABLES["en"] | {"stage": TABLES["en"]["stage"] | {"lodaing": "x"}}),
            'unknown entry stage.lodaing; did you mean "stage.loading"?',
        ),
        (
            json.dumps(TABLES["en"] | {"stage": TABLES["en"]["stage"] | {"live": "{zeit}"}}),
            "stage.live: unknown gap {zeit}; the gaps are {time}",
        ),
    ],
    ids=["broken", "list", "incomplete", "unknown", "gap"],
)
def test_a_table_that_is_not_complete_is_refused(tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "fr.json").write_text(table)

    with pytest.raises(ConfigError) as error:
        find_language("fr", tmp_path)

    assert message in str(error.value)


def test_a_language_without_words_is_refused_with_the_way_to_add_it() -> None:
    with pytest.raises(ValueError, match=r"no words for the interface in \"pt-BR\".*words/pt.json"):
        find_language("pt-BR")


def test_what_fills_a_gap_is_escaped() -> None:
    assert fill("<{what}>", what="<b>") == "&lt;&lt;b&gt;&gt;"
