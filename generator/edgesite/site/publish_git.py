"""Publishing to a branch of a git repository, without a trace in the author's own work.

Blobs, a tree and a commit are written to the object store, and the commit is pushed by its hash.
No branch, index, working tree, or FETCH_HEAD of the author's is read or written, so uncommitted
changes, a detached head, worktrees and shallow clones make no difference; what a failed push
leaves behind is unreachable, and git collects it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.errors import BuildError, UsageError
from edgesite.site.output import MARKER, NOTICE
from edgesite.site.wording import printable, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTECTED = ("main", "master", "trunk", "develop")
"""Branches that hold work; nobody wants them replaced by pages."""


@dataclass(frozen=True)
class Plan:
    """What a publication will do, or has done."""

    remote: str
    url: str
    branch: str
    files: int
    size_bytes: int
    old: str | None
    """The commit that the branch has now; None where there is no branch yet."""

    new: str | None
    """The commit that it gets; None where its files are the same already."""


class Repository:
    """The git repository around a site."""

    def __init__(self, folder: Path, remote: str) -> None:
        self.folder, self.remote = folder, remote
        self.root = Path(self._local("rev-parse", "--show-toplevel"))
        self.url = self._remote_url()

    def plan(self, files: Mapping[str, bytes], branch: str, *, replace: bool = False) -> Plan:
        """Write the commit that a branch shall have; the remote is only asked.

        CNAME is kept where the new files have none. Raises BuildError where the branch holds
        what edgesite did not write, unless it shall be replaced.
        """
        old, heads = self._remote_branch(branch)
        self._refuse_protected(branch, heads)
        files = {**files, MARKER: NOTICE.encode(), ".nojekyll": b""}
        if old is not None:
            self._fetch(branch)
            if not replace and self._blob(old, MARKER) is None:
                raise BuildError(
                    f"{self.remote}/{branch}: holds what edgesite did not write, so it is left "
                    "alone; give another branch with --branch, or --replace if it may go"
                )
            domain = self._blob(old, "CNAME")
            if domain is not None:
                files.setdefault("CNAME", domain)
        tree = self._tree(files)
        is_same = old is not None and self._git("rev-parse", f"{old}^{{tree}}")[0] == tree
        new = None if is_same else self._commit(tree)
        size = sum(map(len, files.values()))
        return Plan(self.remote, self.url, branch, len(files), size, old, new)

    def push(self, plan: Plan) -> None:
        """Give the branch its new commit, if nobody else has changed it since it was planned.

        Raises BuildError with what to do; the branch is then as it was.
        """
        reference = f"refs/heads/{plan.branch}"
        done = self._run(
            "push", "--quiet", f"--force-with-lease={reference}:{plan.old or ''}",
            self.remote, f"{plan.new}:{reference}",
        )  # fmt: skip
        if done.returncode:
            raise BuildError(f"{self.remote}/{plan.branch}: {_refusal(done.stderr.decode())}")

    def main_branch(self) -> str:
        """The branch that the author works on; main where the head is on none."""
        return (
            self._run("symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode().strip()
            or "main"
        )

    def _refuse_protected(self, branch: str, default: str | None) -> None:
        done = self._run("check-ref-format", f"refs/heads/{branch}")
        if done.returncode or branch.startswith("-"):
            raise UsageError(f'--branch: git has no branches named "{branch}"; use gh-pages')
        here = self.main_branch()
        reasons = {here: "is the branch that you work on", default: "is the remote's main branch"}
        why = reasons.get(branch) or ("holds work" if branch in PROTECTED else None)
        if why:
            raise UsageError(
                f'--branch: "{branch}" {why}, and publishing replaces a branch as a whole; '
                "use one for the pages alone, such as gh-pages"
            )

    def _remote_url(self) -> str:
        done = self._run("remote", "get-url", "--push", "--", self.remote)
        if done.returncode:
            raise BuildError(
                f'{shown(self.folder)}: has no remote "{self.remote}"; add one with '
                f"`git remote add {self.remote} URL`, or name another with --remote"
            )
        return done.stdout.decode().strip()

    def _remote_branch(self, branch: str) -> tuple[str | None, str | None]:
        """The commit of a branch of the remote, and the name of its main branch."""
        done = self._run("ls-remote", "--symref", self.remote, "HEAD", f"refs/heads/{branch}")
        if done.returncode:
            raise BuildError(f"{self.remote}: {_refusal(done.stderr.decode())}")
        commit = default = None
        for line in done.stdout.decode().splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: refs/heads/"):
                default = value.removeprefix("ref: refs/heads/")
            elif name == f"refs/heads/{branch}":
                commit = value
        return commit, default

    def _fetch(self, branch: str) -> None:
        """Get the commit of a branch, and neither note nor name it."""
        quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--no-auto-gc")
        done = self._run(
            "fetch", *quiet, "--no-recurse-submodules", self.remote, f"refs/heads/{branch}"
        )
        if done.returncode:
            raise BuildError(f"{self.remote}/{branch}: {_refusal(done.stderr.decode())}")

    def _blob(self, commit: str, name: str) -> bytes | None:
        done = self._run("cat-file", "blob", f"{commit}:{name}")
        return None if done.returncode else done.stdout

    def _tree(self, files: Mapping[str, bytes]) -> str:
        """Write files as they are, whatever filters and line endings the repository has."""
        with tempfile.TemporaryDirectory(prefix="edgesite-publish-") as name:
            folder = Path(name)
            drafts = [folder / f"{number}" for number in range(len(files))]
            for draft, data in zip(drafts, files.values(), strict=True):
                draft.write_bytes(data)
            listed = "".join(f"{draft}\n" for draft in drafts).encode()
            blobs = self._git("hash-object", "-w", "--no-filters", "--stdin-paths", given=listed)
            entries = "".join(
                f"100644 {blob}\t{path}\0" for blob, path in zip(blobs, files, strict=True)
            ).encode()
            index = str(folder / "index")
            self._git("update-index", "-z", "--index-info", given=entries, index=index)
            return self._git("write-tree", index=index)[0]

    def _commit(self, tree: str) -> str:
        """Write a commit without parents, so that the history of pages does not grow."""
        who = self._run("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
        if who.returncode:
            raise BuildError(
                "git does not know who you are; tell it with "
                '`git config --global user.name "Your Name"` and '
                "`git config --global user.email you@example.org`"
            )
        head = self._run("rev-parse", "--short", "HEAD").stdout.decode().strip()
        message = f"Publish {head}" if head else "Publish the site"
        return self._git("commit-tree", tree, "-m", message)[0]

    def _local(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise BuildError(
                f"{shown(self.folder)}: is in no git repository; make one with `git init`, "
                "or write the site into a folder with --to"
            )
        return done.stdout.decode().rstrip("\n")

    def _git(self, *arguments: str, given: bytes | None = None, index: str = "") -> list[str]:
        """The lines that a command prints, which can only fail if the disk does."""
        done = self._run(*arguments, given=given, index=index)
        if done.returncode:
            reason = printable(done.stderr.decode(errors="replace").strip())
            raise BuildError(f"git {arguments[0]}: {reason}; free space or repair the repository")
        return done.stdout.decode().splitlines()

    def _run(
        self, *arguments: str, given: bytes | None = None, index: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        # No question is asked that nobody would see, and messages are in the language read below.
        fixed = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if index:
            fixed["GIT_INDEX_FILE"] = index
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env={**os.environ, **fixed},
                input=given or b"",
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise BuildError(
                "git was not found; install it, or write the site into a folder with --to"
            ) from None


_REFUSALS = (
    (
        ("stale info", "fetch first", "non-fast-forward", "cannot lock ref"),
        "somebody else has published meanwhile; publish again",
    ),
    (
        ("protected branch", "hook declined", "GH006", "GH013", "prohibited", "denyCurrentBranch"),
        "the remote protects this branch; allow pushes to it there, or use another with --branch",
    ),
    (
        ("Permission denied", "403", "Authentication failed", "could not read Username"),
        "you may not push there; check your rights and how git logs in",
    ),
)
"""Parts of git's complaints, and what they mean."""


def _refusal(complaint: str) -> str:
    meaning = next(
        (text for parts, text in _REFUSALS if any(part in complaint for part in parts)),
        "the remote cannot be reached; check the network and `git remote -v`",
    )
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("!", "fatal:", "error:"))), "")
    what = printable(told.removeprefix("fatal: ").removeprefix("error: ").removeprefix("! "))
    return f"{meaning} (git: {what})" if what else meaning
