"""Every demo of this repository in Chromium, Firefox and WebKit: one answer, the build's."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgesite.bench.browser import find_webkit, screen

from .conftest import REPOSITORY, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

HERE = Path(__file__).parent
SLUGS = sorted(path.parent.name for path in (REPOSITORY / "demos").glob("*/demo.yaml"))
"""Every demo: none of this repository has an address other than its folder's name."""
READ = (HERE / "examples.js").read_text(encoding="utf-8")
"""The body of an asynchronous function."""

Answers = list[list[Any]]
"""Per example its caption and rows of label and probability."""


@pytest.fixture(scope="module")
def address(demo_files: dict[str, bytes]) -> Iterator[str]:
    server, served = serve(demo_files)
    yield served.url
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def built(demo_files: dict[str, bytes]) -> list[Answers]:
    """What the pages say before any script runs."""
    found = []
    for slug in SLUGS:
        page = demo_files[f"{slug}/index.html"].decode()
        data = json.loads(page.split('id="edgesite-demo">', 1)[1].split("</script>", 1)[0])
        rows = [
            [example["caption"], [[data["labels"][i], share] for i, share in example["answers"]]]
            for example in data["examples"]
        ]
        found.append(rows)
    return found


def assert_same(live: list[Answers], built: list[Answers]) -> None:
    for demo, expected in zip(live, built, strict=True):
        assert [caption for caption, _ in demo] == [caption for caption, _ in expected]
        for (caption, rows), (_, wanted) in zip(demo, expected, strict=True):
            assert [label for label, _ in rows] == [label for label, _ in wanted], caption
            shares = [float(share) for _, share in rows]
            assert shares == pytest.approx([share for _, share in wanted], abs=1e-4), caption


def test_chromium_answers_as_the_build(
    browser: Browser, address: str, built: list[Answers]
) -> None:
    live = []
    for slug in SLUGS:
        page = browser.new_page()
        page.goto(f"{address}{slug}/")
        live.append(page.evaluate(f"async () => {{{READ}}}"))
        page.close()

    assert_same(live, built)


@pytest.mark.skipif(not shutil.which("firefox-esr"), reason="firefox-esr is not installed")
def test_firefox_answers_as_the_build(address: str, built: list[Answers]) -> None:
    script, program = HERE / "firefox.mjs", shutil.which("firefox-esr") or ""
    done = subprocess.run(
        ["node", script, program, *(f"{address}{slug}/" for slug in SLUGS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    assert_same(json.loads(done.stdout), built)


@pytest.mark.skipif(
    not (shutil.which("WebKitWebDriver") and shutil.which("Xvfb") and find_webkit()),
    reason="webkit2gtk-driver or xvfb is not installed",
)
@pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")
def test_webkit_answers_as_the_build(
    address: str, built: list[Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    from selenium import webdriver
    from selenium.webdriver.webkitgtk.options import Options
    from selenium.webdriver.webkitgtk.service import Service

    options = Options()
    options.binary_location = str(find_webkit())
    options.add_argument("--automation")
    with screen() as display:
        monkeypatch.setenv("DISPLAY", display)
        service = Service(shutil.which("WebKitWebDriver"))
        driver = webdriver.WebKitGTK(options=options, service=service)
        try:
            driver.set_script_timeout(120)
            live = []
            for slug in SLUGS:
                driver.get(f"{address}{slug}/")
                reply = "const reply = arguments[arguments.length - 1];"
                live.append(
                    driver.execute_async_script(
                        f"{reply} (async () => {{{READ}}})().then(reply, (e) => reply(String(e)))"
                    )
                )
        finally:
            driver.quit()

    assert_same(live, built)
