"""Publishing by GitHub Actions: a workflow that builds, checks and deploys on every push."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgesite._version import __version__
from edgesite.errors import BuildError
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from pathlib import Path

FILE = ".github/workflows/edgesite.yml"

# Least rights: reading is enough to build, and only the deployment may write pages.
_WORKFLOW = """\
# Written by `edgesite publish --workflow`; yours to change.
# In the repository's settings, set Pages > Source to "GitHub Actions".
name: Publish the site

on:
  push:
    branches: [{branch}]
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: pages
  cancel-in-progress: false

jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
        with:
          lfs: true
          persist-credentials: false
      - uses: actions/setup-python@v6
        with:
          python-version: "3.13"
      - run: pip install edgesite=={version}
      - uses: actions/cache@v5
        with:
          path: {cache}
          key: edgesite-{version}-${{{{ github.sha }}}}
          restore-keys: edgesite-{version}-
      - run: edgesite check {site}
      - run: edgesite build {site} --out _site
      - uses: actions/configure-pages@v6
      - uses: actions/upload-pages-artifact@v5
        with:
          path: _site
          include-hidden-files: true

  deploy:
    needs: build
    runs-on: ubuntu-latest
    permissions:
      pages: write
      id-token: write
    environment:
      name: github-pages
      url: ${{{{ steps.deployment.outputs.page_url }}}}
    steps:
      - id: deployment
        uses: actions/deploy-pages@v5
"""


def workflow(site: str, branch: str) -> str:
    """The text of a workflow for the site in a folder of the repository, as a POSIX path."""
    cache = ".edgesite-cache" if site == "." else f"{site}/.edgesite-cache"
    return _WORKFLOW.format(site=site, branch=branch, cache=cache, version=__version__)


def write_workflow(root: Path, text: str, *, replace: bool) -> Path:
    """Write the workflow into a repository.

    Raises BuildError where another one has its name, unless it shall be replaced.
    """
    path = root / FILE
    if path.exists() and not replace and path.read_text(encoding="utf-8") != text:
        raise BuildError(f"{shown(path)}: is there already; give --replace if it may go")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
