"""A demo but for its words: compiled, compared, its pictures made, and kept as one record.

Words change often, and so does what all pages share; with this a page is made anew without a
look at the model.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesite.site.cache import key_of, page_tools
from edgesite.site.demo import DemoPage, Example, Pictures, Proof
from edgesite.site.expectations import Verdict
from edgesite.site.folders import WORDS, real_name
from edgesite.site.pieces import Piece, Pieces, content, digest_of, size_of
from edgesite.site.reports import PageReport
from edgesite.site.wording import shown
from edgesite.tasks.classification import Answer
from edgesite.tasks.inputs import ImageInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgesite.site.cache import Cache
    from edgesite.site.pieces import Part

_RECORD = "finished.json"


@dataclass(frozen=True)
class Finished:
    """A demo that is compiled and compared; `page` may still be without its words."""

    page: DemoPage
    report: PageReport
    warnings: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    slug_where: str
    """Where the slug stands, for messages."""

    budget: int | None
    """The bytes that opening the page may take."""

    budget_where: str
    is_draft: bool = False
    """Whether smaller forms of its weights are still to be looked for."""


def key_of_finished(folder: Path, digests: Mapping[str, str], *, threads: bool) -> str:
    """A hash of all that a demo without its words depends on.

    digests: those of the files in its folder; threads: whether all demos of the site have them.
    """
    rest = {name: hashed for name, hashed in digests.items() if name != WORDS}
    name = real_name(folder)
    return key_of("finished", page_tools(), shown(folder), name, threads, rest)


def remember(
    finished: Finished, folder: Path, digests: Mapping[str, str], cache: Cache, key: str
) -> None:
    """Keep a demo; files that lie in the cache, or in its folder, stay where they are."""
    page = finished.page
    parts: dict[str, Part] = {
        **{f"file {name}": part for name, part in page.files.parts.items()},
        **{f"picture {name}": part for name, part in page.pictures.files.parts.items()},
    }
    hashes = {name: digest_of(part) for name, part in parts.items()}
    lying = {hashed: f"{folder}/{name}" for name, hashed in digests.items()} | cache.noted
    own = {hashes[name]: content(part) for name, part in parts.items() if hashes[name] not in lying}
    lying |= {hashed: f"{cache.path(key)}/{hashed}" for hashed in own}
    kept, below = f"{cache.folder}/", f"{folder}/"
    places = {
        name: (
            (is_cached := lying[hashed].startswith(kept)),
            lying[hashed].removeprefix(kept if is_cached else below),
            hashed,
            size_of(parts[name]),
        )
        for name, hashed in hashes.items()
    }
    plain = _plain(finished, folder) | {"places": places}
    cache.put(key, {**own, _RECORD: json.dumps(plain).encode()})


def recall(folder: Path, cache: Cache, key: str) -> Finished | None:
    """A demo as it was kept, without its words; None where one of its files is gone."""
    record = (cache.get(key) or {}).get(_RECORD)
    if record is None:
        return None
    plain = json.loads(record)
    found = _read(plain, folder, cache)
    parts = (*found.page.files.parts.values(), *found.page.pictures.files.parts.values())
    if not all(part.is_there() for part in parts if isinstance(part, Piece)):
        return None
    cache.touch_all(place for is_cached, place, _, _ in plain["places"].values() if is_cached)
    return found


def _plain(finished: Finished, folder: Path) -> dict[str, Any]:
    page = finished.page
    simple = {
        field.name: getattr(page, field.name)
        for field in fields(page)
        if field.name not in _OTHERWISE
    }
    return {
        "page": {
            **simple,
            "input": page.input.model_dump(mode="json"),
            "proof": asdict(page.proof),
            "examples": [_plain_example(example, folder) for example in page.examples],
        },
        "shown": page.pictures.shown,
        "report": finished.report.plain(),
        "warnings": finished.warnings,
        "verdicts": [asdict(verdict) for verdict in finished.verdicts],
        "slug_where": finished.slug_where,
        "budget": finished.budget,
        "budget_where": finished.budget_where,
    }


_OTHERWISE = (
    "input", "proof", "examples", "files", "pictures", "body_markdown", "attachments",
)  # fmt: skip
"""What of a page is not plain data, or not kept."""


def _plain_example(example: Example, folder: Path) -> dict[str, Any]:
    rest = replace(example, image=b"", source=Path())
    return asdict(rest) | {"image": None, "source": example.source.relative_to(folder).as_posix()}


def _read(plain: Mapping[str, Any], folder: Path, cache: Cache) -> Finished:
    parts: dict[str, dict[str, Part]] = {"file": {}, "picture": {}}
    for name, (is_cached, place, hashed, size) in plain["places"].items():
        kind, _, path = name.partition(" ")
        base = cache.folder if is_cached else folder
        parts[kind][path] = Piece(f"{base}/{place}", hashed, size, is_cached=is_cached)
    page = plain["page"]
    shown = tuple((media_type, path) for media_type, path in plain["shown"])
    return Finished(
        page=DemoPage(
            **page
            | {
                "input": ImageInput.model_validate(page["input"]),
                "proof": _proof(page["proof"]),
                "examples": tuple(
                    _example(each, folder, parts["picture"]) for each in page["examples"]
                ),
                "files": Pieces(parts["file"]),
                "pictures": Pictures(Pieces(parts["picture"]), shown),
                "body_markdown": "",
                "attachments": (),
            }
            | {name: tuple(page[name]) for name in ("labels", "inputs_enabled", "tags")}
        ),
        report=PageReport.of(plain["report"]),
        warnings=tuple(plain["warnings"]),
        verdicts=tuple(Verdict(**verdict) for verdict in plain["verdicts"]),
        slug_where=plain["slug_where"],
        budget=plain["budget"],
        budget_where=plain["budget_where"],
    )


def _proof(plain: Mapping[str, Any]) -> Proof:
    return Proof(**{**plain, "targets": tuple(plain["targets"])})


def _example(plain: Mapping[str, Any], folder: Path, pictures: Mapping[str, Part]) -> Example:
    return Example(
        **{
            **plain,
            "image": pictures[f"examples/{plain['name']}"],
            "source": folder / plain["source"],
            "answers": tuple(Answer(**answer) for answer in plain["answers"]),
        }
    )
