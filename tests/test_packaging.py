"""The wheel: it holds all that a site needs, and works where there is no checkout and no Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def build_wheel(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    return subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    done = build_wheel(ROOT, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


@dataclass(frozen=True)
class Environment:
    """A virtual environment with edgesite in it, and a path that leads nowhere else."""

    folder: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> str:
        variables = {"PATH": str(self.folder / "bin"), "HOME": str(cwd)}
        done = subprocess.run(
            [self.folder / "bin" / program, *arguments],
            cwd=cwd,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel, installed; what it depends on is borrowed from where the tests run.

    A .pth file lends a folder of packages without obeying the .pth files in it, so that the
    checkout, which is installed there by such a file, stays out.
    """
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    borrowed = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return Environment(folder)


@pytest.fixture(scope="module")
def site(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new site, built by the installed program."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment.run("edgesite", "new", "site", cwd=elsewhere)
    environment.run("edgesite", "build", cwd=elsewhere / "site")
    return elsewhere / "site"


def test_the_wheel_holds_theme_bundles_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    theme = [path for path in (ROOT / "theme").rglob("*") if path.is_file()]
    assert {f"edgesite/{path.relative_to(ROOT).as_posix()}" for path in theme} <= names
    assert {"edgesite/bundles/model.js", "edgesite/bundles/worker.js", "edgesite/py.typed"} <= names
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    names = " ".join(zipfile.ZipFile(wheel).namelist())

    assert {folder.partition("-")[0] for folder in folders} == {"edgesite"}
    assert "test_" not in names
    assert "node_modules" not in names
    assert "__pycache__" not in names


def test_no_file_of_the_wheel_knows_where_it_was_made(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tainted = [name for name in archive.namelist() if os.fsencode(ROOT) in archive.read(name)]

    assert tainted == []


def test_a_wheel_without_bundles_is_refused(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(
        ROOT / "generator", tmp_path / "generator", ignore=shutil.ignore_patterns("bundles")
    )

    done = build_wheel(tmp_path, tmp_path / "out")

    assert done.returncode != 0
    assert "the bundles are missing" in done.stderr
    assert "npm run bundle" in done.stderr


def test_the_installed_package_is_used_and_not_the_checkout(environment: Environment) -> None:
    code = (
        "import edgesite\n"
        "from edgesite.site.assets import bundles_folder, find_esbuild, theme_folder\n"
        "print(edgesite.__file__, theme_folder(), bundles_folder(), find_esbuild(), sep='\\n')"
    )

    *places, esbuild = environment.run("python", "-c", code, cwd=environment.folder).splitlines()

    assert [place for place in places if not Path(place).is_relative_to(environment.folder)] == []
    assert esbuild == "None"


def test_the_installed_program_tells_its_version(environment: Environment, wheel: Path) -> None:
    printed = environment.run("edgesite", "--version", cwd=environment.folder)

    assert wheel.name.split("-")[1] in printed


@pytest.mark.parametrize(
    "pattern",
    [
        "index.html",
        "404.html",
        "assets/page-*.js",
        "assets/worker.*.js",
        "assets/site.*.css",
        "colours/index.html",
        "colours/manifest.json",
        "colours/model.js",
        "colours/model.simd.*.wasm",
        "colours/model.relaxed.*.wasm",
        "colours/weights.*.bin",
        "colours/examples/tomato.png",
    ],
)
def test_the_installed_program_builds_a_whole_site(site: Path, pattern: str) -> None:
    assert [file.stat().st_size > 0 for file in (site / "dist").glob(pattern)] == [True]


def test_no_file_of_that_site_knows_where_it_was_made(site: Path) -> None:
    files = [file for file in site.rglob("*") if file.is_file()]
    places = (os.fsencode(ROOT), os.fsencode(site))
    tainted = [file for file in files if any(place in file.read_bytes() for place in places)]

    assert files
    assert tainted == []
