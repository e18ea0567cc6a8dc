"""Sites that are large: how long builds take, how much memory, and how both grow.

    python -m tests.site.thousand [--mkdocs PROGRAM] [COUNT ...]

makes a site of so many demos (10, 100 and 1000) with 20 distinct small models, builds it cold, with
nothing changed, with one text changed, and with every text changed, and prints seconds and the
largest memory of all its processes together. With MkDocs (pip install mkdocs, in an environment
of its own) it builds the same Markdown files with that, too, in the same run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

MODELS = 20
LABELS = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine")

_BODY = """\
# How demo {number} works

The network has three layers of convolutions and was **not** trained; it only weighs what a build
does. It sees pictures of 32 by 32 pixels and names one of {labels} trees.

## Words

{words}

| layer | channels | size |
|---|---:|---:|
| first | 16 | 16 |
| second | 32 | 8 |
| third | 32 | 4 |

```python
import edgesite

model = edgesite.load("demo-{number}")
print(model.run({{"image": picture}}))
```

1. A list, and a [link](https://example.org/{number}).
2. *Emphasis* and `code`.

> A quotation, to end with.
"""


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    megabytes: float
    """The most that it and its processes had at once."""

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s {self.megabytes:5.0f} MB"


def make_site(site: Path, count: int) -> None:
    """Write a site of so many demos."""
    site.mkdir()
    (site / "edgesite.yaml").write_text("title: Many\nsite_url: https://example.org/many/\n")
    models = [_model(number) for number in range(min(MODELS, count))]
    for number in range(count):
        folder = site / "demos" / f"demo-{number:04}"
        (folder / "examples").mkdir(parents=True)
        (folder / "demo.yaml").write_text(_config(number))
        (folder / "index.md").write_text(_words(number))
        (folder / "model.onnx").write_bytes(models[number % len(models)])
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
        picture = Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC)
        picture.save(folder / "examples" / "one.jpg")


def _config(number: int) -> str:
    return (
        f"title: Demo {number}\ndescription: One of many, number {number}.\n"
        "task: image-classification\nmodel: model.onnx\n"
        "input: {shape: [1, 3, 32, 32]}\n"
        f"labels: [{', '.join(LABELS)}]\n"
        "examples:\n  - {file: examples/one.jpg, caption: Colours}\n"
    )


def _words(number: int) -> str:
    generator = np.random.default_rng(number)
    lines = (" ".join(generator.choice(LABELS, 12)) for _ in range(12))
    return _BODY.format(number=number, labels=len(LABELS), words="\n".join(lines))


def _model(seed: int) -> bytes:
    """A small network; no two are alike."""
    generator = np.random.default_rng(seed)
    nodes, tensors, previous, channels = [], [], "image", 3
    for layer, wider in enumerate((16, 32, 32)):
        weights = generator.standard_normal((wider, channels, 3, 3)).astype(np.float32) / channels
        tensors.append(numpy_helper.from_array(weights, f"w{layer}"))
        names = [previous, f"w{layer}"], [f"c{layer}"]
        nodes.append(helper.make_node("Conv", *names, pads=[1, 1, 1, 1], strides=[2, 2]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]))
        previous, channels = f"r{layer}", wider
    matrix = generator.standard_normal((channels, len(LABELS))).astype(np.float32)
    tensors.append(numpy_helper.from_array(matrix, "matrix"))
    nodes += [
        helper.make_node("GlobalAveragePool", [previous], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(LABELS)])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def measured(command: list[str], folder: Path) -> Cost:
    """Run a command, which must succeed."""
    started, most = time.perf_counter(), [0.0]
    running = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(running.pid, most, ended))
    watching.start()
    complaint = running.communicate()[1]
    elapsed = time.perf_counter() - started
    ended.set()
    watching.join()
    assert running.returncode == 0, complaint[-2000:]
    return Cost(elapsed, most[0])


def _watch(process: int, most: list[float], ended: threading.Event) -> None:
    while not ended.wait(0.1):
        most[0] = max(most[0], sum(map(_megabytes, _family(process))))


def _family(process: int) -> list[int]:
    found = [process]
    for each in found:
        for file in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += map(int, file.read_text().split())
            except OSError:  # it has just ended
                continue
    return found


def _megabytes(process: int) -> float:
    """What a process has, pages that it shares with others counted in part."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def measure(folder: Path, count: int, mkdocs: str | None) -> None:
    """Build a site of so many demos in every way, and print what that took."""
    site = folder / f"site-{count}"
    make_site(site, count)
    build = [sys.executable, "-c", "from edgesite.cli import main; main()", "build"]
    words = sorted(site.glob("demos/*/index.md"))
    print(f"{count} demos")
    print(f"  cold              {measured(build, site)}", flush=True)
    print(f"  nothing changed   {measured(build, site)}", flush=True)
    _edit(words[:1])
    print(f"  one text changed  {measured(build, site)}", flush=True)
    _edit(words)
    print(f"  all texts changed {measured(build, site)}", flush=True)
    if mkdocs:
        pages = folder / f"mkdocs-{count}"
        (pages / "docs").mkdir(parents=True)
        (pages / "mkdocs.yml").write_text("site_name: Many\n")
        (pages / "docs" / "index.md").write_text("# Many\n")
        for path in words:
            shutil.copy(path, pages / "docs" / f"{path.parent.name}.md")
        print(f"  mkdocs, all pages {measured([mkdocs, 'build', '--quiet'], pages)}", flush=True)


def _edit(words: list[Path]) -> None:
    for path in words:
        path.write_text(path.read_text() + "\nOne more paragraph.\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", nargs="*", type=int, default=[10, 100, 1000])
    parser.add_argument("--mkdocs", help="the program, if it is to be compared with")
    arguments = parser.parse_args()
    os.environ.pop("EDGESITE_CACHE", None)
    # Installers compile most packages; what they have not, the first build then does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        for number in arguments.counts:
            measure(Path(name), number, arguments.mkdocs)
