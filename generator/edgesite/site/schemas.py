"""JSON schemas of the configuration files, and where a site keeps them for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgesite.site.config import DemoConfig, SiteConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import BaseModel

FOLDER = ".schema"
"""Beside edgesite.yaml; what starts with a dot is neither watched nor shipped."""

MODELS: Mapping[str, type[BaseModel]] = {"site": SiteConfig, "demo": DemoConfig}
"""The model behind each kind of file."""


def schema(kind: str) -> dict[str, Any]:
    """The JSON schema of "site", edgesite.yaml, or "demo", demo.yaml."""
    return MODELS[kind].model_json_schema()


def schema_files() -> dict[str, bytes]:
    """Every schema, by the path that it has in a site."""
    return {
        f"{FOLDER}/{kind}.json": (json.dumps(schema(kind), indent=1) + "\n").encode()
        for kind in MODELS
    }


def schema_line(kind: str) -> str:
    """The first line of a configuration file, by which editors find its schema."""
    way = "../../" if kind == "demo" else ""
    return f"# yaml-language-server: $schema={way}{FOLDER}/{kind}.json"


def renew_schemas(root: Path) -> None:
    """Write the schemas of this version into a site."""
    for name, data in schema_files().items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
