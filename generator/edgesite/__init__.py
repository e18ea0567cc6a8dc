"""edgesite: compile ONNX models to WebAssembly, and put them on pages that need no server."""

from edgesite._version import __version__
from edgesite.compiler import compile  # noqa: A004 - the name users expect
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
