"""What models with threads leave behind when they are closed: memory, threads, open files.

    python -m tests.runtime.cycles [COUNT] [--browser]

loads, runs and closes a model that often under Node, or in a page of Chromium, in turns in a worker
and without one, and prints what the process has grown by.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper
from playwright.sync_api import sync_playwright

import edgesite
from edgesite.site.serve_http import Server
from edgesite.targets.stored.trial import UNLIMITED
from tests.models import model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from edgesite.targets.stored.choice import Weights


def save_model(folder: Path, weights: Weights = "float32") -> None:
    """Three convolutions and a pool, each large enough to be shared."""
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 8, 96, 96), dtype=np.float32)}
    filters = {
        "a": rng.standard_normal((32, 8, 3, 3), dtype=np.float32),
        "b": rng.standard_normal((32, 1, 3, 3), dtype=np.float32),
        "c": rng.standard_normal((24, 32, 1, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], pads=[1] * 4),
        helper.make_node("Conv", ["p", "b"], ["q"], group=32, pads=[1] * 4),
        helper.make_node("Conv", ["q", "c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    model = model_of(nodes, feeds, ["y"], filters)
    edgesite.compile(model, weights=weights, limits=UNLIMITED).save(folder)
    (folder / "package.json").write_text('{"type": "module"}')


_CYCLES = """async ([count]) => {
    // What a page fetches, the tools that watch it keep, so that it fetches each file but once.
    const { fetch } = globalThis;
    const files = new Map();
    globalThis.fetch = async (address) => {
        const key = String(address);
        if (!files.has(key)) files.set(key, await (await fetch(address)).blob());
        return new Response(files.get(key));
    };
    const { load } = await import("/model.js");
    let started = 0;
    globalThis.Worker = class extends Worker {
        constructor(...given) { super(...given); started++; }
    };
    for (let at = 0; at < count; at++) {
        const worker = at % 2 === 1;
        started = 0;
        const model = await load({ threads: 2, worker });
        if (model.info.threads !== 2) throw new Error("the page is not isolated");
        // In Firefox a worker that starts another may wait for it without end.
        if (started !== (worker ? 2 : 1)) throw new Error("a worker has started a thread");
        await model.run({ x: new Float32Array(8 * 96 * 96).fill(0.5) });
        await model.close();
    }
    globalThis.fetch = fetch;
}"""


_END_S = 30
"""What the end of a worker may take."""


class _Folder:
    """A folder as a site, and an empty page."""

    base = "/"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def answer(self, path: str) -> tuple[bool, str, bytes]:
        """A file, or the page."""
        file = self._folder / (path or "index.html")
        return True, file.name, file.read_bytes() if path else b"<!doctype html><title>x</title>"

    def follow(self, page: str) -> Iterator[None]:  # noqa: ARG002
        """Nothing."""
        yield from ()


@dataclass(frozen=True)
class Left:
    """What a page's process had more of after many models than before."""

    workers: int
    """Of closed models that are still there, which a page has none of to begin with."""

    threads: int
    megabytes: float
    heap_megabytes: float
    """Of the page's own JavaScript."""


def left_in_chromium(browser: Browser, folder: Path, count: int) -> Left:
    """Load, run and close a model that often in a page that is isolated."""
    server = Server("127.0.0.1", 0, _Folder(folder), isolated=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    session = context.new_cdp_session(page)
    page.evaluate(_CYCLES, [10])
    earlier = _seconds_of_renderers(browser)
    page.evaluate(_CYCLES, [10])
    worked = {
        process: seconds - earlier.get(process, seconds)
        for process, seconds in _seconds_of_renderers(browser).items()
    }
    process = max(worked, key=lambda each: worked[each])  # others are spare, or another test's

    def measured(times: int) -> tuple[int, float, float]:
        page.evaluate(_CYCLES, [times])
        deadline = time.monotonic() + _END_S
        while page.workers and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        for _ in range(3):  # what one collection finds to be unused, the next may give back
            session.send("HeapProfiler.collectGarbage")
            page.wait_for_timeout(200)
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        numbers = dict(re.findall(r"^(Threads|VmRSS):\s*(\d+)", status, re.M))
        heap = session.send("Runtime.getHeapUsage")["usedSize"]
        return int(numbers["Threads"]), int(numbers["VmRSS"]) / 1024, heap / 2**20

    before, after = measured(10), measured(count)
    threads, megabytes, heap = (now - then for now, then in zip(after, before, strict=True))
    left = Left(len(page.workers), int(threads), megabytes, heap)
    context.close()
    server.shutdown()
    server.server_close()
    return left


def _seconds_of_renderers(browser: Browser) -> dict[int, float]:
    """What every process that shows pages has computed."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return {each["id"]: each["cpuTime"] for each in processes if each["type"] == "renderer"}


def main(count: int, *, in_browser: bool) -> None:
    """Print what Node says, or what is left in Chromium."""
    script = Path(__file__).parent / "threads.mjs"
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        if in_browser:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                print(left_in_chromium(browser, Path(folder), count))
                browser.close()
        else:
            subprocess.run(
                ["node", "--expose-gc", script, folder, "cycles", str(count)], check=True
            )


if __name__ == "__main__":
    counts = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    main(counts[0] if counts else 1000, in_browser="--browser" in sys.argv)
