"""A fresh browser that opens one address: Chromium, Firefox or WebKit, each without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.errors import BuildError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MOMENT_S = 0.2

# Ten megabits a second and 40 ms there and back: a telephone in town.
NETWORK = {
    "offline": False,
    "latency": 40,
    "downloadThroughput": 10e6 / 8,
    "uploadThroughput": 10e6 / 8,
}

_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)

_PREFERENCES = {
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}

_MINI_BROWSERS = ("webkit2gtk-4.1", "webkit2gtk-4.0", "webkitgtk-6.0")


@contextmanager
def opened(browser: str, address: str, *, throttled: bool = False) -> Iterator[Callable[[], None]]:
    """A browser of that name at an address, over a slow network if `throttled`.

    Yields a function that waits a moment, and raises BuildError when the browser is gone.
    Raises UsageError for an unknown name and for a slow network where there is none,
    BuildError where the browser is not installed.
    """
    if browser not in BROWSERS:
        raise UsageError(f'--browser: got "{browser}"; known are {", ".join(BROWSERS)}')
    if browser == "chromium":
        with _chromium(address, throttled=throttled) as wait:
            yield wait
        return
    if throttled:
        raise UsageError(f"--cold: only chromium imitates a slow network, {browser} does not")
    with BROWSERS[browser](address) as wait:
        yield wait


@contextmanager
def _chromium(address: str, *, throttled: bool = False) -> Iterator[Callable[[], None]]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UsageError(
            "playwright: is not installed, and drives the browser; pip install 'edgesite[bench]'"
        ) from None
    program = _found("chromium", "chromium-browser", "google-chrome", "chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(_QUIET))
        try:
            page = browser.new_page()
            if throttled:
                session = page.context.new_cdp_session(page)
                session.send("Network.enable")
                session.send("Network.emulateNetworkConditions", NETWORK)
            page.goto(address)

            def wait() -> None:
                try:
                    page.wait_for_timeout(1000 * MOMENT_S)
                except Error as error:
                    raise BuildError(f"chromium: {error.message}; try again") from None

            yield wait
        finally:
            browser.close()


@contextmanager
def _firefox(address: str) -> Iterator[Callable[[], None]]:
    program = _found("firefox-esr", "firefox")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = (
            f'user_pref("{name}", {str(value).lower()});' for name, value in _PREFERENCES.items()
        )
        (Path(profile) / "user.js").write_text("\n".join(lines))
        options = ("--headless", "--no-remote", "--profile", profile)
        with _running([program, *options, address]) as wait:
            yield wait


@contextmanager
def _webkit(address: str) -> Iterator[Callable[[], None]]:
    program = find_webkit()
    if program is None:
        raise BuildError("MiniBrowser: not found; install WebKitGTK's (webkit2gtk-driver)")
    with screen() as display, _running([program, "--private", address], DISPLAY=display) as wait:
        yield wait


BROWSERS = {"chromium": _chromium, "firefox": _firefox, "webkit": _webkit}


def find_webkit() -> Path | None:
    """The small browser that comes with WebKitGTK, which no PATH leads to."""
    places = (Path("/usr/lib").glob(f"*/{name}/MiniBrowser") for name in _MINI_BROWSERS)
    return next((path for found in places for path in found), None)


@contextmanager
def screen() -> Iterator[str]:
    """A screen that nobody sees, for a browser that wants one."""
    reader, writer = os.pipe()
    server = subprocess.Popen(
        [
            *(_found("Xvfb"), "-displayfd", str(writer)),
            *("-screen", "0", "1280x800x24", "-nolisten", "tcp"),
        ],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _running(command: Sequence[str | Path], **environment: str) -> Iterator[Callable[[], None]]:
    """A program with all that it starts, ended afterwards."""
    silent = subprocess.DEVNULL
    with subprocess.Popen(
        command,
        stdout=silent,
        stderr=silent,
        env={**os.environ, **environment},
        start_new_session=True,
    ) as process:

        def wait() -> None:
            time.sleep(MOMENT_S)
            if process.poll() is not None:
                raise BuildError(f"{command[0]}: has ended with {process.returncode}; try again")

        try:
            yield wait
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _found(*names: str) -> str:
    """The first of some programs that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise BuildError(f"{names[0]}: not found; install it to run benchmarks in it")
    return found
