"""What models with threads leave behind when they are closed: memory, threads, open files.

    python -m tests.runtime.cycles [COUNT]

loads, runs and closes a model that often under Node, in turns in a worker and without one, and
prints what the process has grown by.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

import edgesite
from edgesite.targets.stored.trial import UNLIMITED
from tests.models import model_of

if TYPE_CHECKING:
    from edgesite.targets.stored.choice import Weights


def save_model(folder: Path, weights: Weights = "float32") -> None:
    """Three convolutions and a pool, each large enough to be shared."""
    rng = np.random.default_rng(0)
    feeds = {"x": rng.standard_normal((1, 8, 96, 96), dtype=np.float32)}
    filters = {
        "a": rng.standard_normal((32, 8, 3, 3), dtype=np.float32),
        "b": rng.standard_normal((32, 1, 3, 3), dtype=np.float32),
        "c": rng.standard_normal((24, 32, 1, 1), dtype=np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], pads=[1] * 4),
        helper.make_node("Conv", ["p", "b"], ["q"], group=32, pads=[1] * 4),
        helper.make_node("Conv", ["q", "c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    model = model_of(nodes, feeds, ["y"], filters)
    edgesite.compile(model, weights=weights, limits=UNLIMITED).save(folder)
    (folder / "package.json").write_text('{"type": "module"}')


def main(count: int) -> None:
    """Print what Node says."""
    script = Path(__file__).parent / "threads.mjs"
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder))
        subprocess.run(["node", "--expose-gc", script, folder, "cycles", str(count)], check=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
