"""What a site needs to work without a network: service worker, web app manifest, icons.

The worker gets a table of every file and its hash; theme/offline/worker.ts says what it does with
it. A site without `offline` has a worker all the same, which removes that of an earlier build.
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from edgesite.site.listings import LISTINGS
from edgesite.site.looks import LOOKS

if TYPE_CHECKING:
    from edgesite.site.assets import Assets
    from edgesite.site.demo import SiteInfo
    from edgesite.site.pieces import Pieces

WORKER = "sw.js"
MANIFEST = "site.webmanifest"
DIGITS = 16
"""Of a file's SHA-256 in the table."""

_ICON_SIZES = (192, 512)

# What is kept when it is first used: models, and pictures in full size.
_LATER = re.compile(r"(.*\.(wasm|bin|onnx))|([^/]+/(examples|shown)/.*)")
_NEVER = ("404.html", *LISTINGS)


def offline_files(files: Pieces, site: SiteInfo, assets: Assets) -> dict[str, bytes]:
    """Make what is added to a site's files, by path."""
    if not site.offline:
        return {WORKER: (assets.isolating if site.isolate else assets.farewell).data}
    added = {MANIFEST: _manifest(site), **_icons(site)}
    everything = files | added
    table = {
        path: everything.digest(path)[:DIGITS] for path in sorted(everything) if path not in _NEVER
    }
    full = site.offline == "full"
    shell = [path for path in table if full or not _LATER.fullmatch(path)]
    worker = assets.service_worker(isolate=site.isolate).data.decode()
    for name, value in (("__EDGESITE_FILES__", table), ("__EDGESITE_SHELL__", shell)):
        worker = worker.replace(name, json.dumps(value, separators=(",", ":")))
    return {**added, WORKER: worker.encode()}


def _manifest(site: SiteInfo) -> bytes:
    """Write the web app manifest, which lets a visitor install the site."""
    facts = {
        "name": site.title,
        "short_name": site.title,
        "description": site.description,
        "lang": site.language,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": LOOKS[site.look].well,
        "theme_color": LOOKS[site.look].well,
        "icons": [
            {
                "src": _icon_name(size),
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": "any maskable",
            }
            for size in _ICON_SIZES
        ],
    }
    return json.dumps(facts, indent=1, ensure_ascii=False).encode()


def _icons(site: SiteInfo) -> dict[str, bytes]:
    """Draw three bars of an answer, in the site's accent if it has one."""
    look = LOOKS[site.look]
    colours = (look.dark_card, site.accent or look.well)
    return {_icon_name(size): _icon(size, *colours) for size in _ICON_SIZES}


def _icon_name(size: int) -> str:
    return f"assets/icon-{size}.png"


def _icon(size: int, ground: str, colour: str) -> bytes:
    """The bars stay within the middle four fifths, which every mask leaves."""
    image = Image.new("RGB", (size, size), ground)
    draw = ImageDraw.Draw(image)
    unit = size / 20
    for row, length in enumerate((10, 6.5, 3.5)):
        top = (5.5 + 3.25 * row) * unit
        draw.rectangle((5 * unit, top, (5 + length) * unit, top + 2.25 * unit), fill=colour)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
