"""Publishing into a folder, for any host: with the files that a host wants beside the pages."""

from __future__ import annotations

import gzip
import json
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from edgesite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgesite.site.demo import SiteInfo

# Names with hashes never change their content; everything else may.
_HEADERS = """\
/*
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
/assets/*
  Cache-Control: public, max-age=31536000, immutable
"""

_SPACE = """\
---
title: {title}
sdk: static
app_file: index.html
pinned: false
custom_headers:
  cross-origin-opener-policy: same-origin
  cross-origin-embedder-policy: require-corp
  cross-origin-resource-policy: cross-origin
---

# {title}

{description}

Made with edgesite: models that run in the visitor's browser.
"""

PRESETS = ("plain", "netlify", "cloudflare", "huggingface")
"""What --preset takes; Netlify and Cloudflare Pages read the same file."""

_COMPRESSED = (".bin", ".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm")


def with_preset(files: Mapping[str, bytes], preset: str, site: SiteInfo) -> dict[str, bytes]:
    """The files of a site and those that a host wants.

    Raises UsageError for a host that is not known.
    """
    if preset not in PRESETS:
        raise UsageError(f'--preset: got "{preset}"; the presets are {", ".join(PRESETS)}')
    if preset == "plain":
        return dict(files)
    if preset == "huggingface":
        card = _SPACE.format(title=_yaml(site.title), description=site.description)
        return {**files, "README.md": card.encode()}
    return {**files, "_headers": _HEADERS.encode()}


def compressed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, and a .gz (and .br, where the package brotli is there) of each that shrinks."""
    ways: dict[str, Callable[[bytes], bytes]] = {".gz": _gzip}
    if find_spec("brotli"):
        ways[".br"] = import_module("brotli").compress
    more = {
        name + suffix: small
        for name, data in files.items()
        if name.endswith(_COMPRESSED)
        for suffix, way in ways.items()
        if len(small := way(data)) < len(data) * 0.95
    }
    return {**files, **more}


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def _yaml(text: str) -> str:
    """Text as YAML takes it in one line, whatever is in it."""
    return json.dumps(text)
