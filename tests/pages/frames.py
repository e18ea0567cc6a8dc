"""What a page holds on to while its camera runs: memory before and after many frames.

    python -m tests.pages.frames [FRAMES]

lets the cifar10 demo answer the browser's stand-in for a camera, frame after frame without waiting
for the next one to be due, and prints the heaps of the page and of its worker.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from edgesite.site.build import build
from tests.pages.conftest import CHROMIUM, REPOSITORY, serve
from tests.sites import contents

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

WARM_UP = 200
"""Frames until engines have optimised what they run, and caches are filled."""

MEGABYTE = 1_000_000
COLLECT, USAGE = "HeapProfiler.collectGarbage", "Runtime.getHeapUsage"
FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

HURRY = """(() => {
  let left = 0, rest = null, next = null;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => next();
  window.run = (frames) => new Promise((resolve) => {
    left = frames;
    rest = resolve;
    if (next) port2.postMessage(null);
  });
  HTMLVideoElement.prototype.requestVideoFrameCallback = (due) => {
    next = due;
    if (left-- > 0) port2.postMessage(null);
    else rest();
    return 0;
  };
})()"""
"""A frame is due as soon as the one before it is answered, until so many are; then all rests."""


@dataclass(frozen=True)
class Heap:
    """Bytes in use after a collection of garbage, array buffers included."""

    page: int
    worker: int

    def grown(self, before: Heap) -> int:
        """Bytes that the one of both has grown by that has grown more."""
        return max(self.page - before.page, self.worker - before.worker)


class Watch:
    """Looks into the heaps of a page and its one worker by Chromium's own protocol."""

    def __init__(self, page: Page) -> None:
        browser = page.context.browser
        assert browser
        self.page: CDPSession = page.context.new_cdp_session(page)
        self.browser: CDPSession = browser.new_browser_cdp_session()
        self.browser.on("Target.receivedMessageFromTarget", self._heard)
        self.answers: dict[int, dict[str, Any]] = {}
        port = page.url.split("/")[2]
        infos = self.browser.send("Target.getTargets")["targetInfos"]
        workers = [info for info in infos if info["type"] == "worker" and port in info["url"]]
        (self.worker,) = (info["targetId"] for info in workers)
        found = self.browser.send("Target.attachToTarget", {"targetId": self.worker})
        self.session = found["sessionId"]

    def heap(self) -> Heap:
        """What is in use now; what one collection lets go of is gone with the next."""
        for _ in range(2):
            self.page.send(COLLECT)
            self._ask(COLLECT)
        return Heap(_used(self.page.send(USAGE)), _used(self._ask(USAGE)))

    @property
    def worker_lives(self) -> bool:
        infos = self.browser.send("Target.getTargets")["targetInfos"]
        return self.worker in [info["targetId"] for info in infos]

    def _ask(self, method: str) -> dict[str, Any]:
        number = len(self.answers) + 1
        self.answers[number] = {}
        message = json.dumps({"id": number, "method": method})
        self.browser.send(
            "Target.sendMessageToTarget", {"sessionId": self.session, "message": message}
        )
        while not self.answers[number]:
            self.browser.send("Target.getTargets")  # events are heard while something is asked
        result: dict[str, Any] = self.answers[number]["result"]
        return result

    def _heard(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self.answers[message["id"]] = message


def _used(usage: dict[str, Any]) -> int:
    return int(usage["usedSize"] + usage.get("backingStorageSize", 0))


def watched(page: Page, frames: int) -> tuple[Heap, Heap, bool]:
    """Run the camera: the heaps before and after, and whether the worker is still the same.

    The page has been opened with HURRY as its init script, and is live.
    """
    watch = Watch(page)
    page.evaluate("frames => { window.rested = window.run(frames); }", WARM_UP)
    page.get_by_role("button", name="Camera").click()
    page.evaluate("window.rested")
    before = watch.heap()
    page.evaluate("frames => window.run(frames)", frames)
    return before, watch.heap(), watch.worker_lives


def main(frames: int) -> None:
    """Build the site of this repository, run the camera, and print what was measured."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        build(REPOSITORY, Path(folder) / "dist")
        server, served = serve(contents(Path(folder) / "dist"))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.add_init_script(HURRY)
        page.goto(f"{served.url}cifar10/")
        page.locator("#take[data-state=live]").wait_for()
        started = time.perf_counter()
        before, after, lives = watched(page, frames)
        seconds = time.perf_counter() - started
        browser.close()
        server.shutdown()
    print(f"{frames} frames in {seconds:.0f} s, {(frames + WARM_UP) / seconds:.0f} a second")
    for name in ("page", "worker"):
        one, other = getattr(before, name) / MEGABYTE, getattr(after, name) / MEGABYTE
        print(f"{name}: {one:.2f} MB before, {other:.2f} MB after, {other - one:+.2f} MB")
    print(f"the worker is {'the same' if lives else 'another'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
