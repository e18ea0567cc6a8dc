"""The compiler on its own: compile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgesite.cli.app import AsJson, Shapes, app, shapes
from edgesite.cli.show import reported, show, size
from edgesite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgesite.targets.manifest import Manifest


@app.command(
    "compile",
    short_help="Compile a model to WebAssembly and JavaScript.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite compile model.onnx -o compiled\n"
        "  edgesite compile model.onnx -o compiled --shape image=1,3,224,224\n"
        "  edgesite compile model.onnx -o compiled --shape batch=1 --constant rate=16000\n\n"
        "\b\nThen, in a page or in Node:\n"
        '  import { load } from "./compiled/model.js";\n'
        "  const model = await load();\n"
        "  const { scores } = await model.run({ image: new Float32Array(3 * 224 * 224) });"
    ),
)
def compile_model(
    model: Annotated[Path, typer.Argument(help="The model.", metavar="MODEL.onnx")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to write.")],
    shape: Shapes = None,
    constant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="Fix an input: numbers (rate=16000, sizes=1,3,64,64) or an array (mask=mask.npy). "
            "Repeat for more.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Allowed difference, as a share of the largest output.", min=0),
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Compare with onnxruntime on random inputs before writing.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Compile a model to WebAssembly, with a JavaScript module that runs it.

    Writes manifest.json, two modules (simd and relaxed), the weights, model.js and model.d.ts.
    """
    with reported(as_json):
        sizes, fixed = shapes(shape), _constants(constant)
        import edgesite

        compiled = edgesite.compile(model, shapes=sizes, constants=fixed)
        proof: dict[str, Any] = {}
        if verify:
            from edgesite.verify import verify as compare

            found = compare(compiled, model, tolerance=tolerance, constants=fixed or {})
            proof = {"max_difference": found.max_difference, "onnxruntime": found.onnxruntime}
        compiled.save(out)
        manifest = compiled.manifest
        facts = {"out": out, "manifest": manifest.model_dump(mode="json"), "proof": proof}
        show(as_json, facts, _compiled_lines(out, manifest, proof))


def _compiled_lines(out: Path, manifest: Manifest, proof: Mapping[str, Any]) -> list[str]:
    """What `compile` wrote: a line per input and output, and the sizes."""
    sides = (("input", manifest.inputs), ("output", manifest.outputs))
    tensors = [
        f"{side} {info.name}: {info.dtype}{list(info.shape)}"
        for side, infos in sides
        for info in infos
    ]
    code = max(module.size_bytes for module in manifest.modules.values())
    agreement = f", differs from onnxruntime by {proof['max_difference']:.1e}" if proof else ""
    weights = size(manifest.weights.size_bytes)
    return [*tensors, f"{out}: code {size(code)}, weights {weights}{agreement}"]


def _constants(options: Sequence[str] | None) -> dict[str, Any] | None:
    """--constant NAME=16000, NAME=1,2,3 or NAME=FILE.npy, as arrays."""
    import numpy as np

    arrays: dict[str, Any] = {}
    for option in options or ():
        name, _, text = option.rpartition("=")
        try:
            if text.endswith(".npy"):
                arrays[name] = np.load(text, allow_pickle=False)
            else:
                numbers = np.array([float(number) for number in text.strip(",").split(",")])
                whole = bool((numbers == np.round(numbers)).all())
                array = numbers.astype(np.int64 if whole else np.float32)
                arrays[name] = array if "," in text else array[0]
        except (ValueError, OSError) as error:
            raise UsageError(
                f'--constant: got "{option}" ({error}); '
                "write it as --constant rate=16000, or name a .npy file"
            ) from None
    return arrays or None
