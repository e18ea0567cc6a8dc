"""What tests of sites share: folders compared byte by byte, and demos before they are rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite.site.cache import Cache
from edgesite.site.facts import site_facts
from edgesite.site.finished import Finished
from edgesite.site.hooks import Hooks
from edgesite.site.language import find_language
from edgesite.site.pieces import Pieces
from edgesite.site.problems import Problems
from edgesite.site.render import Workshop, render_around, render_demo
from edgesite.site.source import load_demo, load_site
from edgesite.site.stages import finish
from edgesite.site.templates import load_templates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgesite.site.articles import Article
    from edgesite.site.assets import Assets
    from edgesite.site.demo import DemoPage, SiteInfo
    from edgesite.site.source import DemoSource


def demos_of(root: Path) -> list[DemoSource]:
    """The demos of a site, read; raises every problem."""
    problems = Problems()
    demos = []
    for folder in load_site(root, problems).folders:
        with problems.gathered():
            demos += [demo] if (demo := load_demo(folder, problems)) else []
    problems.raise_any()
    return demos


def finished_demos(root: Path) -> list[Finished]:
    """The demos of a site, compiled and compared; raises every problem."""
    problems, cache = Problems(), Cache.of_site(root)
    finished = [finish(demo, cache, problems, lambda stage: None) for demo in demos_of(root)]  # noqa: ARG005
    problems.raise_any()
    return [each for each in finished if each]


def pages_of(root: Path) -> list[DemoPage]:
    """What the pages of a site's demos are made of."""
    return [each.page for each in finished_demos(root)]


def render_site(
    site: SiteInfo,
    demos: Sequence[DemoPage],
    assets: Assets,
    theme: Path | None = None,
    articles: Sequence[Article] = (),
) -> dict[str, bytes]:
    """Make every file of the site: POSIX paths below the output folder, and their bytes.

    Raises BuildError if a template cannot be rendered, or if a file that words refer to is named
    like one that the site has itself.
    """
    language = find_language(site.language, theme)
    facts, hooks = site_facts(site, len(demos), language.figures), Hooks.installed()
    templates = load_templates(theme)
    workshop = Workshop(site, assets, templates, language, facts, hooks, tuple(articles))
    pages = [render_demo(workshop, demo) for demo in demos]
    files = {name: data for page in pages for name, data in page.files.items()}
    return {**files, **render_around(workshop, [page.row for page in pages], Pieces(files))}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by POSIX path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def edit(path: Path, old: str, new: str) -> None:
    """Replace a part of a text file, which must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
