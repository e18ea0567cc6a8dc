"""The way out: publish; and what builds keep: cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgesite.cli.app import AsJson, Root, app, workers
from edgesite.cli.show import count, progress, reported, show, size, warn
from edgesite.errors import ProblemsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgesite.site.cache import Cache
    from edgesite.site.demo import SiteInfo
    from edgesite.site.publish_git import Plan


@app.command(
    short_help="Publish a site: to a branch, by a workflow, or into a folder.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite publish --dry-run\n"
        "  edgesite publish                          # to the branch gh-pages of origin\n"
        "  edgesite publish --workflow               # GitHub builds it on every push\n"
        "  edgesite publish --to out --preset netlify --compress"
    ),
)
def publish(
    site: Annotated[Path, typer.Argument(help="The site's folder, with edgesite.yaml.")] = Path(),
    branch: Annotated[str, typer.Option(help="The branch that the pages are.")] = "gh-pages",
    remote: Annotated[str, typer.Option(help="The git remote to push to.")] = "origin",
    workflow: Annotated[
        bool, typer.Option("--workflow", help="Write a workflow of GitHub Actions instead.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a folder for another host instead.")
    ] = None,
    preset: Annotated[
        str,
        typer.Option(help="What the host wants: plain, netlify, cloudflare or huggingface."),
    ] = "plain",
    compress: Annotated[
        bool, typer.Option("--compress", help="With --to: add .gz (and .br) files.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what edgesite did not write.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would happen, and do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a site: build it, look for what its host would refuse, and send it there.

    A branch gets one commit without history; your own branches, index and files are not touched.
    """
    with reported(as_json):
        if to is None and (preset != "plain" or compress):
            raise UsageError("--preset and --compress: belong to --to DIR; add it")
        if to is not None and workflow:
            raise UsageError("--to and --workflow: are two ways; give one")
        if workflow:
            _write_workflow(site, remote, replace, dry_run, as_json)
        elif to is not None:
            _write_folder(site, to, preset, compress, dry_run, as_json)
        else:
            _push(site, branch, remote, replace, dry_run, as_json)


caches = typer.Typer(
    name="cache",
    help="Look at what builds keep, and make room.",
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog="\b\nExamples:\n  edgesite cache info\n  edgesite cache prune --limit 500",
)
app.add_typer(caches)


@caches.command("info")
def cache_info(site: Root = Path(), as_json: AsJson = False) -> None:
    """Say where the cache of a site is, and how large."""
    with reported(as_json):
        cache = _cache(site)
        entries = cache.entries()
        total = sum(entry.size_bytes for entry in entries)
        facts = {"folder": cache.folder, "entries": len(entries), "size_bytes": total}
        kept = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
        show(as_json, facts, [f"{cache.folder}: {kept}, {size(total)}"])


@caches.command("prune")
def cache_prune(
    limit: Annotated[int, typer.Option(min=0, metavar="MB", help="What may remain.")] = 1000,
    site: Root = Path(),
    as_json: AsJson = False,
) -> None:
    """Forget what was not used for longest, until the rest is within the limit."""
    with reported(as_json):
        _forget(_cache(site), limit * 1_000_000, as_json)


@caches.command("clear")
def cache_clear(site: Root = Path(), as_json: AsJson = False) -> None:
    """Forget everything; the next build compiles every model again."""
    with reported(as_json):
        _forget(_cache(site), 0, as_json)


def _cache(site: Path) -> Cache:
    from edgesite.site.cache import Cache
    from edgesite.site.folders import check_is_site

    check_is_site(site)
    return Cache.of_site(site)


def _forget(cache: Cache, limit_bytes: int, as_json: bool) -> None:
    forgotten = cache.prune(limit_bytes)
    total = sum(entry.size_bytes for entry in forgotten)
    facts = {"folder": cache.folder, "entries": len(forgotten), "size_bytes": total}
    show(as_json, facts, [f"{cache.folder}: {size(total)} freed"])


def _push(
    site: Path, branch: str, remote: str, replace: bool, dry_run: bool, as_json: bool
) -> None:
    from edgesite.site.publish_git import Repository

    repository = Repository(site, remote)
    _, files = _made(site, as_json, repository.url)
    plan = repository.plan(files, branch, replace=replace)
    if plan.new and not dry_run:
        repository.push(plan)
    _show_plan(plan, dry_run, as_json)


def _show_plan(plan: Plan, dry_run: bool, as_json: bool) -> None:
    what = f"{count(plan.files, 'file')}, {size(plan.size_bytes)}"
    where = f"{plan.branch} of {plan.url}"
    if plan.new is None:
        lines = [f"{where} is up to date: {what}"]
    elif dry_run:
        now = f"replaces {plan.old[:8]}" if plan.old else "makes the branch"
        lines = [f"would push {what} to {where}, which {now}"]
    else:
        lines = [f"pushed {what} to {where} as {plan.new[:8]}"]
    facts = {"remote": plan.remote, "url": plan.url, "branch": plan.branch, "files": plan.files}
    show(
        as_json,
        {**facts, "size_bytes": plan.size_bytes, "old": plan.old, "new": plan.new,
         "dry_run": dry_run},
        lines,
    )  # fmt: skip


def _write_folder(
    site: Path, out: Path, preset: str, compress: bool, dry_run: bool, as_json: bool
) -> None:
    from edgesite.site.output import check_output, write_output
    from edgesite.site.publish_folder import compressed, with_preset

    check_output(out, site)
    info, files = _made(site, as_json)
    files = with_preset(files, preset, info)
    if compress:
        files = compressed(files)
    if not dry_run:
        write_output(out, files)
    total = sum(map(len, files.values()))
    what = f"{count(len(files), 'file')}, {size(total)}"
    lines = [f"{'would write' if dry_run else 'wrote'} {what} to {out}"]
    facts: dict[str, Any] = {"out": out, "files": len(files), "size_bytes": total}
    show(as_json, {**facts, "dry_run": dry_run}, lines)


def _write_workflow(site: Path, remote: str, replace: bool, dry_run: bool, as_json: bool) -> None:
    from edgesite.site.folders import check_is_site
    from edgesite.site.publish_git import Repository
    from edgesite.site.publish_workflow import FILE, workflow, write_workflow

    check_is_site(site)
    repository = Repository(site, remote)
    folder = site.resolve().relative_to(repository.root.resolve()).as_posix()
    text = workflow(folder, repository.main_branch())
    path = repository.root / FILE
    if not dry_run:
        write_workflow(repository.root, text, replace=replace)
    lines = (
        [f"would write {path}:", "", text]
        if dry_run
        else [
            f"wrote {path}",
            "",
            "next:",
            '  set Pages > Source to "GitHub Actions" in the settings of the repository',
            f"  git add {FILE}, commit and push",
        ]
    )
    show(as_json, {"file": path, "dry_run": dry_run}, lines)


def _made(
    site: Path, as_json: bool, remote_url: str | None = None
) -> tuple[SiteInfo, Mapping[str, bytes]]:
    """The files of a site that a host will take."""
    from edgesite.site import build as site_build
    from edgesite.site.publish_checks import inspected

    with progress(as_json) as tell:
        checked, files = site_build.made(site, tell, way=site_build.Way(workers(None)))
    found = inspected(files, checked.info.site_url, remote_url)
    warn([*checked.warnings, *found.warnings])
    if found.problems:
        raise ProblemsError(list(found.problems))
    return checked.info, files
