"""What the pages of all demos have in common: a record that goes to every process of a build."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.site.assets import Assets
from edgesite.site.cache import Cache, key_of, page_tools
from edgesite.site.hooks import has_hooks
from edgesite.site.language import Language, find_language
from edgesite.site.store import open_store
from edgesite.site.templates import Templates, load_templates

if TYPE_CHECKING:
    from edgesite.site.articles import Article
    from edgesite.site.demo import SiteInfo
    from edgesite.site.source import SiteSource


@dataclass(frozen=True)
class Frame:
    """A site without its demos. Two are equal where pages come out the same and errors say so."""

    key: str
    """A hash of all that a page depends on beside its demo."""

    theme: Path | None
    """The site's own theme folder."""

    demos: int
    """How many there are, which words may tell."""

    keeps: bool
    """Whether what is made may be kept; what hooks do may depend on anything."""

    info: SiteInfo = field(compare=False)
    articles: tuple[Article, ...] = field(compare=False)
    language: Language = field(compare=False)
    templates: Templates = field(compare=False)
    assets: Assets = field(compare=False)
    cache_folder: Path = field(compare=False)
    store: str | None = field(compare=False)
    """Where other machines keep what is costly."""

    drafts: bool = field(default=False, compare=False)
    """Whether demos may be shown before smaller forms of their weights are found."""

    @classmethod
    def of(cls, site: SiteSource, info: SiteInfo, cache: Cache, store: str | None = None) -> Frame:
        """Read the templates, and look at what the scripts and styles are made from.

        info: takes the place of the site's. Raises ConfigError where a template cannot be read.
        """
        theme, templates = site.theme, load_templates(site.theme)
        language = find_language(info.language, theme)
        assets = Assets.load(theme, Cache(cache.folder))
        key = key_of(
            "frame",
            page_tools(),
            repr(info),
            repr(site.articles),
            language.table,
            [(name, text) for name, _, text in templates],
            assets.stamp,
        )
        return cls(
            key,
            theme,
            len(site.folders),
            not has_hooks(),
            info,
            site.articles,
            language,
            templates,
            assets,
            cache.folder,
            store,
        )

    @property
    def cache(self) -> Cache:
        """The cache, as a demo's process looks at it: without what others have noted."""
        return Cache(self.cache_folder, open_store(self.store) if self.store else None)
