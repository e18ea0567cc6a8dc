"""How numbers and answers are written."""

from __future__ import annotations

import pytest

from edgesite.site.bars import bars
from edgesite.site.language import find_language
from edgesite.tasks.classification import Answer
from tests.pages import toys

ENGLISH, GERMAN = find_language("en"), find_language("de")

SPACE = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0"),
        (1e-9, "<0.1"),
        (0.000499, "<0.1"),
        (0.0005, "0.1"),
        (0.123456, "12.3"),
        (0.9994, "99.9"),
        (0.9995, ">99.9"),
        (0.99999999, ">99.9"),
        (1, "100"),
    ],
)
def test_nearly_all_is_not_written_as_all(share: float, text: str) -> None:
    assert ENGLISH.figures.percent(share) == f"{text}{SPACE}%"


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(0, "0.0"), (950, "0.9"), (9_940, "9.9"), (1_097_400, "1,097")]
)
def test_kilobytes_have_a_thousand_bytes(size_bytes: int, text: str) -> None:
    assert ENGLISH.figures.kilobytes(size_bytes) == f"{text}{SPACE}kB"


@pytest.mark.parametrize(
    ("number", "html"),
    [
        (0, "0"),
        (0.0314, "0.031"),
        (1.19e-6, f"1.2{SPACE}×{SPACE}10<sup>\N{MINUS SIGN}6</sup>"),
        (4e12, f"4.0{SPACE}×{SPACE}10<sup>12</sup>"),
    ],
)
def test_small_numbers_have_a_power_of_ten(number: float, html: str) -> None:
    assert ENGLISH.figures.scientific(number) == html


@pytest.mark.parametrize(
    ("number", "text"),
    [(965, "965"), (269_722, "269,722"), (40_813_184, "40.8 million"), (4e9, "4 billion")],
)
def test_large_numbers_are_said_in_words(number: int, text: str) -> None:
    assert ENGLISH.figures.counted(number) == text.replace(" ", SPACE)


def answers(*values: float) -> list[Answer]:
    return [
        Answer(label, value, i) for i, (label, value) in enumerate(zip("abc", values, strict=True))
    ]


def test_a_bar_is_as_long_as_its_share() -> None:
    rows = bars(toys.colour_demo(top=3), answers(0.75, 0.25, 0), ENGLISH)

    assert [(row.label, row.width) for row in rows] == [
        ("a", "75.00%"),
        ("b", "25.00%"),
        ("c", "0.00%"),
    ]


def test_scores_that_are_no_shares_are_measured_by_the_best() -> None:
    rows = bars(toys.colour_demo(top=3, activation="none"), answers(8.5, 4.25, -1), ENGLISH)

    assert [(row.text, row.width) for row in rows] == [
        ("8.50", "100.00%"),
        ("4.25", "50.00%"),
        ("-1.00", "0.00%"),
    ]


def test_rows_that_an_answer_leaves_empty_stay() -> None:
    rows = bars(toys.colour_demo(top=3, threshold=0.5), answers(0.75, 0.25, 0), ENGLISH)

    assert [row.label for row in rows] == ["a", "", ""]


def test_an_answer_below_the_threshold_is_said_to_be_none() -> None:
    rows = bars(toys.colour_demo(top=3, threshold=0.5), answers(0.4, 0.3, 0.3), ENGLISH)

    assert [row.label for row in rows] == [f"Nothing above 50.0{SPACE}%", "", ""]


def test_numbers_have_the_marks_of_the_language() -> None:
    german = GERMAN.figures

    assert german.percent(0.123) == f"12,3{SPACE}%"
    assert german.kilobytes(1_097_400) == f"1.097{SPACE}kB"
    assert german.scientific(1.19e-6).startswith(f"1,2{SPACE}×")
    assert german.counted(40_813_184) == f"40,8{SPACE}Mio."
