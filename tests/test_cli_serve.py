"""`edgesite serve` as a process: its lines, its port, its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from edgesite.cli import app
from edgesite.site.scaffold import new_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def site(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("EDGESITE_CACHE", str(tmp_path_factory.getbasetemp() / "serve-cache"))
    new_site(tmp_path / "site")
    monkeypatch.chdir(tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def serving(site: Path) -> Iterator[subprocess.Popen[str]]:
    code = "from edgesite.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--watch", "--port", "0"],
        cwd=site,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Shells let programs in the background ignore Ctrl-C, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout
    process.stdout.close()


def test_it_serves_says_what_changes_and_ends_with_ctrl_c(
    serving: subprocess.Popen[str], site: Path
) -> None:
    assert serving.stdout
    built, address = serving.stdout.readline(), serving.stdout.readline()
    with urlopen(address.split()[0], timeout=30) as answer:
        page = answer.read()
    (site / "demos" / "colours" / "index.md").write_text("Other words.")
    changed = serving.stdout.readline()
    (site / "demos" / "colours" / "index.md").write_text("[x](absent.txt)")
    broken, problem = serving.stdout.readline(), serving.stdout.readline()
    serving.send_signal(signal.SIGINT)

    assert built.startswith("built in ")
    assert b"_edgesite/live.js" in page
    assert changed.startswith("demos/colours/index.md changed: 1 page, ")
    assert broken.startswith("demos/colours/index.md changed: 1 problem, ")
    assert problem.startswith('  demos/colours/index.md:1:5: no such file: "absent.txt"; ')
    assert serving.wait(20) == 0


@pytest.mark.usefixtures("site")
def test_a_port_in_use_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--port", str(port)])

    assert result.exit_code == 2
    assert f"127.0.0.1:{port}: address already in use; give another with --port" in result.stderr


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("host", ["256.1.1.1", "no.such.host.invalid"])
def test_an_address_that_is_none_is_refused(host: str) -> None:
    result = CliRunner().invoke(app, ["serve", "--host", host, "--port", "0"])

    assert (result.exit_code, result.stderr.split(":")[0]) == (2, "--host")


def test_a_folder_that_is_no_site_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", str(tmp_path), "--watch"])

    assert result.exit_code == 1
    assert "has no edgesite.yaml" in result.stderr
