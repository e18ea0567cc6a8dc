"""A model of a page of wasm by hand: what the runtime needs, without the compiler."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import wasmtime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike

WEIGHTS_OFFSET = 1024
INPUTS_OFFSET = 4096
OUTPUTS_OFFSET = 1 << 16
# Copies the inputs to the outputs, all of them at once, and behind them says how it was treated.
MODULE = """
(module
  (memory (export "memory") 3)
  (global $weight (mut f32) (f32.const 0))
  (global $warmings (mut i32) (i32.const 0))
  (func (export "init") (global.set $weight (f32.load (i32.const {weights}))))
  (func (export "warm") (param $n i32)
    (if (i32.eq (local.get $n) (i32.const 20000))
      (then (global.set $warmings (i32.add (global.get $warmings) (i32.const 1))))))
  (func (export "run")
    (memory.copy (i32.const {outputs}) (i32.const {inputs}) (i32.const {size}))
    (memory.fill (i32.const {inputs}) (i32.const 255) (i32.const {size}))
    (f32.store (i32.const {report}) (global.get $weight))
    (f32.store (i32.const {report_warmings}) (f32.convert_i32_s (global.get $warmings)))
    (f32.store (i32.const {report_target}) (f32.const {bits}))))
"""


def manifest_of(inputs: Mapping[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """Echo every input as "NAME_out"; "report" is [weight, warm calls, 128 for simd or 256]."""
    places, offset = [], 0
    for name, (dtype, shape) in inputs.items():
        size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        places.append((name, dtype, list(shape), offset, size_bytes))
        offset += -(-size_bytes // 16) * 16
    keys = ("name", "dtype", "shape", "offset", "size_bytes")
    report = ("report", "float32", [3], OUTPUTS_OFFSET + offset, 12)
    return {
        "format": 1,
        "edgesite": "0",
        "inputs": [
            dict(zip(keys, (name, dtype, shape, INPUTS_OFFSET + at, size), strict=True))
            for name, dtype, shape, at, size in places
        ],
        "outputs": [
            dict(zip(keys, (f"{name}_out", dtype, shape, OUTPUTS_OFFSET + at, size), strict=True))
            for name, dtype, shape, at, size in places
        ]
        + [dict(zip(keys, report, strict=True))],
        "memory_pages": 3,
        "source": {"sha256": "", "opset": 17, "parameters": 1, "macs": 0},
    }


def write_tiny_model(
    folder: Path,
    script: Path,
    inputs: Mapping[str, tuple[str, tuple[int, ...]]],
    weights: ArrayLike = (2.5, 1.0, 1.0),
    *,
    brief: bool = False,
) -> dict[str, Any]:
    """Write the files of a compiled model; `script` is the bundled runtime/model.ts."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {**manifest_of(inputs), "brief": brief}
    report = manifest["outputs"][-1]["offset"]

    def code(bits: int) -> bytes:
        text = MODULE.format(
            weights=WEIGHTS_OFFSET,
            inputs=INPUTS_OFFSET,
            outputs=OUTPUTS_OFFSET,
            size=report - OUTPUTS_OFFSET,
            report=report,
            report_warmings=report + 4,
            report_target=report + 8,
            bits=bits,
        )
        return bytes(wasmtime.wat2wasm(text))

    def write(stem: str, suffix: str, data: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"{stem}.{sha256[:8]}.{suffix}"
        (folder / name).write_bytes(data)
        return {"file": name, "size_bytes": len(data), "sha256": sha256}

    manifest["weights"] = {
        **write("weights", "bin", np.array(weights, np.float32).tobytes()),
        "offset": WEIGHTS_OFFSET,
    }
    manifest["modules"] = {
        "simd": write("model.simd", "wasm", code(128)),
        "relaxed": write("model.relaxed", "wasm", code(256)),
    }
    text = script.read_text().replace("__EDGESITE_MANIFEST__", json.dumps(manifest))
    (folder / "model.js").write_text(text)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return manifest
