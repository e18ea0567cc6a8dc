"""What tests of sites share: folders compared byte by byte, and demos before they are rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite.site.cache import Cache
from edgesite.site.problems import Problems
from edgesite.site.source import load_demo, load_site
from edgesite.site.stages import Finished, finish

if TYPE_CHECKING:
    from pathlib import Path

    from edgesite.site.demo import DemoPage
    from edgesite.site.source import DemoSource


def demos_of(root: Path) -> list[DemoSource]:
    """The demos of a site, read; raises every problem."""
    problems = Problems()
    demos = []
    for folder in load_site(root, problems).folders:
        with problems.gathered():
            demos += [demo] if (demo := load_demo(folder, problems)) else []
    problems.raise_any()
    return demos


def finished_demos(root: Path) -> list[Finished]:
    """The demos of a site, compiled and compared; raises every problem."""
    problems, cache = Problems(), Cache.of_site(root)
    finished = [finish(demo, cache, problems, lambda stage: None) for demo in demos_of(root)]  # noqa: ARG005
    problems.raise_any()
    return [each for each in finished if each]


def pages_of(root: Path) -> list[DemoPage]:
    """What the pages of a site's demos are made of."""
    return [each.page for each in finished_demos(root)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by POSIX path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def edit(path: Path, old: str, new: str) -> None:
    """Replace a part of a text file, which must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
