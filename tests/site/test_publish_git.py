"""Publishing to a branch, with real git and a bare repository beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from edgesite.errors import BuildError, EdgesiteError, UsageError
from edgesite.site.publish_git import Repository

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"index.html": b"<h1>one</h1>\r\n", "demo/model é.bin": bytes(range(256)), "a\tb": b""}
IDENTITY = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this machine, and an author."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("EMAIL", "")
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "bare.git")
    return tmp_path / "bare.git"


@pytest.fixture
def work(tmp_path: Path, bare: Path) -> Path:
    """A clone with a commit on main, and everything that must stay as it is."""
    git(tmp_path, "clone", "-q", str(bare), "work")
    work = tmp_path / "work"
    (work / "README.md").write_text("words\n")
    (work / ".gitattributes").write_text("* text=auto eol=crlf\n")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "First")
    git(work, "push", "-q", "origin", "HEAD:main")
    (work / "README.md").write_text("uncommitted\n")
    (work / "staged.txt").write_text("staged\n")
    git(work, "add", "staged.txt")
    (work / "untracked.txt").write_text("untracked\n")
    return work


def state(work: Path) -> dict[str, object]:
    """All that an author has: references, index, files, and what git notes by the way."""
    folder = work / ".git"
    return {
        "head": (folder / "HEAD").read_bytes(),
        "heads": git(work, "for-each-ref", "refs/heads", "refs/tags", "refs/stash"),
        "index": git(work, "ls-files", "--stage"),
        "status": git(work, "status", "--porcelain"),
        "files": {
            path.relative_to(work): path.read_bytes()
            for path in work.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(work).parts
        },
        "notes": sorted(path.name for path in folder.iterdir()) if folder.is_dir() else [],
    }


def publish(work: Path, files: dict[str, bytes] | None = None, **options: bool) -> str | None:
    repository = Repository(work, "origin")
    plan = repository.plan(files or FILES, "gh-pages", **options)
    if plan.new:
        repository.push(plan)
    return plan.new


def published(bare: Path) -> dict[str, bytes]:
    names = git(bare, "ls-tree", "-r", "-z", "--name-only", "gh-pages").strip("\0").split("\0")
    return {
        name: subprocess.run(
            ["git", "cat-file", "blob", f"gh-pages:{name}"],
            cwd=bare, check=True, capture_output=True,
        ).stdout
        for name in names
    }  # fmt: skip


def commits(bare: Path) -> int:
    return int(git(bare, "rev-list", "--count", "gh-pages"))


def test_the_first_publication_makes_the_branch(work: Path, bare: Path) -> None:
    before = state(work)

    publish(work)

    found = published(bare)
    assert {name: found[name] for name in FILES} == FILES
    assert found.keys() - FILES == {".edgesite", ".nojekyll"}
    assert state(work) == before
    assert git(work, "fsck", "--no-dangling", "--connectivity-only") == ""


def test_an_update_replaces_everything_and_history_does_not_grow(work: Path, bare: Path) -> None:
    publish(work)
    before = state(work)

    publish(work, {"other.html": b"two"})

    assert set(published(bare)) == {"other.html", ".edgesite", ".nojekyll"}
    assert commits(bare) == 1
    assert state(work) == before


def test_the_same_files_are_not_pushed_again(work: Path, bare: Path) -> None:
    publish(work)
    first = git(bare, "rev-parse", "gh-pages")

    assert publish(work) is None
    assert git(bare, "rev-parse", "gh-pages") == first


def test_a_domain_is_kept(work: Path, bare: Path) -> None:
    publish(work, {**FILES, "CNAME": b"example.org\n"})
    publish(work, FILES | {"index.html": b"two"})

    assert published(bare)["CNAME"] == b"example.org\n"


def test_a_plan_pushes_nothing(work: Path, bare: Path) -> None:
    plan = Repository(work, "origin").plan(FILES, "gh-pages")

    assert plan.new
    assert "gh-pages" not in git(bare, "branch")


def test_a_branch_that_moves_meanwhile_is_a_conflict(
    work: Path, bare: Path, tmp_path: Path
) -> None:
    publish(work)
    repository = Repository(work, "origin")
    plan = repository.plan({"mine.html": b""}, "gh-pages")
    git(tmp_path, "clone", "-q", str(bare), "other")
    publish(tmp_path / "other", {"theirs.html": b""})
    before = state(work)

    with pytest.raises(BuildError, match="somebody else has published meanwhile; publish again"):
        repository.push(plan)

    assert "theirs.html" in published(bare)
    assert state(work) == before


def test_a_branch_that_appears_meanwhile_is_a_conflict(work: Path, bare: Path) -> None:
    repository = Repository(work, "origin")
    plan = repository.plan(FILES, "gh-pages")
    publish(work, {"theirs.html": b""})

    with pytest.raises(BuildError, match="somebody else has published meanwhile"):
        repository.push(plan)

    assert "theirs.html" in published(bare)


def test_pages_of_someone_else_are_left_alone(work: Path, bare: Path) -> None:
    git(work, "push", "-q", "origin", "HEAD:gh-pages")

    with pytest.raises(BuildError, match="holds what edgesite did not write"):
        publish(work)

    assert "README.md" in published(bare)
    assert publish(work, replace=True)
    assert "README.md" not in published(bare)


def test_without_a_remote_it_says_how_to_add_one(work: Path) -> None:
    git(work, "remote", "remove", "origin")

    with pytest.raises(BuildError, match='has no remote "origin"; add one with `git remote add'):
        publish(work)


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is in no git repository; make one with `git init`"):
        Repository(tmp_path, "origin")


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BuildError, match="git was not found; install it"):
        Repository(tmp_path, "origin")


def test_without_an_identity_nothing_is_published(
    work: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in IDENTITY:
        monkeypatch.delenv(name)
    before = state(work)

    with pytest.raises(BuildError, match=r"git does not know who you are; .*user\.email"):
        publish(work)

    assert "gh-pages" not in git(bare, "branch")
    assert state(work) == before


def test_a_detached_head_makes_no_difference(work: Path, bare: Path) -> None:
    git(work, "checkout", "-q", "--detach")
    before = state(work)

    publish(work)

    assert published(bare)["index.html"] == FILES["index.html"]
    assert state(work) == before


def test_a_repository_without_commits_can_publish(tmp_path: Path, bare: Path) -> None:
    git(tmp_path, "clone", "-q", str(bare), "empty")

    publish(tmp_path / "empty")

    assert git(bare, "log", "-1", "--format=%s", "gh-pages") == "Publish the site\n"


def test_a_worktree_makes_no_difference(work: Path, bare: Path, tmp_path: Path) -> None:
    git(work, "worktree", "add", "-q", "-b", "topic", str(tmp_path / "tree"))
    before = state(work)

    publish(tmp_path / "tree")

    assert published(bare)["index.html"] == FILES["index.html"]
    assert state(work) == before


def test_a_shallow_clone_makes_no_difference(work: Path, bare: Path, tmp_path: Path) -> None:
    git(work, "commit", "-q", "-m", "Second")
    git(work, "push", "-q", "origin", "HEAD:main")
    publish(work)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{bare}", "shallow")
    shallow = tmp_path / "shallow"
    before = state(shallow), (shallow / ".git" / "shallow").read_text()

    publish(shallow, {"index.html": b"two"})

    assert published(bare)["index.html"] == b"two"
    assert (state(shallow), (shallow / ".git" / "shallow").read_text()) == before


def test_a_site_below_the_top_of_the_repository_can_publish(work: Path, bare: Path) -> None:
    (work / "docs" / "site").mkdir(parents=True)

    publish(work / "docs" / "site")

    assert published(bare)["index.html"] == FILES["index.html"]


@pytest.mark.parametrize("branch", ["main", "master", "trunk", "work", "topic"])
def test_branches_with_work_are_protected(work: Path, bare: Path, branch: str) -> None:
    git(bare, "symbolic-ref", "HEAD", "refs/heads/topic")
    git(work, "push", "-q", "origin", "HEAD:topic")
    git(work, "checkout", "-q", "-b", "work")
    before = git(bare, "for-each-ref")

    with pytest.raises(UsageError, match="publishing replaces a branch as a whole"):
        Repository(work, "origin").plan(FILES, branch)

    assert git(bare, "for-each-ref") == before


@pytest.mark.parametrize("branch", ["", "a b", "a..b", "-f", "a\nb", "x.lock", "@{-1}"])
def test_names_that_git_forbids_are_refused(work: Path, branch: str) -> None:
    with pytest.raises(UsageError, match="git has no branches named"):
        Repository(work, "origin").plan(FILES, branch)


def test_a_remote_that_protects_the_branch_is_named(work: Path, bare: Path) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho protected >&2\nexit 1\n")
    hook.chmod(0o755)
    before = state(work)

    with pytest.raises(BuildError, match="the remote protects this branch; allow pushes"):
        publish(work)

    assert state(work) == before


def test_a_remote_that_is_not_there_is_named(work: Path, bare: Path) -> None:
    bare.rename(bare.with_name("gone"))
    before = state(work)

    with pytest.raises(BuildError, match=r"cannot be reached; check the network and `git remote"):
        publish(work)

    assert state(work) == before


def test_a_remote_that_goes_in_the_middle_changes_nothing_here(work: Path, bare: Path) -> None:
    repository = Repository(work, "origin")
    plan = repository.plan(FILES, "gh-pages")
    before = state(work)
    shutil.rmtree(bare)

    with pytest.raises(BuildError, match="cannot be reached"):
        repository.push(plan)

    assert state(work) == before
    assert git(work, "fsck", "--no-dangling", "--connectivity-only") == ""


@pytest.mark.parametrize(
    ("complaint", "meaning"),
    [
        ("fatal: Authentication failed for 'https://x'", "you may not push there"),
        ("remote: error: GH006: Protected branch update failed", "the remote protects"),
        ("fatal: unable to access 'https://x': Could not resolve host", "cannot be reached"),
        ("", "cannot be reached"),
    ],
)
def test_complaints_of_git_are_explained(
    work: Path, monkeypatch: pytest.MonkeyPatch, complaint: str, meaning: str
) -> None:
    failed = subprocess.CompletedProcess[bytes]([], 1, b"", complaint.encode())
    repository = Repository(work, "origin")
    monkeypatch.setattr(repository, "_run", lambda *_: failed)

    with pytest.raises(EdgesiteError, match=meaning):
        repository._fetch("gh-pages")
