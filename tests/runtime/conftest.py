"""TypeScript under Node: bundles of single files, and scripts that use them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgesite.site.assets import find_esbuild, theme_folder

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Bundle a source of the theme, such as "runtime/image.ts", as the pages' are."""
    folder = tmp_path_factory.mktemp("bundles")
    esbuild = find_esbuild()
    assert esbuild, "esbuild is missing; run npm ci"
    options = json.loads((theme_folder() / "bundle.json").read_text())["options"]

    def make(source: str) -> Path:
        output = folder / Path(source).with_suffix(".mjs").name
        arguments = [source, *options, f"--outfile={output}"]
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
            [program, HERE / script, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
