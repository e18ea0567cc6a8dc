"""What there is: versions, and the keys of the configuration files."""

from __future__ import annotations

from typing import Annotated

import typer

from edgesite.cli.app import AsJson, app
from edgesite.cli.show import print_json, reported, show
from edgesite.errors import UsageError


@app.command(short_help="Print versions, targets and the esbuild in use.")
def info(as_json: AsJson = False) -> None:
    """Print versions, targets and the esbuild in use: what belongs into a report of an error."""
    with reported(as_json):
        facts = _facts()
        width = max(map(len, facts))
        show(as_json, facts, [f"{name:<{width}}  {value}" for name, value in facts.items()])


@app.command(
    short_help="Print the JSON schema of demo.yaml or edgesite.yaml.",
    epilog="\b\nExample:\n  edgesite schema demo > demo.schema.json",
)
def schema(
    kind: Annotated[str, typer.Argument(metavar="site|demo", help="Which file.")] = "demo",
) -> None:
    """Print the JSON schema of demo.yaml or edgesite.yaml: every key and what it means."""
    with reported(as_json=False):
        from edgesite.site.schemas import MODELS
        from edgesite.site.schemas import schema as schema_of

        if kind not in MODELS:
            raise UsageError(f'schema: got "{kind}"; write site or demo')
        print_json(schema_of(kind))


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
