"""What a site adds to its files to work without a network."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from edgesite.errors import ConfigError
from edgesite.site.build import Memory, build, made
from tests.sites import edit


def table_of(worker: bytes) -> dict[str, str]:
    """The worker's table of files: the largest object in it."""
    objects = re.findall(r'\{"[^{}]*"\}', worker.decode())
    table: dict[str, str] = json.loads(max(objects, key=len))
    return table


@pytest.fixture
def offline(site: Path) -> Path:
    edit(site / "edgesite.yaml", "title:", "offline: true\ntitle:")
    return site


def test_the_worker_knows_every_file_by_its_hash(offline: Path) -> None:
    build(offline, offline / "dist")
    dist = offline / "dist"
    names = {path.relative_to(dist).as_posix() for path in dist.rglob("*") if path.is_file()}
    table = table_of((dist / "sw.js").read_bytes())

    assert names - set(table) == {"404.html", "sw.js", ".edgesite"}
    for name, digest in table.items():
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest().startswith(digest)


def test_models_are_kept_when_they_are_used_or_at_once(offline: Path) -> None:
    def kept_at_once() -> list[str]:
        _, files = made(offline)
        lists = re.findall(r'\["[^\]]*"\]', files["sw.js"].decode())
        return [name for name in max(lists, key=len)[2:-2].split('","') if "weights" in name]

    assert kept_at_once() == []
    edit(offline / "edgesite.yaml", "offline: true", "offline: full")
    assert len(kept_at_once()) == 1


def test_a_site_without_it_says_farewell_to_an_earlier_worker(site: Path) -> None:
    _, files = made(site)

    assert b"unregister" in files["sw.js"]
    assert "site.webmanifest" not in files
    assert b"manifest" not in files["index.html"].split(b"</head>")[0].split(b"<link")[1]


def test_an_author_is_served_without_it(offline: Path) -> None:
    _, files = made(offline, memory=Memory())

    assert b"unregister" in files["sw.js"]


def test_other_values_are_refused(site: Path) -> None:
    edit(site / "edgesite.yaml", "title:", "offline: maybe\ntitle:")

    message = r'edgesite\.yaml:3:10: offline: got "maybe"; the choices are false, true, full'
    with pytest.raises(ConfigError, match=message):
        made(site)
