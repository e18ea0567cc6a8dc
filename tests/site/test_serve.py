"""The loop: what is rebuilt, what pages are told, and that nothing ends it."""

from __future__ import annotations

import json
import queue
import shutil
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgesite.errors import ConfigError
from edgesite.site import serve as serve_module
from edgesite.site import source
from edgesite.site.build import made
from edgesite.site.cache import Cache
from edgesite.site.scaffold import new_site
from edgesite.site.serve import Change, LiveSite, said
from edgesite.site.serve_problems import problems_of
from tests.site.breaking import BREAKAGES, Breakage, break_and_mend
from tests.site.models import classifier, flat_classifier
from tests.sites import contents, edit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.process import BaseProcess

    from edgesite.site.problems import Problems
    from edgesite.site.source import DemoSource


@pytest.fixture
def live(site: Path) -> LiveSite:
    live = LiveSite(site, watched=True)
    live.rebuild()
    return live


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("not again")


def asleep() -> BaseProcess:
    """A process that does not come to an end by itself while a test runs."""
    process = get_context("spawn").Process(target=time.sleep, args=(600,), daemon=True)
    process.start()
    return process


def test_a_page_carries_the_script_before_its_own(live: LiveSite) -> None:
    is_there, name, page = live.answer("colours/")

    assert (is_there, name) == (True, "colours/index.html")
    assert page.index(b"/_edgesite/live.js") < page.index(b"assets/page-")
    assert live.answer("_edgesite/live.js")[2]


def test_an_edit_of_the_style_bundles_nothing_else_again(
    live: LiveSite, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = site / "theme" / "styles" / "words.css"
    style.parent.mkdir(parents=True)
    style.write_text(".words { margin: 1px }")
    live.rebuild([style])
    asked: list[str] = []
    kept = Cache.kept

    def watched(self: Cache, key: str, make: Callable[[], Mapping[str, bytes]]) -> object:
        made = kept(self, key, make)
        asked.extend(name for name in made if name == "bundle")
        return made

    monkeypatch.setattr(Cache, "kept", watched)
    edit(style, "1px", "2px")

    assert live.rebuild([style]).pages > 1
    assert asked == ["bundle"]


@pytest.mark.parametrize("more", ["", 'accent: "#0b7285"\n'])
def test_a_style_shows_before_pages_are_made_with_it(
    more: str, live: LiveSite, site: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (demo / "demo.yaml").open("a") as file:
        file.write(more)
    style = site / "theme" / "styles" / "words.css"
    style.parent.mkdir(parents=True)
    style.write_text(".words { margin: 1px }")
    live.rebuild([style, demo / "demo.yaml"])
    before, shown = live.answer("colours/")[2], list[bytes]()

    def watched(*arguments: Any, **options: Any) -> Any:
        shown.append(live.answer("colours/")[2])
        return made(*arguments, **options)

    monkeypatch.setattr(serve_module, "made", watched)
    edit(style, "1px", "2px")
    live.rebuild([style])

    assert shown == [live.answer("colours/")[2]]
    assert shown != [before]


def test_without_watching_pages_are_those_of_a_build(site: Path) -> None:
    with (site / "edgesite.yaml").open("a") as file:
        file.write("offline: true\n")
    edgesite_build(site)
    live = LiveSite(site, watched=False)
    live.rebuild()

    built = contents(site / "dist")
    del built[".edgesite"]

    assert {name: live.answer(name)[2] for name in built} == built
    assert not live.answer("_edgesite/live.js")[0]


def edgesite_build(site: Path) -> None:
    from edgesite.site.build import build

    build(site, site / "dist")


def test_what_the_last_build_made_shows_at_once(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edgesite_build(site)
    live = LiveSite(site, watched=True)
    with monkeypatch.context() as patch:
        patch.setattr(serve_module, "made", refuse)
        shown = live.recall()
    before = live.answer("colours/")[2]

    assert shown is not None
    assert b"/_edgesite/live.js" in before
    assert live.rebuild().pages == 0
    assert live.answer("colours/")[2] == before


def test_what_has_changed_since_the_last_build_is_not_shown_as_it_was(
    site: Path, demo: Path
) -> None:
    edgesite_build(site)
    edit(demo / "demo.yaml", "title: Red", "title: Blue, red")

    assert LiveSite(site, watched=True).recall() is None


def test_pages_that_a_service_worker_keeps_are_not_shown_to_an_author(site: Path) -> None:
    with (site / "edgesite.yaml").open("a") as file:
        file.write("offline: true\n")
    edgesite_build(site)

    assert LiveSite(site, watched=True).recall() is None
    assert LiveSite(site, watched=False).recall() is not None


def test_a_page_that_follows_is_not_kept_by_a_service_worker(site: Path) -> None:
    with (site / "edgesite.yaml").open("a") as file:
        file.write("offline: true\n")
    live = LiveSite(site, watched=True)
    live.rebuild()

    assert b"serviceWorker" not in live.answer("")[2]
    assert b"unregister" in live.answer("sw.js")[2]


def test_no_build_ships_the_script(site: Path) -> None:
    edgesite_build(site)

    assert not [name for name, data in contents(site / "dist").items() if b"_edgesite" in data]


def test_a_missing_page_is_the_sites_own(live: LiveSite) -> None:
    is_there, name, page = live.answer("nowhere/")

    assert (is_there, name) == (False, "404.html")
    assert b"Nothing here" in page


def test_the_site_is_at_its_own_path(site: Path) -> None:
    with (site / "edgesite.yaml").open("a") as file:
        file.write("site_url: https://user.github.io/repository\n")
    live = LiveSite(site, watched=True)
    live.rebuild()

    assert live.base == "/repository/"
    assert b'src="/repository/_edgesite/live.js"' in live.answer("")[2]


def test_an_edit_of_words_changes_one_page_and_compiles_nothing(
    live: LiveSite, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgesite.compiler.prepare", refuse)
    monkeypatch.setattr("edgesite.site.answers.verify", refuse)
    (demo / "index.md").write_text("Other words.")

    change = live.rebuild([demo / "index.md"])

    assert (change.pages, change.problems) == (1, ())
    assert b"Other words." in live.answer("colours/")[2]
    assert said(change).startswith("demos/colours/index.md changed: 1 page, ")


@pytest.fixture
def with_many_weights(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo with a model for which smaller weights can be found, and were not yet."""
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path / "cache"))
    (demo / "model.onnx").write_bytes(flat_classifier())
    with (demo / "demo.yaml").open("a") as file:
        file.write("weights: auto\n")
    return demo


@pytest.mark.usefixtures("with_many_weights")
def test_smaller_weights_are_found_while_the_demo_is_shown(site: Path) -> None:
    told: queue.Queue[Change] = queue.Queue()
    live = LiveSite(site, watched=True, told=told.put)

    first = live.rebuild()
    page = live.answer("colours/")[2]
    second = told.get(timeout=60)

    assert (first.problems, first.drafts) == ((), 1)
    assert said(second).startswith("smaller weights found: 2 pages, ")
    assert (second.problems, second.drafts) == ((), 0)
    assert live.answer("colours/")[2] != page
    manifest = json.loads(live.answer("colours/manifest.json")[2])
    assert "float32" not in manifest["weights"]["forms"]


def test_another_model_ends_the_search_for_smaller_weights_of_the_last(
    with_many_weights: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: queue.Queue[BaseProcess] = queue.Queue()

    def begin(*_: object) -> BaseProcess:
        begun.put(aside := asleep())
        return aside

    monkeypatch.setattr("edgesite.site.workers.begin_aside", begin)
    live = LiveSite(site, watched=True, told=print)
    live.rebuild()
    first = begun.get(timeout=10)

    live.rebuild([with_many_weights / "index.md"])
    is_searching = first.is_alive()
    live.rebuild([with_many_weights / "model.onnx"])
    first.join(10)
    second = begun.get(timeout=10)
    live.close()
    second.kill()

    assert is_searching
    assert not first.is_alive()


def test_a_demo_that_breaks_meanwhile_ends_the_search_for_its_weights(
    with_many_weights: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = asleep()
    monkeypatch.setattr("edgesite.site.workers.begin_aside", lambda *_: aside)
    told: queue.Queue[Change] = queue.Queue()
    live = LiveSite(site, watched=True, told=told.put)
    live.rebuild()
    search = live._finishing

    edit(with_many_weights / "demo.yaml", "title:", "tilte:")
    live.rebuild([with_many_weights / "demo.yaml"])
    aside.kill()
    assert search
    search.join(10)

    assert not search.is_alive()
    assert told.empty()


@pytest.mark.usefixtures("with_many_weights")
def test_a_demo_with_weights_for_now_is_not_taken_for_a_finished_one(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = asleep()
    killed.kill()
    monkeypatch.setattr("edgesite.site.workers.begin_aside", lambda *_: killed)
    live = LiveSite(site, watched=True, told=print)
    shown = live.rebuild()

    edgesite_build(site)

    assert shown.drafts == 1
    manifest = json.loads(contents(site / "dist")["colours/manifest.json"])
    assert "float32" not in manifest["weights"]["forms"]


def test_only_the_demo_with_a_change_is_read_again(
    live: LiveSite, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(demo, demo.parent / "second")
    live.rebuild([demo.parent / "second" / "demo.yaml"])
    read: list[Path] = []
    load = source.load_demo

    def watched(folder: Path, problems: Problems) -> DemoSource | None:
        read.append(folder)
        return load(folder, problems)

    monkeypatch.setattr(source, "load_demo", watched)
    edit(demo / "demo.yaml", "title: Red", "title: Brown, red")

    live.rebuild([demo / "demo.yaml"])

    assert read == [demo]


def test_a_title_shows_on_the_index_as_well(live: LiveSite, demo: Path) -> None:
    edit(demo / "demo.yaml", "title: Red", "title: Blue, red")

    assert live.rebuild([demo / "demo.yaml"]).pages == 2


def test_a_style_changes_every_page(live: LiveSite, site: Path) -> None:
    style = site / "theme" / "styles" / "words.css"
    style.parent.mkdir(parents=True)
    style.write_text("p { color: #123456 }")

    assert live.rebuild([style]).pages == 3
    live.rebuild()


def test_a_new_demo_and_its_end_are_followed(live: LiveSite, demo: Path) -> None:
    new = demo.parent / "second"
    shutil.copytree(demo, new)
    added = live.rebuild([new / "demo.yaml"])
    was_there = live.answer("second/")[0]
    shutil.rmtree(new)
    live.rebuild([new / "demo.yaml"])

    assert (added.problems, was_there, live.answer("second/")[0]) == ((), True, False)


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_whatever_breaks_keeps_the_last_good_page(
    live: LiveSite, site: Path, breakage: Breakage
) -> None:
    before = live.answer("colours/")
    mended: Callable[[], list[Path]]

    changed, mended = break_and_mend(site, breakage)
    broken = live.rebuild(changed)
    after = live.answer("colours/")
    whole = live.rebuild(mended())

    assert [problem for problem in broken.problems if breakage.says in str(problem)]
    assert [p.line for p in broken.problems if p.excerpt] or not breakage.has_excerpt
    assert after == before
    assert (whole.problems, live.answer("colours/")) == ((), before)


def test_a_site_that_never_was_well_has_a_page_that_waits(site: Path, demo: Path) -> None:
    whole = (demo / "demo.yaml").read_text()
    (demo / "demo.yaml").write_text("title: [")
    live = LiveSite(site, watched=True)
    live.rebuild()
    waiting = live.answer("colours/")
    (demo / "demo.yaml").write_text(whole)
    live.rebuild([demo / "demo.yaml"])

    assert b"_edgesite/live.js" in waiting[2]
    assert live.answer("_edgesite/live.js")[2]
    assert live.answer("colours/")[0]


def test_a_site_that_cannot_be_built_is_at_its_own_path_all_the_same(
    site: Path, demo: Path
) -> None:
    with (site / "edgesite.yaml").open("a") as file:
        file.write("site_url: https://user.github.io/repository\n")
    (demo / "demo.yaml").unlink()
    live = LiveSite(site, watched=True)
    live.rebuild()

    assert live.base == "/repository/"
    assert b'src="/repository/_edgesite/live.js"' in live.answer("colours/")[2]


def test_an_error_of_edgesite_itself_is_a_problem_too(
    live: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_module, "made", lambda *_, **__: 1 / 0)

    (problem,) = live.rebuild().problems

    assert "ZeroDivisionError" in problem.message


def test_a_cache_that_is_cleared_meanwhile_is_filled_again(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGESITE_CACHE")
    live = LiveSite(site, watched=True)
    live.rebuild()
    before = live.answer("colours/manifest.json")
    shutil.rmtree(site / ".edgesite-cache")

    assert live.answer("colours/manifest.json") == before


def test_a_page_is_told_its_state_and_every_other_one(live: LiveSite, demo: Path) -> None:
    states = live.follow("colours/index.html")
    first = next(states)
    (demo / "index.md").write_text("Other words.")
    live.rebuild([demo / "index.md"])
    second = next(states)
    (demo / "demo.yaml").unlink()
    live.rebuild([demo / "demo.yaml"])
    third = next(states)
    live.close()

    assert first and second and third  # noqa: PT018
    assert first["page"] != second["page"] == third["page"]
    assert [bool(state["problems"]) for state in (first, second, third)] == [False, False, True]
    assert list(states) in ([], [None])


def test_a_picture_with_the_same_name_is_another_page(live: LiveSite, demo: Path) -> None:
    with (demo / "index.md").open("a") as words:
        words.write("\n![a](a.txt)\n")
    (demo / "a.txt").write_text("one")
    live.rebuild([demo / "index.md"])
    (demo / "a.txt").write_text("two")

    assert live.rebuild([demo / "a.txt"]).pages == 1


def test_a_new_model_is_compiled_and_told(live: LiveSite, demo: Path) -> None:
    before = live.answer("colours/")[2]
    (demo / "model.onnx").write_bytes(classifier((1, 3, 32, 32)))

    assert live.rebuild([demo / "model.onnx"]).problems == ()
    assert live.answer("colours/")[2] != before


def test_a_long_list_of_changes_is_shortened(live: LiveSite) -> None:
    change = live.rebuild([Path("a"), Path("b"), Path("c"), Path("d")])

    assert said(change).startswith("a, b and 2 more changed: 0 pages, ")


def test_a_link_out_of_the_demo_is_a_problem_and_never_served(
    live: LiveSite, demo: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (demo / "notes.txt").symlink_to(tmp_path / "secret.txt")
    (demo / "index.md").write_text("[notes](notes.txt)")

    (problem,) = live.rebuild([demo / "index.md"]).problems

    assert "is a link that leaves the demo's folder" in problem.message
    assert not live.answer("colours/notes.txt")[0]


def test_an_excerpt_shows_what_is_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo.yaml").write_text("one\n\ttwo\nthree\x1b[31m\nfour\nfive\nsix")

    (problem,) = problems_of(ConfigError("demo.yaml:3:2: what; what to do"))

    assert (problem.where, problem.message) == ("demo.yaml:3:2", "what; what to do")
    assert (problem.line, problem.caret) == (3, 2)
    assert problem.excerpt == (
        (1, "one"), (2, " two"), (3, "three\\x1b[31m"), (4, "four"), (5, "five"),
    )  # fmt: skip


def test_an_excerpt_of_a_long_line_shows_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("index.md").write_text("x" * 500 + "HERE" + "y" * 500)

    (problem,) = problems_of(ConfigError("index.md:1:501: what"))
    (_, text) = problem.excerpt[0]

    assert problem.where == "index.md:1:501"
    assert problem.caret
    assert text[problem.caret - 1 :].startswith("HERE")
    assert len(text) <= 160


def test_a_long_run_of_breaking_and_mending_leaks_nothing(tmp_path: Path) -> None:
    from tests.site.breaking import Run

    new_site(tmp_path / "site")

    run = Run(tmp_path / "site")
    grown = run.repeat(16)

    assert grown.threads <= 0
    assert grown.files <= 1
