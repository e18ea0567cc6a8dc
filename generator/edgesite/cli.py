"""Arguments in, exit status out: the commands, and all that edgesite ever prints.

Whatever takes long to import is imported by the command that needs it, so that help is quick.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgesite.errors import EdgesiteError, InternalError, ProblemsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from edgesite.site.build import PageReport, Progress, Step
    from edgesite.targets.manifest import Manifest

app = typer.Typer(
    name="edgesite",
    help="Turn ONNX models into web pages that run them in the visitor's browser.",
    epilog=(
        "\b\nA site in three commands:\n"
        "  edgesite new site && cd site\n"
        "  edgesite add ../model.onnx\n"
        "  edgesite build\n\n"
        "\b\nEvery command explains itself: edgesite build --help"
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of lines.")]
Root = Annotated[
    Path,
    typer.Option("--site", "-s", metavar="SITE", help="The site's folder, with edgesite.yaml."),
]
Shapes = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        metavar="NAME=SIZES",
        help="The shape of an input (image=1,3,32,32) or the size of a named axis (height=32). "
        "Repeat for more.",
    ),
]


def main() -> None:
    """Run the command line."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        import edgesite

        print(edgesite.__version__)
        raise typer.Exit


@app.callback()
def _edgesite(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command(
    short_help="Make a small site with one demo, ready to build.",
    epilog="\b\nExample:\n  edgesite new my-site && cd my-site && edgesite build",
)
def new(
    site: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Make a small site with one demo, ready to build.

    The demo's model is tiny and explained on its page; replace it with your own.
    """
    with _reported(as_json):
        from edgesite.site.scaffold import new_site

        files = new_site(site)
        steps = ("next:", f"  cd {site}", "  edgesite build", "  edgesite add MODEL.onnx")
        lines = (f"{site}: {_count(len(files), 'file')}", "", *steps)
        _show(as_json, {"site": site, "files": files}, lines)


@app.command(
    short_help="Add a demo for a model to a site, without questions.",
    epilog=(
        "\b\nExamples:\n"
        "  edgesite add resnet18.onnx\n"
        "  edgesite add model.onnx --name flowers --shape input=1,3,160,160"
    ),
)
def add(
    model: Annotated[Path, typer.Argument(help="The model.", metavar="MODEL.onnx")],
    name: Annotated[
        str | None, typer.Option(help="The demo's folder; made from the file's name if left out.")
    ] = None,
    site: Root = Path(),
    shape: Shapes = None,
    as_json: AsJson = False,
) -> None:
    """Add a demo for a model to a site, without questions.

    Shapes, layout and number of classes are read from the model. What the model does not say is
    guessed, and marked in demo.yaml for you to check.
    """
    with _reported(as_json):
        from edgesite.site.add import add_demo

        added = add_demo(model, site, name, _shapes(shape))
        lines = [f"{added.folder}: {', '.join(added.files)}", "", "check in demo.yaml:"]
        lines += [f"  {check}" for check in added.checks]
        lines += [
            "",
            "next:",
            f"  put pictures into {added.folder / 'examples'}",
            "  edgesite build",
        ]
        _show(as_json, asdict(added), lines)


@app.command(
    short_help="Report every problem of every demo at once.",
    epilog="\b\nExamples:\n  edgesite check\n  edgesite check my-site --json",
)
def check(
    site: Annotated[Path, typer.Argument(help="The site's folder.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Report every problem of every demo at once, as file:line:column: what; what to do.

    Does all that a build does, compiling and comparing with onnxruntime included, and writes
    nothing but the cache.
    """
    with _reported(as_json):
        from edgesite.site import build as site_build

        with _progress(as_json) as progress:
            checked = site_build.check(site, progress)
        _warn(checked.warnings)
        pages = checked.reports
        lines = [*map(_line, pages), f"{_count(len(pages), 'demo')}, no problems"]
        _show(as_json, _pages(pages, checked.warnings), lines)


@app.command(
    short_help="Build a site into a folder of static pages.",
    epilog="\b\nExamples:\n  edgesite build\n  edgesite build my-site --out public",
)
def build(
    site: Annotated[Path, typer.Argument(help="The site's folder, with edgesite.yaml.")] = Path(),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", help="The folder to write; SITE/dist if left out."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a site: demos/ and theme/ become a folder that any web server can serve.

    Every model is compiled and compared with onnxruntime. Nothing is written unless all is
    well, and a folder that edgesite did not write is never replaced.
    """
    with _reported(as_json):
        from edgesite.site import build as site_build

        with _progress(as_json) as progress:
            report = site_build.build(site, out or site / "dist", progress)
        _warn(report.warnings)
        facts = {"out": report.out, "files": report.files, "size_bytes": report.size_bytes}
        pages = _pages(report.pages, report.warnings)
        total = (
            f"{report.out}: {_count(len(report.pages), 'demo')}, {_count(report.files, 'file')}, "
            f"{_size(report.size_bytes)} in {report.elapsed_ms / 1000:.1f} s"
        )
        lines = [*map(_line, report.pages), total]
        _show(as_json, {**facts, "elapsed_ms": report.elapsed_ms, **pages}, lines)


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
    with _reported(as_json):
        sizes, fixed = _shapes(shape), _constants(constant)
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
        _show(as_json, facts, _compiled_lines(out, manifest, proof))


@app.command(short_help="Print versions, targets and the esbuild in use.")
def info(as_json: AsJson = False) -> None:
    """Print versions, targets and the esbuild in use: what belongs into a report of an error."""
    with _reported(as_json):
        facts = _facts()
        width = max(map(len, facts))
        _show(as_json, facts, [f"{name:<{width}}  {value}" for name, value in facts.items()])


@app.command(
    short_help="Print the JSON schema of demo.yaml or edgesite.yaml.",
    epilog="\b\nExample:\n  edgesite schema demo > demo.schema.json",
)
def schema(
    kind: Annotated[str, typer.Argument(metavar="site|demo", help="Which file.")] = "demo",
) -> None:
    """Print the JSON schema of demo.yaml or edgesite.yaml: every key and what it means."""
    with _reported(as_json=False):
        from edgesite.site.config import DemoConfig, SiteConfig

        if kind not in ("site", "demo"):
            raise UsageError(f'schema: got "{kind}"; write site or demo')
        block = SiteConfig if kind == "site" else DemoConfig
        _print_json(block.model_json_schema())


def _facts() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    from edgesite.site.assets import find_esbuild
    from edgesite.verify import TARGETS

    tools = ("edgesite", "onnx", "onnxruntime", "wasmtime", "numpy", "pillow")
    return {
        **{tool: version(tool) for tool in tools},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "targets": ", ".join(TARGETS),
        "esbuild": str(find_esbuild() or "none: the bundles that came with edgesite are used"),
    }


@contextmanager
def _reported(as_json: bool) -> Iterator[None]:
    """Turn errors into messages and an exit status."""
    try:
        yield
    except EdgesiteError as error:
        problems = error.problems if isinstance(error, ProblemsError) else (error,)
        if as_json:
            _print_json({"ok": False, "errors": [_parts(str(problem)) for problem in problems]})
        else:
            print(*problems, sep="\n", file=sys.stderr)
            if len(problems) > 1:
                print(f"{len(problems)} problems", file=sys.stderr)
        raise typer.Exit(error.exit_status) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"{error.filename or 'edgesite'}: {reason}; check the path and its permissions"
        if as_json:
            _print_json({"ok": False, "errors": [{"message": message}]})
        else:
            print(message, file=sys.stderr)
        raise typer.Exit(1) from None
    except InternalError:
        traceback.print_exc()
        print("this is an error of edgesite itself; report it with the above", file=sys.stderr)
        raise typer.Exit(1) from None


def _parts(message: str) -> dict[str, Any]:
    """A message with its place apart, where it has one."""
    match = re.match(
        r"(?P<file>[^\n]+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)", message, re.S
    )
    if match is None:
        return {"message": message}
    return {
        "file": match["file"],
        "line": int(match["line"]),
        "column": int(match["column"]),
        "message": match["message"],
    }


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress | None]:
    """A bar on a terminal, a line per step elsewhere; always on stderr."""
    if as_json:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("reading", total=None)
            yield lambda step: bar.update(
                task, description=_said(step), completed=step.done, total=step.total
            )
    else:
        yield lambda step: print(_said(step), file=sys.stderr)


def _said(step: Step) -> str:
    return f"{step.slug}: {step.stage}" if step.slug else step.stage


def _pages(reports: Sequence[PageReport], warnings: Sequence[str]) -> dict[str, Any]:
    return {"pages": [asdict(report) for report in reports], "warnings": list(warnings)}


def _line(report: PageReport) -> str:
    """What became of a demo, in a line."""
    code = f"{_size(report.code_bytes)} ({_size(report.code_gzip_bytes)} gzipped)"
    weights = _size(report.weights_bytes)
    return (
        f"{report.slug}: code {code}, weights {weights}, {_count(report.examples, 'example')}, "
        f"differs from onnxruntime by {report.proof.max_difference:.1e}, "
        f"{report.elapsed_ms:.0f} ms{' (from the cache)' if report.cached else ''}"
    )


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
    weights = _size(manifest.weights.size_bytes)
    return [*tensors, f"{out}: code {_size(code)}, weights {weights}{agreement}"]


def _size(size_bytes: int) -> str:
    """Bytes for people: 1 KB is 1000 bytes, as file managers and networks count."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1e3:.0f} KB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _shapes(options: Sequence[str] | None) -> dict[str, int | tuple[int, ...]] | None:
    """--shape NAME=1,3,32,32 and --shape NAME=32."""
    shapes: dict[str, int | tuple[int, ...]] = {}
    for option in options or ():
        name, _, text = option.rpartition("=")
        try:
            sizes = tuple(int(size) for size in text.split(","))
        except ValueError:
            sizes = ()
        if not name or not sizes:
            raise UsageError(f'--shape: got "{option}"; write it as --shape image=1,3,32,32')
        shapes[name] = sizes if "," in text else sizes[0]
    return shapes or None


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


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _show(as_json: bool, facts: Mapping[str, Any], lines: Sequence[str]) -> None:
    """A result: one JSON document, or lines for people."""
    if as_json:
        _print_json({"ok": True, **facts})
    else:
        print(*lines, sep="\n")


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, default=str))
