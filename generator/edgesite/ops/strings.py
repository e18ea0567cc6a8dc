"""Strings made of strings: what hosts do with them, ahead of the module."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgesite.errors import ModelError, UnsupportedOperatorError
from edgesite.ir import DType, Tensor, broadcast_shape, on_host
from edgesite.ops.registry import operator

PARTS = 64
"""The parts of a string that memory is set aside for where nothing limits them."""

TEXT = DType.STRING


@operator("StringConcat", since=20)
def string_concat(x: Tensor, y: Tensor) -> Tensor:
    """The strings of y behind those of x."""
    return on_host("concat", [x, y], [(broadcast_shape(x.shape, y.shape), TEXT)])[0]


@operator("StringNormalizer", since=10)
def string_normalizer(
    x: Tensor,
    *,
    case_change_action: str = "NONE",
    is_case_sensitive: int = 0,
    locale: str = "",
    stopwords: Sequence[str] = (),
) -> Tensor:
    """Strings [C] or [1, C] without stop words, or one empty string, in one case."""
    if case_change_action not in ("NONE", "LOWER", "UPPER"):
        raise ModelError(f"case_change_action {case_change_action}; it is NONE, LOWER or UPPER")
    if x.rank not in (1, 2) or x.shape[:-1] not in ((), (1,)):
        raise ModelError(f"StringNormalizer takes [C] or [1, C], and was given {x}")
    case = case_change_action.lower()
    made, count = on_host(
        "normalize",
        [x],
        [((*x.shape[:-1], max(x.size, 1)), TEXT), ((), DType.INT64)],
        case=case,
        stop_case="none" if is_case_sensitive else "upper" if case == "upper" else "lower",
        stop_words=tuple(stopwords),
    )
    return made.counted(x.rank - 1, count) if stopwords else made


@operator("StringSplit", since=20)
def string_split(
    x: Tensor, *, delimiter: str = "", maxsplit: int | None = None
) -> tuple[Tensor, Tensor]:
    """The parts between delimiters, or runs of white space, and how many each string has.

    At most `maxsplit` delimiters count; PARTS - 1 where it is left out, of which a run says so.
    """
    parts = PARTS if maxsplit is None or maxsplit < 0 else maxsplit + 1
    made, numbers, count = on_host(
        "split",
        [x],
        [((*x.shape, parts), TEXT), (x.shape, DType.INT64), ((), DType.INT64)],
        delimiter=delimiter,
        limit=-1 if maxsplit is None else maxsplit,
    )
    return made.counted(x.rank, count), numbers


@operator("RegexFullMatch", since=20)
def regex_full_match(x: Tensor, *, pattern: str) -> Tensor:
    """Whether a whole string is as the pattern says."""
    return on_host("match", [x], [(x.shape, DType.BOOL)], pattern=everywhere_alike(pattern))[0]


_CLASS = r"\[\^?(?:\\[dDwW]|\\[^\w\s]|[^\]\[\\])+\]"
_TOKEN = re.compile(
    rf"{_CLASS}|\\[dDwWb]|\\[^\w\s]|\((?:\?:|(?!\?))|\{{\d+(?:,\d*)?\}}\??|[*+?]\??"
    r"|[^\\\[\](){}*+?]|\)",
    re.DOTALL,
)
_MEANING = {".": r"[^\n]", "^": r"(?<![\s\S])", "$": r"(?![\s\S])"}


def everywhere_alike(pattern: str) -> str:
    """A pattern of RE2 in what Python and JavaScript read alike, whatever their flags.

    Raises UnsupportedOperatorError for what they do not share.
    """
    made, at = "", 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise UnsupportedOperatorError(
                f"the pattern {pattern!r} holds {pattern[at : at + 3]!r} at {at}; write it with "
                "groups, classes, repeats, \\d and \\w"
            )
        made += _MEANING.get(token[0], token[0])
        at = token.end()
    return made
