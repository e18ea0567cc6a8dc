"""docs/configuration.md is made from the code: `python -m tests.test_configuration_page`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesite.site.config import DemoConfig, SiteConfig

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

HEAD = """\
# Configuration

Made from the code by `.venv/bin/python -m tests.test_configuration_page`; a test says when it is
old. A site has one `edgesite.yaml`, and every demo a `demo.yaml` in its folder below `demos/`. An
unknown key is an error that names the nearest known one; `edgesite check` finds all of them.

Editors that understand JSON schemas complete and check both files while they are written, where the
first line names the schema. `edgesite new` and `edgesite add` write that line, and the schemas into
`.schema/` beside `edgesite.yaml`; `edgesite schema demo` and `edgesite schema site` print them.

```yaml
# yaml-language-server: $schema=../../.schema/demo.json
```
"""

Schema = Mapping[str, Any]


def page() -> str:
    """The whole page."""
    return "\n".join(
        [HEAD, *section("demo.yaml", DemoConfig), *section("edgesite.yaml", SiteConfig)]
    )


def section(title: str, model: type[DemoConfig | SiteConfig]) -> Iterator[str]:
    """A file: its own keys, then those of every block in it."""
    schema = model.model_json_schema()
    blocks = schema.get("$defs", {})
    yield f"## {title}\n"
    yield from keys(schema, blocks, "")
    for path, name in inner(schema, blocks, ""):
        yield f"### {title}: {path}\n\n{one_line(blocks[name].get('description', ''))}\n"
        yield from keys(blocks[name], blocks, f"{path}.")


def keys(block: Schema, blocks: Schema, prefix: str) -> Iterator[str]:
    yield "| key | value | without it | |\n|---|---|---|---|"
    for key, schema in block.get("properties", {}).items():
        absent = "**needed**" if key in block.get("required", ()) else default(schema)
        cells = (f"`{prefix}{key}`", kind(schema, blocks), absent, meaning(schema, blocks))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def inner(block: Schema, blocks: Schema, prefix: str) -> Iterator[tuple[str, str]]:
    """The blocks below a block that have keys of their own, and where they stand."""
    for key, schema in block.get("properties", {}).items():
        for name, many in references(schema):
            if "properties" in blocks[name]:
                path = f"{prefix}{key}" + ("[]" if many else "")
                yield path, name
                yield from inner(blocks[name], blocks, f"{path}.")


def references(schema: Schema, *, many: bool = False) -> Iterator[tuple[str, bool]]:
    if "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2], many
    for option in schema.get("anyOf", ()):
        yield from references(option, many=many)
    if isinstance(schema.get("items"), dict):
        yield from references(schema["items"], many=True)


def kind(schema: Schema, blocks: Schema) -> str:
    """What a value may be, in words."""
    match schema:
        case {"$ref": reference}:
            block = blocks[reference.rpartition("/")[2]]
            return kind(block, blocks) if "enum" in block else "block"
        case {"anyOf": options}:
            kinds = (kind(option, blocks) for option in options if option != {"type": "null"})
            return " or ".join(dict.fromkeys(kinds))
        case {"enum": values}:
            return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in values)
        case {"const": value}:
            return f"`{json.dumps(value).strip(chr(34))}`"
        case {"type": "array", "items": item}:
            return f"list of {plural(kind(item, blocks))}"
        case {"type": "array"}:
            return "list"
        case {"type": "object", "additionalProperties": {} as value}:
            return f"block of names and {plural(kind(value, blocks))}"
        case {"type": "integer"}:
            return "whole number" + bounds(schema)
        case {"type": "number"}:
            return "number" + bounds(schema)
        case {"type": "boolean"}:
            return "`true`, `false`"
    return "text"


def plural(word: str) -> str:
    irregular = {"text": "texts"}
    return irregular.get(word, word if word.startswith("`") or " or " in word else f"{word}s")


def bounds(schema: Schema) -> str:
    words = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "up to {}",
        "exclusiveMaximum": "below {}",
    }
    said = [words[key].format(schema[key]) for key in words if key in schema]
    return " " + ", ".join(said) if said else ""


def default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or value in ([], {}, "") or isinstance(value, dict):
        return ""
    return f"`{json.dumps(value).strip(chr(34))}`"


def meaning(schema: Schema, blocks: Schema) -> str:
    own = schema.get("description", "")
    names = [name for name, _ in references(schema)]
    return one_line(own or next((blocks[n].get("description", "") for n in names), ""))


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run .venv/bin/python -m tests.test_configuration_page"


@pytest.mark.parametrize("model", [DemoConfig, SiteConfig])
def test_every_key_is_explained(model: type[DemoConfig | SiteConfig]) -> None:
    schema = model.model_json_schema()
    blocks = {"": schema, **schema["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, block in blocks.items()
        for key, value in block.get("properties", {}).items()
        if not meaning(value, schema["$defs"])
    ]

    assert silent == []


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE)
