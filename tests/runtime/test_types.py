"""The types: the sources' own, and those that a compiled model gives its users."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from edgesite.site.assets import theme_folder
from edgesite.targets.declarations import declare
from edgesite.targets.manifest import TensorInfo
from edgesite.tasks.classification import Classification
from edgesite.tasks.inputs import ImageInput
from tests.models import partial_manifest
from tests.runtime.tiny import manifest_of

if TYPE_CHECKING:
    from pathlib import Path

ROOT = theme_folder().parent
TYPESCRIPT = ROOT / "node_modules" / ".bin" / "tsc"

RIGHT = """
import { load } from "./model.js";
const model = await load({ worker: false, target: "simd", onProgress: (n, of) => void (n / of) });
const feeds = { "my input": new Float32Array(3072), ids: new BigInt64Array(5) };
const { ids_out } = await model.run(feeds);
const first: bigint = ids_out[0]!;
const shape: readonly number[] = model.info.inputs[0]!.shape;
const name: "my input" | "ids" = model.info.inputs[0]!.name;
const [best] = await model.predict({ data: new Uint8Array(16), width: 2, height: 2 });
const label: "cat" | 'a "dog"' = best!.label;
await model.close();
export { first, shape, name, label };
"""

WRONG = """import { load } from "./model.js";
const ids = new BigInt64Array(5), x = new Float32Array(3072);
const model = await load({ target: "gpu" });
await model.run({ "my input": x });
await model.run({ "my input": new Int8Array(3072), ids });
await model.run({ "my input": x, ids, typo: x });
export const nothing = (await model.run({ "my input": x, ids })).logits;
export const mouse = (await model.predict({ data: x, width: 2, height: 2 }))[0];
export const isMouse = model.info.labels[0] === "mouse";
await model.predict("photo.jpg");
"""

TASK = Classification(
    input=ImageInput(name="my input", width=32, height=32),
    output="scores",
    activation="softmax",
    labels=("cat", 'a "dog"', "cat"),
)


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TYPESCRIPT, "--noEmit", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("project", ["theme/runtime", "."])
def test_the_sources_are_well_typed(project: str) -> None:
    result = check("-p", project)

    assert result.stdout == ""
    assert result.returncode == 0


@pytest.fixture
def user(tmp_path: Path) -> Path:
    manifest = manifest_of({"my input": ("float32", (1, 3, 32, 32)), "ids": ("int64", (1, 5))})
    inputs, outputs = (
        [TensorInfo(**place) for place in manifest[key]] for key in ("inputs", "outputs")
    )
    # The rest of a manifest has no part in the types.
    types = declare(partial_manifest(inputs, outputs, task=TASK))
    (tmp_path / "model.d.ts").write_text(types)
    options = {"target": "es2022", "module": "esnext", "moduleResolution": "bundler"}
    strict = {"strict": True, "noUncheckedIndexedAccess": True, "lib": ["es2022"], "types": []}
    config = {"compilerOptions": options | strict, "files": ["user.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    return tmp_path / "user.ts"


def test_a_model_is_used_with_its_types(user: Path) -> None:
    user.write_text(RIGHT)

    assert check("-p", user.parent).stdout == ""


def test_the_types_of_a_model_catch_mistakes(user: Path) -> None:
    user.write_text(WRONG)

    errors = check("-p", user.parent).stdout

    assert re.findall(r"user\.ts\((\d+),", errors) == ["3", "4", "5", "6", "7", "8", "9", "10"]
