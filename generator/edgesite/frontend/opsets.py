"""Which version of an operator a node means."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import OperatorSetIdProto, defs

from edgesite.errors import ModelError, UnsupportedOperatorError

OLDEST = 7
"""The oldest opset of the default domain that operators are written for; see upgrade."""

# 2**31 - 1: versions are 64 bits wide in the file, and 32 where onnx looks them up.
_LARGEST = (1 << 31) - 1


def domain_of(name: str) -> str:
    """The domain in its canonical spelling: the default one has no name."""
    return "" if name == "ai.onnx" else name


def versions_of(imports: Iterable[OperatorSetIdProto], where: str) -> dict[str, int]:
    """The opset of each domain; one named twice counts with its newest version.

    Raises ModelError for a version that cannot exist, UnsupportedOperatorError for a newer
    one than the installed onnx knows.
    """
    versions: dict[str, int] = {}
    for entry in imports:
        domain = domain_of(entry.domain)
        if not 1 <= entry.version <= _LARGEST:
            raise ModelError(
                f"{where}: opset {entry.version} of domain {domain or 'ai.onnx'} does not exist; "
                "export the model again"
            )
        versions[domain] = max(entry.version, versions.get(domain, 0))
    newest = {"": defs.onnx_opset_version(), "ai.onnx.ml": defs.onnx_ml_opset_version()}
    for domain, known in newest.items():
        if versions.get(domain, 0) > known:
            raise UnsupportedOperatorError(
                f"{where}: opset {versions[domain]} of domain {domain or 'ai.onnx'} is newer than "
                f"the installed onnx knows ({known}); export with opset {known} or older, or "
                "install a newer onnx"
            )
    return versions


def schema_of(domain: str, op_type: str, opset: int) -> defs.OpSchema | None:
    """The definition of an operator in force at an opset, None where onnx has none."""
    try:
        return defs.get_schema(op_type, opset, domain)
    except defs.SchemaError:
        return None
