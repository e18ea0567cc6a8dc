"""A site as its author wrote it: read, checked, and every problem of every demo named.

What reads pictures is imported when a demo is read; words alone need no numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesite.errors import BuildError, ConfigError
from edgesite.site.articles import files_of, load_articles
from edgesite.site.cache import Cache
from edgesite.site.config import DemoConfig, SiteConfig
from edgesite.site.demo import SiteInfo
from edgesite.site.document import read_text
from edgesite.site.facts import DEMO_FACTS, SITE_FACTS
from edgesite.site.folders import DEMO_FILE, DEMOS_FOLDER, SITE_FILE, check_is_site
from edgesite.site.labels import read_labels
from edgesite.site.language import find_language
from edgesite.site.paths import file_below, files_below, slug_of
from edgesite.site.sanitize import can_sanitize
from edgesite.site.validate import load_config
from edgesite.site.wording import described, shown
from edgesite.site.words import checked_html

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from edgesite.site.articles import Article
    from edgesite.site.attachments import Attachment
    from edgesite.site.document import Document
    from edgesite.site.pictures import Picture
    from edgesite.site.problems import Problems

RESERVED = ("assets", "docs", "index", "404")
"""What pages of demos cannot be called, because the site has these itself."""


@dataclass(frozen=True)
class DemoSource:
    """One demo's folder, read and checked as far as can be without its model's shapes."""

    folder: Path
    slug: str
    config: DemoConfig
    document: Document
    labels: tuple[str, ...]
    labels_where: str
    """Where the labels stand, for messages: a file, or a place in demo.yaml."""

    model: Path
    body_markdown: str
    pictures: tuple[Picture, ...]
    attachments: tuple[Attachment, ...] = ()
    """The files that the words show or link to."""

    calibration: tuple[Path, ...] = ()
    """The pictures that forms of weights are tried on, if not the examples."""

    @property
    def slug_where(self) -> str:
        """Where the slug stands, for messages."""
        return self.document.where(("slug",) if self.config.slug else ())


@dataclass(frozen=True)
class SiteSource:
    """A site's folder, its demos not yet read."""

    root: Path
    info: SiteInfo
    articles: tuple[Article, ...]
    """Its pages of words, in the order of the navigation."""

    folders: tuple[Path, ...]
    """Those of its demos, in the order of their names."""

    theme: Path | None
    """The site's own theme folder."""

    store: str | None = None
    """Where other machines keep what is costly."""


def load_site(root: Path, problems: Problems) -> SiteSource:
    """Read what is around the demos of a site; what is wrong goes to problems.

    Raises BuildError where the folder is no site at all, or has no demos.
    """
    check_is_site(root)
    info = SiteInfo("", "", "en", None, None, None, offline=False, body_markdown="")
    articles: tuple[Article, ...] = ()
    store = None
    with problems.gathered():
        info, articles, store = _load_info(root, problems)
    theme = root / "theme"
    return SiteSource(
        root=root,
        info=info,
        articles=articles,
        folders=tuple(_demo_folders(root)),
        theme=theme if theme.is_dir() else None,
        store=store,
    )


def load_demo(folder: Path, problems: Problems) -> DemoSource | None:
    """Read a demo's folder; None where one of its problems stands in the way of all else.

    Raises ConfigError or ProblemsError where demo.yaml cannot be understood.
    """
    from edgesite.site.pictures import load_pictures

    config, document = load_config(_demo_file(folder), DemoConfig)
    before = len(problems)
    slug = _slug(folder, config, document, problems)
    labels, labels_where = _labels(folder, config, document, problems)
    body = ""
    files: tuple[Attachment, ...] = ()
    with problems.gathered():
        body, files = load_words(folder)
    pictures = load_pictures(folder, config, document, labels or None, problems)
    try:
        model = file_below(folder, config.model)
    except ValueError as error:
        problems.add(document.problem(("model",), str(error)))
    tried: list[Path] = []
    with problems.gathered():
        tried = _calibration(folder, config, document)
    if len(problems) > before:
        return None
    return DemoSource(
        folder, slug, config, document, labels, labels_where, model, body, pictures, files,
        tuple(tried),
    )  # fmt: skip


def load_words(folder: Path) -> tuple[str, tuple[Attachment, ...]]:
    """The words of a demo and the files that they refer to.

    Raises ConfigError or ProblemsError where they cannot be rendered, or a file is missing.
    """
    return _body(folder, DEMO_FACTS)


def _calibration(folder: Path, config: DemoConfig, document: Document) -> list[Path]:
    """The pictures that demo.yaml names for a calibration; each is known to be one."""
    from edgesite.tasks.images import open_image

    if config.calibration is None:
        return []
    name = config.calibration
    try:
        paths = files_below(folder, f"{name}/*" if (folder / name).is_dir() else name)
    except ValueError as error:
        raise document.problem(("calibration",), str(error)) from None
    for path in paths:
        open_image(path)
    return paths


def _load_info(root: Path, problems: Problems) -> tuple[SiteInfo, tuple[Article, ...], str | None]:
    config, document = load_config(root / SITE_FILE, SiteConfig)
    try:
        find_language(config.language, root / "theme")
    except ValueError as error:
        raise document.problem(("language",), str(error)) from None
    if config.sanitize and not can_sanitize():
        what = "needs a library that is not there; install it: pip install 'edgesite[sanitize]'"
        raise document.problem(("sanitize",), what)
    if config.footer:
        checked_html(root / SITE_FILE, read_text(root / SITE_FILE), SITE_FACTS, config.footer)
    articles = load_articles(root, config.pages, document, problems, Cache.of_site(root))
    body, files = _body(root, SITE_FACTS, [article.source for article in articles])
    info = SiteInfo(
        title=config.title,
        description=config.description,
        language=config.language,
        site_url=config.site_url,
        footer=config.footer,
        accent=config.theme.accent,
        look=config.theme.look,
        offline=config.offline,
        body_markdown=body,
        attachments=files,
        isolate=config.isolate,
        sanitize=config.sanitize,
    )
    return info, articles, config.store


def _body(
    folder: Path, facts: Iterable[str], pages: Collection[str] = ()
) -> tuple[str, tuple[Attachment, ...]]:
    """The words of a folder, and the files that they refer to, which other pages are not."""
    path = folder / "index.md"
    if not path.exists():
        return "", ()
    text = read_text(path)
    return text, files_of(path, text, checked_html(path, text, facts), folder, pages)


def _demo_folders(root: Path) -> list[Path]:
    """The folders below demos/, but those whose names start with a dot or an underscore."""
    demos = root / DEMOS_FOLDER
    entries = sorted(demos.iterdir()) if demos.is_dir() else []
    folders = [path for path in entries if path.is_dir() and path.name[0] not in "._"]
    if not folders:
        raise BuildError(
            f"{shown(demos)}: there are no demos; add one with `edgesite add MODEL.onnx`"
        )
    return folders


def _demo_file(folder: Path) -> Path:
    path = folder / DEMO_FILE
    if not path.is_file():
        others = sorted(
            entry.name for entry in folder.iterdir() if entry.suffix in (".yml", ".yaml")
        )
        remedy = (
            f"rename {others[0]} to {DEMO_FILE}"
            if others
            else "write one, or let the folder's name start with _ if it is no demo"
        )
        raise ConfigError(f"{shown(folder)}: has no {DEMO_FILE}; {remedy}")
    return path


def _slug(folder: Path, config: DemoConfig, document: Document, problems: Problems) -> str:
    slug = config.slug or slug_of(folder.resolve().name)
    if not slug:
        what = f"no address can be made of the folder's name {described(folder.name)}"
        problems.add(document.problem((), f"{what}; add slug: followed by a-z, 0-9 and dashes"))
    elif slug in RESERVED:
        what = f'the address "{slug}" belongs to the site itself'
        remedy = f"choose another slug, such as {slug}-demo"
        problems.add(document.problem(("slug",) if config.slug else (), f"{what}; {remedy}"))
    return slug


def _labels(
    folder: Path, config: DemoConfig, document: Document, problems: Problems
) -> tuple[tuple[str, ...], str]:
    """The labels and where they stand; none where they cannot be read."""
    if not isinstance(config.labels, str):
        return tuple(config.labels), f"{document.where(('labels',))}: labels"
    try:
        path = file_below(folder, config.labels)
    except ValueError as error:
        problems.add(document.problem(("labels",), str(error)))
        return (), ""
    with problems.gathered():
        return tuple(read_labels(path)), f"{shown(path)}:1:1"
    return (), ""
