"""What becomes of a demo before it is a page: compiled, fitted to its model, compared.

Pure functions of a demo's source: results depend on nothing else and change nothing but the
cache, so that they may run in any process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgesite.site.answers import answers, doubts, losses, verified
from edgesite.site.compiled import compiled
from edgesite.site.demo import DemoPage, Example
from edgesite.site.expectations import verdicts
from edgesite.site.finished import Finished
from edgesite.site.fit import fit
from edgesite.site.page import Size
from edgesite.site.pieces import Pieces
from edgesite.site.reports import PageReport
from edgesite.site.small import pictures
from edgesite.targets.artifacts import described
from edgesite.tasks.classification import Classification, probabilities

if TYPE_CHECKING:
    from edgesite.site.answers import Scores, Verified
    from edgesite.site.cache import Cache
    from edgesite.site.compiled import Compiled
    from edgesite.site.fit import Fit
    from edgesite.site.problems import Problems
    from edgesite.site.source import DemoSource

Begun = Callable[[str], None]
"""Is told the name of a stage as it begins."""


def finish(
    demo: DemoSource,
    cache: Cache,
    problems: Problems,
    begun: Begun,
    *,
    threads: bool = False,
    draft: bool = False,
) -> Finished | None:
    """Compile a demo and compare it; None where it does not fit its model, which is noted.

    threads: whether there are modules for threads where demo.yaml does not say.
    draft: take float32 weights where it takes long to find smaller ones.
    """
    begun("compile")
    model = compiled(demo, cache, threads=threads, draft=draft)
    how = fit(demo, model.manifest, problems)
    if how is None:
        return None
    begun("verify")
    facts = verified(demo, model, how, cache)
    rows = probabilities(facts.scores, demo.config.output.activation)
    return Finished(
        page=_page(demo, model, how, facts, rows, cache),
        report=_report(demo, model, facts, cache),
        warnings=(*losses(demo, facts.proof), *doubts(demo, facts.scores)),
        verdicts=verdicts(demo, rows),
        slug_where=demo.slug_where,
        budget=demo.config.budget.page,
        budget_where=demo.document.where(("budget", "page")),
        is_draft=model.is_draft,
    )


def _page(
    demo: DemoSource, model: Compiled, how: Fit, facts: Verified, rows: Scores, cache: Cache
) -> DemoPage:
    config, examples = demo.config, _examples(demo, rows)
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
        examples=examples,
        proof=facts.proof,
        manifest=model.manifest.model_dump(mode="json"),
        files=Pieces(
            {**model.files, **described(model.manifest.model_copy(update={"task": task}))}
        ),
        pictures=pictures(examples, how.input, cache),
        accent=config.accent,
        tags=tuple(config.tags),
        date=config.date,
        attachments=demo.attachments,
    )


def _examples(demo: DemoSource, rows: Scores) -> tuple[Example, ...]:
    output = demo.config.output
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


def _report(demo: DemoSource, model: Compiled, facts: Verified, cache: Cache) -> PageReport:
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
    )
