"""A site's folder in, a folder of pages out: the whole path in a few readable functions.

Everything is checked before anything is written, and all problems of all demos are raised
together. Nothing here prints: progress is told to a function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edgesite.site.answers import answers, doubts, verified
from edgesite.site.assets import Assets
from edgesite.site.cache import Cache
from edgesite.site.compiled import compiled
from edgesite.site.demo import DemoPage, Example
from edgesite.site.fit import fit
from edgesite.site.output import check_output, write_output
from edgesite.site.page import Size
from edgesite.site.problems import Problems
from edgesite.site.render import render_site
from edgesite.site.single import single_file
from edgesite.site.source import load_site
from edgesite.targets.artifacts import described
from edgesite.tasks.classification import Classification, probabilities

if TYPE_CHECKING:
    from pathlib import Path

    from edgesite.site.answers import Verified
    from edgesite.site.articles import Article
    from edgesite.site.compiled import Compiled
    from edgesite.site.demo import Proof, SiteInfo
    from edgesite.site.fit import Fit
    from edgesite.site.render import RenderedDemo
    from edgesite.site.source import DemoSource


@dataclass(frozen=True)
class Step:
    """What a build is about to do."""

    stage: str
    """compile, verify, render or write."""

    slug: str | None
    """The demo it is about; None for what is about the whole site."""

    done: int
    total: int
    """Demos finished and demos in all."""


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class PageReport:
    """What became of a demo."""

    slug: str
    title: str
    code_bytes: int
    """The larger of the two modules."""

    code_gzip_bytes: int
    weights_bytes: int
    examples: int
    proof: Proof
    cached: bool
    """Whether the model was compiled by an earlier build."""

    elapsed_ms: float


@dataclass(frozen=True)
class Checked:
    """A site without problems: all that its pages are rendered from."""

    info: SiteInfo
    theme: Path | None
    articles: tuple[Article, ...]
    pages: tuple[DemoPage, ...]
    reports: tuple[PageReport, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What a build wrote."""

    out: Path
    pages: tuple[PageReport, ...]
    warnings: tuple[str, ...]
    files: int
    size_bytes: int
    elapsed_ms: float


@dataclass(frozen=True)
class Finished:
    """A demo that is compiled and compared."""

    page: DemoPage
    report: PageReport
    warnings: tuple[str, ...]


@dataclass
class Memory:
    """What earlier builds of the same process made, so that the next makes what changed alone."""

    sources: dict[Path, DemoSource] = field(default_factory=dict)
    """By folder; only what has no problems."""

    finished: dict[Path, Finished] = field(default_factory=dict)
    rendered: dict[str, RenderedDemo] = field(default_factory=dict)

    def forget(self, folder: Path) -> None:
        """Read a demo's folder anew: something in it has changed."""
        self.sources.pop(folder, None)
        self.finished.pop(folder, None)


def build(
    root: Path, out: Path, progress: Progress | None = None, *, single: bool = False
) -> Report:
    """Build the site in root into out, which is replaced as a whole.

    single: write one page per demo, with everything inside, in place of a site.
    Raises the only problem or ProblemsError; out is then as it was.
    """
    started, tell = time.perf_counter(), progress or _silent
    check_output(out, root)
    site, files = made(root, progress, offline=False if single else None)
    if single:
        files = {f"{page.slug}.html": single_file(page.slug, files) for page in site.pages}
    tell(Step("write", None, len(site.pages), len(site.pages)))
    write_output(out, files)
    Cache.of_site(root).prune_daily()
    return Report(
        out=out,
        pages=site.reports,
        warnings=site.warnings,
        files=len(files),
        size_bytes=sum(map(len, files.values())),
        elapsed_ms=_since(started),
    )


def made(
    root: Path,
    progress: Progress | None = None,
    memory: Memory | None = None,
    *,
    offline: bool | None = None,
) -> tuple[Checked, dict[str, bytes]]:
    """Build a site without writing it: what is known of it, and every file by POSIX path.

    offline: False leaves the service worker out, whatever the site says.
    Raises the only problem or ProblemsError.
    """
    tell, cache = progress or _silent, Cache.of_site(root)
    site = check(root, progress, memory)
    # An author who goes on editing must not be shown what a service worker has kept.
    keeps = memory is None and offline is None
    info = site.info if keeps else replace(site.info, offline=False)
    tell(Step("render", None, len(site.pages), len(site.pages)))
    assets, earlier = Assets.load(site.theme, cache), None if memory is None else memory.rendered
    files = render_site(info, site.pages, assets, site.theme, cache, earlier, site.articles)
    return site, files


def check(root: Path, progress: Progress | None = None, memory: Memory | None = None) -> Checked:
    """Do all that a build does but render and write.

    Raises the only problem, or ProblemsError with every problem of every demo.
    """
    tell, problems, cache = progress or _silent, Problems(), Cache.of_site(root)
    memory = memory or Memory()
    site = load_site(root, problems, memory.sources)
    demos: list[Finished] = []
    for number, demo in enumerate(site.demos):

        def at(stage: str, slug: str = demo.slug, number: int = number) -> None:
            tell(Step(stage, slug, number, len(site.demos)))

        with problems.gathered():
            finished = memory.finished.get(demo.folder) or _finish(demo, cache, problems, at)
            if finished:
                memory.finished[demo.folder] = finished
                demos.append(finished)
    problems.raise_any()
    return Checked(
        info=site.info,
        theme=site.theme,
        articles=site.articles,
        pages=tuple(demo.page for demo in demos),
        reports=tuple(demo.report for demo in demos),
        warnings=tuple(warning for demo in demos for warning in demo.warnings),
    )


def _finish(
    demo: DemoSource, cache: Cache, problems: Problems, at: Callable[[str], None]
) -> Finished | None:
    """Compile a demo and compare it; None where it does not fit its model, which is noted."""
    started = time.perf_counter()
    at("compile")
    model = compiled(demo, cache)
    how = fit(demo, model.manifest, problems)
    if how is None:
        return None
    at("verify")
    facts = verified(demo, model, how, cache)
    report = _report(demo, model, facts, cache, _since(started))
    return Finished(_page(demo, model, how, facts), report, tuple(doubts(demo, facts.scores)))


def _page(demo: DemoSource, model: Compiled, how: Fit, facts: Verified) -> DemoPage:
    config = demo.config
    task = Classification(
        input=how.input,
        output=how.output,
        activation=config.output.activation,
        labels=demo.labels,
    )
    return DemoPage(
        slug=demo.slug,
        title=config.title,
        description=config.description,
        task=config.task,
        labels=demo.labels,
        input=how.input,
        output=how.output,
        activation=config.output.activation,
        top=min(config.output.top, how.classes),
        threshold=config.output.threshold,
        inputs_enabled=tuple(config.inputs),
        body_markdown=demo.body_markdown,
        examples=_examples(demo, facts),
        proof=facts.proof,
        manifest=model.manifest.model_dump(mode="json"),
        files={**model.files, **described(model.manifest.model_copy(update={"task": task}))},
        accent=config.accent,
        attachments=demo.attachments,
    )


def _examples(demo: DemoSource, facts: Verified) -> tuple[Example, ...]:
    output = demo.config.output
    rows = probabilities(facts.scores, output.activation)
    return tuple(
        Example(
            name=picture.name,
            caption=picture.caption,
            source=picture.path,
            image=picture.data,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            expected=picture.expected,
            answers=answers(row, demo.labels, output.top, output.threshold),
        )
        for picture, row in zip(demo.pictures, rows, strict=True)
    )


def _report(
    demo: DemoSource, model: Compiled, facts: Verified, cache: Cache, elapsed_ms: float
) -> PageReport:
    modules = [model.files[module.file] for module in model.manifest.modules.values()]
    code = max(modules, key=len)
    return PageReport(
        slug=demo.slug,
        title=demo.config.title,
        code_bytes=len(code),
        code_gzip_bytes=Size.of(code, cache).gzip,
        weights_bytes=model.manifest.weights.size_bytes,
        examples=len(demo.pictures),
        proof=facts.proof,
        cached=model.cached,
        elapsed_ms=elapsed_ms,
    )


def _since(started: float) -> float:
    """Milliseconds."""
    return (time.perf_counter() - started) * 1000


def _silent(step: Step) -> None:
    """Tell nobody."""
