"""Pages with another style sheet: what an edit of a style can show before pages are made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite.site.cache import digest
from edgesite.site.pieces import Pieces

if TYPE_CHECKING:
    from edgesite.site.pieces import Part


def restyled(files: Pieces, old: bytes, new: bytes) -> Pieces:
    """A site whose style sheets begin with `new` where they began with `old`.

    What follows, as a colour of a demo's own does, stays. Pages lead to the sheets by their names,
    which tell what is in them.
    """
    sheets = (name for name in files if name.startswith("assets/") and name.endswith(".css"))
    names: dict[bytes, bytes] = {}
    parts: dict[str, Part] = dict(files.parts)
    for name in sheets:
        data = files[name]
        if data.startswith(old):
            fresh = new + data[len(old) :]
            renamed = f"{name.split('.')[0]}.{digest(fresh)[:8]}.css"
            names[name.encode()] = renamed.encode()
            parts[renamed] = fresh
    for name in files:
        if name.endswith(".html"):
            page = files[name]
            for before, after in names.items():
                page = page.replace(before, after)
            parts[name] = page
    return Pieces(parts)
