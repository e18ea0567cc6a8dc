"""Hooks: code of installed packages that changes what pages are rendered from, or the result.

A package names an object, most simply a module, as an entry point of the group `edgesite.hooks`.
It has one of these functions or both:

    def before_render(path: str, context: dict[str, object]) -> None: ...
    def after_render(path: str, html: str) -> str: ...
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from edgesite.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "edgesite.hooks"


def has_hooks() -> bool:
    """Whether any package has some."""
    return bool(_entries(tuple(sys.path)))


@lru_cache(maxsize=1)
def _entries(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:  # noqa: ARG001
    """What the packages on the path name, looked up once, as that takes as long as a page."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


@dataclass(frozen=True)
class Hooks:
    """Those of all installed packages, in the order of their names."""

    found: tuple[tuple[str, Any], ...]
    """The name of each and what it names."""

    @classmethod
    def installed(cls) -> Hooks:
        """Load them; BuildError names the one that cannot be."""
        entries = _entries(tuple(sys.path))
        return cls(tuple((entry.name, _tried(entry.name, "load", entry.load)) for entry in entries))

    def before(self, path: str, context: dict[str, object]) -> None:
        """Let them change what the template of a page is given; path: the page's in the site."""
        for name, hook in self.found:
            if function := getattr(hook, "before_render", None):
                _tried(name, f"before_render of {path}", partial(function, path, context))

    def after(self, path: str, html: str) -> str:
        """Let them change a page that is rendered."""
        for name, hook in self.found:
            if function := getattr(hook, "after_render", None):
                html = _tried(name, f"after_render of {path}", partial(function, path, html))
                if not isinstance(html, str):
                    what = f"gave {type(html).__name__}; let it return the page as str"
                    raise BuildError(f"hook {name}: after_render of {path}: {what}")
        return html


def _tried(name: str, what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # another package's code may raise anything
        problem = f"{type(error).__name__}: {error}"
        raise BuildError(
            f"hook {name}: {what}: {problem}; correct the package that has it, or uninstall it"
        ) from error
