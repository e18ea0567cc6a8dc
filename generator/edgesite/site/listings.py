"""What machines read about a site: its pages for search engines, its demos for feed readers.

All of it names absolute addresses, so that there is none of it without a site_url.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from edgesite.site.articles import Article
    from edgesite.site.demo import SiteInfo

    Row = Mapping[str, Any]
    """What the index shows of a demo."""

FEED = "feed.xml"
LISTINGS = (FEED, "robots.txt", "sitemap.xml")

_XML = Markup('<?xml version="1.0" encoding="utf-8"?>\n')


def listings(site: SiteInfo, rows: Sequence[Row], articles: Sequence[Article]) -> dict[str, bytes]:
    """Make these files, by path; a feed only where a demo has a date."""
    if site.site_url is None:
        return {}
    files = {
        "robots.txt": f"User-agent: *\nAllow: /\n\nSitemap: {site.site_url}sitemap.xml\n",
        "sitemap.xml": _sitemap(site, rows, articles),
    }
    if has_feed(site, rows):
        files[FEED] = _feed(site, rows)
    return {path: text.encode() for path, text in files.items()}


def has_feed(site: SiteInfo, rows: Sequence[Row]) -> bool:
    """Whether there is something that a feed can tell of."""
    return site.site_url is not None and any(row["date"] for row in rows)


def _sitemap(site: SiteInfo, rows: Sequence[Row], articles: Sequence[Article]) -> str:
    """https://www.sitemaps.org/protocol.html."""
    pages = [("", max((row["date"] or "" for row in rows), default=""))]
    pages += [(f"{row['slug']}/", row["date"] or "") for row in rows]
    pages += [(article.path, "") for article in articles]
    entry = Markup("<url><loc>{}</loc>{}</url>\n")
    changed = Markup("<lastmod>{}</lastmod>")
    entries = (
        entry.format(f"{site.site_url}{path}", changed.format(date) if date else "")
        for path, date in pages
    )
    return (
        _XML
        + Markup('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n')
        + Markup("").join(entries)
        + Markup("</urlset>\n")
    )


def _feed(site: SiteInfo, rows: Sequence[Row]) -> str:
    """Atom, RFC 4287; the newest first."""
    dated = sorted((row for row in rows if row["date"]), key=_newest)
    entry = Markup(
        "<entry>\n<id>{url}</id>\n<title>{title}</title>\n<updated>{date}T00:00:00Z</updated>\n"
        '<link href="{url}"/>\n<summary>{description}</summary>\n</entry>\n'
    )
    head = Markup(
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}">\n'
        "<id>{url}</id>\n<title>{title}</title>\n<subtitle>{description}</subtitle>\n"
        "<updated>{date}T00:00:00Z</updated>\n<author><name>{title}</name></author>\n"
        '<link href="{url}"/>\n<link rel="self" href="{url}' + FEED + '"/>\n'
    )
    entries = (
        entry.format(
            url=f"{site.site_url}{row['slug']}/",
            title=row["title"],
            date=row["date"],
            description=row["description"] or row["title"],
        )
        for row in dated
    )
    return (
        _XML
        + head.format(
            language=site.language,
            url=site.site_url,
            title=site.title,
            description=site.description,
            date=dated[0]["date"],
        )
        + Markup("").join(entries)
        + Markup("</feed>\n")
    )


def _newest(row: Row) -> tuple[int, str]:
    """Orders by date, the latest first, and then by address."""
    return -int(row["date"].replace("-", "")), row["slug"]
