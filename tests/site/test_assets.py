from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from edgesite.errors import BuildError
from edgesite.site import assets
from edgesite.site.assets import Assets, bundles_folder, find_esbuild, theme_folder
from edgesite.site.cache import Cache
from edgesite.site.looks import LOOKS

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = LOOKS["plain"]
PREBUILT = {
    "page.js": "none",
    "page-draw.js": "draw",
    "page-upload.js": "upload",
    "page-draw-upload.js": "draw and upload",
    "worker.js": "worker",
    "site.css": "style",
    "model.js": "no asset of pages",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package, with a theme and without esbuild."""
    package = tmp_path / "lib" / "python" / "edgesite"
    (package / "bundles").mkdir(parents=True)
    for name, text in PREBUILT.items():
        (package / "bundles" / name).write_text(text)
    shutil.copytree(theme_folder(), package / "theme")
    monkeypatch.setattr(assets, "_PACKAGE", package)
    monkeypatch.setattr(assets, "_CHECKOUT", package.parent.parent)
    monkeypatch.setattr(assets, "find_esbuild", lambda: None)
    return package


@pytest.fixture
def no_esbuild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("EDGESITE_ESBUILD", raising=False)
    monkeypatch.setattr(assets, "_CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ((), "none"),
        (("upload",), "upload"),
        (("draw",), "draw"),
        (("upload", "draw"), "draw and upload"),
    ],
)
@pytest.mark.usefixtures("package")
def test_a_page_gets_the_smallest_bundle_made_beforehand(inputs: Any, text: str) -> None:
    assert Assets.load().page(inputs).data == text.encode()


@pytest.mark.usefixtures("package")
def test_a_name_carries_the_hash_of_the_content() -> None:
    asset = Assets.load().page(["upload"])

    assert asset.name == f"page-upload.{hashlib.sha256(b'upload').hexdigest()[:8]}.js"


@pytest.mark.usefixtures("package")
def test_worker_and_style_are_there_and_an_index_script_is_optional() -> None:
    found = Assets.load()

    assert found.worker().data == b"worker"
    assert found.style(PLAIN).data == b"style"
    assert found.style(PLAIN).name.endswith(".css")
    assert found.index is None


def test_a_superset_serves_where_the_exact_set_is_missing(package: Path) -> None:
    (package / "bundles" / "page-upload.js").unlink()

    assert Assets.load().page(["upload"]).data == b"draw and upload"


@pytest.mark.usefixtures("package")
def test_an_unknown_way_to_give_a_picture_has_no_bundle() -> None:
    with pytest.raises(BuildError, match="no bundle 'page'; run npm ci && npm run bundle"):
        Assets.load().page(["telepathy"])


def test_missing_bundles_say_how_to_make_them(package: Path) -> None:
    shutil.rmtree(package / "bundles")

    with pytest.raises(BuildError, match="the bundles are missing; run npm ci && npm run bundle"):
        Assets.load()


def test_the_theme_of_a_package_is_inside_it(package: Path) -> None:
    assert theme_folder() == package / "theme"


@pytest.mark.usefixtures("package")
def test_scripts_of_a_site_need_esbuild(tmp_path: Path) -> None:
    (tmp_path / "theme" / "styles").mkdir(parents=True)
    (tmp_path / "theme" / "styles" / "page.css").write_text("a { color: red }")

    with pytest.raises(BuildError, match=r"theme: scripts and styles of one's own need esbuild"):
        Assets.load(tmp_path / "theme")


@pytest.mark.usefixtures("package")
def test_templates_of_a_site_do_not_need_esbuild(tmp_path: Path) -> None:
    (tmp_path / "theme" / "templates").mkdir(parents=True)

    assert Assets.load(tmp_path / "theme").worker().data == b"worker"


@pytest.mark.usefixtures("package")
def test_rules_of_a_site_come_last_without_esbuild(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "own.css").write_text(":root { --radius: 0px }")

    sheet = Assets.load(tmp_path).style(PLAIN)

    assert sheet.data == b"style:root { --radius: 0px }"
    assert sheet.name != Assets.load().style(PLAIN).name


def test_every_look_has_a_style_sheet_of_its_own() -> None:
    sheets = {name: Assets.load().style(look).data for name, look in LOOKS.items()}

    assert len(set(sheets.values())) == len(LOOKS)
    assert all(b"--title-font" in data for data in sheets.values())


def test_a_checkout_bundles_its_sources() -> None:
    fresh = Assets.load()

    assert b"createImageBitmap" in fresh.worker().data
    assert fresh.worker().name.startswith("worker.")


def test_a_bundle_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Assets.load()
    first = fresh.worker()
    monkeypatch.setattr("subprocess.run", None)

    assert fresh.worker() is first


def test_a_site_overrides_a_style_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "styles" / "site.css").write_text("body { color: #123456 }")

    themed = Assets.load(tmp_path)

    assert themed.style(PLAIN).data == b"body{color:#123456}\n"
    assert themed.worker() == Assets.load().worker()


def test_a_syntax_error_is_reported_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "worker.ts").write_text("const = 3;")

    with pytest.raises(
        BuildError, match=r"runtime/worker\.ts:1:7: esbuild refuses it: Expected .*"
    ):
        _ = Assets.load(tmp_path).worker()


def test_bundles_of_a_checkout_come_from_npm_run_bundle() -> None:
    assert (bundles_folder() / "model.js").is_file()


def test_esbuild_is_found_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "esbuild-9"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDGESITE_ESBUILD", str(program))

    assert find_esbuild() == program


def test_a_wrong_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESITE_ESBUILD", "/nowhere/esbuild")

    with pytest.raises(BuildError, match="EDGESITE_ESBUILD: no program '/nowhere/esbuild'"):
        find_esbuild()


@pytest.mark.usefixtures("no_esbuild")
def test_esbuild_may_be_absent() -> None:
    assert find_esbuild() is None


@pytest.mark.usefixtures("no_esbuild")
@pytest.mark.parametrize(
    "folder", [".", "node_modules/.bin", "node_modules/@esbuild/linux-x64/bin"]
)
def test_esbuild_is_found_on_the_path_and_beside_the_site(tmp_path: Path, folder: str) -> None:
    program = tmp_path / folder / "esbuild"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    assert find_esbuild() == program


def test_a_bundle_is_kept_until_a_file_of_its_kind_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theme, kept = tmp_path / "theme", Cache(tmp_path / "cache")
    (theme / "styles").mkdir(parents=True)
    (theme / "styles" / "site.css").write_text("a { color: red }")
    first = (Assets.load(theme, kept).style(PLAIN), Assets.load(theme, kept).worker())

    (theme / "styles" / "site.css").write_text("b { color: red }")
    changed = Assets.load(theme, kept).style(PLAIN)
    monkeypatch.setattr("subprocess.run", None)

    assert changed.data == b"b{color:red}\n"
    assert Assets.load(theme, kept).style(PLAIN) == changed
    assert Assets.load(theme, kept).worker() == first[1]
