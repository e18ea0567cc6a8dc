"""Pages that become isolated by the site's own service worker, and what they do otherwise."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from edgesite.site.build import build
from edgesite.site.language import find_language
from tests.sites import contents

from .conftest import REPOSITORY, Visit, serve, visited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Frame, Page

    from edgesite.site.assets import Assets

    from .conftest import Served

HERE = Path(__file__).parent
READ = (HERE / "examples.js").read_text(encoding="utf-8")
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
COUNT_WORKERS = """
    window.started = 0;
    window.Worker = class extends Worker {
        constructor(...given) { super(...given); window.started++; }
    };
"""
BUDGET = 1500
"""Bytes of a service worker, gzipped."""


def built(tmp_path_factory: pytest.TempPathFactory, **settings: object) -> dict[str, bytes]:
    """A site with one demo whose work can be shared."""
    root = tmp_path_factory.mktemp("isolated")
    shutil.copytree(REPOSITORY / "demos" / "cifar10", root / "demos" / "cifar10")
    lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
    (root / "edgesite.yaml").write_text("\n".join(["title: Threads", *lines]))
    build(root, root / "dist")
    return contents(root / "dist")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return built(tmp_path_factory, isolate=True)


@pytest.fixture
def served(files: dict[str, bytes]) -> Iterator[Served]:
    server, served = serve(dict(files))
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(context: BrowserContext, served: Served) -> Visit:
    return visited(context, served)


def answers(page: Page | Frame) -> Any:
    return page.evaluate(f"async () => {{{READ}}}")


def open_until_isolated(visit: Visit) -> Page:
    """Go to the demo and wait until the page has loaded itself again, isolated."""
    loads = loads_of(visit)
    page = visit.open("cifar10/")
    wait_for_loads(page, loads, 2)
    assert page.evaluate("crossOriginIsolated")
    return page


def wait_for_loads(page: Page, loads: list[str], count: int) -> None:
    """Wait without asking the page, which would take the question for something a visitor does."""
    for _ in range(600):
        if len(loads) >= count:
            break
        page.wait_for_timeout(50)
    page.wait_for_load_state()


def loads_of(visit: Visit) -> list[str]:
    """Grows with every time that a page is loaded."""
    loads: list[str] = []
    visit.page.on("framenavigated", lambda frame: loads.append(frame.url))
    return loads


def expect_threads(page: Page) -> None:
    """The receipt names as many threads as there are cores."""
    cores = min(8, page.evaluate("navigator.hardwareConcurrency"))
    expect(page.locator("#threads")).to_have_text(f"{cores} threads" if cores > 1 else "one thread")


def expect_one_thread(page: Page) -> None:
    expect(page.locator("#take")).to_have_attribute("data-state", "live")
    expect(page.locator("#threads")).to_have_text("one thread")


def test_a_first_visit_is_loaded_once_more_and_then_has_threads(visit: Visit) -> None:
    loads = loads_of(visit)

    page = open_until_isolated(visit)
    answers(page)

    expect_threads(page)
    assert len(loads) == 2
    assert visit.complaints == []
    assert visit.foreign == []


def test_the_page_itself_starts_all_threads(visit: Visit) -> None:
    # In Firefox a worker that starts another may wait for it without end.
    visit.page.add_init_script(COUNT_WORKERS)
    page = open_until_isolated(visit)
    answers(page)

    cores = page.evaluate("navigator.hardwareConcurrency")
    assert page.evaluate("started") == min(8, cores)


def test_later_visits_have_threads_at_once(visit: Visit) -> None:
    open_until_isolated(visit)
    loads = loads_of(visit)

    page = visit.open("cifar10/")
    answers(page)

    expect_threads(page)
    assert len(loads) == 1


def test_a_page_without_service_workers_answers_alike_on_one_thread(
    visit: Visit, browser: Browser
) -> None:
    threads = answers(open_until_isolated(visit))
    private = browser.new_context(service_workers="block")
    page = visited(private, visit.served).open("cifar10/")
    alone = answers(page)

    expect_one_thread(page)
    assert alone == threads
    private.close()


def test_a_page_that_cannot_be_isolated_is_not_loaded_again_and_again(
    files: dict[str, bytes], context: BrowserContext
) -> None:
    idle = b"addEventListener('fetch', () => {})"
    server, served = serve(files | {"sw.js": idle})
    visit = visited(context, served)
    loads = loads_of(visit)

    page = visit.open("cifar10/")
    wait_for_loads(page, loads, 2)
    visit.open("cifar10/")
    answers(page)
    server.shutdown()
    server.server_close()

    expect_one_thread(page)
    assert len(loads) == 3


def test_a_page_inside_another_answers_alike_on_one_thread_and_is_not_loaded_again(
    visit: Visit, files: dict[str, bytes], browser: Browser
) -> None:
    threads = answers(open_until_isolated(visit))
    server, served = serve(files | {"frame.html": b"<iframe src=cifar10/></iframe>"})
    around = browser.new_context()
    outer = visited(around, served)
    loads = loads_of(outer)
    outer.open("frame.html")
    inside = outer.page.frames[1]
    alone = answers(inside)

    expect(inside.locator("#take")).to_have_attribute("data-state", "live")
    expect(inside.locator("#threads")).to_have_text("one thread")
    assert not inside.evaluate("crossOriginIsolated")
    assert alone == threads
    outer.page.wait_for_timeout(500)
    assert len(loads) == 2  # the page and the one inside
    around.close()
    server.shutdown()
    server.server_close()


def test_the_receipt_is_of_what_threads_load(visit: Visit, files: dict[str, bytes]) -> None:
    page = open_until_isolated(visit)
    if page.evaluate("navigator.hardwareConcurrency") == 1:
        pytest.skip("the browser may use one core alone, which has one thread")
    answers(page)
    told = json.loads(page.locator("#edgesite-demo").text_content() or "")
    manifest = told["manifest"]
    script = page.locator("script[src*='/page']").get_attribute("src") or ""
    assets = [f"assets/{Path(path).name}" for path in (script, told["worker"], told["helper"])]
    module = manifest["threads"]["modules"]["relaxed"]["file"]
    model = [f"cifar10/{name}" for name in (module, manifest["weights"]["file"])]
    loaded = sum(len(files[name]) for name in (*assets, *model))

    expect(page.locator("#all-raw")).to_have_text(find_language("en").figures.kilobytes(loaded))


def test_it_works_beside_offline(
    tmp_path_factory: pytest.TempPathFactory, context: BrowserContext
) -> None:
    files = built(tmp_path_factory, isolate=True, offline=True)
    server, served = serve(files)
    visit = visited(context, served)
    page = open_until_isolated(visit)
    expect(page.locator("#offline")).to_be_visible()
    server.shutdown()
    server.server_close()

    page = visit.open("cifar10/")

    expect(page.locator("#take")).to_have_attribute("data-state", "live")
    expect_threads(page)


def test_the_service_worker_is_small(assets: Assets) -> None:
    assert len(gzip.compress(assets.isolating.data, 9)) <= BUDGET


@pytest.mark.skipif(not shutil.which("firefox-esr"), reason="firefox-esr is not installed")
def test_firefox_answers_with_threads_as_without(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    # The first one's service worker takes over a page that has threads already.
    kept = built(tmp_path_factory, isolate=True, offline=True)
    servers = [serve(kept, ISOLATED), serve(files)]
    # Without a service worker, which would isolate the page, and load it anew while it is used.
    servers[1][1].missing.add("sw.js")
    addresses = [f"{served.url}cifar10/" for _, served in servers]
    program = shutil.which("firefox-esr") or ""
    done = subprocess.run(
        ["node", HERE / "firefox.mjs", program, "--threads", *addresses],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    for server, _ in servers:
        server.shutdown()
        server.server_close()

    assert done.returncode == 0, done.stderr
    (threads, shared), (one, alone) = json.loads(done.stdout)
    assert shared == alone
    assert one == "one thread"
    assert threads.endswith("threads") or os.cpu_count() == 1
