"""The compiled model of a demo: from the cache, or from the compiler and then into the cache."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import edgesite
from edgesite.errors import (
    ConfigError,
    EdgesiteError,
    ModelError,
    ProblemsError,
    UnsupportedError,
    UnsupportedShapeError,
    UsageError,
)
from edgesite.frontend.quantization import FEWEST, quantized
from edgesite.site.cache import Cache, digest, key_of, tool_hash, version
from edgesite.site.calibration import calibration
from edgesite.site.fit import fit
from edgesite.site.problems import Problems
from edgesite.targets.manifest import Manifest
from edgesite.targets.stored.choice import CHOSEN
from edgesite.targets.stored.trial import limited
from edgesite.verify import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from edgesite import CompiledModel
    from edgesite.compiler import Prepared, Threads
    from edgesite.site.config import Shape
    from edgesite.site.fit import Fit
    from edgesite.site.source import DemoSource


@dataclass(frozen=True)
class Compiled:
    """A demo's model, ready to ship."""

    key: str
    """A hash of everything it was made from."""

    files: Mapping[str, bytes]
    folder: Path
    """Where the cache keeps the files, if it could be written."""

    cached: bool
    """Whether an earlier build made it."""

    fresh: CompiledModel | None

    plain: Compiled | None = None
    """The same with float32 weights, where these have other forms."""

    quantized: bytes | None = None
    """The ONNX model in integers that was compiled in place of the demo's, if one was."""

    is_draft: bool = False
    """Whether these are float32 weights only because smaller forms are still to be looked for."""

    @cached_property
    def manifest(self) -> Manifest:
        """Its inputs, outputs and files."""
        return Manifest.model_validate_json(self.files["manifest.json"])

    def open(self) -> CompiledModel:
        """The model, ready to run, and able to run with float32 weights."""
        model = self.fresh or edgesite.load(self.folder)
        if self.plain is None or model.manifest.weights.decoded is None:
            return model
        return replace(model, plain=self.plain.files[self.plain.manifest.weights.file])


def compiled(
    demo: DemoSource, kept: Cache, *, threads: bool = False, draft: bool = False
) -> Compiled:
    """Compile a demo's model, unless the cache has it, and round it as demo.yaml says.

    threads: whether there are modules for threads where demo.yaml does not say.
    draft: take float32 weights where the model would have to be run to choose their forms.
    Raises what the compiler raises, with the place in demo.yaml in front.
    """
    own, config = demo.config.threads, demo.config
    wanted: Threads = "auto" if (threads if own is None else own) else "off"

    @cache
    def ready() -> Prepared:
        from edgesite.compiler import prepare

        return prepare(demo.model, shapes_of(demo), state=config.state, threads=wanted)

    key = _key(demo, wanted)
    plain = _kept(demo, kept, key, lambda: ready().plain)
    how = fit(demo, plain.manifest, Problems())
    if how is None:  # which is reported where it is used
        return plain
    if config.quantize is not None:
        return _in_integers(demo, kept, plain, how, wanted)
    if config.weights == "float32":
        return plain
    tried, limits = calibration(demo), limited(config.tolerance, config.agreement)
    key = key_of(
        "weights",
        plain.key,
        config.weights,
        tried.key,
        how.input.model_dump(mode="json"),
        [config.tolerance, config.agreement],
        [version("wasmtime"), version("pillow")],
    )

    def stored() -> CompiledModel:
        return ready().stored(config.weights, tried.inputs(how) or None, limits)

    if draft and config.weights in CHOSEN and kept.fetch(key) is None:
        return replace(plain, is_draft=True)
    return replace(_kept(demo, kept, key, stored), plain=plain)


def _in_integers(
    demo: DemoSource, kept: Cache, plain: Compiled, how: Fit, threads: Threads
) -> Compiled:
    """The demo's model made to compute in integers, and compiled: two results that are kept."""
    tried = calibration(demo)
    if len(tried.paths) < FEWEST:
        raise demo.document.problem(
            ("quantize",),
            f"there are {len(tried.paths)} pictures to calibrate with; add examples, or name a "
            f"folder with at least {FEWEST} pictures by calibration:",
        )
    key = key_of(
        "quantize",
        plain.key,
        tried.key,
        how.input.model_dump(mode="json"),
        [version("onnxruntime"), version("pillow")],
    )
    files = kept.fetch(key)
    if files is None:
        try:
            files = {"model.onnx": quantized(demo.model, tried.inputs(how))}
        except EdgesiteError as error:
            raise placed(demo, error) from None
        kept.share(key, files)
    model = files["model.onnx"]

    def made() -> CompiledModel:
        found = edgesite.compile(model, shapes_of(demo), threads=threads)
        # What is said of the model is about the file that the author gave.
        source = plain.manifest.source
        return replace(found, manifest=found.manifest.model_copy(update={"source": source}))

    key = key_of("quantized", key)
    return replace(_kept(demo, kept, key, made), quantized=model)


def _kept(demo: DemoSource, kept: Cache, key: str, make: Callable[[], CompiledModel]) -> Compiled:
    """A compiled model from the cache, or one that is made, and then in the cache."""
    files = kept.fetch(key)
    if files is not None:
        return Compiled(key, files, kept.path(key), cached=True, fresh=None)
    try:
        model = make()
    except EdgesiteError as error:
        raise placed(demo, error) from None
    files = model.files()
    kept.share(key, files)
    return Compiled(key, files, kept.path(key), cached=False, fresh=model)


def _key(demo: DemoSource, threads: Threads) -> str:
    """A hash of all that a model with float32 weights depends on."""
    try:
        data = demo.model.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise demo.document.problem(
            ("model",), f"cannot be read ({reason}); make the file readable"
        ) from None
    return key_of(
        "compile",
        tool_hash(),
        data,
        [digest(path.read_bytes()) for path in outside_files(demo.model, data)],
        demo.config.input.name,
        demo.config.input.shape,
        demo.config.state,
        threads,
    )


def placed(demo: DemoSource, error: EdgesiteError) -> EdgesiteError:
    """An error about a demo's model, with the place in demo.yaml that leads to it.

    What cannot be compiled comes as a line per node; each becomes a problem of its own.
    """
    found: list[EdgesiteError] = []
    for problem in error.problems if isinstance(error, ProblemsError) else (error,):
        text = str(problem)
        lines = text.splitlines() if isinstance(problem, UnsupportedError) else [text]
        found += [_placed(demo, problem, line) for line in lines]
    return found[0] if len(found) == 1 else ProblemsError(found)


def _placed(demo: DemoSource, error: EdgesiteError, text: str) -> EdgesiteError:
    about_shape = isinstance(error, UnsupportedShapeError | UsageError)
    location = ("input", "shape") if about_shape else ("model",)
    if text.startswith("state: "):
        location, text = ("state",), text.removeprefix("state: ")
    placed = f"{demo.document.where(location)}: {'.'.join(location)}: {text}"
    return ConfigError(placed) if isinstance(error, UsageError) else type(error)(placed)


def shapes_of(demo: DemoSource) -> list[Mapping[str, int | tuple[int, ...]]] | None:
    """What the compiler is told about sizes: the input's shape, or sizes of named axes."""
    shapes = demo.config.input.shapes
    return [_sizes(demo, shape) for shape in shapes] or None


def _sizes(demo: DemoSource, shape: Shape) -> Mapping[str, int | tuple[int, ...]]:
    if isinstance(shape, dict):
        return dict(shape)
    return {demo.config.input.name or _only_input(demo): shape}


def _only_input(demo: DemoSource) -> str:
    try:
        kept = demo.config.state.values()
        names = [name for name in Reference(demo.model).inputs if name not in kept]
    except ModelError:
        edgesite.compile(demo.model)  # the compiler's own message says more about broken files
        raise
    if len(names) != 1:
        raise demo.document.problem(
            ("input",), f"the model has the inputs {', '.join(names)}; add name: with one of them"
        )
    return names[0]


_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])")
"""How a tensor's entry for data in another file begins, up to the length of the file's name."""


def outside_files(model: Path, data: bytes) -> list[Path]:
    """The files below a model's folder in which it keeps weights, as far as they exist."""
    names = {
        data[match.end() : match.end() + match[1][0]].decode(errors="replace")
        for match in _LOCATION.finditer(data)
    }
    below = [PurePosixPath(name) for name in names if ".." not in PurePosixPath(name).parts]
    paths = sorted(model.parent / name for name in below if not name.is_absolute())
    return [path for path in paths if path.is_file()]
