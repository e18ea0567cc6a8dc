"""What is looked for before publishing, and what other hosts want."""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from edgesite.errors import BuildError, UsageError
from edgesite.site import publish_checks
from edgesite.site.build import made
from edgesite.site.publish_checks import inspected
from edgesite.site.publish_folder import compressed, with_preset
from edgesite.site.publish_workflow import FILE, workflow, write_workflow
from tests.pages import toys

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://user.github.io/repository/"
REMOTE = "git@github.com:user/repository.git"


def page(*links: str) -> bytes:
    return "".join(f'<a href="{link}">x</a>' for link in links).encode()


def problems(files: dict[str, bytes], site_url: str | None = URL) -> list[str]:
    return [str(problem) for problem in inspected(files, site_url).problems]


def test_a_new_site_has_no_problems(site: Path) -> None:
    checked, files = made(site)

    found = inspected(files, checked.info.site_url)

    assert found.problems == ()
    assert ["site_url is missing" in warning for warning in found.warnings] == [True]


def test_files_and_sites_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_checks, "MOST_FILE_BYTES", 10)
    monkeypatch.setattr(publish_checks, "MOST_SITE_BYTES", 25)

    found = problems({"small": bytes(10), "large": bytes(11), "other": bytes(5)})

    assert [text.split(":")[0].split(",")[0] for text in found] == [
        "large",
        "the site has 0.0 GB",
    ]


def test_a_pointer_of_lfs_is_no_file() -> None:
    (found,) = problems({"model.bin": b"version https://git-lfs.github.com/spec/v1\noid x"})

    assert found.startswith("model.bin: is a Git LFS pointer")


def test_names_that_differ_in_case_alone_collide() -> None:
    (found,) = problems({"a/B.png": b"", "A/b.png": b"", "c": b""})

    assert found.startswith("A/b.png and a/B.png: differ in upper and lower case alone")


@pytest.mark.parametrize(
    "link",
    [
        "./", "../", "demo/", "../demo/", "demo", "other.txt", "other.txt?x#y", "#here=1", "",
        "https://elsewhere/x", "//elsewhere/x", "mailto:a@b", "data:,x", "/repository/",
        "/repository/demo/", "with%20space.txt",
    ],
)  # fmt: skip
def test_links_that_lead_somewhere_are_well(link: str) -> None:
    files = {"index.html": b"", "demo/index.html": b"", "other.txt": b"", "with space.txt": b""}
    name = "demo/index.html" if link.startswith("..") else "index.html"

    assert problems({**files, name: page(link)}) == []


@pytest.mark.parametrize("link", ["absent.txt", "demo/absent", "../out.txt", "other.txt/", "/x"])
def test_links_that_lead_nowhere_are_problems(link: str) -> None:
    files = {"index.html": page(link, link), "demo/index.html": b"", "other.txt": b""}

    assert problems(files) == [
        f"index.html: links to {link}, which is not in the site; correct the address"
    ]


def test_hidden_names_are_warned_of() -> None:
    (found,) = inspected({".a": b"", "b/_c/d": b"", "e_f": b""}, URL).warnings

    assert found.startswith(".a, b/_c/d: names that start with . or _")


@pytest.mark.parametrize(
    ("site_url", "remote", "expected"),
    [
        (URL, REMOTE, None),
        (URL, "https://github.com/user/repository", None),
        (URL, "https://elsewhere.org/user/x.git", None),
        ("https://user.github.io/", "https://github.com/user/user.github.io.git", None),
        ("https://example.org/", REMOTE, None),
        ("https://user.github.io/", REMOTE, "https://user.github.io/repository/"),
        (URL, "https://github.com/User/Other.git", "https://user.github.io/Other/"),
        (URL, "https://github.com/user/user.github.io", "https://user.github.io/"),
    ],
)
def test_the_address_is_that_of_the_repository(
    site_url: str, remote: str, expected: str | None
) -> None:
    warnings = inspected({}, site_url, remote).warnings

    assert [warning.split(" are at ")[1].split(",")[0].split(";")[0] for warning in warnings] == (
        [expected] if expected else []
    )


def test_netlify_and_cloudflare_get_headers() -> None:
    files = with_preset({"index.html": b""}, "netlify", toys.site())

    assert files["_headers"].startswith(b"/*\n")
    assert files == with_preset({"index.html": b""}, "cloudflare", toys.site())


def test_a_space_gets_a_card_with_any_title() -> None:
    site = replace(toys.site(), title='A "title": with {braces}\u2028 # and more')

    card = with_preset({}, "huggingface", site)["README.md"].decode()
    data = yaml.safe_load(card.split("---\n")[1])

    assert (data["sdk"], data["title"]) == ("static", site.title)
    assert data["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match='got "s3"; the presets are plain, netlify'):
        with_preset({}, "s3", toys.site())


def test_what_shrinks_is_compressed_beside_itself() -> None:
    files = compressed({"a.js": bytes(1000), "b.png": bytes(1000), "c.wasm": b"\0asm"})

    assert gzip.decompress(files["a.js.gz"]) == bytes(1000)
    assert ("a.js.br" in files) == bool(importlib.util.find_spec("brotli"))
    assert not {"b.png.gz", "c.wasm.gz"} & files.keys()


def parsed(site: str = ".") -> Any:
    return yaml.load(workflow(site, "main"), yaml.BaseLoader)


@pytest.mark.parametrize("site", [".", "docs/site"])
def test_the_workflow_is_one_by_githubs_schema(site: str) -> None:
    schema = get_builtin_schema("vendor.github-workflows")
    document = yaml.safe_load(workflow(site, "main").replace("\non:", "\n'on':"))

    jsonschema.validate(json.loads(json.dumps(document)), schema)


def test_the_workflow_has_the_least_rights_and_deploys_what_it_built() -> None:
    jobs = parsed()["jobs"]
    uses = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]

    assert parsed()["permissions"] == {"contents": "read"}
    assert "permissions" not in jobs["build"]
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert jobs["deploy"]["needs"] == "build"
    assert parsed()["concurrency"] == {"group": "pages", "cancel-in-progress": "false"}
    assert {
        "actions/configure-pages@v6",
        "actions/upload-pages-artifact@v5",
        "actions/deploy-pages@v5",
    } <= set(uses)


def test_the_workflow_checks_before_it_builds_and_uploads_hidden_files() -> None:
    steps = parsed("docs/site")["jobs"]["build"]["steps"]
    runs = [step["run"].split()[:3] for step in steps if "run" in step][1:]
    upload = next(step for step in steps if "upload" in step.get("uses", ""))
    kept = next(step for step in steps if "cache" in step.get("uses", ""))

    assert runs == [["edgesite", "check", "docs/site"], ["edgesite", "build", "docs/site"]]
    assert upload["with"] == {"path": "_site", "include-hidden-files": "true"}
    assert kept["with"]["path"] == "docs/site/.edgesite-cache"


def test_a_workflow_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    path = write_workflow(tmp_path, "one", replace=False)
    write_workflow(tmp_path, "one", replace=False)

    with pytest.raises(BuildError, match="is there already; give --replace if it may go"):
        write_workflow(tmp_path, "two", replace=False)

    assert path == tmp_path / FILE
    assert path.read_text() == "one"
    assert write_workflow(tmp_path, "two", replace=True).read_text() == "two"
