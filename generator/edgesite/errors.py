"""Every exception the package raises; each message says where, what, and what to do."""

from __future__ import annotations


class EdgesiteError(Exception):
    """Something the user can fix; the command line prints it and exits with status 1."""

    exit_status = 1


class ConfigError(EdgesiteError):
    """A YAML file says something impossible."""


class ModelError(EdgesiteError):
    """The ONNX file is broken or contradicts itself."""


class UnsupportedError(EdgesiteError):
    """The model is fine; edgesite cannot compile this part of it."""


class UnsupportedOperatorError(UnsupportedError):
    """An operator, or a form of it, has no meaning in primitives yet."""


class UnsupportedTypeError(UnsupportedError):
    """A dtype or a kind of value (sequence, map, optional) that cannot be compiled."""


class UnsupportedShapeError(UnsupportedError):
    """A size that is not known when the model is compiled, or is out of range."""


class BuildError(EdgesiteError):
    """A problem of templates, assets, examples or the output folder."""


class VerificationError(BuildError):
    """The compiled module does not answer as onnxruntime does."""


class ProblemsError(EdgesiteError):
    """Several problems, reported together, one line each."""

    def __init__(self, problems: list[EdgesiteError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class UsageError(EdgesiteError):
    """The command line was used wrongly; exit status 2."""

    exit_status = 2


class InternalError(Exception):
    """A broken invariant of edgesite itself; shown with its traceback."""
