"""The words of the interface: one table per language, `theme/words/TAG.json`.

A site's own theme may replace single entries, or bring a language. Every table has what English
has, so that no page mixes two languages.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from edgesite.errors import ConfigError
from edgesite.site.assets import theme_folder
from edgesite.site.document import read_text
from edgesite.site.figures import Figures
from edgesite.site.wording import described, shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Table = dict[str, dict[str, str]]
"""Group, name, sentence; `name` of a language is not part of it."""

ENGLISH = "en"

_SCRIPTS = ("figures", "stage", "picture", "tools")
"""The groups that every demo page's scripts speak from; others belong to a way to give pictures."""

_GAP = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Language:
    """One language of the interface."""

    tag: str
    """Of its table, which may be less than a site's language says: de for de-AT."""

    name: str
    """In itself: Deutsch."""

    table: Table = field(hash=False)

    @cached_property
    def say(self) -> SimpleNamespace:
        """The words of pages, for templates: say.upload."""
        return SimpleNamespace(**self.table["page"])

    @cached_property
    def figures(self) -> Figures:
        """How it writes numbers."""
        return Figures(**self.table["figures"])

    def for_scripts(self, inputs: Iterable[str]) -> Table:
        """What the scripts of a page may have to say that has these ways to give a picture."""
        return {group: self.table[group] for group in (*_SCRIPTS, *inputs)}


def fill(text: str, **values: object) -> Markup:
    """Fill the gaps of a sentence; what is no markup is escaped."""
    return Markup(escape(text)).format(**values)


def find_language(tag: str, theme: Path | None = None) -> Language:
    """The interface's language for a site's: that of the tag, or of the longest part of it.

    Raises ValueError (`what; what to do`) where there is no table, and ConfigError where a table
    of the site's own is not what it must be.
    """
    folders = [folder / "words" for folder in (theme_folder(), theme) if folder]
    files = {path.stem: path for folder in folders for path in sorted(folder.glob("*.json"))}
    by_lower = {name.lower(): name for name in files}
    parts = tag.lower().split("-")
    for length in range(len(parts), 0, -1):
        if name := by_lower.get("-".join(parts[:length])):
            paths = [folder / f"{name}.json" for folder in folders]
            return _read(name, tuple((path, read_text(path)) for path in paths if path.is_file()))
    known = suggestion(tag, files, "languages of the interface")
    raise ValueError(
        f"there are no words for the interface in {described(tag)}; {known}; for another one, "
        f"translate {shown(theme_folder() / 'words' / f'{ENGLISH}.json')} into "
        f"theme/words/{parts[0]}.json"
    )


@lru_cache(maxsize=8)
def _read(tag: str, sources: tuple[tuple[Path, str], ...]) -> Language:
    english = json.loads(read_text(theme_folder() / "words" / f"{ENGLISH}.json"))
    merged: dict[str, Any] = {}
    for path, text in sources:
        for group, entries in _parsed(path, text).items():
            merged[group] = (
                merged[group] | entries if isinstance(merged.get(group), dict) else entries
            )
    path = sources[-1][0]
    _check(path, merged, english)
    name = merged.pop("name", tag)
    return Language(tag, name, merged)


def _parsed(path: Path, text: str) -> Mapping[str, Any]:
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{shown(path)}:{error.lineno}:{error.colno}"
        raise ConfigError(f"{where}: not JSON: {error.msg.lower()}; correct it") from None
    if not isinstance(table, dict) or not all(
        isinstance(entries, str if group == "name" else dict) for group, entries in table.items()
    ):
        raise ConfigError(
            f"{shown(path)}:1:1: got another form; write groups of words as in en.json"
        )
    return table


def _check(path: Path, table: Mapping[str, Any], english: Mapping[str, Any]) -> None:
    """Compare a table with the English one: the same groups, names and gaps."""
    found, wanted = _flat(table), _flat(english)
    where = f"{shown(path)}:1:1"
    if missing := sorted(wanted.keys() - found.keys()):
        shortened = ", ".join(missing[:5]) + (
            f" and {len(missing) - 5} more" if missing[5:] else ""
        )
        raise ConfigError(f"{where}: has no words for {shortened}; translate them, too")
    for key, text in found.items():
        if key not in wanted:
            raise ConfigError(f"{where}: unknown entry {key}; {suggestion(key, wanted, 'entries')}")
        if not isinstance(text, str):
            raise ConfigError(f"{where}: {key}: got {described(text)}; write text")
        if unknown := set(_GAP.findall(text)) - set(_GAP.findall(wanted[key])):
            gaps = " ".join(_GAP.findall(wanted[key])) or "none"
            raise ConfigError(f"{where}: {key}: unknown gap {min(unknown)}; the gaps are {gaps}")


def _flat(table: Mapping[str, Any]) -> dict[str, str]:
    groups = ((group, entries) for group, entries in table.items() if isinstance(entries, dict))
    return {f"{group}.{name}": text for group, entries in groups for name, text in entries.items()}
