"""The TypeScript declarations of a compiled model: `model.d.ts`."""

from __future__ import annotations

import json

from edgesite.targets.manifest import Manifest, TensorInfo

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
}

_TEXT = """\
/** What one prediction takes: typed arrays in ONNX's own layout. */
export interface Feeds {{
{inputs}
}}

/** What one prediction gives. */
export interface Results {{
{outputs}
}}

export type Target = "simd" | "relaxed";

export interface TensorInfo {{
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}}

export interface LoadOptions {{
  /** Run in a worker of its own (the default), or on the calling thread. */
  worker?: boolean;
  /** The module to use; without it the engine is probed. */
  target?: Target;
  /** Called with the bytes that have arrived and the bytes there are. */
  onProgress?: (loaded: number, total: number) => void;
}}

export interface Model {{
  run(feeds: Feeds): Promise<Results>;
  close(): Promise<void>;
  readonly info: {{
    readonly target: Target;
    readonly worker: boolean;
    readonly inputs: readonly TensorInfo[];
    readonly outputs: readonly TensorInfo[];
    readonly bytes: {{ readonly code: number; readonly weights: number }};
  }};
}}

export function load(options?: LoadOptions): Promise<Model>;
"""


def declare(manifest: Manifest) -> str:
    """The declarations, with the model's own input and output names."""
    return _TEXT.format(
        inputs="\n".join(map(_field, manifest.inputs)),
        outputs="\n".join(map(_field, manifest.outputs)),
    )


def _field(info: TensorInfo) -> str:
    sizes = " x ".join(map(str, info.shape)) or "scalar"
    array = _ARRAYS.get(info.dtype, "Uint8Array")
    return f"  /** {info.dtype}, {sizes} */\n  {json.dumps(info.name)}: {array};"
