"""A compiled model: its files, how they are saved and loaded, and how they are run here."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from PIL.Image import Image

from edgesite._version import __version__
from edgesite.errors import BuildError, ModelError, UsageError
from edgesite.targets.declarations import declare
from edgesite.targets.host import Instance
from edgesite.targets.lists import gathered, spread
from edgesite.targets.manifest import (
    Binding,
    Decoded,
    File,
    Manifest,
    Source,
    StateInfo,
    TargetName,
    TensorInfo,
    TextStep,
    Threads,
    WeightsFile,
)
from edgesite.targets.stored.choice import Choice
from edgesite.tasks.images import open_image, prepare

if TYPE_CHECKING:
    from edgesite.ir import Value
    from edgesite.tasks.classification import Answer

TARGETS: tuple[TargetName, ...] = ("simd", "relaxed")
_BUNDLES = Path(__file__).parent.parent / "bundles"
_PLACEHOLDER = "__EDGESITE_MANIFEST__"
_OURS = re.compile(
    r"manifest\.json|model\.js|model\.d\.ts|weights\.[0-9a-f]{8}\.bin|model(\.threads)?\.\w+\.[0-9a-f]{8}\.wasm"
)


@dataclass(frozen=True)
class CompiledModel:
    """A model as it ships: a manifest, a module per target and the weights they share."""

    manifest: Manifest
    modules: Mapping[TargetName, bytes]
    weights: bytes
    others: tuple[Mapping[TargetName, bytes], ...] = ()
    """The modules of the manifest's further bindings."""
    shared: tuple[Mapping[TargetName, bytes], ...] = ()
    """By binding, the modules for threads; empty where a binding has nothing to share."""
    plain: bytes | None = None
    """The weights before they were brought into smaller forms; not known of a loaded model."""
    choice: Choice | None = None
    """How the forms of the weights were chosen; not known of a loaded model."""
    quantized: bytes | None = None
    """The ONNX model in integers that was compiled in place of the one in floats, if one was."""
    instead: bytes | None = None
    """Weights to run with in place of those that ship."""

    def unrounded(self) -> CompiledModel:
        """The same modules on the weights before they were brought into smaller forms.

        These answer as the model does, which shows that nothing but the forms makes a difference.
        """
        return self if self.plain is None else replace(self, instead=self.plain)

    def run(
        self, feeds: Mapping[str, Any], *, target: TargetName = "relaxed", threads: int = 1
    ) -> dict[str, Any]:
        """Run one prediction on the shipped bytes, under wasmtime.

        `feeds` holds an array per input, of exactly its shape and dtype, or a list of arrays
        where the model takes one; the result holds the same per output, whatever the number of
        threads. Raises UsageError for feeds that do not fit.
        """
        lists = {name for binding, _ in self._bindings for name in binding.input_lists}
        arrays = spread(feeds, lists)
        at = self._binding_of(arrays)
        made = self._instances[target, at, threads].run(arrays)
        return gathered(made, self._bindings[at][0].output_lists)

    def predict(
        self, picture: str | os.PathLike[str] | Image, *, target: TargetName = "relaxed"
    ) -> list[Answer]:
        """Every class of a picture, best first, prepared and answered as on the demo's page.

        picture: a file, or a picture of Pillow's. Raises UsageError where the model belongs to
        no demo, BuildError where the file is no picture.
        """
        task = self.manifest.task
        if task is None:
            raise UsageError(
                "predict: the model does not say how pictures go in; load one that "
                "`edgesite build` wrote, such as dist/cifar10, or give arrays to run()"
            )
        image = picture if isinstance(picture, Image) else open_image(Path(picture))
        shape = next(info.shape for info in self.manifest.inputs if info.name == task.input.name)
        feeds = {task.input.name: prepare(image, task.input, len(shape))}
        return task.answers(self.run(feeds, target=target)[task.output])

    def instance(self, target: TargetName) -> Instance:
        """A fresh instance of the first binding's module."""
        return Instance(self.manifest, self.modules[target], self.manifest.weights, self.weights)

    def reset(self) -> None:
        """Forget the state of a model that has one: the next run is like the first."""
        for instance in self._instances.values():
            instance.reset()

    def _binding_of(self, feeds: Mapping[str, ArrayLike]) -> int:
        """The place of the binding with the inputs' shapes; one alone says itself why not."""
        given = {name: np.shape(array) for name, array in feeds.items()}
        known = [{i.name: i.shape for i in binding.inputs} for binding, _ in self._bindings]
        if given not in known and len(known) > 1:
            raise UsageError(f"feeds of shapes {given}: give one of {known}")
        return known.index(given) if given in known else 0

    @cached_property
    def _instances(self) -> dict[tuple[TargetName, int, int], Instance]:
        return _Instances(self)

    def files(self) -> dict[str, bytes]:
        """Every file of the compiled model, by name.

        Raises BuildError when the JavaScript part was not bundled.
        """
        return {
            self.manifest.weights.file: self.weights,
            **{
                binding.modules[name].file: modules[name]
                for binding, modules in self._bindings
                for name in TARGETS
            },
            **{
                binding.threads.modules[name].file: modules[name]
                for (binding, _), modules in zip(self._bindings, self.shared, strict=False)
                for name in modules
                if binding.threads is not None
            },
            **described(self.manifest),
        }

    @property
    def _bindings(self) -> list[tuple[Binding, Mapping[TargetName, bytes]]]:
        """Every binding with its modules."""
        bindings = (self.manifest, *self.manifest.bindings)
        return list(zip(bindings, (self.modules, *self.others), strict=True))

    def save(self, directory: str | os.PathLike[str]) -> None:
        """Write the compiled model as a folder, which replaces one of the same name.

        Raises UsageError when the folder exists and holds something else.
        """
        target = Path(directory)
        if target.exists() and not _is_replaceable(target):
            raise UsageError(
                f"{target}: holds something that is not a compiled model; name another folder"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        files = self.files()
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            fresh = Path(scratch) / "new"
            fresh.mkdir()
            for name, content in files.items():
                (fresh / name).write_bytes(content)
            if target.exists():
                target.rename(Path(scratch) / "old")
            fresh.rename(target)


def _is_replaceable(target: Path) -> bool:
    """Whether nothing is lost with a folder but a compiled model."""
    if not target.is_dir():
        return False
    names = {path.name for path in target.iterdir()}
    return not names or ("manifest.json" in names and all(map(_OURS.fullmatch, names)))


class _Instances(dict[tuple[TargetName, int, int], Instance]):
    """Instances of the modules of a model, made when they are first asked for."""

    def __init__(self, model: CompiledModel) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, key: tuple[TargetName, int, int]) -> Instance:
        target, at, threads = key
        if target not in self._model.modules:
            known = " or ".join(TARGETS)
            raise UsageError(f"target {target!r}: there is no such module; use {known}")
        binding, modules = self._model._bindings[at]
        if threads > 1 and binding.threads is not None:
            modules = self._model.shared[at]
        else:
            threads = 1
        file, weights = self._model.manifest.weights, self._model.weights
        made = self[key] = Instance(binding, modules[target], file, weights, threads)
        if self._model.instead is not None:
            made.reweigh(self._model.instead)
        return made


def load(directory: str | os.PathLike[str]) -> CompiledModel:
    """Read a compiled model that `save` or `edgesite compile` wrote.

    Raises ModelError when the folder holds none, or one that is damaged.
    """
    folder = Path(directory)
    path = folder / "manifest.json"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError:
        raise ModelError(f"{path}: cannot be read; give a folder that compile wrote") from None
    except ValueError as error:
        raise ModelError(f"{path}: is no manifest of this version ({error})") from None
    bindings = (manifest, *manifest.bindings)
    if any(set(binding.modules) != set(TARGETS) for binding in bindings):
        raise ModelError(f"{path}: lists no module for each of {TARGETS}; compile the model again")
    modules, *others = (
        {name: _checked(folder, binding.modules[name]) for name in TARGETS} for binding in bindings
    )
    shared = tuple(
        {name: _checked(folder, file) for name, file in binding.threads.modules.items()}
        if binding.threads is not None
        else {}
        for binding in bindings
    )
    weights = _checked(folder, manifest.weights)
    return CompiledModel(manifest, modules, weights, tuple(others), shared)


def _checked(folder: Path, file: File) -> bytes:
    path = folder / file.file
    try:
        content = path.read_bytes()
    except OSError:
        raise ModelError(f"{path}: is missing; compile the model again") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ModelError(f"{path}: has changed since it was written; compile the model again")
    return content


def bind(
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    state: Sequence[StateInfo],
    modules: Mapping[TargetName, bytes],
    memory_pages: int,
    strings: Sequence[str] = (),
    texts: Sequence[TextStep] = (),
    shared: Mapping[TargetName, bytes] = MappingProxyType({}),
    thread_pages: int = 0,
    input_lists: Mapping[str, int] = MappingProxyType({}),
    output_lists: Mapping[str, int] = MappingProxyType({}),
    *,
    brief: bool = False,
) -> Binding:
    """A binding from its parts; `shared` are the modules for threads, if there are any."""
    threads = Threads(modules=_files("threads.", shared), pages=thread_pages) if shared else None
    return Binding(
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        state=tuple(state),
        memory_pages=memory_pages,
        brief=brief,
        strings=tuple(strings),
        texts=tuple(texts),
        modules=_files("", modules),
        threads=threads,
        input_lists=dict(input_lists),
        output_lists=dict(output_lists),
    )


def _files(kind: str, modules: Mapping[TargetName, bytes]) -> dict[TargetName, File]:
    return {name: _described(f"model.{kind}{name}", "wasm", code) for name, code in modules.items()}


def pack(
    bindings: Sequence[tuple[Binding, Mapping[TargetName, bytes]]],
    source: Source,
    weights: bytes,
    *,
    weights_offset: int,
    shared: Sequence[Mapping[TargetName, bytes]] = (),
    decoded: Decoded | None = None,
    choice: Choice | None = None,
    plain: bytes | None = None,
) -> CompiledModel:
    """A compiled model from its parts: one binding, or several, each with its modules."""
    (first, modules), *others = bindings
    manifest = Manifest(
        **dict(first),
        edgesite=__version__,
        weights=WeightsFile(
            **dict(_described("weights", "bin", weights)),
            offset=weights_offset,
            forms=choice.forms if choice and decoded else {},
            decoded=decoded,
        ),
        bindings=tuple(binding for binding, _ in others),
        source=source,
    )
    rest = tuple(modules for _, modules in others)
    return CompiledModel(manifest, modules, weights, rest, tuple(shared), plain, choice)


def _described(stem: str, suffix: str, content: bytes) -> File:
    digest = hashlib.sha256(content).hexdigest()
    return File(file=f"{stem}.{digest[:8]}.{suffix}", size_bytes=len(content), sha256=digest)


def tensor_info(
    name: str,
    value: Value,
    offset: int,
    labels: tuple[str, ...] = (),
    counts: Mapping[int, int] | None = None,
) -> TensorInfo:
    """The manifest's entry for an input or output."""
    return TensorInfo(
        name=name,
        dtype=value.dtype.value,
        shape=value.shape,
        offset=offset,
        size_bytes=value.size * value.dtype.size_bytes,
        labels=labels,
        counts=dict(counts or {}),
    )


def described(manifest: Manifest) -> dict[str, bytes]:
    """The files of a compiled model that follow from its manifest, by name.

    Raises BuildError when the JavaScript part was not bundled.
    """
    return {
        "manifest.json": (manifest.model_dump_json(indent=2) + "\n").encode(),
        "model.js": _script(manifest),
        "model.d.ts": declare(manifest).encode(),
    }


def _script(manifest: Manifest) -> bytes:
    bundle = _BUNDLES / f"{'-'.join(['model', *_switches(manifest)])}.js"
    try:
        script = bundle.read_text(encoding="utf-8")
    except OSError:
        raise BuildError(f"{bundle}: is missing; run npm ci and npm run bundle") from None
    facts = json.dumps(manifest.model_dump(mode="json"), separators=(",", ":"))
    return script.replace(_PLACEHOLDER, facts).encode()


def _switches(manifest: Manifest) -> list[str]:
    """What model.js must be able to do beyond running tensors, in the order of bundle.json."""
    bindings = (manifest, *manifest.bindings)
    switches = {
        "pictures": manifest.task is not None,
        "centre": manifest.task is not None and manifest.task.input.centre is not None,
        "sizes": manifest.task is not None and bool(manifest.task.input.others),
        "values": any(map(_has_values, bindings)),
        "threads": any(binding.threads for binding in bindings),
    }
    return [name for name, is_on in switches.items() if is_on]


def _has_values(binding: Binding) -> bool:
    """Whether a model takes or gives more than tensors of numbers."""
    is_text = any(info.dtype == "string" for info in (*binding.inputs, *binding.outputs))
    return is_text or bool(binding.input_lists or binding.output_lists)
