"""The scripts and styles of the pages: bundled, and named by their content.

A wheel carries bundles made beforehand (`npm run bundle`), so that a site with the stock theme
needs neither Node nor esbuild. In a checkout, and where a site overrides parts of the theme,
they are made from the sources as long as esbuild is found. `theme/bundle.json` is the table of
what there is to bundle, for this module and for `theme/bundle.mjs` alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgesite.errors import BuildError
from edgesite.site.cache import digest, key_of
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from edgesite.site.cache import Cache
    from edgesite.site.looks import Look

_PACKAGE = Path(__file__).parent.parent
_CHECKOUT = _PACKAGE.parent.parent

# The folders of a theme that end up in bundles; templates do not, and words only as types.
_SCRIPTS = ("offline", "runtime", "ui")
_STYLES = ("styles",)
_BUNDLED_FOLDERS = (*_SCRIPTS, *_STYLES)

# The rules of a site that are put behind those of the theme as they are.
_OWN_RULES = "styles/own.css"


@dataclass(frozen=True)
class Asset:
    """A file of the site that every page may share."""

    name: str
    """Its file name, with the first 8 digits of the content's SHA-256: page-upload.1a2b3c4d.js."""

    data: bytes


class Assets:
    """The bundles of a theme; each is made or read once, when it is first asked for."""

    def __init__(self, source: _Source, own_rules: bytes = b"") -> None:
        self._source, self._own_rules = source, own_rules
        self._assets: dict[tuple[str, frozenset[str]], Asset | None] = {}

    @classmethod
    def load(cls, theme: Path | None = None, cache: Cache | None = None) -> Assets:
        """Find the bundles of the stock theme, or of what `theme`, a folder, makes of it.

        What esbuild makes is kept in the cache, as a process costs more than a whole page.
        Raises BuildError where bundles have to be made and there is no esbuild; for own.css there
        need not be one.
        """
        own = theme / _OWN_RULES if theme else None
        rules = own.read_bytes() if own and own.is_file() else b""
        override = theme if theme and _is_bundled(theme) and not _is_stock(theme) else None
        esbuild = find_esbuild()
        if esbuild and (override or _is_checkout()):
            return cls(_Fresh(esbuild, theme_folder(), override, cache), rules)
        if override:
            raise BuildError(
                f"{override}: scripts and styles of one's own need esbuild, which was not found; "
                "install it (npm install esbuild) or set EDGESITE_ESBUILD to its path"
            )
        return cls(_Prebuilt(bundles_folder()), rules)

    @property
    def stamp(self) -> str:
        """A hash of all that the bundles are made from."""
        return key_of(self._source.stamp, self._own_rules)

    def page(self, inputs: Collection[str]) -> Asset:
        """Give the script of a demo page that offers at least these ways to give a picture."""
        return self._needed("page", inputs)

    @property
    def tools(self) -> Asset:
        """The script of what few visitors of a demo page use; loaded when one does."""
        return self._needed("tools")

    def worker(self, features: Collection[str] = ()) -> Asset:
        """Give the script that decodes, prepares and predicts, with at least these features."""
        return self._needed("worker", features)

    def style(self, look: Look) -> Asset:
        """Give the style sheet of all pages in a look, with the site's own rules behind it."""
        sheet = self._needed(look.bundle)
        return _asset("site.css", sheet.data + self._own_rules) if self._own_rules else sheet

    @property
    def shared(self) -> Asset:
        """The worker that the frames of one page share: it can do whatever a demo asks for."""
        return self._needed("shared", ("centre", "sizes"))

    @property
    def frame(self) -> Asset:
        """The script of demo pages that stand in frames."""
        return self._needed("frame")

    @property
    def embed(self) -> Asset:
        """The script that other sites embed demos with; its name never changes."""
        return self._needed("embed")

    @property
    def bench(self) -> Asset:
        """The script of the page that measures engines."""
        return self._needed("bench")

    @property
    def profile(self) -> Asset:
        """The script of the page that times layers."""
        return self._needed("profile")

    @property
    def live(self) -> Asset:
        """The script by which pages of `edgesite serve` follow changes; no build ships it."""
        return self._needed("live")

    @property
    def offline(self) -> Asset:
        """The script by which pages start the service worker."""
        return self._needed("offline")

    @property
    def isolate(self) -> Asset:
        """The script by which pages become isolated."""
        return self._needed("isolate")

    @property
    def helper(self) -> Asset:
        """The script of other threads."""
        return self._needed("helper")

    def service_worker(self, *, isolate: bool) -> Asset:
        """Give the service worker that keeps a site's files, without its table of them."""
        return self._needed("sw", ("isolate",) if isolate else ())

    @property
    def isolating(self) -> Asset:
        """The service worker that does nothing but isolate pages."""
        return self._needed("isolating")

    @property
    def farewell(self) -> Asset:
        """The service worker that removes an earlier build's."""
        return self._needed("farewell")

    @property
    def index(self) -> Asset | None:
        """The script of the index of demos, if the theme has one."""
        return self._find("index", frozenset())

    def _needed(self, name: str, switches: Collection[str] = ()) -> Asset:
        asset = self._find(name, frozenset(switches))
        if asset is None:
            raise BuildError(f"{self._source}: no bundle {name!r}; run npm ci && npm run bundle")
        return asset

    def _find(self, name: str, switches: frozenset[str]) -> Asset | None:
        key = (name, switches)
        if key not in self._assets:
            bundle = self._source.bundle(name, switches)
            self._assets[key] = bundle and _asset(*bundle)
        return self._assets[key]


def theme_folder() -> Path:
    """Where the stock theme lies: inside an installed package, or at the top of a checkout."""
    packaged = _PACKAGE / "theme"
    return packaged if packaged.is_dir() else _CHECKOUT / "theme"


def bundles_folder() -> Path:
    """Where the bundles made beforehand lie.

    Raises BuildError where there are none, which only happens in a checkout.
    """
    folder = _PACKAGE / "bundles"
    if not any(folder.glob("*.js")):
        raise BuildError(f"{folder}: the bundles are missing; run npm ci && npm run bundle")
    return folder


def find_esbuild() -> Path | None:
    """Find the program: EDGESITE_ESBUILD, node_modules/.bin here or in the checkout, PATH.

    Raises BuildError where EDGESITE_ESBUILD names no program.
    """
    if named := os.environ.get("EDGESITE_ESBUILD"):
        if found := shutil.which(named):
            return Path(found)
        raise BuildError(f"EDGESITE_ESBUILD: no program {named!r}; correct the path or unset it")
    for modules in (Path.cwd() / "node_modules", _CHECKOUT / "node_modules"):
        # .bin holds a script that starts Node to start the program, which takes far longer.
        programs = modules.glob("@esbuild/*/bin/esbuild")
        for place in (*programs, modules / ".bin" / "esbuild"):
            if found := shutil.which(str(place)):
                return Path(found)
    found = shutil.which("esbuild")
    return Path(found) if found else None


def _is_bundled(theme: Path) -> bool:
    files = (path for name in _BUNDLED_FOLDERS for path in (theme / name).rglob("*"))
    return any(path.is_file() and path != theme / _OWN_RULES for path in files)


def _is_stock(theme: Path) -> bool:
    return theme.resolve() == theme_folder().resolve()


def _is_checkout() -> bool:
    return (_CHECKOUT / "theme" / "bundle.json").is_file()


def _asset(file: str, data: bytes) -> Asset:
    stem, _, suffix = file.rpartition(".")
    return Asset(f"{stem}.{hashlib.sha256(data).hexdigest()[:8]}.{suffix}", data)


class _Source(Protocol):
    @property
    def stamp(self) -> str:
        """A hash of all sources."""

    def bundle(self, name: str, switches: frozenset[str]) -> tuple[str, bytes] | None:
        """File name and content of a bundle with at least these switches on."""


@dataclass(frozen=True)
class _Prebuilt:
    """Files named NAME-SWITCH-SWITCH.js; the fewest switches that are enough win."""

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def stamp(self) -> str:
        """The same for all: bundles are a part of edgesite's own hash."""
        return "prebuilt"

    def bundle(self, name: str, switches: frozenset[str]) -> tuple[str, bytes] | None:
        """Read the bundle."""
        candidates = [
            (len(on), file)
            for file in self.folder.iterdir()
            for base, *on in [file.stem.split("-")]
            if base == name and switches <= set(on) and file.suffix in (".js", ".css")
        ]
        if not candidates:
            return None
        file = min(candidates)[1]
        return file.name, file.read_bytes()


@dataclass(frozen=True)
class _Fresh:
    """Bundles made by esbuild from a theme, parts of which a site may override."""

    esbuild: Path
    theme: Path
    override: Path | None
    cache: Cache | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return str(self.override or self.theme)

    def bundle(self, name: str, switches: frozenset[str]) -> tuple[str, bytes] | None:
        """Make the bundle, or take it from the cache."""
        table = json.loads(self._file("bundle.json").read_text(encoding="utf-8"))
        entry = table["entries"][name]
        known = entry.get("switches", [])
        if not self._file(entry["source"]).is_file() or not switches.issubset(known):
            return None
        on = [switch for switch in known if switch in switches]
        file = "-".join([name, *on]) + entry["suffix"]
        # All there are: what a script shares with others may ask for switches that only they have.
        every = dict.fromkeys(
            key for e in table["entries"].values() for key in e.get("switches", ())
        )
        defines = [f"--define:WITH_{key.upper()}={str(key in on).lower()}" for key in every]
        command = [entry["source"], *table["options"], *entry.get("options", ()), *defines]
        if self.cache is None:
            return file, self.made(command)
        sources = self._styles if entry["suffix"] == ".css" else self._scripts
        key = key_of("bundle", command, self._program, sources)
        return file, _kept(self, key, tuple(command))

    @property
    def stamp(self) -> str:
        """A hash of every source, and of the program."""
        table = self._file("bundle.json").read_bytes()
        return key_of(self._program, table, self._styles, self._scripts)

    @property
    def _program(self) -> list[str | int]:
        program = self.esbuild.resolve()
        found = program.stat()
        return [found.st_size, _beginning(program, found.st_mtime_ns)]

    def _file(self, name: str) -> Path:
        """The author's file where there is one, else the stock theme's."""
        own = self.override / name if self.override else None
        return own if own and own.is_file() else self.theme / name

    def _files(self, parts: Sequence[str]) -> dict[str, Path]:
        """The files of some folders by name, the author's in the place of the stock theme's."""
        return {
            path.relative_to(folder).as_posix(): path
            for folder in (self.theme, self.override)
            if folder
            for part in parts
            for path in (folder / part).rglob("*")
            if path.is_file()
        }

    @cached_property
    def _styles(self) -> Mapping[str, str]:
        """The hash of every file that may go into a style sheet."""
        return _hashes(self._files(_STYLES))

    @cached_property
    def _scripts(self) -> Mapping[str, str]:
        """The hash of every file that may go into a script."""
        return _hashes(self._files(_SCRIPTS))

    def made(self, command: Sequence[str]) -> bytes:
        """Run esbuild on the theme, with the site's own files in the place of others."""
        if self.override is None:
            return self._run(self.theme, command)
        files = self._files(_STYLES if command[0].startswith("styles/") else _BUNDLED_FOLDERS)
        with tempfile.TemporaryDirectory(prefix="edgesite-theme-") as folder:
            merged = Path(folder)
            for name, path in files.items():
                place = merged / name
                place.parent.mkdir(parents=True, exist_ok=True)
                _lay(path.absolute(), place)
            return self._run(merged, [*command, "--preserve-symlinks"])

    def _run(self, folder: Path, command: Sequence[str]) -> bytes:
        done = subprocess.run(
            [self.esbuild, *command], cwd=folder, capture_output=True, check=False
        )
        if done.returncode:
            raise self._refused(command[0], done.stderr.decode(errors="replace").strip())
        return done.stdout

    def _refused(self, source: str, complaint: str) -> BuildError:
        """What esbuild complains of, at the place in the author's own file."""
        found = re.search(r"\[ERROR\] (.*)(?:\n+\s*(\S+):(\d+):(\d+):$)?", complaint, re.M)
        what, name, line, column = found.groups() if found else (complaint, None, None, None)
        name = name or source
        # esbuild counts columns from 0, editors from 1.
        where = shown(self._file(name)) + (f":{line}:{int(column) + 1}" if column else "")
        return BuildError(f"{where}: esbuild refuses it: {what}; correct it")


def _hashes(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: digest(path.read_bytes()) for name, path in files.items()}


def _lay(path: Path, place: Path) -> None:
    """Put a file into a folder, without a look into it where there can be links."""
    try:
        place.symlink_to(path)
    except OSError:
        shutil.copyfile(path, place)


@lru_cache(maxsize=2)
def _beginning(program: Path, changed_ns: int) -> str:  # noqa: ARG001
    """What tells one version of esbuild from another, the same on every machine."""
    with program.open("rb") as file:  # whose beginning has the hash of the build
        return digest(file.read(1 << 16))


@lru_cache(maxsize=64)
def _kept(source: _Fresh, key: str, command: tuple[str, ...]) -> bytes:
    """A bundle from the cache, which a process reads once, or made."""
    assert source.cache  # or there would be no key
    return source.cache.kept(key, lambda: {"bundle": source.made(command)})["bundle"]
