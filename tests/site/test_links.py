"""Links that lead nowhere."""

from __future__ import annotations

import pytest

from edgesite.site.links import broken_links

FILES = {
    "index.html": b'<a href="a/">a</a><img src="x.png" srcset="x.png 1x, y.png 2x">',
    "a/index.html": b'<h2 id="one">One</h2><h2 id="zwei-\xc3\xa4">Two</h2>',
    "x.png": b"",
    "y.png": b"",
}


def found(html: str, site_url: str | None = None) -> list[str]:
    return list(broken_links({**FILES, "b/index.html": html.encode()}, site_url))


@pytest.mark.parametrize(
    "address",
    ["../a/", "../a/#one", "../a/index.html#zwei-%C3%A4", "../a/#example=x.png", "#", "#top",
     "https://example.org/#none", "mailto:a@b.c", "?q=1"],
)  # fmt: skip
def test_what_leads_somewhere_is_no_problem(address: str) -> None:
    assert found(f'<a href="{address}">x</a>') == []


@pytest.mark.parametrize(
    ("html", "message"),
    [
        ('<a href="../c/">x</a>', "links to ../c/, which is not in the site"),
        ('<a href="#two">x</a>', "links to #two, an anchor that b/index.html has not"),
        ('<a href="../a/#two">x</a>', "links to ../a/#two, an anchor that a/index.html has not"),
        ('<img srcset="../x.png 1x, ../z.png 2x">', "links to ../z.png, which is not in the site"),
        ('<p id="a"></p><p id="a"></p>', 'has the id "a" twice; give one of the headings another'),
    ],
)
def test_what_leads_nowhere_is_named_with_its_page(html: str, message: str) -> None:
    (problem,) = found(html)

    assert problem.startswith(f"b/index.html: {message}")


def test_addresses_from_the_root_count_from_the_site() -> None:
    html = '<a href="/x/a/#one">x</a><a href="/x/c">x</a>'

    assert found(html, "https://example.org/x/") == [
        "b/index.html: links to /x/c, which is not in the site; correct the address"
    ]


@pytest.mark.parametrize(
    "tag",
    ["<a href=none/>", "<A HREF='none/' hidden>", '<a title=\'a "href=b"\' href="no&#110;e/">',
     '<p data-x="id=1"><img alt=">" hidden src = none/>'],
)  # fmt: skip
def test_attributes_are_read_however_they_are_written(tag: str) -> None:
    assert len(found(tag)) == 1
    assert "none/" in found(tag)[0]


@pytest.mark.parametrize("html", ["<!-- <a href=none> -->", "<script>'<a href=none>'</script>"])
def test_what_is_no_tag_has_no_links(html: str) -> None:
    assert found(html) == []
