"""Builds in which nothing, or one thing, has changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgesite.site import build as site_build
from edgesite.site import made as made_module
from edgesite.site.build import build
from edgesite.site.cache import Cache
from tests.sites import contents, edit


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESITE_CACHE", raising=False)


@pytest.mark.usefixtures("site")
def test_a_site_in_the_working_directory_is_not_read_again_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(Path(), Path("dist"))
    monkeypatch.setattr(site_build, "made", refuse)

    assert build(Path(), Path("dist")).pages[0].cached


@pytest.fixture
def built(site: Path, demo: Path) -> Path:
    """A site of two demos, built, whose words show a picture from elsewhere."""
    shutil.copytree(demo, demo.parent / "second")
    (site / "images").mkdir()
    (site / "images" / "a.txt").write_text("one")
    with (site / "index.md").open("a") as words:
        words.write("\n[a](images/a.txt)\n")
    build(site, site / "dist")
    return site


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("not again")


def test_a_site_in_which_nothing_has_changed_is_not_read_again(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(built / "dist")
    monkeypatch.setattr(site_build, "made", refuse)
    shutil.rmtree(built / "dist")

    report = build(built, built / "dist")

    assert contents(built / "dist") == before
    assert [(page.slug, page.cached) for page in report.pages] == [
        ("colours", True),
        ("second", True),
    ]


def imported_by_a_build(site: Path, names: tuple[str, ...]) -> str:
    """Which packages the command line has imported when a build is done."""
    script = f"""
import sys
from edgesite.cli import main
try:
    main()
except SystemExit:
    print([name for name in {names} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "build"],
        cwd=site,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_such_a_build_imports_nothing_that_makes_pages(built: Path) -> None:
    names = ("numpy", "onnx", "jinja2", "PIL", "markdown")

    assert imported_by_a_build(built, names) == "[]"


def test_a_build_with_other_words_imports_nothing_that_computes(built: Path, demo: Path) -> None:
    (demo / "index.md").write_text("Other words.")

    assert imported_by_a_build(built, ("numpy", "onnx", "latex2mathml", "markdown")) == (
        "['markdown']"
    )


def test_a_file_that_words_show_from_elsewhere_counts(built: Path) -> None:
    (built / "images" / "a.txt").write_text("two")

    build(built, built / "dist")

    assert (built / "dist" / "images" / "a.txt").read_text() == "two"


def test_only_the_demo_with_a_change_is_made_again(built: Path, demo: Path) -> None:
    begun: list[tuple[str | None, str]] = []
    (demo / "index.md").write_text("Other words.")
    second = [path for path in (built / "dist" / "second").iterdir() if path.is_file()]
    before = {path: path.stat().st_ino for path in second}

    build(built, built / "dist", lambda step: begun.append((step.slug, step.stage)))

    assert {slug for slug, _ in begun} == {"colours", None}
    assert b"Other words." in (built / "dist" / "colours" / "index.html").read_bytes()
    assert {path: path.stat().st_ino for path in before} == before


def test_words_that_tell_how_many_demos_there_are_follow_their_number(
    built: Path, demo: Path
) -> None:
    (demo / "index.md").write_text("One of {{ site.demos }} demos.")
    build(built, built / "dist")
    shutil.copytree(demo, demo.parent / "third")

    build(built, built / "dist")

    assert b"One of 3 demos." in (built / "dist" / "colours" / "index.html").read_bytes()


@pytest.mark.parametrize(
    ("words", "made", "not_again"),
    [
        (
            "Other {{ demo.labels }} words. ![A tomato](examples/tomato.png)",
            b"Other 3 words.",
            "edgesite.site.source.load_demo",
        ),
        (
            "## Other words {#other}",
            b'<h2 id="other">Other words</h2>',
            "edgesite.site.render.render_demo",
        ),
    ],
    ids=["with facts", "alone"],
)
def test_other_words_make_a_page_without_a_look_at_the_rest(
    built: Path,
    demo: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    made: bytes,
    not_again: str,
) -> None:
    (demo / "index.md").write_text("First words, and [a link](#caption).")
    build(built, built / "dist")
    (demo / "index.md").write_text(words)
    with monkeypatch.context() as patch:
        patch.setattr(not_again, refuse)
        build(built, built / "dist")
    warm = contents(built / "dist")
    monkeypatch.setenv("EDGESITE_CACHE", str(built.parent / "another"))

    build(built, built / "dist")

    assert made in warm["colours/index.html"]
    assert contents(built / "dist") == warm


def test_a_template_of_ones_own_gets_other_words(built: Path, demo: Path) -> None:
    template = built / "theme" / "templates" / "demo.html"
    template.parent.mkdir(parents=True)
    template.write_text(
        '{% extends "!demo.html" %}{% block words %}<p>{{ words | length }}</p>{% endblock %}'
    )
    (demo / "index.md").write_text("One")
    build(built, built / "dist")
    (demo / "index.md").write_text("Three")
    build(built, built / "dist")

    assert b"<p>12</p>" in (built / "dist" / "colours" / "index.html").read_bytes()


@pytest.mark.parametrize("damage", ["deleted", "truncated", "changed"])
def test_whatever_is_damaged_in_the_cache_is_made_again(built: Path, damage: str) -> None:
    before = contents(built / "dist")
    shutil.rmtree(built / "dist")
    for path in (built / ".edgesite-cache").glob("??/*/*"):
        data = path.read_bytes()
        if damage == "deleted" and path.name != "index.json":
            path.unlink()
        elif damage == "truncated":
            path.write_bytes(data[: len(data) // 2])
        elif damage == "changed" and path.suffix in (".wasm", ".bin", ""):
            path.write_bytes(bytes(byte ^ 1 for byte in data))

    build(built, built / "dist")

    assert contents(built / "dist") == before


def test_the_scripts_that_demos_share_are_kept_once(built: Path, demo: Path) -> None:
    shutil.copytree(demo, demo.parent / "third")
    build(built, built / "dist")
    scripts = [path.read_bytes() for path in (built / "dist" / "assets").glob("worker*.js")]
    kept = [path.read_bytes() for path in (built / ".edgesite-cache").glob("??/*/" + "?" * 64)]

    assert scripts
    assert [kept.count(script) for script in scripts] == [1] * len(scripts)


def test_what_is_edited_during_a_build_is_not_kept_as_what_it_was(
    built: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = made_module.make

    def edits(*arguments: object) -> object:
        (demo / "index.md").write_text("Second thoughts.")
        return load(*arguments)  # type: ignore[arg-type]

    (demo / "index.md").write_text("First thoughts.")
    with monkeypatch.context() as patch:
        patch.setattr("edgesite.site.workers.make", edits)
        build(built, built / "dist")
    (demo / "index.md").write_text("First thoughts.")

    build(built, built / "dist")

    assert b"First thoughts." in (built / "dist" / "colours" / "index.html").read_bytes()


def test_a_damaged_page_of_the_output_is_written_again(built: Path) -> None:
    before = contents(built / "dist")
    (built / "dist" / "index.html").write_bytes(b"x" * len(before["index.html"]))

    build(built, built / "dist")

    assert contents(built / "dist") == before


def test_pages_that_hooks_have_a_hand_in_are_made_each_time(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tmp_path / "packages" / "stamp-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: stamp\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[edgesite.hooks]\nstamp = stamp\n")
    code = "from pathlib import Path\ndef after_render(path, html):\n    return html + {}\n"
    (facts.parent / "stamp.py").write_text(code.format('Path("words").read_text()'))
    monkeypatch.syspath_prepend(facts.parent)
    found = []
    for words in ("first", "second"):
        Path("words").write_text(words)
        build(built, built / "dist")
        found.append((built / "dist" / "colours" / "index.html").read_text().endswith(words))

    assert found == [True, True]


def test_a_title_that_changes_shows_in_the_index(built: Path, demo: Path) -> None:
    edit(demo / "demo.yaml", "title: Red", "title: Blue, red")

    build(built, built / "dist")

    assert b"Blue, red" in (built / "dist" / "index.html").read_bytes()


def test_a_cache_that_was_cleared_does_not_matter(built: Path) -> None:
    before = contents(built / "dist")
    Cache.of_site(built).prune(0)

    build(built, built / "dist")

    assert contents(built / "dist") == before
