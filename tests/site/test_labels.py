"""Label files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgesite.errors import ConfigError
from edgesite.site.labels import read_labels

if TYPE_CHECKING:
    from pathlib import Path


def labels(tmp_path: Path, text: str, name: str = "labels.txt") -> list[str]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_labels(path)


@pytest.mark.parametrize("text", ["cat\ndog", "cat\ndog\n", "cat\r\ndog\r\n\n", " cat \n dog\n"])
def test_a_text_file_has_a_label_per_line(tmp_path: Path, text: str) -> None:
    assert labels(tmp_path, text) == ["cat", "dog"]


@pytest.mark.parametrize("text", ['["cat", "dog"]', '{"1": "dog", "0": "cat"}'])
def test_a_json_file_has_a_list_or_names_by_index(tmp_path: Path, text: str) -> None:
    assert labels(tmp_path, text, "labels.json") == ["cat", "dog"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labels.txt", "cat\n\ndog\n", r"labels.txt:2:1: the line is empty; write the name"),
        ("labels.txt", "", r"labels.txt:1:1: the line is empty; write the name"),
        ("labels.txt", "a\x1b\n", r"labels.txt:1:1: the label has a character that cannot be seen"),
        ("labels.json", '["cat",\n]', r"labels.json:2:1: not JSON: .*; correct it, or use"),
        (
            "labels.json",
            '{"0": "cat", "2": "dog"}',
            r"labels.json:1:1: is not a list of names; wri",
        ),
        ("labels.json", '["cat", 3]', r"labels.json:1:1: is not a list of names; write"),
        ("labels.json", "[]", r"labels.json:1:1: is not a list of names; write"),
    ],
)
def test_what_is_no_label_has_a_place_and_a_remedy(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        labels(tmp_path, text, name)
