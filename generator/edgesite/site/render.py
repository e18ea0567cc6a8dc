"""Pages out: from what is known about the demos to every file of the site.

Nothing is read but templates, and nothing is written: the result is a table of paths and bytes.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from edgesite._version import __version__
from edgesite.errors import BuildError
from edgesite.site.accent import accent_rule
from edgesite.site.articles import description, led_to_pages, sections
from edgesite.site.assets import Asset
from edgesite.site.bars import bars
from edgesite.site.cache import digest
from edgesite.site.card import SIZE, card
from edgesite.site.copies import copied
from edgesite.site.facts import demo_facts
from edgesite.site.hooks import Hooks
from edgesite.site.language import fill
from edgesite.site.listings import FEED, has_feed, listings
from edgesite.site.looks import LOOKS
from edgesite.site.offline import offline_files
from edgesite.site.page import Receipt, caption, page_data
from edgesite.site.pieces import Pieces, digest_of
from edgesite.site.policy import WITH_LINKS, policy
from edgesite.site.templates import Templates, rendered
from edgesite.site.words import Setting, to_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite.site.articles import Article
    from edgesite.site.assets import Assets
    from edgesite.site.attachments import Attachment
    from edgesite.site.cache import Cache
    from edgesite.site.demo import DemoPage, SiteInfo
    from edgesite.site.facts import Facts
    from edgesite.site.language import Language
    from edgesite.site.pieces import Part
    from edgesite.site.templates import Templates
    from edgesite.tasks.inputs import ImageInput

# Three bars of an answer, in a grey that both light and dark tabs show.
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='#888'>"
    "<path d='M1 2h14v3H1zM1 7h9v3H1zM1 12h5v3H1z'/></svg>"
)


# From so many demos on their list can be searched.
_MANY = 4

EMBED = "embed.js"
"""The script of <edgesite-demo>, which pages elsewhere name: it is called so in every build."""


@dataclass(frozen=True)
class RenderedDemo:
    """The page of one demo and all files below it."""

    row: Mapping[str, Any]
    """What the index of demos shows of it, as plain data."""

    files: Pieces


@dataclass(frozen=True)
class Workshop:
    """What every page of a site is made with."""

    site: SiteInfo
    assets: Assets
    templates: Templates
    language: Language
    facts: Facts
    hooks: Hooks
    articles: tuple[Article, ...] = ()
    cache: Cache | None = None

    @cached_property
    def footer(self) -> Markup | None:
        """What stands under every page."""
        return self.words(self.site.footer, "", ()) if self.site.footer else None

    def words(
        self,
        markdown: str,
        folder: str,
        attachments: Sequence[Attachment],
        facts: Facts | None = None,
    ) -> Markup:
        """Render the author's words that lie in a folder of the site, with what they refer to."""
        setting = Setting(
            facts=self.facts | (facts or {}),
            language=self.language,
            pictures=copied(attachments, self.cache),
            sanitize=self.site.sanitize,
        )
        sources = {article.source for article in self.articles}
        return Markup(led_to_pages(to_html(markdown, setting), folder, sources))


def render_demo(workshop: Workshop, demo: DemoPage, words: str | None = None) -> RenderedDemo:
    """Make the page of one demo and all files below it; words: HTML in the place of its own."""
    renderer = _Renderer(workshop)
    receipt = renderer.demo(demo, None if words is None else Markup(words))
    renderer.attach(f"{demo.slug}/", demo.attachments)
    row = {
        "slug": demo.slug,
        "title": demo.title,
        "description": demo.description,
        "picture": f"{demo.slug}/cover.webp" if demo.examples else None,
        "bytes": receipt.total.gzip,
        "tags": demo.tags,
        "date": demo.date,
    }
    return RenderedDemo(row, Pieces(renderer.files))


def render_around(
    workshop: Workshop, rows: Sequence[Mapping[str, Any]], demos: Pieces
) -> dict[str, bytes]:
    """Make all other files of a site: the index of demos, pages of words, the service worker.

    rows, demos: what the index shows of the demos, and their files.
    """
    renderer = _Renderer(workshop, demos)
    renderer.index(rows)
    renderer.missing()
    renderer.files[EMBED] = workshop.assets.embed.data
    for article in workshop.articles:
        renderer.article(article)
    renderer.attach("", workshop.site.attachments)
    for article in workshop.articles:
        renderer.attach(article.folder, article.attachments)
    renderer.files |= listings(workshop.site, rows, workshop.articles)
    own = Pieces(renderer.files)
    return {**own, **offline_files(demos | own, workshop.site, workshop.assets)}


class _Renderer:
    """Collects the files of a demo, or those of the site around the demos."""

    def __init__(self, workshop: Workshop, others: Pieces | None = None) -> None:
        """Begin with no files; others: those that are made elsewhere."""
        self.workshop = workshop
        self.site, self.assets, self.language = workshop.site, workshop.assets, workshop.language
        self.look = LOOKS[workshop.site.look]
        self.others = others or Pieces({})
        self.files: dict[str, Part] = {}

    def demo(self, demo: DemoPage, words: Markup | None = None) -> Receipt:
        """Add a demo's page and all files below it; its sizes are returned."""
        script = self.assets.page(demo.inputs_enabled)
        worker = self.assets.worker(_features(demo))
        helper = self.assets.helper if demo.manifest.get("threads") else None
        receipt = Receipt.of(demo, (script, worker), helper, self.workshop.cache)
        if words is None:
            facts = demo_facts(demo, receipt, self.language.figures)
            folder = f"{demo.slug}/"
            words = self.workshop.words(demo.body_markdown, folder, demo.attachments, facts)
        first = demo.examples[0].answers if demo.examples else ()
        for files in (demo.pictures.files, demo.files):
            self.files |= {f"{demo.slug}/{name}": part for name, part in files.parts.items()}
        self._page(
            f"{demo.slug}/index.html",
            "demo.html",
            heading=demo.title,
            sources=demo.pictures.shown,
            demo=demo,
            script=self._asset(script),
            style=self._asset(self._style(demo.accent)),
            receipt=receipt,
            bars=partial(bars, language=self.language),
            caption=partial(caption, language=self.language),
            first_bars=bars(demo, first, self.language),
            pixels=_pixels(demo.input, self.language),
            words=words,
            data=page_data(demo, self._scripts(worker, helper), receipt, self.language),
            card=self._card(demo),
            policy=policy(WITH_LINKS if "url" in demo.inputs_enabled else {}),
        )
        return receipt

    def _scripts(self, worker: Asset, helper: Asset | None) -> dict[str, str]:
        """Add what a demo page's script may load, and give the addresses by their use."""
        assets = {
            "worker": worker,
            "shared": self.assets.shared,
            "tools": self.assets.tools,
            "frame": self.assets.frame,
            **({"helper": helper} if helper else {}),
        }
        addresses = {use: f"../assets/{self._asset(asset)}" for use, asset in assets.items()}
        return {**addresses, "embed": f"../{EMBED}"}

    def _card(self, demo: DemoPage) -> dict[str, object] | None:
        """Add the picture that stands for a page elsewhere, which takes an absolute address."""
        data = (
            card(demo, self.language, self.look, self.workshop.cache)
            if self.site.site_url
            else None
        )
        if data is None:
            return None
        path = f"{demo.slug}/card.jpg"
        self.files[path] = data
        return {"url": f"{self.site.site_url}{path}", "width": SIZE[0], "height": SIZE[1]}

    def index(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add the list of demos."""
        tags = sorted({tag for row in rows for tag in row["tags"]}, key=str.lower)
        script = self.assets.index if len(rows) >= _MANY else None
        self._page(
            "index.html",
            "index.html",
            demos=rows,
            tags=tags,
            feed=FEED if has_feed(self.site, rows) else None,
            script=script and self._asset(script),
            style=self._asset(self._style(None)),
            words=self.workshop.words(self.site.body_markdown, "", self.site.attachments),
        )

    def article(self, article: Article) -> None:
        """Add a page of words, with the way to the ones before and after it."""
        articles = self.workshop.articles
        at = articles.index(article)
        words = self.workshop.words(article.body_markdown, article.folder, article.attachments)
        self._page(
            article.path,
            "article.html",
            heading=article.title,
            article=article,
            before=articles[at - 1] if at else None,
            after=articles[at + 1] if at + 1 < len(articles) else None,
            style=self._asset(self._style(None)),
            words=words,
            sections=sections(words),
            description=description(words) or article.title,
        )

    def missing(self) -> None:
        """Add the page for addresses that lead nowhere, which a server shows at any depth."""
        style = self._style(None).data.decode()
        hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._page(
            "404.html",
            "404.html",
            policy=policy({"style-src": f"'sha256-{hashed}'"}),
            inline_style=Markup(style),
            home=self.site.site_url or "./",
            offline=None,
            canonical=None,
        )

    def attach(self, folder: str, attachments: Sequence[Attachment]) -> None:
        """Add the files that words refer to, once all that pages are made of is there."""
        for name, made in copied(attachments, self.workshop.cache).items():
            for ending, data in made.files.items():
                self.files.setdefault(folder + name + ending, data)
        for attachment in attachments:
            path = folder + attachment.name
            hashed = digest(attachment.data)
            is_other = path in self.others and self.others.digest(path) != hashed
            if is_other or digest_of(self.files.setdefault(path, attachment.data)) != hashed:
                raise BuildError(
                    f"{attachment.where}: the page has a file of its own named "
                    f'"{attachment.name}"; give yours another name'
                )

    def _page(self, path: str, template: str, **context: object) -> None:
        depth = path.count("/")
        url = path.removesuffix("index.html")
        shared: dict[str, object] = {
            "site": self.site,
            "say": self.language.say,
            "figures": self.language.figures,
            "heading": self.site.title,
            "feed": None,
            "footer": self.workshop.footer,
            "articles": self.workshop.articles,
            "version": __version__,
            "policy": policy({}),
            "icon": "data:image/svg+xml;base64," + base64.b64encode(_ICON.encode()).decode(),
            "root": "../" * depth,
            "offline": self.site.offline and self._asset(self.assets.offline),
            "isolate": self.site.isolate and self._asset(self.assets.isolate),
            "keep": "" if self.site.offline == "full" else url or "assets/",
            "canonical": self.site.site_url and self.site.site_url + url,
        }
        given = shared | context
        self.workshop.hooks.before(path, given)
        page = rendered(self.workshop.templates, template, given)
        self.files[path] = self.workshop.hooks.after(path, page).encode()

    def _asset(self, asset: Asset) -> str:
        self.files[f"assets/{asset.name}"] = asset.data
        return asset.name

    def _style(self, accent: str | None) -> Asset:
        """Give the style sheet, in the colour of the demo or else of the site."""
        accent = accent or self.site.accent
        if accent is None:
            return self.assets.style(self.look)
        data = self.assets.style(self.look).data + accent_rule(accent, self.look).encode()
        return Asset(f"site.{hashlib.sha256(data).hexdigest()[:8]}.css", data)


def _features(demo: DemoPage) -> tuple[str, ...]:
    """What the worker of a demo must be able to do beyond the usual."""
    wanted = {
        "centre": demo.input.centre is not None,
        "sizes": bool(demo.input.others),
        "threads": bool(demo.manifest.get("threads")),
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def _pixels(spec: ImageInput, language: Language) -> str:
    """Say how a picture becomes what the model sees."""
    say = language.say
    if spec.centre is not None:
        way = say.ink_centred
    elif spec.resize.shorter is not None or spec.resize.fit == "crop":
        way = say.centre_cut
    else:
        way = say.contained if spec.resize.fit == "contain" else say.stretched
    size = " / ".join(f"{width} × {height}" for width, height in spec.sizes)
    return fill(say.pixels, size=size, way=way)
