"""YAML with positions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesite.errors import ConfigError, EdgesiteError, ProblemsError
from edgesite.site.document import Document, load_document, parse_document


def parse(text: str) -> Document:
    return parse_document(Path("demo.yaml"), text)


def failure(text: str) -> str:
    with pytest.raises(EdgesiteError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("0x1F", 31),
        ("007", 7),
        ("-3", -3),
        ("'3'", "3"),
        ("1/255", "1/255"),
        ("2024-01-01", "2024-01-01"),
        (".inf", float("inf")),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert parse(f"key: {text}").data == {"key": value}


def test_an_empty_file_is_an_empty_block() -> None:
    assert parse("# nothing\n").data == {}


def test_every_value_has_its_line_and_column() -> None:
    document = parse("a: 1\nb:\n  - x\n  - {c: y}\n")

    assert document.where(("b", 1, "c")) == "demo.yaml:4:9"


def test_a_key_has_a_place_of_its_own() -> None:
    assert parse("a:   1\n").where(("a",), key=True) == "demo.yaml:1:1"


def test_what_is_not_in_the_file_is_placed_at_the_block_around_it() -> None:
    assert parse("a:\n  b: 1\n").where(("a", "missing", "deeper")) == "demo.yaml:2:3"


def test_aliases_repeat_a_value() -> None:
    assert parse("a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "demo.yaml:1:5: not YAML: mapping values are not allowed here; indent"),
        ("a: 1\nb: 'x\nc: 2\n", "demo.yaml:2:4: not YAML: found unexpected end of stream; close"),
        ("a: [1, 2\n", "demo.yaml:1:4: not YAML: expected ',' or ']'"),
        (
            "a:\n\t- b",
            "demo.yaml:2:1: not YAML: found character '\\t' that cannot start any token;",
        ),
        ("a: @b", "demo.yaml:1:4: not YAML"),
        ("a: *b", "demo.yaml:1:4: not YAML: found undefined alias 'b'; put quotes"),
        ("a: 1\n---\nb: 1", "demo.yaml:2:1: not YAML: found another document; delete the line ---"),
        ("a: \x07", "demo.yaml:1:4: the character U+0007 cannot stand in YAML; delete it"),
        ("a: !!python/name:os.system x", "demo.yaml:1:4: has the tag"),
        ("a: !!int x", 'demo.yaml:1:4: "x" does not fit its tag; leave the tag out'),
        ("&a [*a]", "demo.yaml:1:1: contains itself; write the value out"),
        ("? [a]\n: b", "demo.yaml:1:3: a list or block cannot be a key; use a plain word"),
        ("[" * 3000, "demo.yaml:1:1: is nested too deeply to be read; flatten it"),
    ],
)
def test_broken_yaml_has_a_place_and_a_remedy(text: str, message: str) -> None:
    assert failure(text).startswith(message)


def test_all_duplicate_keys_are_named() -> None:
    with pytest.raises(ProblemsError) as caught:
        parse("a: 1\na: 2\nb: {x: 1, x: 2}\n")

    assert str(caught.value).splitlines() == [
        'demo.yaml:2:1: "a" is given twice, first in line 1; keep one',
        'demo.yaml:3:11: "x" is given twice, first in line 3; keep one',
    ]


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert "has more than 200000 values" in failure("\n".join(lines))


def test_text_that_is_not_utf_8_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_bytes(b"title: a\nb: caf\xe9\n")

    with pytest.raises(ConfigError, match=r"demo.yaml:2:7: is not UTF-8 text; save the file"):
        load_document(path)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_bytes(b"\xef\xbb\xbftitle: a\n")

    assert load_document(path).data == {"title": "a"}


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"demo.yaml: no such file; create it"):
        load_document(tmp_path / "demo.yaml")


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:-[]{}'\"#&*!|>%@, \n\t\x85\ufeff\U0001f431"), max_size=40))
def test_any_text_is_data_or_a_problem_with_a_place(text: str) -> None:
    place = re.compile(r"demo\.yaml:\d+:\d+: .+; .+")

    assert all(place.match(line) for line in complaints(text))


def complaints(text: str) -> list[str]:
    try:
        parse(text)
    except EdgesiteError as error:
        return str(error).splitlines()
    return []


def test_messages_hold_no_control_characters() -> None:
    assert "\x1b" not in failure('"\\e[31m": 1\n"\\e[31m": 2\n')
