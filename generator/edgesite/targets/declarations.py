"""The TypeScript declarations of a compiled model: `model.d.ts`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from edgesite.targets.manifest import Manifest, TensorInfo
from edgesite.tasks.classification import Classification

_ARRAYS = {
    "float64": "Float64Array",
    "float32": "Float32Array",
    "float16": "Uint16Array",
    "bfloat16": "Uint16Array",
    "int64": "BigInt64Array",
    "uint64": "BigUint64Array",
    "int32": "Int32Array",
    "uint32": "Uint32Array",
    "int16": "Int16Array",
    "uint16": "Uint16Array",
    "int8": "Int8Array",
    "uint8": "Uint8Array",
    "bool": "Uint8Array",
    "string": "readonly string[]",
}

_TEXT = """\
{pictures}/** What one prediction takes: typed arrays in ONNX's own layout. */
export interface Feeds {{
{inputs}
}}

/** What one prediction gives. */
export interface Results {{
{outputs}
}}

export type Target = "simd" | "relaxed";

export interface TensorInfo<Name = string> {{
  readonly name: Name;
  readonly dtype: string;
  readonly shape: readonly number[];
}}

export interface LoadOptions {{
  /** Run in a worker of its own (the default), or on the calling thread. */
  worker?: boolean;
  /** The module to use; without it the engine is probed. */
  target?: Target;
  /**
   * How many threads share the work, at most 8; "auto", the default, takes as many as there are
   * cores. It is one where a page is not cross-origin isolated, or where there is too little work.
   */
  threads?: number | "auto";
  /** Called with the bytes that have arrived and the bytes there are. */
  onProgress?: (loaded: number, total: number) => void;
}}

export interface Sides {{
  readonly inputs: readonly TensorInfo<keyof Feeds>[];
  readonly outputs: readonly TensorInfo<keyof Results>[];
}}

export interface Model {{
{predict}  /** Of a model compiled for several sizes, the one that the inputs' lengths fit runs. */
  run(feeds: Feeds): Promise<Results>;
  /** Make the next run the first one again, where the model keeps state between runs. */
  reset(): Promise<void>;
  close(): Promise<void>;
  readonly info: Sides & {{
    readonly target: Target;
    readonly worker: boolean;
    readonly threads: number;
    /** The model's sizes, the first of which `inputs` and `outputs` show too. */
    readonly bindings: readonly Sides[];
    readonly bytes: {{ readonly code: number; readonly weights: number }};{info}
  }};
}}

export function load(options?: LoadOptions): Promise<Model>;
"""


_PICTURES = """\
/** The names of the classes. */
export type Label =
{labels};

/** A class, and what the model makes of it. */
export interface Answer {{
  readonly label: Label;
  /** The output after the activation: {activation}. */
  readonly probability: number;
  /** The position of the class in the model's output. */
  readonly index: number;
}}

/** Raw pixels: four bytes each, red, green, blue and alpha, row by row. ImageData is one. */
export interface Pixels {{
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}}

/** What the platform calls so, where it has it. */
type Known<Name extends string> =
  typeof globalThis extends Record<Name, {{ prototype: infer Instance }}> ? Instance : never;

/** A file, an element or a bitmap where there is a canvas to decode it; pixels everywhere. */
export type Picture =
  | Pixels
  | Known<"Blob">
  | Known<"ImageBitmap">
  | Known<"HTMLImageElement">
  | Known<"HTMLCanvasElement">
  | Known<"HTMLVideoElement">
  | Known<"OffscreenCanvas">;

"""

_PREDICT = """\
  /** Every class, best first; the picture is prepared as on the demo's page. */
  predict(picture: Picture): Promise<Answer[]>;
"""


def declare(manifest: Manifest) -> str:
    """The declarations, with the model's own input and output names."""
    bindings = (manifest, *manifest.bindings)
    task = manifest.task
    return _TEXT.format(
        pictures=_pictures(task) if task else "",
        predict=_PREDICT if task else "",
        info="\n    readonly labels: readonly Label[];" if task else "",
        inputs=_fields([(binding.inputs, binding.input_lists) for binding in bindings]),
        outputs=_fields([(binding.outputs, binding.output_lists) for binding in bindings]),
    )


def _pictures(task: Classification) -> str:
    labels = dict.fromkeys(task.labels)
    return _PICTURES.format(
        labels="\n".join(f"  | {json.dumps(label)}" for label in labels),
        activation=task.activation,
    )


def _fields(bindings: Sequence[tuple[Sequence[TensorInfo], Mapping[str, int]]]) -> str:
    """A field per tensor, with its shape in every binding, and one per list of tensors."""
    alone, listed = [], dict[str, str]()
    for infos, lists in bindings:
        elements = {f"{name}[{k}]": name for name, length in lists.items() for k in range(length)}
        alone.append([info for info in infos if info.name not in elements])
        listed |= {name: listed.get(name, "unknown") for name in lists}
        listed |= {elements[i.name]: _array(i) for i in infos if i.name in elements}
    fields = [_field(infos) for infos in zip(*alone, strict=True)]
    fields += [f"  {json.dumps(name)}: readonly ({array})[];" for name, array in listed.items()]
    return "\n".join(fields)


def _array(info: TensorInfo) -> str:
    return _ARRAYS.get(info.dtype, "Uint8Array")


def _field(infos: Sequence[TensorInfo]) -> str:
    info = infos[0]
    shapes = dict.fromkeys(" x ".join(_sizes(info)) or "scalar" for info in infos)
    return (
        f"  /** {info.dtype}, {' or '.join(shapes)} */\n  {json.dumps(info.name)}: {_array(info)};"
    )


def _sizes(info: TensorInfo) -> list[str]:
    """The size of every axis; of one whose size follows from data, the largest."""
    return [f"up to {n}" if k in info.counts else str(n) for k, n in enumerate(info.shape)]
