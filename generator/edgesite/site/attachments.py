"""The files that an author's words show or link to: found in the HTML, read, and shipped along.

A file keeps its place relative to the words, so that the address in the text holds on the page.
Addresses of other sites, anchors, and ways out of the folder are the author's own business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from edgesite.errors import ConfigError, EdgesiteError, ProblemsError
from edgesite.site.document import at, position_of
from edgesite.site.links import ADDRESSES, attributes
from edgesite.site.paths import file_below
from edgesite.site.wording import described

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Attachment:
    """A file beside the words."""

    name: str
    """Its POSIX path from the words on, as the page's address has it."""

    data: bytes
    where: str
    """`file:line:column` of its first mention."""


def attachments(words: Path, text: str, html: str) -> tuple[Attachment, ...]:
    """Read what the HTML of a Markdown file refers to below that file's folder.

    Raises ProblemsError, at the lines of the text, where a file is missing or cannot be shipped.
    """
    found: dict[str, Attachment] = {}
    problems: list[EdgesiteError] = []
    for address in _addresses(html):
        name = _relative(address)
        if name is None or name in found:
            continue
        where = at(words, position_of(text, max(text.find(address), text.find(name), 0)))
        try:
            found[name] = Attachment(name, file_below(words.parent, name).read_bytes(), where)
        except ValueError as error:
            problems.append(ConfigError(f"{where}: {error}"))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            what = f"{described(name)} cannot be read ({reason}); make it readable"
            problems.append(ConfigError(f"{where}: {what}"))
    if problems:
        raise ProblemsError(problems)
    return tuple(found.values())


def _relative(address: str) -> str | None:
    """The file name in an address; None where it is none below the folder of the words."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|/", address):
        return None
    path = unquote(urlsplit(address).path)
    if not path or path.endswith("/"):
        return None
    plain = PurePosixPath(path)
    return None if ".." in plain.parts else plain.as_posix()


@lru_cache(maxsize=128)
def _addresses(html: str) -> list[str]:
    return [value for name, value in attributes(html) if name in ADDRESSES]
