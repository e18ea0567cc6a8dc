"""edgesite: compile ONNX models to WebAssembly, and put them on pages that need no server.

The compiler is imported when it is first asked for, so that the command line answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgesite.errors import (
    BuildError,
    ConfigError,
    EdgesiteError,
    InternalError,
    ModelError,
    ProblemsError,
    UnsupportedError,
    UnsupportedOperatorError,
    UnsupportedShapeError,
    UnsupportedTypeError,
    UsageError,
    VerificationError,
)

if TYPE_CHECKING:
    from edgesite._version import __version__
    from edgesite.compiler import compile  # noqa: A004 - the name users expect
    from edgesite.targets.artifacts import CompiledModel, load

__all__ = [
    "BuildError",
    "CompiledModel",
    "ConfigError",
    "EdgesiteError",
    "InternalError",
    "ModelError",
    "ProblemsError",
    "UnsupportedError",
    "UnsupportedOperatorError",
    "UnsupportedShapeError",
    "UnsupportedTypeError",
    "UsageError",
    "VerificationError",
    "__version__",
    "compile",
    "load",
]

_LATER = {
    "CompiledModel": "edgesite.targets.artifacts",
    "__version__": "edgesite._version",
    "compile": "edgesite.compiler",
    "load": "edgesite.targets.artifacts",
}
"""Names that take long to import, and where they are."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'edgesite' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value
