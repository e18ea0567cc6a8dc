"""Demos in pages of others: <edgesite-demo>, and what frames of one page share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from .conftest import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Frame, Page

    from .conftest import Visit

DEMOS = ("colour", "stroke", "every", "gold", "colour")

HOST = """<!doctype html>
<link rel="icon" href="data:,">
<style>
body {{ margin: 2rem; background: #fff }}
.dark {{ background: oklch(0.2 0 0) }}
div {{ height: 150vh }}
</style>
<h1>A page of someone else</h1>
<script async src="{site}embed.js"></script>
{demos}
"""
FITS = """low => new Promise((resolve) => {
  const { documentElement } = document;
  const look = () => innerHeight > low && innerHeight === documentElement.offsetHeight
    ? resolve(innerHeight) : setTimeout(look, 20);
  look();
})"""
LIVE = '[data-state="live"]'


def page_of(visit: Visit, demos: tuple[str, ...]) -> str:
    """A page that embeds demos of the site, far apart from each other."""
    site = visit.served.url
    elements = "<div></div>\n".join(
        f'<edgesite-demo src="{site}{slug}/"><a href="{site}{slug}/">{slug}</a></edgesite-demo>'
        for slug in demos
    )
    return HOST.format(site=site, demos=elements)


def host(visit: Visit, demos: tuple[str, ...] = DEMOS) -> Page:
    """Open such a page on the site's own origin."""
    body = page_of(visit, demos)
    visit.page.route("**/host.html", lambda r: r.fulfill(body=body, content_type="text/html"))
    return visit.open("host.html")


@pytest.fixture
def elsewhere(visit: Visit) -> Iterator[Page]:
    """Such a page on another origin."""
    server, other = serve({"host.html": page_of(visit, DEMOS).encode(), "404.html": b""})
    visit.page.goto(other.url + "host.html")
    yield visit.page
    server.shutdown()
    server.server_close()


def framed(page: Page, at: int = 0) -> Frame:
    """The page inside of an element, once it has answered."""
    element = page.locator("edgesite-demo").nth(at)
    element.scroll_into_view_if_needed()
    expect(element.locator("iframe")).to_be_visible()
    expect(element.locator("slot")).to_have_count(0)
    frame = element.locator("iframe").element_handle().content_frame()
    assert frame
    expect(frame.locator(f"#take{LIVE}")).to_be_visible()
    return frame


def workers(browser: Browser, visit: Visit) -> list[str]:
    session = browser.new_browser_cdp_session()
    targets = session.send("Target.getTargets")["targetInfos"]
    session.detach()
    port = visit.served.url.split("/")[2]
    kinds = ("shared_worker", "worker")
    return [t["url"] for t in targets if t["type"] in kinds and port in t["url"]]


def assert_answered_by_one_worker(page: Page, browser: Browser, visit: Visit) -> None:
    first = [framed(page, at).locator("#answer th").nth(2).inner_text() for at in range(5)]

    assert first == ["red", "dash", "red", "red", "red"]
    (worker,) = workers(browser, visit)
    assert "/assets/shared-" in worker
    assert visit.complaints == []


def test_five_demos_on_a_page_answer_through_one_worker(browser: Browser, visit: Visit) -> None:
    assert_answered_by_one_worker(host(visit), browser, visit)


def test_five_demos_on_a_page_of_another_origin_answer_through_one_worker(
    browser: Browser, visit: Visit, elsewhere: Page
) -> None:
    assert_answered_by_one_worker(elsewhere, browser, visit)


def test_frames_without_the_element_share_a_worker_too(browser: Browser, visit: Visit) -> None:
    site = visit.served.url
    body = f'<iframe src="{site}colour/"></iframe><iframe src="{site}stroke/"></iframe>'
    visit.page.route("**/host.html", lambda r: r.fulfill(body=body, content_type="text/html"))

    page = visit.open("host.html")

    for at in range(2):
        expect(page.frame_locator("iframe").nth(at).locator(f"#take{LIVE}")).to_be_attached()
    assert len(workers(browser, visit)) == 1
    assert page.frame_locator("iframe").first.locator(".share").count() == 1


def test_a_frame_that_may_not_share_has_a_worker_of_its_own(browser: Browser, visit: Visit) -> None:
    visit.served.missing.add("assets/shared-")

    framed(host(visit, ("colour",)))

    assert any("/assets/worker." in worker for worker in workers(browser, visit))


def test_a_page_that_is_no_frame_has_a_worker_of_its_own(browser: Browser, visit: Visit) -> None:
    page = visit.open("colour/")
    expect(page.locator(f"#take{LIVE}")).to_be_visible()

    (worker,) = workers(browser, visit)
    assert "/assets/worker." in worker


def test_a_demo_is_loaded_when_it_comes_near(visit: Visit) -> None:
    page = host(visit)
    framed(page, 0)

    assert page.locator("edgesite-demo").nth(4).locator("iframe").count() == 0
    assert [url for url in visit.requests if url.endswith("/gold/")] == []
    expect(page.get_by_role("link", name="gold")).to_be_attached()


def test_the_frame_is_as_high_as_its_content(visit: Visit) -> None:
    frame = framed(host(visit, ("colour",)))
    low = frame.evaluate(FITS, 0)

    frame.locator(".fact summary").first.click()

    assert frame.evaluate(FITS, low) > low


def test_the_demo_alone_is_shown_with_the_way_to_its_page(visit: Visit) -> None:
    page = host(visit, ("colour",))
    frame = framed(page)

    expect(frame.locator("h1 a")).to_have_attribute("href", f"{visit.served.url}colour/")
    expect(frame.locator(".words")).to_be_hidden()
    expect(frame.locator(".facts")).to_be_visible()


def test_the_theme_follows_the_host_as_it_changes(visit: Visit) -> None:
    page = host(visit, ("colour",))
    html = framed(page).locator("html")
    expect(html).to_have_css("background-color", "rgb(250, 250, 248)")

    page.evaluate("document.body.classList.add('dark')")
    expect(html).to_have_css("background-color", "rgb(19, 20, 21)")

    page.evaluate("document.body.className = ''")
    expect(html).to_have_css("background-color", "rgb(250, 250, 248)")

    page.evaluate("document.querySelector('edgesite-demo').setAttribute('theme', 'dark')")
    expect(html).to_have_css("background-color", "rgb(19, 20, 21)")
    assert visit.complaints == []


@pytest.mark.parametrize("context_options", [{"color_scheme": "dark"}])
def test_a_light_host_is_followed_where_the_system_is_dark(visit: Visit) -> None:
    html = framed(host(visit, ("colour",))).locator("html")

    expect(html).to_have_css("background-color", "rgb(250, 250, 248)")


def test_a_demo_that_moves_or_changes_is_loaded_anew(visit: Visit) -> None:
    page = host(visit, ("colour",))
    framed(page)

    page.evaluate(
        """site => {
          const demo = document.querySelector("edgesite-demo");
          document.body.append(demo);
          demo.setAttribute("src", `${site}stroke/`);
        }""",
        visit.served.url,
    )

    assert framed(page).locator("h1").inner_text() == "What is this stroke?"


def test_what_is_no_address_of_a_page_is_not_opened(visit: Visit) -> None:
    page = host(visit, ())
    with page.expect_console_message(lambda note: "give the address of a demo" in note.text):
        page.evaluate(
            """() => {
              const demo = document.createElement("edgesite-demo");
              demo.setAttribute("src", "javascript:parent.ran = 1");
              document.body.append(demo);
            }"""
        )

    assert page.evaluate("window.ran") is None
    assert page.locator("edgesite-demo iframe").count() == 0


def test_a_demo_that_is_not_there_leaves_the_link(visit: Visit) -> None:
    visit.served.missing.add("colour/")
    page = host(visit, ("colour",))

    expect(page.frame_locator("edgesite-demo iframe").get_by_role("heading")).to_be_attached()
    expect(page.get_by_role("link", name="colour")).to_be_visible()
