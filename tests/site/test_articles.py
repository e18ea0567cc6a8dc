"""Pages of words alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from edgesite.errors import EdgesiteError
from edgesite.site.build import made
from edgesite.site.problems import Problems
from edgesite.site.source import load_site
from tests.sites import edit

if TYPE_CHECKING:
    from pathlib import Path

START = """\
# Starting *here*

The first sentence. The second one, with [a link](more.md#deeper) and [home](../index.html).

## One part

![A picture](pictures/one.png)

## Another &amp; last part
"""


@pytest.fixture
def written(site: Path) -> Path:
    (site / "docs" / "pictures").mkdir(parents=True)
    (site / "docs" / "start.md").write_text(START)
    (site / "docs" / "more.md").write_text("# More\n\nSee [the start](start.md).\n\n## Deeper\n")
    (site / "docs" / "pictures" / "one.png").write_bytes(b"picture")
    edit(site / "edgesite.yaml", "title: Site", "title: Site\npages: [docs/start.md, docs/*.md]")
    return site


def failure(site: Path) -> str:
    problems = Problems()
    load_site(site, problems)
    with pytest.raises(EdgesiteError) as caught:
        problems.raise_any()
    return str(caught.value)


def pages(site: Path) -> dict[str, str]:
    files = made(site)[1]
    return {name: data.decode() for name, data in files.items() if name.endswith(".html")}


def test_pages_come_in_the_order_in_which_they_are_named_and_once(written: Path) -> None:
    source = load_site(written, Problems())

    assert [article.path for article in source.articles] == ["docs/start.html", "docs/more.html"]


def test_a_page_is_called_by_its_first_heading_and_described_by_its_first_sentence(
    written: Path,
) -> None:
    page = pages(written)["docs/start.html"]

    assert "<h1>Starting here</h1>" in page
    assert '<meta name="description" content="The first sentence.">' in page
    assert '<a href="#another-last-part">Another &amp; last part</a>' in page


def test_links_to_other_pages_lead_to_what_these_become(written: Path) -> None:
    found = pages(written)

    assert 'href="more.html#deeper"' in found["docs/start.html"]
    assert 'href="start.html"' in found["docs/more.html"]
    assert 'href="../index.html"' in found["docs/start.html"]


def test_every_page_and_the_index_name_all_pages(written: Path) -> None:
    found = pages(written)

    assert re.search(r'href="docs/start.html">Starting here<', found["index.html"])
    assert 'href="../docs/more.html">More<' in found["docs/start.html"]
    assert re.search(r'aria-current="page">More<', found["docs/more.html"])


def test_the_index_may_lead_to_pages_by_their_files(written: Path) -> None:
    (written / "index.md").write_text("Read [how it begins](docs/start.md).\n")

    assert 'href="docs/start.html">how it begins<' in pages(written)["index.html"]


def test_what_the_words_show_ships_beside_them(written: Path) -> None:
    assert made(written)[1]["docs/pictures/one.png"] == b"picture"


def test_pages_may_lie_beside_the_site_file(written: Path) -> None:
    (written / "HISTORY.md").write_text("# History\n\nSee [the start](docs/start.md).\n")
    edit(written / "edgesite.yaml", "docs/*.md]", "HISTORY.md]")

    assert 'href="docs/start.html"' in pages(written)["HISTORY.html"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("docs/strat.md", 'no such file: "docs/strat.md"; did you mean "docs/start.md"?'),
        ("docs/pictures/one.png", '"docs/pictures/one.png" is not Markdown; name files that end'),
        ("demos/colours/index.md", "lies elsewhere; move it to docs/"),
        ("index.md", '"index.md" is a page of the site already; leave it out'),
    ],
)
def test_what_cannot_be_a_page_is_refused_where_it_is_named(
    written: Path, name: str, message: str
) -> None:
    edit(written / "edgesite.yaml", "docs/*.md]", f"{name}]")

    assert re.search(r"edgesite\.yaml:\d+:\d+: pages\.1: ", failure(written))
    assert message in failure(written)


def test_a_page_without_a_heading_is_refused(written: Path) -> None:
    (written / "docs" / "more.md").write_text("Words.\n")

    assert "docs/more.md:1:1: has no heading; begin with #" in failure(written)


def test_a_missing_picture_is_refused_at_its_line(written: Path) -> None:
    (written / "docs" / "pictures" / "one.png").unlink()

    assert re.search(r"docs/start\.md:7:\d+: no such file", failure(written))
