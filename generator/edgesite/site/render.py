"""Pages out: from what is known about the demos to every file of the site.

Nothing is read but templates, and nothing is written: the result is a table of paths and bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import traceback
from typing import TYPE_CHECKING

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from markupsafe import Markup
from PIL import Image

from edgesite._version import __version__
from edgesite.errors import BuildError
from edgesite.site.accent import accent_rule
from edgesite.site.assets import Asset, theme_folder
from edgesite.site.bars import bars
from edgesite.site.figures import counted, kilobytes, percent, scientific
from edgesite.site.images import seen, thumbnail
from edgesite.site.page import Receipt, caption, page_data
from edgesite.site.words import to_html

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgesite.site.assets import Assets
    from edgesite.site.attachments import Attachment
    from edgesite.site.demo import DemoPage, SiteInfo
    from edgesite.site.images import ImageInput

# What the style sheet shows at 48 x 48 and at 160 x 120, for screens with two dots per pixel.
_THUMBNAIL = (96, 96)
_COVER = (320, 240)

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'wasm-unsafe-eval'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self'",
    "style-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
}

# Three bars of an answer, in a grey that both light and dark tabs show.
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='#888'>"
    "<path d='M1 2h14v3H1zM1 7h9v3H1zM1 12h5v3H1z'/></svg>"
)


def render_site(
    site: SiteInfo, demos: Sequence[DemoPage], assets: Assets, theme: Path | None = None
) -> dict[str, bytes]:
    """Make every file of the site: POSIX paths below the output folder, and their bytes.

    Templates come from theme/templates where the site has them, else from the stock theme.
    Raises BuildError if a template cannot be rendered, or if a file that words refer to is named
    like one that the site has itself.
    """
    renderer = _Renderer(site, assets, _environment(theme))
    for demo in demos:
        renderer.demo(demo)
    renderer.index(demos)
    renderer.missing()
    renderer.attach("", site.attachments)
    for demo in demos:
        renderer.attach(f"{demo.slug}/", demo.attachments)
    return renderer.files


def _environment(theme: Path | None) -> Environment:
    folders = [theme] if theme else []
    environment = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(folder / "templates") for folder in (*folders, theme_folder())]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "caption": caption,
        "counted": counted,
        "kilobytes": kilobytes,
        "percent": percent,
        "pixels": _pixels,
        "scientific": scientific,
    }
    return environment


class _Renderer:
    """Collects the files of one site; born and finished in `render_site`."""

    def __init__(self, site: SiteInfo, assets: Assets, environment: Environment) -> None:
        self.site = site
        self.assets = assets
        self.environment = environment
        self.files: dict[str, bytes] = {}
        self.sizes: dict[str, Receipt] = {}
        self.footer = Markup(to_html(site.footer)) if site.footer else None

    def demo(self, demo: DemoPage) -> None:
        """Add a demo's page and all files below it."""
        script, worker = self.assets.page(demo.inputs_enabled), self.assets.worker
        receipt = Receipt.of(demo, script, worker)
        self.sizes[demo.slug] = receipt
        first = demo.examples[0].answers if demo.examples else ()
        self._add_pictures(demo)
        self.files |= {f"{demo.slug}/{name}": data for name, data in demo.files.items()}
        self._page(
            f"{demo.slug}/index.html",
            "demo.html",
            demo=demo,
            script=self._asset(script),
            style=self._asset(self._style(demo.accent)),
            receipt=receipt,
            bars=bars,
            first_bars=bars(demo, first),
            words=Markup(to_html(demo.body_markdown)),
            data=page_data(demo, f"../assets/{self._asset(worker)}", receipt),
        )

    def index(self, demos: Sequence[DemoPage]) -> None:
        """Add the list of demos."""
        rows = [
            {
                "slug": demo.slug,
                "title": demo.title,
                "description": demo.description,
                "picture": f"{demo.slug}/cover.webp" if demo.examples else None,
                "bytes": self.sizes[demo.slug].total.gzip,
            }
            for demo in demos
        ]
        script = self.assets.index
        self._page(
            "index.html",
            "index.html",
            demos=rows,
            script=script and self._asset(script),
            style=self._asset(self._style(None)),
            words=Markup(to_html(self.site.body_markdown)),
        )

    def missing(self) -> None:
        """Add the page for addresses that lead nowhere, which a server shows at any depth."""
        style = self._style(None).data.decode()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._page(
            "404.html",
            "404.html",
            policy=_policy({"style-src": f"'sha256-{digest}'"}),
            inline_style=Markup(style),
            home=self.site.site_url or "./",
        )

    def attach(self, folder: str, attachments: Sequence[Attachment]) -> None:
        """Add the files that words refer to, once all that pages are made of is there."""
        for attachment in attachments:
            path = folder + attachment.name
            if self.files.setdefault(path, attachment.data) != attachment.data:
                raise BuildError(
                    f"{attachment.where}: the page has a file of its own named "
                    f'"{attachment.name}"; give yours another name'
                )

    def _page(self, path: str, template: str, **context: object) -> None:
        depth = path.count("/")
        url = path.removesuffix("index.html")
        shared: dict[str, object] = {
            "site": self.site,
            "footer": self.footer,
            "version": __version__,
            "policy": _policy({}),
            "icon": "data:image/svg+xml;base64," + base64.b64encode(_ICON.encode()).decode(),
            "root": "../" * depth,
            "canonical": self.site.site_url and self.site.site_url + url,
        }
        try:
            page = self.environment.get_template(template).render(shared | context)
        except TemplateError as error:
            where = _place_of(error) or template
            raise BuildError(f"{where}: {error.message}; correct the template") from error
        self.files[path] = page.encode()

    def _asset(self, asset: Asset) -> str:
        self.files[f"assets/{asset.name}"] = asset.data
        return asset.name

    def _style(self, accent: str | None) -> Asset:
        """Give the style sheet, in the colour of the demo or else of the site."""
        accent = accent or self.site.accent
        if accent is None:
            return self.assets.style
        data = self.assets.style.data + accent_rule(accent).encode()
        return Asset(f"site.{hashlib.sha256(data).hexdigest()[:8]}.css", data)

    def _add_pictures(self, demo: DemoPage) -> None:
        for example in demo.examples:
            image = Image.open(io.BytesIO(example.image))
            small = thumbnail(image, *_THUMBNAIL)
            self.files |= {
                f"{demo.slug}/examples/{example.name}": example.image,
                f"{demo.slug}/thumbnails/{example.name}.webp": small,
                f"{demo.slug}/seen/{example.name}.png": _png(seen(image, demo.input)),
            }
        if demo.examples:
            image = Image.open(io.BytesIO(demo.examples[0].image))
            self.files[f"{demo.slug}/cover.webp"] = thumbnail(image, *_COVER)


def _place_of(error: TemplateError) -> str | None:
    """Find the line of a template where an error is, as jinja2 puts it into tracebacks."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{frame.filename}:{frame.lineno}" for frame in frames if "templates" in frame.filename
    ]
    return places[-1] if places else None


def _policy(changes: dict[str, str]) -> str:
    return "; ".join(f"{name} {sources}" for name, sources in (_POLICY | changes).items())


def _pixels(spec: ImageInput) -> str:
    """Say how a picture becomes what the model sees."""
    size = f"{spec.width} × {spec.height} pixels"
    if spec.centre is not None:
        return f"{size}, the ink centred"
    if spec.resize.shorter is not None or spec.resize.fit == "crop":
        way = "the centre cut out"
    else:
        way = {"contain": "all of it, with borders", "stretch": "stretched"}[spec.resize.fit]
    return f"{size}, {way}"


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
