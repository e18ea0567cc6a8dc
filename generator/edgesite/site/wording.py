"""How messages write paths and values, and the word that was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def shown(path: Path) -> str:
    """A path as messages show it: from the working directory where that is shorter."""
    try:
        short = path.absolute().relative_to(Path.cwd())
    except (ValueError, OSError):
        short = path
    return printable(short.as_posix() if short.parts else path.absolute().as_posix())


def printable(text: str) -> str:
    """Text without characters that a terminal would obey instead of print."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def nearest(word: str, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """The known word that was most likely meant, whatever its case; None if none is close."""
    by_lower = {name.lower(): name for name in reversed(list(known))}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[close[0]] if close else None


def suggestion(word: str, known: Iterable[str], kind: str) -> str:
    """`did you mean "x"?`, or what there is to choose from."""
    names = list(known)
    close = nearest(word, names)
    if close is not None:
        return f'did you mean "{printable(close)}"?'
    return f"the {kind} are {printable(', '.join(names))}"


def described(value: object) -> str:
    """A value as a message shows it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            short = value if len(value) <= 40 else value[:39] + "…"
            return f'"{printable(short)}"'
        case dict():
            return "a block of keys"
        case list():
            return "a list"
        case _:
            return repr(value)
