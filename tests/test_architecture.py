"""Who may import whom, as STYLE's table has it: downwards, never sideways."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "generator" / "edgesite"

LAYERS: dict[str, int] = {
    "cli": 10,
    "bench": 9,
    "site": 8,
    "verify": 7,
    "onnx_backend": 7,
    "compiler": 6,
    "express": 5,
    "frontend": 4,
    "passes": 3,
    "tasks": 1,
    "targets": 4,
    "ops": 2,
    "wasm": 2,
    "ir": 1,
    "errors": 0,
    "_version": 0,
}
"""Of two parts the one with the larger number may import the other."""

ONLY_THERE = {
    "onnx": {"frontend", "ops", "onnx_backend", "compiler", "site", "verify"},
    "jinja2": {"site"},
    "wasmtime": {"targets"},
    "typer": {"cli"},
    "onnxruntime": {"frontend", "verify", "site"},
}
"""Libraries, and the parts that may know of them."""

MODULES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def known_part(module: str) -> str | None:
    """The part of the package an import names; None for the public surface and others."""
    names = module.split(".")
    if names[0] != "edgesite" or len(names) < 2:
        return None
    return names[1] if names[1] in LAYERS else None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_import_from_the_layers_below_only(path: Path) -> None:
    own = part_of(path)
    wrong = [
        module
        for module in imports_of(path)
        if (other := known_part(module)) not in (None, own) and LAYERS[other] >= LAYERS[own]
    ]

    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_are_known_where_they_belong_only(path: Path) -> None:
    own = part_of(path)

    wrong = [
        module
        for module in imports_of(path)
        if module.split(".")[0] in ONLY_THERE and own not in ONLY_THERE[module.split(".")[0]]
    ]

    assert wrong == []


def test_the_assembler_knows_nothing_of_tensors() -> None:
    imported = {
        known_part(module)
        for path in MODULES
        if part_of(path) == "wasm"
        for module in imports_of(path)
    }

    assert imported <= {None, "wasm", "errors"}


def test_no_module_imports_a_private_name() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}: {module}"
        for path in MODULES
        for module in imports_of(path)
        if module.startswith("edgesite.")
        and module.split(".")[-1].startswith("_")
        and module.split(".")[-1] not in ("__version__",)
    ]

    assert wrong == []
