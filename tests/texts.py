"""Models that make strings of strings, which are tried in Python and in JavaScript."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import parser

Array = np.ndarray[Any, Any]

DAYS = ["Monday", "TUESDAY", "monday", "", "Straße", "mon day", "İx"]
LINES = ["a  b\tc", "", "  lead", "trail ", "one", "a.b..c", "..", "\u00a0x y"]
WORDS = ["2026-11-27", "a.b", "ab", "A\n", "", "naïve", "x@y.com", "tests"]

CASES: dict[str, tuple[str, str, list[str], list[Any]]] = {
    "labels": (
        "string[4] x",
        'y = ai.onnx.ml.LabelEncoder <keys_strings = ["a", "b"], values_strings = ["A", "c"]> (x)',
        ["b", "unheard of", "a", ""],
        ["c", "_Unused", "A", "_Unused"],
    ),
    "concat": (
        "string[7] x",
        "y = StringConcat(x, x)",
        DAYS,
        [
            "MondayMonday",
            "TUESDAYTUESDAY",
            "mondaymonday",
            "",
            "StraßeStraße",
            "mon daymon day",
            "İxİx",
        ],
    ),
    "concat_broadcast": (
        "string[2, 1, 3] x",
        't = Constant <value_strings = ["-", "!"]> () s = Constant <value_ints = [2, 1]> ()'
        " u = Reshape(t, s) y = StringConcat(x, u)",
        DAYS[:6],
        [
            [["Monday-", "TUESDAY-", "monday-"], ["Monday!", "TUESDAY!", "monday!"]],
            [["-", "Straße-", "mon day-"], ["!", "Straße!", "mon day!"]],
        ],
    ),
    "concat_scalar": (
        "string[7] x",
        't = Constant <value_string = "?"> () y = StringConcat(t, x)',
        DAYS,
        ["?Monday", "?TUESDAY", "?monday", "?", "?Straße", "?mon day", "?İx"],
    ),
    "chain": (
        "string[7] x",
        'n = StringNormalizer <case_change_action = "LOWER"> (x) y = StringConcat(n, x)',
        DAYS,
        [
            "mondayMonday",
            "tuesdayTUESDAY",
            "mondaymonday",
            "",
            "straßeStraße",
            "mon daymon day",
            "i̇xİx",
        ],
    ),
    "upper": (
        "string[7] x",
        'y = StringNormalizer <case_change_action = "UPPER"> (x)',
        DAYS,
        ["MONDAY", "TUESDAY", "MONDAY", "", "STRASSE", "MON DAY", "İX"],
    ),
    "stop": (
        "string[1, 7] x",
        'y = StringNormalizer <case_change_action = "LOWER", stopwords = ["MONDAY", ""]> (x)',
        DAYS,
        [["tuesday", "straße", "mon day", "i̇x"]],
    ),
    "stop_exactly": (
        "string[7] x",
        'y = StringNormalizer <is_case_sensitive = 1, stopwords = ["monday"]> (x)',
        DAYS,
        ["Monday", "TUESDAY", "", "Straße", "mon day", "İx"],
    ),
    "stop_all": (
        "string[2] x",
        'y = StringNormalizer <stopwords = ["a"]> (x)',
        ["a", "A"],
        [""],
    ),
    "split": (
        "string[8] x",
        "y, n = StringSplit(x)",
        LINES,
        [
            ["a", "b", "c"],
            ["", "", ""],
            ["lead", "", ""],
            ["trail", "", ""],
            ["one", "", ""],
            ["a.b..c", "", ""],
            ["..", "", ""],
            ["\u00a0x", "y", ""],
        ],
    ),
    "split_once": (
        "string[2, 4] x",
        "y, n = StringSplit <maxsplit = 1> (x)",
        LINES,
        [
            [["a", "b\tc"], ["", ""], ["lead", ""], ["trail", ""]],
            [["one", ""], ["a.b..c", ""], ["..", ""], ["\u00a0x", "y"]],
        ],
    ),
    "split_at": (
        "string[8] x",
        'y, n = StringSplit <delimiter = "."> (x)',
        LINES,
        [
            ["a  b\tc", "", "", ""],
            ["", "", "", ""],
            ["  lead", "", "", ""],
            ["trail ", "", "", ""],
            ["one", "", "", ""],
            ["a", "b", "", "c"],
            ["", "", "", ""],
            ["\u00a0x y", "", "", ""],
        ],
    ),
    "split_at_once": (
        "string[8] x",
        'y, n = StringSplit <delimiter = ".", maxsplit = 1> (x)',
        LINES,
        [
            ["a  b\tc", ""],
            ["", ""],
            ["  lead", ""],
            ["trail ", ""],
            ["one", ""],
            ["a", "b..c"],
            ["", "."],
            ["\u00a0x y", ""],
        ],
    ),
    "date": (
        "string[8] x",
        r'y = RegexFullMatch <pattern = "\\d{4}-\\d\\d-\\d{2,}"> (x)',
        WORDS,
        [True, False, False, False, False, False, False, False],
    ),
    "any": (
        "string[8] x",
        'y = RegexFullMatch <pattern = "^.*$"> (x)',
        WORDS,
        [True, True, True, False, True, True, True, True],
    ),
    "address": (
        "string[8] x",
        r'y = RegexFullMatch <pattern = "[\\w.\\-]+@(?:y|[^a-z]?)\\.\\w+?"> (x)',
        WORDS,
        [False, False, False, False, False, False, True, False],
    ),
    "letters": (
        "string[8] x",
        r'y = RegexFullMatch <pattern = "\\w*(st|b)\\w?"> (x)',
        WORDS,
        [False, False, True, False, False, False, False, True],
    ),
    "length": (
        "string[8] x",
        'm = RegexFullMatch <pattern = "a.*"> (x) y = Cast <to = 1> (m)',
        WORDS,
        [0, 1, 1, 0, 0, 0, 0, 0],
    ),
}
"""By name: what the model takes, what it does, what it is given, what y then is."""


def model_and_feeds(name: str) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A model of the table, and what to give it."""
    takes, does, given, _ = CASES[name]
    gives = "y, n" if "y, n" in does else "y"
    head = '<ir_version: 9, opset_import: ["": 21, "ai.onnx.ml": 4]>'
    model = parser.parse_model(f"{head} g ({takes}) => ({gives}) {{ {does} }}")
    model = onnx.shape_inference.infer_shapes(model)
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return model, {"x": np.array(given, object).reshape(shape)}
