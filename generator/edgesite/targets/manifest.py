"""The manifest of a compiled model: the one thing Python and the browser share."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from edgesite.ir import HostFunction
from edgesite.tasks.classification import Classification

TargetName = Literal["simd", "relaxed"]


class Part(BaseModel):
    """A block of the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TensorInfo(Part):
    """An input or output, in ONNX's own layout."""

    name: str
    """The name it has in the ONNX model."""

    dtype: str
    """numpy's name of the element type; float16 elements are stored as their 16 bits."""

    shape: tuple[int, ...]
    """The size of every axis."""

    offset: int
    """Where it lies in the module's memory, in bytes."""

    size_bytes: int
    """Its length in bytes."""

    counts: dict[int, int] = {}
    """Axes whose size follows from the data: where the int64 lies, in bytes, that tells it. Then
    `shape` is the most, and only the elements of the true shape are there, ahead of others."""

    labels: tuple[str, ...] = ()
    """What the elements along the last axis are called, where the model says."""


class StateInfo(TensorInfo):
    """An input that is not given: zeros in the first run, then an output of the run before."""

    output: str
    """The output it is made from, by its name in the ONNX model."""


class File(Part):
    """A file beside the manifest."""

    file: str
    """Its name, with the first hex digits of its hash in it."""

    size_bytes: int
    """Its length in bytes."""

    sha256: str
    """The hash of its contents."""


class Decoded(Part):
    """The weights as the module computes with them, where they are stored in another form."""

    offset: int
    """Where `decode()` puts them, in bytes."""

    size_bytes: int
    """How many there are; a host may keep them for the model's other bindings."""


class WeightsFile(File):
    """The weights: copied into the module's memory once, before `init()`."""

    offset: int
    """Where they go, in bytes."""

    forms: dict[str, int] = {}
    """How many of the numbers are stored in which form, where not all are as computed with."""

    decoded: Decoded | None = None
    """Where there is one, `decode(arrived)` is to be called before `init()`: at last, and
    meanwhile if wanted, with how many bytes of the file are in place."""


class Source(Part):
    """Facts about the model that was compiled."""

    sha256: str
    """The hash of the .onnx file."""

    opset: int
    """The version of ONNX's default operator set it was written for."""

    parameters: int
    """The number of elements of all its weights."""

    macs: int
    """Multiplications and additions of one prediction, counted in pairs."""


class TextOperand(Part):
    """Strings that a step takes: of an input, of a step before, or always the same ones."""

    name: str = ""
    """The input or the answer they are; empty where they are always the same."""

    texts: tuple[str, ...] = ()
    """Those that are always the same."""

    shape: tuple[int, ...]
    """The size of every axis."""


class TextStep(Part):
    """A function of strings, which a module cannot look into."""

    function: HostFunction
    """What `texts.py` and `texts.ts` call it."""

    operands: tuple[TextOperand, ...]
    """What it takes."""

    outputs: tuple[TensorInfo, ...]
    """Where its answers go, as if they were inputs."""

    options: dict[str, str | int | bool | tuple[str, ...]]
    """What else it is told, by name."""


class Threads(Part):
    """What several threads run instead, each an instance of its own with the same memory."""

    modules: dict[TargetName, File]
    """The code, by feature level. It imports the memory as `env.memory`, which is shared."""

    pages: int
    """What the memory is longer by for each thread, in pages of 64 KiB."""


class Binding(Part):
    """A model for one set of shapes."""

    inputs: tuple[TensorInfo, ...]
    """What to write before `run()`."""

    outputs: tuple[TensorInfo, ...]
    """What to read after `run()`."""

    state: tuple[StateInfo, ...] = ()
    """What stays in the module's memory between runs; `reset()` fills it with zeros."""

    memory_pages: int
    """The size of the module's memory, in pages of 64 KiB."""

    brief: bool = False
    """Whether a run is over in a moment, whatever it is given: a host may do one for practice."""

    modules: dict[TargetName, File]
    """The code, by feature level."""

    threads: Threads | None = None
    """Where there is work that threads can share."""

    strings: tuple[str, ...] = ()
    """What the int32 numbers in tensors of dtype "string" stand for. A host numbers other strings
    that it meets onwards, each with a number of its own."""

    input_lists: dict[str, int] = {}
    """Inputs of the model that are lists of tensors, and how long they are: `x` of two has the
    elements `x[0]` and `x[1]` among the inputs."""

    output_lists: dict[str, int] = {}
    """The same of the outputs."""

    texts: tuple[TextStep, ...] = ()
    """What a host makes of strings before `run()`, in order."""


class Manifest(Binding):
    """What a host must know to run a compiled model."""

    format: Literal[1] = 1
    """Increases when hosts must change."""

    edgesite: str
    """The version of the compiler."""

    weights: WeightsFile
    """The weights, shared by all modules."""

    bindings: tuple[Binding, ...] = ()
    """The same model for other shapes; which one runs is decided by the inputs that are given."""

    source: Source
    """The model this came from."""

    task: Classification | None = None
    """How pictures go in and labels come out, where the model belongs to a demo."""
