"""The program itself, and the options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgesite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

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
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        show_default=False,
        help="Processes that may share the work; one per processor if left out.",
    ),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        show_default=False,
        help="Where machines share what is costly to make, such as s3://bucket/path or "
        "file:///folder; EDGESITE_STORE, or store: in edgesite.yaml, if left out.",
    ),
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
Constants = Annotated[
    list[str] | None,
    typer.Option(
        "--constant",
        metavar="NAME=VALUES",
        help="Fix an input: numbers (rate=16000, sizes=1,3,64,64) or an array (mask=mask.npy). "
        "Repeat for more.",
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="FORM",
        help="How weights are stored: float32, float16, int8, palette, or auto, the smallest "
        "forms whose outputs stay within --tolerance and --agreement.",
    ),
]
Quantize = Annotated[
    str | None,
    typer.Option(
        "--quantize",
        metavar="TYPE",
        help="int8: compute in 8 bits, in steps that the inputs of --calibration need; needs it.",
    ),
]
CalibrationFiles = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="DIR",
        help="Inputs that the forms of weights, or integers, are tried on: .npz files with an "
        "array per input. For weights random ones if left out.",
    ),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="OUTPUT=INPUT",
        help="Keep an output as the input of the next run (present=past), zero at first. "
        "Repeat for more.",
    ),
]


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


def workers(jobs: int | None) -> int:
    """--jobs, or the processors that this process may use."""
    if jobs is not None:
        return jobs
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def shapes(options: Sequence[str] | None) -> dict[str, Any] | None:
    """--shape NAME=1,3,32,32, --shape NAME=32, and of lists --shape "NAME=2,3;2,3"."""
    found: dict[str, Any] = {}
    for option in options or ():
        name, _, text = option.rpartition("=")
        try:
            every = [tuple(int(size) for size in one.split(",")) for one in text.split(";") if one]
        except ValueError:
            every = []
        if not name or not every:
            raise UsageError(f'--shape: got "{option}"; write it as --shape image=1,3,32,32')
        one = every[0] if "," in text else every[0][0]
        found[name] = every if ";" in text else one
    return found or None


def constants(options: Sequence[str] | None) -> dict[str, Any] | None:
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


def calibration(folder: Path | None) -> list[dict[str, Any]] | None:
    """--calibration DIR: the arrays of every .npz file, in the order of their names."""
    if folder is None:
        return None
    import numpy as np

    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise UsageError(
            f"--calibration: {folder} has no .npz files; write some with numpy.savez, an array "
            "per input"
        )
    try:
        return [dict(np.load(path, allow_pickle=False)) for path in paths]
    except (ValueError, OSError) as error:
        raise UsageError(f"--calibration: {error}; write the files with numpy.savez") from None


def states(options: Sequence[str] | None) -> dict[str, str] | None:
    """--state OUTPUT=INPUT."""
    found = {}
    for option in options or ():
        output, _, given = option.partition("=")
        if not output or not given:
            raise UsageError(f'--state: got "{option}"; write it as --state present=past')
        found[output] = given
    return found or None
