"""What pages are made of, before any browser sees them."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from edgesite.errors import BuildError
from edgesite.site.assets import Asset
from tests.pages import toys
from tests.sites import render_site

if TYPE_CHECKING:
    from pathlib import Path

    from edgesite.site.demo import DemoPage, SiteInfo
    from edgesite.site.looks import Look


class Bundles:
    """Assets without a bundler."""

    def __init__(self) -> None:
        self.offline = Asset("offline.00000000.js", b"offline")
        self.farewell = Asset("farewell.00000000.js", b"farewell")
        self.tools = Asset("tools.00000000.js", b"tools")
        self.shared = Asset("shared.00000000.js", b"shared")
        self.frame = Asset("frame.00000000.js", b"frame")
        self.embed = Asset("embed.00000000.js", b"embed")
        self.index = None

    def style(self, look: Look) -> Asset:
        """Give the style sheet of a look."""
        return Asset(f"{look.bundle}.00000000.css", b"body{color:red}")

    def worker(self, features: tuple[str, ...]) -> Asset:
        """Give the script of a worker, named by what it can do."""
        return Asset(f"{'-'.join(('worker', *features))}.00000000.js", b"worker")

    def page(self, inputs: tuple[str, ...]) -> Asset:
        """Give the script of a page, named by what it can do."""
        return Asset(f"page-{'-'.join(inputs)}.00000000.js", b"page")


class Links(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html.decode())

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the address of a link, script, picture or style sheet."""
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def render(
    *demos: DemoPage, site: SiteInfo | None = None, theme: Path | None = None
) -> dict[str, bytes]:
    return render_site(site or toys.site(), demos, Bundles(), theme)  # type: ignore[arg-type]


def data_of(page: bytes) -> dict[str, object]:
    found = re.search(rb'id="edgesite-demo">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


def resolve(page: str, link: str) -> str:
    """The file that a relative address leads to."""
    parts = page.split("/")[:-1]
    for part in link.split("#")[0].split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    path = "/".join(parts)
    return path + "index.html" if path == "" or path.endswith("/") else path


def test_a_site_is_an_index_a_404_page_and_a_folder_per_demo() -> None:
    demo = toys.colour_demo()

    files = render(demo)

    assert set(files) == {
        "index.html",
        "404.html",
        "sw.js",
        "embed.js",
        "assets/shared.00000000.js",
        "assets/frame.00000000.js",
        "assets/page-upload.00000000.js",
        "assets/tools.00000000.js",
        "assets/worker.00000000.js",
        "assets/site.00000000.css",
        "colour/index.html",
        "colour/cover.webp",
        *[f"colour/{name}" for name in demo.files],
        *[f"colour/examples/{example.name}" for example in demo.examples],
        *[f"colour/thumbnails/{example.name}.webp" for example in demo.examples],
        *[f"colour/seen/{example.name}.png" for example in demo.examples],
    }


def test_every_address_is_relative_and_leads_to_a_file() -> None:
    files = render(toys.colour_demo(), toys.stroke_demo())

    for page in ("index.html", "colour/index.html", "stroke/index.html"):
        links = [link for link in Links(files[page]).found if not link.startswith(("data:", "#"))]
        assert links
        assert [link for link in links if resolve(page, link) not in files] == []


def test_the_examples_ship_as_the_author_gave_them() -> None:
    demo = toys.colour_demo()

    files = render(demo)

    assert files["colour/examples/red.png"] == demo.examples[0].image


def test_the_data_of_the_script_mirror_the_page() -> None:
    demo = toys.colour_demo(threshold=0.25)

    data = data_of(render(demo)["colour/index.html"])

    assert data["manifest"] == demo.manifest
    assert data["base"] == ""
    assert data["worker"] == "../assets/worker.00000000.js"
    assert data["labels"] == list(toys.COLOURS)
    assert data["threshold"] == 0.25
    assert data["inputs"] == ["upload"]
    assert data["input"] == demo.input.model_dump(mode="json")
    assert data["bytes"]["simd"]["script-raw"] == len(b"page") + len(b"worker")  # type: ignore[index]


def test_the_answers_in_the_data_are_those_of_the_build() -> None:
    demo = toys.colour_demo()

    data = data_of(render(demo)["colour/index.html"])

    first = data["examples"][0]  # type: ignore[index]
    assert first["url"] == "examples/red.png"
    assert first["answers"] == [[a.index, a.probability] for a in demo.examples[0].answers]


def test_text_of_the_author_is_escaped_but_for_the_words() -> None:
    hostile = "<b>&\"'</b></script>"
    demo = toys.colour_demo(
        title=hostile, description=hostile, labels=(hostile,) * 5, body_markdown="<i>kept</i>"
    )

    page = render(demo, site=toys.site(title=hostile))["colour/index.html"].decode()

    assert hostile not in page
    assert "<b>&" not in page
    assert "<i>kept</i>" in page
    assert data_of(page.encode())["labels"] == [hostile] * 5


def test_the_policy_of_the_404_page_allows_the_style_it_carries() -> None:
    import base64

    page = render()["404.html"].decode()

    style = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"sha256-{digest}" in page.replace("&#43;", "+")


def test_no_page_has_a_script_or_a_style_in_line() -> None:
    files = render(toys.colour_demo(), toys.stroke_demo())

    for path in ("index.html", "colour/index.html", "stroke/index.html"):
        page = files[path].decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=", page)
        assert all(
            "src=" in tag or "application/json" in tag for tag in re.findall("<script[^>]*", page)
        )


def test_a_site_with_an_address_has_canonical_links() -> None:
    files = render(toys.colour_demo(), site=toys.site(site_url="https://example.org/x/"))

    assert (
        b'<link rel="canonical" href="https://example.org/x/colour/">' in files["colour/index.html"]
    )
    assert b'<link rel="canonical" href="https://example.org/x/">' in files["index.html"]
    assert b'href="https://example.org/x/"' in files["404.html"]


def test_a_site_with_an_address_has_cards_for_other_sites() -> None:
    files = render(toys.colour_demo(), site=toys.site(site_url="https://example.org/x/"))

    page = files["colour/index.html"].decode()
    assert '<meta property="og:image" content="https://example.org/x/colour/card.jpg">' in page
    assert '<meta property="og:title" content="What is this colour?">' in page
    assert files["colour/card.jpg"].startswith(b"\xff\xd8")


def test_only_a_demo_that_takes_links_may_fetch_from_elsewhere() -> None:
    files = render(toys.colour_demo(), toys.stroke_demo(inputs_enabled=("upload", "url")))

    assert "connect-src &#39;self&#39;;" in files["colour/index.html"].decode()
    assert "connect-src &#39;self&#39; https: http:;" in files["stroke/index.html"].decode()


def test_an_accent_makes_a_style_sheet_of_its_own() -> None:
    files = render(
        toys.colour_demo(accent="#aa3300"), toys.stroke_demo(), site=toys.site(accent="#003388")
    )

    sheets = {name: data for name, data in files.items() if name.endswith(".css")}
    assert len(sheets) == 2
    assert sorted(b"#aa3300" in data for data in sheets.values()) == [False, True]
    assert all(hashlib.sha256(data).hexdigest()[:8] in name for name, data in sheets.items())


def test_a_demo_without_examples_has_a_page() -> None:
    files = render(toys.colour_demo(examples=()))

    assert b"Upload a picture, or drop one here." in files["colour/index.html"]
    assert "colour/cover.webp" not in files


def test_a_site_without_demos_says_so() -> None:
    assert b"No demos yet" in render()["index.html"]


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert render(toys.stroke_demo()) == render(toys.stroke_demo())


def test_a_theme_replaces_one_template_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "facts.html").write_text("<p>Mine: {{ demo.slug }}</p>")

    page = render(toys.colour_demo(), theme=tmp_path)["colour/index.html"]

    assert b"<p>Mine: colour</p>" in page
    assert b"What the model sees" in page


def test_a_theme_replaces_one_block_of_a_template_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "demo.html").write_text(
        '{% extends "!demo.html" %}{% block words %}{{ super() }}<p>Mine</p>{% endblock %}'
    )

    page = render(toys.colour_demo(), theme=tmp_path)["colour/index.html"].decode()

    assert page.index("every</em> picture is some colour") < page.index("<p>Mine</p>")
    assert "What the model sees" in page


@pytest.mark.parametrize(
    ("template", "message"),
    [("\n{{ demo.slgu }}", r"facts\.html:2: .*slgu"), ("{% if %}", r"facts\.html:1: ")],
    ids=["undefined", "syntax"],
)
def test_a_broken_template_is_named(tmp_path: Path, template: str, message: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "facts.html").write_text(template)

    with pytest.raises(BuildError, match=message):
        render(toys.colour_demo(), theme=tmp_path)
