"""What has changed, whatever the way in which editors and copies change it."""

from __future__ import annotations

import os
import queue
import threading
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from edgesite.site.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Watched:
    """A folder whose changes are gathered."""

    def __init__(self, root: Path, *, poll: bool) -> None:
        self.root = root
        self.watcher = Watcher(root, poll=poll)
        self.batches: queue.Queue[list[str]] = queue.Queue()
        self.thread = threading.Thread(target=self._gather)
        self.thread.start()

    def _gather(self) -> None:
        for paths in self.watcher.changes():
            self.batches.put([path.relative_to(self.root).as_posix() for path in paths])

    def next(self) -> list[str]:
        return self.batches.get(timeout=10)

    def close(self) -> None:
        self.watcher.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "demos" / "one").mkdir(parents=True)
    (tmp_path / "edgesite.yaml").write_text("title: Site")
    (tmp_path / "demos" / "one" / "index.md").write_text("words")
    (tmp_path / "demos" / "one" / "model.onnx").write_bytes(bytes(1000))
    return tmp_path


@pytest.fixture(params=[False, True], ids=["events", "poll"])
def watched(root: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched(root, poll=request.param)
    yield watched
    watched.close()


@pytest.fixture
def listening(root: Path) -> Iterator[Watched]:
    watched = Watched(root, poll=False)
    yield watched
    watched.close()


def test_a_write_is_one_change(watched: Watched) -> None:
    (watched.root / "demos" / "one" / "index.md").write_text("other words")

    assert watched.next() == ["demos/one/index.md"]
    assert watched.batches.empty()


def test_the_sites_own_files_are_watched(watched: Watched) -> None:
    (watched.root / "edgesite.yaml").write_text("title: Other")

    assert watched.next() == ["edgesite.yaml"]


def test_a_touch_and_a_write_of_the_same_are_no_change(listening: Watched) -> None:
    words = listening.root / "demos" / "one" / "index.md"
    os.utime(words)
    words.write_text("words")
    time.sleep(0.1)
    (listening.root / "edgesite.yaml").write_text("title: Other")

    assert listening.next() == ["edgesite.yaml"]


def test_a_save_by_replacing_is_a_change_of_the_file_alone(listening: Watched) -> None:
    words = listening.root / "demos" / "one" / "index.md"
    words.with_name(".index.md.swp").write_text("other words")
    words.with_name("4913~").write_text("")
    words.with_name(".index.md.swp").replace(words)

    assert listening.next() == ["demos/one/index.md"]


def test_a_save_by_deleting_first_is_one_change(listening: Watched) -> None:
    words = listening.root / "demos" / "one" / "index.md"
    words.unlink()
    time.sleep(0.03)
    words.write_text("other words")

    assert listening.next() == ["demos/one/index.md"]
    assert words.exists()


def test_a_model_copied_in_pieces_is_one_change(listening: Watched) -> None:
    with (listening.root / "demos" / "one" / "model.onnx").open("wb") as model:
        for _ in range(10):
            model.write(os.urandom(1000))
            model.flush()
            time.sleep(0.05)

    assert listening.next() == ["demos/one/model.onnx"]
    assert listening.batches.empty()


def test_a_model_is_at_rest_once_it_was_left_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher(root)
    model = root / "demos" / "one" / "model.onnx"
    model.write_bytes(b"half")
    looks: list[float] = []
    look = Watcher._look

    def written_after_a_look(self: Watcher) -> object:
        seen = look(self)
        looks.append(time.monotonic())
        if len(looks) == 1:
            model.write_bytes(b"whole")
        return seen

    monkeypatch.setattr(Watcher, "_look", written_after_a_look)

    changed = next(watcher.changes())
    watcher.close()

    assert changed == [model]
    assert len(looks) == 2


def test_watchdog_complains_to_nobody_of_folders_it_watches_twice(root: Path) -> None:
    module = "watchdog.observers.inotify_c"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        Watcher(root).close()
        for text in ("Callback with id '1' already exists for watch w.", "something else"):
            warnings.warn_explicit(text, RuntimeWarning, "inotify_c.py", 1, module)

    assert [str(each.message) for each in told] == ["something else"]


def test_a_rename_is_both_names(watched: Watched) -> None:
    words = watched.root / "demos" / "one" / "index.md"
    words.rename(words.with_name("other.md"))

    assert watched.next() == ["demos/one/index.md", "demos/one/other.md"]


def test_a_new_demo_and_its_end_are_noticed(watched: Watched) -> None:
    new = watched.root / "demos" / "two"
    new.mkdir()
    (new / "demo.yaml").write_text("title: Two")
    added = watched.next()
    (new / "demo.yaml").unlink()
    new.rmdir()

    assert added == ["demos/two/demo.yaml"]
    assert watched.next() == ["demos/two/demo.yaml"]


def test_a_folder_that_goes_and_comes_back_is_watched_on(listening: Watched) -> None:
    demos = listening.root / "demos"
    demos.rename(listening.root / "aside")
    gone = listening.next()
    (listening.root / "aside").rename(demos)
    back = listening.next()
    (demos / "one" / "index.md").write_text("again")

    assert gone == back == ["demos/one/index.md", "demos/one/model.onnx"]
    assert listening.next() == ["demos/one/index.md"]


def test_a_theme_that_is_added_later_is_watched(listening: Watched) -> None:
    styles = listening.root / "theme" / "styles"
    styles.mkdir(parents=True)
    (styles / "site.css").write_text("a{}")
    added = listening.next()
    (styles / "site.css").write_text("b{}")

    assert added == listening.next() == ["theme/styles/site.css"]


@pytest.mark.parametrize("name", ["dist/index.html", ".edgesite-cache/x", "demos/one/.x", "x~"])
def test_what_builds_and_tools_write_is_no_change(listening: Watched, name: str) -> None:
    path = listening.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    (listening.root / "edgesite.yaml").write_text("title: Other")

    assert listening.next() == ["edgesite.yaml"]


def test_a_loop_of_links_ends(listening: Watched) -> None:
    (listening.root / "demos" / "one" / "loop").symlink_to(listening.root / "demos")
    (listening.root / "demos" / "one" / "broken").symlink_to("nowhere")
    (listening.root / "edgesite.yaml").write_text("title: Other")

    assert listening.next() == ["edgesite.yaml"]
