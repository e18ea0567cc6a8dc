"""Which version of an operator a node means."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import OperatorSetIdProto, defs

from edgesite.errors import ModelError, UnsupportedOperatorError

OLDEST = 7
"""The oldest opset of the default domain that operators are written for; see upgrade."""


def domain_of(name: str) -> str:
    """The domain in its canonical spelling: the default one has no name."""
    return "" if name == "ai.onnx" else name


def versions_of(imports: Iterable[OperatorSetIdProto], where: str) -> dict[str, int]:
    """The opset of each domain; one named twice counts with its newest version.

    Raises ModelError for a version below 1, UnsupportedOperatorError for a newer one than
    the installed onnx knows.
    """
    versions: dict[str, int] = {}
    for entry in imports:
        domain = domain_of(entry.domain)
        if entry.version < 1:
            raise ModelError(
                f"{where}: opset {entry.version} of domain {domain or 'ai.onnx'} does not exist; "
                "export the model again"
            )
        versions[domain] = max(entry.version, versions.get(domain, 0))
    newest = defs.onnx_opset_version()
    if versions.get("", 0) > newest:
        raise UnsupportedOperatorError(
            f"{where}: opset {versions['']} is newer than the installed onnx knows ({newest}); "
            f"export with opset {newest} or older, or install a newer onnx"
        )
    return versions


def schema_of(domain: str, op_type: str, opset: int) -> defs.OpSchema | None:
    """The definition of an operator in force at an opset, None where onnx has none."""
    try:
        return defs.get_schema(op_type, opset, domain)
    except defs.SchemaError:
        return None
