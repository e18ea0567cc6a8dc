"""A configuration file checked against its class: every problem with its place and remedy."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from edgesite.errors import ConfigError, EdgesiteError, ProblemsError
from edgesite.site.document import Document, Location, load_document
from edgesite.site.wording import described, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)


def load_config(path: Path, model: type[Model]) -> tuple[Model, Document]:
    """Read a YAML file into its class.

    Raises ConfigError or ProblemsError, whose lines are `file:line:column: key: what; what to do`.
    """
    document = load_document(path)
    return validated(document, model), document


def validated(document: Document, model: type[Model]) -> Model:
    """The data of a document as its class; ProblemsError names everything that does not fit."""
    if not isinstance(document.data, dict):
        first = next(iter(model.model_fields))
        raise document.problem(
            (), f"got {described(document.data)}; write keys and values, such as {first}: ..."
        )
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        details = sorted(error.errors(), key=lambda detail: document.position(detail["loc"]))
        problems = [_problem(document, model, detail) for detail in details]
        raise ProblemsError(list[EdgesiteError](problems)) from None


_WANTED = {
    "string": "text; put it in quotes",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number that is not infinite",
    "bool": "true or false",
    "tuple": "a list such as [1, 2]",
    "list": "a list such as [a, b]",
    "dict": "keys and values",
    "model": "keys and values",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
    "too_short": "at least one entry",
}
"""What would be right, by pydantic's type of error or the first word of it."""


def _problem(document: Document, model: type[BaseModel], detail: ErrorDetails) -> ConfigError:
    """One error of pydantic's in the words of the file."""
    kind, location = detail["type"], _in_file(document.data, detail["loc"])
    if kind == "missing":
        return _missing(document, model, location, str(detail["loc"][-1]))
    if kind == "extra_forbidden":
        known = list(_block_at(model, location[:-1]).model_fields)
        what = f"unknown key; {suggestion(str(location[-1]), known, 'known keys')}"
        return document.problem(location, what, key=True)
    if kind == "value_error":
        return document.problem(location, str(detail["ctx"]["error"]))
    got = described(detail["input"])
    if kind in ("literal_error", "enum"):
        hint = suggestion(str(detail["input"]), _choices(model, location), "choices")
        return document.problem(location, f"got {got}; {hint}")
    wanted = _WANTED.get(kind) or _WANTED.get(kind.split("_")[0]) or detail["msg"].lower()
    return document.problem(location, f"got {got}; write {wanted.format(**detail.get('ctx', {}))}")


def _missing(
    document: Document, model: type[BaseModel], location: Location, key: str
) -> ConfigError:
    documentation = _block_at(model, location).model_fields[key].description or ""
    meaning = re.split(r"[.:;](?:\s|$)", documentation)[0].replace("\n", " ")
    return document.problem(location, f'"{key}" is missing; add {key}: ... ({meaning.lower()})')


def _in_file(data: Any, loc: tuple[str | int, ...]) -> Location:
    """The part of pydantic's location that stands in the file; it adds names of its own."""
    location: list[str | int] = []
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
        location.append(part)
    return tuple(location)


def _block_at(model: type[BaseModel], location: Location) -> type[BaseModel]:
    """The class of the innermost block around a location."""
    for part in location:
        field = model.model_fields.get(str(part))
        blocks = _blocks_in(field.annotation) if field else iter(())
        model = next(blocks, model)
    return model


def _blocks_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The classes of blocks in an annotation such as `Norm | None` or `list[ExampleEntry]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _blocks_in(part)


def _choices(model: type[BaseModel], location: Location) -> list[str]:
    """The words that a field of fixed choices may say."""
    keys = [part for part in location if isinstance(part, str)]
    field = _block_at(model, tuple(keys[:-1])).model_fields[keys[-1]]
    return list(_words_in(field.annotation))


def _words_in(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        words = get_args(annotation)
        yield from (str(w).lower() if isinstance(w, bool) else str(w) for w in words)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (str(member.value) for member in annotation)
    else:
        for part in get_args(annotation):
            yield from _words_in(part)
