"""Pages without a network, and what becomes of them when the site changes."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.sites import render_site

from . import toys
from .conftest import PATIENCE_MS, Visit, serve, visited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Page

    from edgesite.site.assets import Assets

BUDGET = 1500
"""Bytes of the service worker, gzipped, without its table of files."""


class Deployed(dict[str, bytes]):
    """The files of a site on its server, which may go down, and how often each was asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.is_down = False

    def __getitem__(self, name: str) -> bytes:
        if self.is_down:
            raise ConnectionError
        self.asked[name] += 1
        return super().__getitem__(name)

    def deploy(self, files: dict[str, bytes]) -> None:
        self.clear()
        self.update(files)
        self.asked.clear()


@pytest.fixture
def deployed() -> Deployed:
    return Deployed()


@pytest.fixture
def visit(context: BrowserContext, deployed: Deployed) -> Iterator[Visit]:
    server, served = serve(deployed)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # it is down on purpose
    yield visited(context, served)
    server.shutdown()
    server.server_close()


def site_of(assets: Assets, offline: Any = True, **changes: Any) -> dict[str, bytes]:
    demos = [toys.colour_demo(**changes), toys.stroke_demo()]
    return render_site(toys.site(offline=offline), demos, assets)


def open_until_kept(visit: Visit, path: str) -> Page:
    page = visit.open(path)
    expect(page.locator("#offline")).to_be_visible()
    return page


def until(page: Page, promise: str, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait until a promise in the page gives true; something is done once a second meanwhile."""
    for _ in range(PATIENCE_MS // 1000):
        for _ in range(20):
            if page.evaluate(promise):
                return
            page.wait_for_timeout(50)
        meanwhile()
    raise AssertionError(promise)


def expect_live(page: Page, label: str) -> None:
    expect(page.locator("#take")).to_have_attribute("data-state", "live")
    expect(page.locator("#answer tbody th").first).to_contain_text(label)


def test_a_demo_that_was_visited_works_without_a_network(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    deployed.deploy(site_of(assets))
    open_until_kept(visit, "colour/")
    deployed.is_down = True

    page = visit.open("colour/")
    expect_live(page, "red")
    page.get_by_role("radio", name="All blue").check()
    expect_live(page, "blue")
    visit.open("")
    expect(visit.page.get_by_role("link", name="What is this colour?")).to_be_visible()


def test_the_page_of_a_first_visit_goes_on_without_a_network(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    deployed.deploy(site_of(assets))
    page = open_until_kept(visit, "colour/")
    deployed.is_down = True

    page.get_by_role("radio", name="All blue").check()
    expect_live(page, "blue")


def test_all_demos_work_after_one_visit_where_the_site_is_kept_in_full(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    deployed.deploy(site_of(assets, "full"))
    open_until_kept(visit, "")
    deployed.is_down = True

    expect_live(visit.open("stroke/"), "dash")


def test_a_changed_text_loads_no_model_again(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    deployed.deploy(site_of(assets))
    open_until_kept(visit, "colour/")
    deployed.deploy(site_of(assets, body_markdown="Other words."))
    page = visit.open("colour/")
    until(page, "navigator.serviceWorker.getRegistration().then((r) => Boolean(r.waiting))")

    visit.open("colour/")
    expect(page.locator(".words")).to_have_text("Other words.")
    expect_live(page, "red")
    assert deployed.asked["colour/index.html"] == 1
    assert [name for name in deployed.asked if name.endswith((".wasm", ".bin", ".png"))] == []


def test_an_open_page_never_gets_files_of_another_build(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    first, second = site_of(assets), site_of(assets, examples=toys.colour_demo().examples[1:])
    data = second["colour/examples/blue.png"]
    second["colour/examples/blue.png"] = grey(data)
    deployed.deploy(first)
    page = visit.open("colour/")
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    page.evaluate("caches.keys().then((names) => Promise.all(names.map((n) => caches.delete(n))))")
    deployed.deploy(second)

    status, same = page.evaluate(
        """async () => {
          const reply = await fetch("examples/blue.png");
          return [reply.status, (await reply.arrayBuffer()).byteLength];
        }"""
    )
    assert (status, same) != (200, len(second["colour/examples/blue.png"]))
    assert status == 503


def grey(picture: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("L").save(file, "PNG")
    return file.getvalue()


def test_what_was_spoiled_in_the_cache_is_loaded_again(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    deployed.deploy(site_of(assets))
    page = open_until_kept(visit, "colour/")
    spoiled = page.evaluate(
        """async () => {
          const cache = await caches.open((await caches.keys())[0]);
          const kept = await cache.keys();
          for (const request of kept) await cache.put(request, new Response("spoiled"));
          return kept.length;
        }"""
    )
    assert spoiled > 10

    expect_live(visit.open("colour/"), "red")


def test_a_site_that_gives_it_up_leaves_nothing_behind(
    visit: Visit, deployed: Deployed, assets: Assets
) -> None:
    deployed.deploy(site_of(assets))
    open_until_kept(visit, "colour/")
    deployed.deploy(site_of(assets, offline=False))
    page = visit.open("colour/")

    # Browsers stop a worker that has nothing to do, but not one that a test has attached to.
    session = page.context.new_cdp_session(page)
    session.send("ServiceWorker.enable")

    until(
        page,
        """navigator.serviceWorker.getRegistrations().then(
          async (all) => !all.length && !(await caches.keys()).length)""",
        meanwhile=lambda: session.send("ServiceWorker.stopAllWorkers"),
    )
    expect_live(visit.open("colour/"), "red")


def test_the_site_can_be_installed(visit: Visit, deployed: Deployed, assets: Assets) -> None:
    files = site_of(assets)
    manifest = json.loads(files["site.webmanifest"])
    deployed.deploy(files)
    page = open_until_kept(visit, "")

    assert page.locator("link[rel=manifest]").get_attribute("href") == "site.webmanifest"
    for icon in manifest["icons"]:
        with Image.open(io.BytesIO(files[icon["src"]])) as image:
            assert f"{image.width}x{image.height}" == icon["sizes"]
    session = page.context.new_cdp_session(page)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors] == ["in-incognito"]  # which is the test's own
    assert visit.complaints == []


def test_the_service_worker_is_small(assets: Assets) -> None:
    workers = [assets.service_worker(isolate=isolate) for isolate in (False, True)]

    assert max(len(gzip.compress(worker.data, 9)) for worker in workers) <= BUDGET
