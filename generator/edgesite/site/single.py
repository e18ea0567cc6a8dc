"""A demo in one file: a page with its style, scripts, pictures and model inside, for a disk.

Files become `data:` addresses, which pages from a disk may read where other files of the same
folder are kept from them. The page's policy is made anew: nothing may be requested at all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import escape, unescape
from mimetypes import guess_type
from posixpath import join, normpath
from typing import TYPE_CHECKING, Any

from edgesite.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Firefox takes as one address is 32 MiB, of which base64 leaves three quarters.
_LARGEST = 24 << 20

_STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_SCRIPT = re.compile(r'<script type="module" src="([^"]+)"></script>')
_POLICY = re.compile(r'(<meta http-equiv="Content-Security-Policy" content=")([^"]*)(">)')
_DATA = re.compile(r'(<script type="application/json" id="edgesite-demo">)(.*?)(</script>)', re.S)
_ADDRESS = re.compile(r' (src|href)="([^":?#]+)"')
# Of a picture that is inside of the page, too.
_COPY = re.compile(r'<source type="image/[^>]*>\n?')
_SITE_LINK = re.compile(r'<a href="(?:\.\./|\./)[^"]*">([^<]*)</a>')


def single_file(slug: str, files: Mapping[str, bytes]) -> bytes:
    """Make the page of a demo that needs no other file, from the files of a whole site.

    Raises BuildError where a file is larger than browsers take as an address.
    """
    inline = _Inline(slug, files)
    page = files[f"{slug}/index.html"].decode()
    page = _STYLE.sub(lambda found: f"<style>{inline.style(found[1])}</style>", page)
    page = _SCRIPT.sub(
        lambda found: f'<script type="module">{inline.script(found[1])}</script>', page
    )
    page = _DATA.sub(lambda found: found[1] + inline.data(json.loads(found[2])) + found[3], page)
    page = _ADDRESS.sub(inline.attribute, _COPY.sub("", page))
    # The rest of the site is not there.
    page = _SITE_LINK.sub(r"\1", page)
    page = _POLICY.sub(lambda found: found[1] + inline.policy(found[2]) + found[3], page)
    return page.encode()


class _Inline:
    """Turns addresses that a page has into what they lead to."""

    def __init__(self, slug: str, files: Mapping[str, bytes]) -> None:
        self.slug, self.files = slug, files
        self.hashes: dict[str, list[str]] = {"style-src": [], "script-src": []}

    def style(self, address: str) -> str:
        return self._allowed("style-src", self._file(address).decode())

    def script(self, address: str) -> str:
        text = self._file(address).decode()
        # The one sequence that ends a script wherever it stands.
        return self._allowed("script-src", text.replace("</script", r"<\/script"))

    def data(self, page: dict[str, Any]) -> str:
        """Give the data of the page's script, with files in place of addresses."""
        manifest = page["manifest"]
        bindings = (manifest, *manifest.get("bindings", ()))
        modules = (entry for binding in bindings for entry in binding["modules"].values())
        for entry in (manifest["weights"], *modules):
            entry["file"] = self._url(entry["file"])
        for example in page["examples"]:
            example |= {name: self._url(example[name]) for name in ("url", "seen")}
        page |= {name: self._url(page[name]) for name in ("worker", "tools", "frame")}
        page |= {"shared": None, "embed": None, "helper": None}
        return json.dumps(page, ensure_ascii=False).replace("<", r"\u003c")

    def attribute(self, found: re.Match[str]) -> str:
        """Replace a picture's address, or a link to a file that comes with the words."""
        name, address = found.groups()
        if self._path(address) not in self.files:
            return found[0]
        save = f' download="{address.rpartition("/")[2]}"' if name == "href" else ""
        return f' {name}="{self._url(address)}"{save}'

    def policy(self, policy: str) -> str:
        """Allow what is inside of the page, and no request."""
        sources = dict(rule.split(" ", 1) for rule in unescape(policy).split("; "))
        elsewhere = sources["connect-src"].replace("'self'", "").split()
        sources |= {name: " ".join(hashes) for name, hashes in self.hashes.items()}
        sources["script-src"] += " data: 'wasm-unsafe-eval'"
        sources |= {
            "worker-src": "data:",
            "connect-src": " ".join(["data:", *elsewhere]),
            "img-src": "blob: data:",
            "media-src": "data:",
        }
        return escape("; ".join(f"{name} {value}" for name, value in sources.items()))

    def _allowed(self, rule: str, text: str) -> str:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        self.hashes[rule].append(f"'sha256-{digest}'")
        return text

    def _path(self, address: str) -> str:
        return normpath(join(self.slug, address))

    def _file(self, address: str) -> bytes:
        return self.files[self._path(address)]

    def _url(self, address: str) -> str:
        data = self._file(address)
        if len(data) > _LARGEST:
            raise BuildError(
                f"{self.slug}: {address} has {len(data) / 1e6:.0f} MB, and browsers take at most "
                f"{_LARGEST / 1e6:.0f} MB inside of a page; build it without --single-file"
            )
        kind = guess_type(address)[0] or "application/octet-stream"
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"
