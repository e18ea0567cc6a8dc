"""What opening a demo's page costs a visitor, and whether its author allows that."""

from __future__ import annotations

import json
import re
from posixpath import join, normpath
from typing import TYPE_CHECKING

from edgesite.site.page import Size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgesite.site.cache import Cache
    from edgesite.site.finished import Finished

_LOADED = re.compile(r'<(link rel="stylesheet"|script|img)[^>]* (?:src|href)="([^":?#]+)"')
_DATA = re.compile(r'<script type="application/json" id="edgesite-demo">(.*?)</script>', re.S)
_PARTS = {"link": "style", "script": "scripts", "img": "pictures"}

_REMEDIES = {
    "weights": "write `weights: auto`, or train a smaller model",
    "code": "use fewer kinds of layers",
    "scripts": "switch off inputs that visitors do not need",
    "style": "leave out of theme/styles what the page does not need",
    "pictures": "give fewer or smaller pictures",
    "text": "shorten index.md",
}


def page_parts(slug: str, files: Mapping[str, bytes], cache: Cache | None) -> dict[str, int]:
    """Bytes with gzip that a page loads up to its first answer, by kind, the largest first."""
    text = files[f"{slug}/index.html"]
    page = text.decode()
    data = _DATA.search(page)
    assert data, "the template of a demo has its data"
    facts = json.loads(data[1])
    manifest = facts["manifest"]
    code = max(manifest["modules"].values(), key=lambda module: int(module["size_bytes"]))
    loaded = {
        normpath(join(slug, address)): _PARTS[kind.split()[0]]
        for kind, address in _LOADED.findall(page)
    }
    loaded |= {
        normpath(join(slug, facts["worker"])): "scripts",
        f"{slug}/{manifest['weights']['file']}": "weights",
        f"{slug}/{code['file']}": "code",
        f"{slug}/index.html": "text",
    }
    parts = dict.fromkeys(_REMEDIES, 0)
    for path, part in loaded.items():
        parts[part] += min(len(files[path]), Size.of(files[path], cache).gzip)
    return dict(sorted(parts.items(), key=lambda item: -item[1]))


def over_budget(
    demo: Finished, files: Mapping[str, bytes], cache: Cache | None = None
) -> str | None:
    """Say how large what is where a page is above its budget."""
    budget = demo.budget
    if budget is None:
        return None
    parts = page_parts(demo.page.slug, files, cache)
    total = sum(parts.values())
    if total <= budget:
        return None
    listed = ", ".join(f"{name} {_written(size)}" for name, size in parts.items() if size)
    return (
        f"{demo.budget_where}: budget.page: opening the page takes {_written(total)} with gzip, "
        f"and the budget is {_written(budget)}: {listed}; {_REMEDIES[next(iter(parts))]}, "
        "or raise the budget"
    )


def _written(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1000:,.{1 if size_bytes < 10_000 else 0}f} kB"
