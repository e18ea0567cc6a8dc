"""How long an author waits: edits of the repository's own demos until the page shows them.

    python -m tests.pages.loop [TIMES]

prints the median of each kind of edit in milliseconds, from before the file is written until the
browser has the result; the browser's own share is in it.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import onnx
from playwright.sync_api import sync_playwright

from tests.pages.conftest import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]

_STYLE = 'getComputedStyle(document.querySelector("h1")).outlineWidth === "{}px"'
_LABEL = 'document.querySelector("#answer tbody th")?.textContent.startsWith("{}")'
_WORDS = 'document.querySelector(".words")?.textContent.includes("edit {}")'
_MODEL = '[...document.querySelectorAll(".behind code")].at(-1)?.textContent !== "{}"'
_LIVE = 'document.querySelector("#take")?.dataset.state === "live"'


def main(times: int) -> None:
    """Serve a copy of the site, edit it, and print what was measured."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Path(folder)
        for name in ("demos", "docs"):
            shutil.copytree(ROOT / name, site / name)
        for file in (ROOT / "edgesite.yaml", *ROOT.glob("*.md")):
            shutil.copy(file, site)
        (site / "theme" / "styles").mkdir(parents=True)
        style = site / "theme" / "styles" / "words.css"
        shutil.copy(ROOT / "theme" / "styles" / "words.css", style)
        os.environ["EDGESITE_CACHE"] = str(site / ".edgesite-cache")
        command = [sys.executable, "-c", "from edgesite.cli import main; main()"]
        subprocess.run([*command, "build"], cwd=site, check=True, capture_output=True)
        started = time.perf_counter()
        server = subprocess.Popen(
            [*command, "serve", "--watch", "--port", "0"],
            cwd=site,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout
        server.stdout.readline()
        url = server.stdout.readline().split()[0]
        with urlopen(f"{url}cifar10/") as answer:
            answer.read()
        print(f"start to first page: {(time.perf_counter() - started) * 1000:.0f} ms")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(bypass_csp=True)  # or the conditions below could not be evaluated
        page.goto(f"{url}cifar10/")
        page.wait_for_function(_LIVE)
        try:
            measure(page, site / "demos" / "cifar10", style, times)
        finally:
            browser.close()
            server.kill()
            server.wait()
            server.stdout.close()


def measure(page: Page, demo: Path, style: Path, times: int) -> None:
    """Edit words, style, labels, configuration and model in turn."""
    words, rules = (demo / "index.md").read_text(), style.read_text()
    labels, config = (demo / "labels.txt").read_text(), (demo / "demo.yaml").read_text()

    def edit_words(n: int) -> str:
        (demo / "index.md").write_text(f"{words}\n\nedit {n}.\n")
        return _WORDS.format(n)

    def edit_style(n: int) -> str:
        style.write_text(f"{rules}\nh1 {{ outline: {n + 1}px solid transparent }}\n")
        return _STYLE.format(n + 1)

    def edit_config(n: int) -> str:
        (demo / "demo.yaml").write_text(config.replace("title: ", f"title: {n} "))
        return f'document.querySelector("h1")?.textContent.startsWith("{n} ")'

    def edit_labels(n: int) -> str:
        lines = labels.splitlines()
        text = page.locator("#answer tbody th").first.inner_text().split("~")[0]
        lines = [f"{text}~{n}" if line == text else line for line in lines]
        # Examples name their label, and the one that is expected.
        named = re.sub(rf"\b(label|expected): {text}\b", rf"\1: {text}~{n}", config)
        (demo / "demo.yaml").write_text(named)
        (demo / "labels.txt").write_text("\n".join(lines))
        return _LABEL.format(f"{text}~{n}")

    def edit_model(n: int) -> str:
        model = onnx.load(demo / "model.onnx")
        model.doc_string = f"edit {n}"
        before = page.locator(".behind code").last.text_content()
        onnx.save(model, demo / "model.onnx")
        return f"{_MODEL.format(before)} && {_LIVE}"

    kinds: dict[str, tuple[Callable[[int], str], int]] = {
        "words": (edit_words, times),
        "style": (edit_style, times),
        "demo.yaml": (edit_config, times),
        "labels": (edit_labels, max(times // 5, 1)),
        "model": (edit_model, max(times // 5, 1)),
    }
    for kind, (edit, count) in kinds.items():
        taken = []
        for number in range(count):
            started = time.perf_counter()
            condition = edit(number)
            page.wait_for_function(condition, polling="raf")
            taken.append((time.perf_counter() - started) * 1000)
            time.sleep(0.3)
        print(f"{kind}: median {statistics.median(taken):.0f} ms, best {min(taken):.0f} of {count}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
