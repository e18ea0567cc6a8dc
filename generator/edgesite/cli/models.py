"""The compiler on its own: compile, and what check says of a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgesite.cli.app import (
    AsJson,
    CalibrationFiles,
    Constants,
    Quantize,
    Shapes,
    States,
    Weights,
    app,
    calibration,
    constants,
    shapes,
    states,
)
from edgesite.cli.show import reported, show, size
from edgesite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite import CompiledModel
    from edgesite.targets.manifest import Manifest
    from edgesite.targets.stored.trial import Limits


@app.command(
    "compile",
    short_help="Compile a model to WebAssembly and JavaScript.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite compile model.onnx -o compiled\n"
        "  edgesite compile model.onnx -o compiled --shape image=1,3,224,224\n"
        "  edgesite compile model.onnx -o compiled --shape batch=1 --constant rate=16000\n"
        "  edgesite compile step.onnx -o compiled --state present=past\n"
        "  edgesite compile model.onnx -o compiled --weights auto\n"
        "  edgesite compile model.onnx --explain\n"
        "  edgesite compile model.onnx -o compiled --quantize int8 --calibration inputs\n"
        "  edgesite compile text.onnx -o compiled --binding length=16 --binding length=64\n\n"
        "\b\nThen, in a page or in Node:\n"
        '  import { load } from "./compiled/model.js";\n'
        "  const model = await load();\n"
        "  const { scores } = await model.run({ image: new Float32Array(3 * 224 * 224) });"
    ),
)
def compile_model(
    model: Annotated[Path, typer.Argument(help="The model.", metavar="MODEL.onnx")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="The folder to write; may be left out with --explain, and nothing is written.",
        ),
    ] = None,
    shape: Shapes = None,
    binding: Annotated[
        list[str] | None,
        typer.Option(
            metavar='"NAME=SIZES ..."',
            help="One of several sizes, beside --shape, all of which the compiled model takes: "
            '--binding "height=240 width=320" --binding "height=480 width=640".',
        ),
    ] = None,
    constant: Constants = None,
    state: States = None,
    threads: Annotated[
        Literal["auto", "off"],
        typer.Option(help="Add modules for threads where there is work that they can share."),
    ] = "auto",
    weights: Weights = "float32",
    quantize: Quantize = None,
    inputs: CalibrationFiles = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Allowed difference, as a share of the largest output; 1e-4 if left out, "
            "1.5e-2 where weights are not stored as float32, any with --quantize.",
            min=0,
        ),
    ] = None,
    agreement: Annotated[
        float | None,
        typer.Option(
            help="The share of outputs whose largest value must stay where it is when weights "
            "are not stored as float32, or with --quantize; 0.99 and any if left out.",
            min=0,
            max=1,
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Compare with onnxruntime on random inputs before writing.")
    ] = True,
    explain: Annotated[
        bool,
        typer.Option(
            help="List every operator: kernels, their tiles, work, bytes and predicted share of "
            "time; and count the transposes."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compile a model to WebAssembly, with a JavaScript module that runs it.

    Writes manifest.json, two modules (simd and relaxed), the same for threads, the weights,
    model.js and model.d.ts.
    """
    with reported(as_json):
        sizes, fixed, kept = shapes(shape), constants(constant), states(state)
        several = [{**(sizes or {}), **(shapes(text.split()) or {})} for text in binding or ()]
        given = calibration(inputs)
        facts: dict[str, Any] = {}
        lines: list[str] = []
        if explain:
            from edgesite import compiler
            from edgesite.targets.wasm.explain import table

            rows = compiler.explain(model, several[0] if several else sizes, fixed, kept)
            facts["layers"] = [asdict(row) for row in rows]
            lines += table(rows)
        elif out is None:
            raise UsageError("--out: is missing; say which folder to write, or --explain")
        if out is None:
            show(as_json, facts, lines)
            return
        import edgesite
        from edgesite.targets.stored.report import table as forms_table
        from edgesite.targets.stored.trial import UNLIMITED, Limits, limited

        limits = limited(tolerance, agreement, UNLIMITED if quantize else Limits())
        compiled = edgesite.compile(
            model,
            several or sizes,
            fixed,
            kept,
            threads,
            weights=weights,  # type: ignore[arg-type]
            quantize=quantize,  # type: ignore[arg-type]
            calibration=given,
            limits=limits,
        )
        proof = _proof(compiled, model, given, tolerance, limits, fixed or {}) if verify else {}
        compiled.save(out)
        manifest = compiled.manifest
        facts |= {"out": out, "manifest": manifest.model_dump(mode="json"), "proof": proof}
        if compiled.choice is not None:
            facts["forms"] = [asdict(row) for row in compiled.choice.rows]
            facts["tensors"] = [asdict(layer) for layer in compiled.choice.layers]
            lines += forms_table(compiled.choice)
        lines += _compiled_lines(out, manifest, proof)
        show(as_json, facts, lines)


def _proof(
    compiled: CompiledModel,
    model: Path,
    inputs: Sequence[Mapping[str, Any]] | None,
    tolerance: float | None,
    limits: Limits,
    fixed: Mapping[str, Any],
) -> dict[str, Any]:
    """How far a model is from onnxruntime: its code, and what rounds as it ships."""
    from edgesite.verify import verify, verify_forms

    rounded = compiled.plain is not None or compiled.quantized is not None
    found = verify(
        compiled.unrounded(),
        compiled.quantized or model,
        tolerance=None if rounded else tolerance,
        constants=fixed,
    )
    proof = {"max_difference": found.max_difference, "onnxruntime": found.onnxruntime}
    if rounded:
        effect = verify_forms(compiled, model, inputs or (), limits, constants=fixed)
        proof |= {"code_difference": found.max_difference, **asdict(effect)}
    return proof


def check_model(
    model: Path,
    sizes: Mapping[str, int | tuple[int, ...]] | None,
    fixed: Mapping[str, Any] | None,
    kept: Mapping[str, str] | None,
) -> tuple[dict[str, Any], list[str]]:
    """What a model would cost, as facts and as lines; raises what compiling it does."""
    import gzip

    import edgesite

    compiled = edgesite.compile(model, sizes, fixed, kept, threads="off")
    manifest = compiled.manifest
    code = max(compiled.modules.values(), key=len)
    memory = manifest.memory_pages * 65536
    facts = {
        "macs": manifest.source.macs,
        "parameters": manifest.source.parameters,
        "memory_bytes": memory,
        "code_bytes": len(code),
        "code_gzip_bytes": len(gzip.compress(code, mtime=0)),
        "weights_bytes": manifest.weights.size_bytes,
        "weights_gzip_bytes": len(gzip.compress(compiled.weights, 1, mtime=0)),
    }
    lines = [
        *_tensors(manifest),
        f"work: {facts['macs'] / 1e6:.1f} million multiplications, "
        f"{facts['parameters']} parameters, {size(memory)} of memory",
        f"download: code {size(len(code))} ({size(facts['code_gzip_bytes'])} gzipped), "
        f"weights {size(facts['weights_bytes'])} ({size(facts['weights_gzip_bytes'])} gzipped)",
        f"{model}: no problems",
    ]
    tensors = {side: manifest.model_dump(mode="json")[side] for side in ("inputs", "outputs")}
    return {"model": model, **facts, **tensors}, lines


def _tensors(manifest: Manifest) -> list[str]:
    """A line per input, output and state."""
    sides = (("input", manifest.inputs), ("output", manifest.outputs), ("state", manifest.state))
    return [
        f"{side} {info.name}: {info.dtype}{list(info.shape)}"
        for side, infos in sides
        for info in infos
    ]


def _compiled_lines(out: Path, manifest: Manifest, proof: Mapping[str, Any]) -> list[str]:
    """What `compile` wrote: a line per input and output, and the sizes."""
    bindings = (manifest, *manifest.bindings)
    code = max(module.size_bytes for b in bindings for module in b.modules.values())
    shapes = [f"or {i.name}: {list(i.shape)}" for b in manifest.bindings for i in b.inputs]
    agreement = f", differs from onnxruntime by {proof['max_difference']:.1e}" if proof else ""
    if "agreement" in proof:
        agreement += f", same best value in {proof['agreement']:.1%}"
    weights = size(manifest.weights.size_bytes)
    return [*_tensors(manifest), *shapes, f"{out}: code {size(code)}, weights {weights}{agreement}"]
