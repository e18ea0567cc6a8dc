"""The templates of a site: those of the stock theme, some of which the site's own may replace."""

from __future__ import annotations

import traceback
from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import (
    Environment,
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)

from edgesite.errors import BuildError
from edgesite.site.assets import theme_folder
from edgesite.site.document import read_text
from edgesite.site.language import fill

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

Templates = tuple[tuple[str, str, str], ...]
"""Name, path and text of each."""


def load_templates(theme: Path | None) -> Templates:
    """Read every template; of two with one name the site's own counts.

    `!NAME` is the stock theme's, for those that extend what they take the place of.
    """
    stock = _found(theme_folder())
    own = _found(theme) if theme else {}
    found = stock | own | {f"!{name}": stock[name] for name in stock.keys() & own.keys()}
    return tuple((name, str(path), read_text(path)) for name, path in found.items())


def _found(theme: Path) -> dict[str, Path]:
    folder = theme / "templates"
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name[0] != "."
    }


def rendered(templates: Templates, name: str, context: Mapping[str, object]) -> str:
    """Render one; BuildError says at which line that failed."""
    try:
        return _environment(templates).get_template(name).render(context)
    except BuildError:
        raise
    except Exception as error:  # an expression in a template may raise anything
        where = _place_of(error, {path for _, path, _ in templates}) or name
        reason = error.message if isinstance(error, TemplateError) else str(error)
        what = reason or type(error).__name__
        raise BuildError(f"{where}: {what}; correct the template") from error


@lru_cache(maxsize=2)
def _environment(templates: Templates) -> Environment:
    """Templates ready to be used; made once, as compiling them costs more than a page."""
    table = {name: (text, path, lambda: True) for name, path, text in templates}
    environment = Environment(
        loader=FunctionLoader(table.get),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fill"] = fill
    return environment


def _place_of(error: Exception, paths: Collection[str]) -> str | None:
    """Find the line of a template where an error is, as jinja2 puts it into tracebacks."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno}" for frame in frames if frame.filename in paths]
    return places[-1] if places else None
