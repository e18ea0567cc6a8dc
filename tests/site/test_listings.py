"""What machines read about a site."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from edgesite.site.articles import Article
from edgesite.site.listings import listings
from tests.pages import toys

URL = "https://example.org/x/"
ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
DEMOS = (
    {"slug": "colour", "title": "<Red> & green", "description": "", "date": "2026-01-31"},
    {"slug": "stroke", "title": "Strokes", "description": "All of them.", "date": "2026-11-02"},
    {"slug": "undated", "title": "Undated", "description": "", "date": None},
)


def test_a_sitemap_names_every_page_and_when_it_changed() -> None:
    article = Article("docs/start.md", "Start", "", ())

    files = listings(toys.site(site_url=URL), DEMOS, [article])

    entries = {
        entry.findtext(f"{MAP}loc"): entry.findtext(f"{MAP}lastmod")
        for entry in ET.fromstring(files["sitemap.xml"])
    }
    assert entries == {
        URL: "2026-11-02",
        f"{URL}colour/": "2026-01-31",
        f"{URL}stroke/": "2026-11-02",
        f"{URL}undated/": None,
        f"{URL}docs/start.html": None,
    }
    assert f"Sitemap: {URL}sitemap.xml" in files["robots.txt"].decode()


def test_a_feed_tells_of_dated_demos_the_newest_first() -> None:
    feed = ET.fromstring(listings(toys.site(site_url=URL), DEMOS, [])["feed.xml"])

    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [f"{URL}stroke/", f"{URL}colour/"]
    assert [entry.findtext(f"{ATOM}title") for entry in entries][1] == "<Red> & green"
    assert feed.findtext(f"{ATOM}updated") == "2026-11-02T00:00:00Z"
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None


def test_a_site_without_an_address_or_dates_has_no_feed() -> None:
    assert listings(toys.site(), DEMOS, []) == {}
    assert "feed.xml" not in listings(toys.site(site_url=URL), DEMOS[2:], [])
