"""TypeScript under Node and in Chromium: bundles of single files, and what uses them."""

from __future__ import annotations

import gzip
import http.server
import json
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from edgesite.site.assets import find_esbuild, theme_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Bundle a source of the theme, such as "runtime/image.ts", as the pages' are."""
    folder = tmp_path_factory.mktemp("bundles")
    esbuild = find_esbuild()
    assert esbuild, "esbuild is missing; run npm ci"
    options = json.loads((theme_folder() / "bundle.json").read_text())["options"]

    def make(source: str, *, pictures: bool = False, threads: bool = False) -> Path:
        switches = {
            "WITH_CENTRE": True,
            "WITH_PICTURES": pictures,
            "WITH_SIZES": False,
            "WITH_VALUES": False,
            "WITH_THREADS": threads,
        }
        defines = [f"--define:{name}={str(is_on).lower()}" for name, is_on in switches.items()]
        on = "-".join(name for name, is_on in switches.items() if is_on)
        output = folder / f"{Path(source).stem}-{on}.mjs"
        arguments = [source, *options, *defines, f"--outfile={output}"]
        subprocess.run([esbuild, *arguments], cwd=theme_folder(), check=True)
        return output

    return make


@pytest.fixture(scope="session")
def node() -> Callable[..., Any]:
    """Run a script of this folder; what it prints, read as JSON."""
    program = shutil.which("node")
    assert program, "node is missing; install Node 20 or newer"

    def run(script: str, *arguments: object) -> Any:
        done = subprocess.run(
            [program, "--expose-gc", HERE / script, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files compressed, without their length, as static hosts give them; pages with a policy."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Access-Control-Allow-Origin", "*")
        if path.name == "strict.html":
            policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
            self.send_header("Content-Security-Policy", f"{policy}; worker-src 'self'")
        self.end_headers()
        self.wfile.write(gzip.compress(path.read_bytes(), 1))

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder at an origin of its own; the URL ends in a slash."""
    servers = []

    def start(folder: Path) -> str:
        handler = partial(_Handler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "chromium is missing; install it (make test does)"
    switches = "--no-sandbox --disable-gpu --disable-quic --no-first-run"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=switches.split())
        yield browser
        browser.close()
