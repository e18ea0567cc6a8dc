"""The types: the sources' own, and those that a compiled model gives its users."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from edgesite.site.assets import theme_folder

if TYPE_CHECKING:
    from pathlib import Path

ROOT = theme_folder().parent
TYPESCRIPT = ROOT / "node_modules" / ".bin" / "tsc"

DECLARATIONS = {
    "__EDGESITE_INPUTS__": '  readonly "my input": Float32Array; // 1x3x32x32',
    "__EDGESITE_OUTPUTS__": '  readonly "ids": BigInt64Array; // 1x5',
}

RIGHT = """
import { load } from "./model.js";
const model = await load({ worker: false, target: "simd", onProgress: (n, of) => void (n / of) });
const { ids } = await model.run({ "my input": new Float32Array(3072) });
const first: bigint = ids[0]!;
const shape: readonly number[] = model.info.inputs[0]!.shape;
await model.close();
export { first, shape };
"""


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
    text = (theme_folder() / "runtime" / "model.d.ts.in").read_text()
    for name, lines in DECLARATIONS.items():
        text = text.replace(name, lines)
    (tmp_path / "model.d.ts").write_text(text)
    return tmp_path / "user.ts"


OPTIONS = [
    "--ignoreConfig",
    "--strict",
    "--noUncheckedIndexedAccess",
    "--target=es2022",
    "--lib=es2022",
    "--module=esnext",
    "--moduleResolution=bundler",
]


def test_a_model_is_used_with_its_types(user: Path) -> None:
    user.write_text(RIGHT)

    assert check(*OPTIONS, user).stdout == ""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('"my input"', "typo", "'typo' does not exist"),
        ("Float32Array(3072)", "Int8Array(3072)", "not assignable to type 'Float32Array"),
        ('"simd"', '"gpu"', "not assignable to type 'Target"),
        ("ids[0]", "ids.nothing", "'nothing' does not exist"),
    ],
)
def test_the_types_of_a_model_catch_mistakes(
    user: Path, right: str, wrong: str, message: str
) -> None:
    user.write_text(RIGHT.replace(right, wrong))

    assert message in check(*OPTIONS, user).stdout
