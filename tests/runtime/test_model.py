"""model.js under Node, with a model of a few lines of wasm in place of a compiled one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import wasmtime

from tests.runtime.tiny import write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable

DTYPES = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool",
)  # fmt: skip
ONE = {"x": ("float32", (1, 4))}


@pytest.fixture(scope="module")
def script(bundle: Callable[[str], Path]) -> Path:
    return bundle("runtime/model.ts")


@pytest.fixture
def model(tmp_path: Path, script: Path) -> Path:
    write_tiny_model(tmp_path, script, ONE)
    return tmp_path


@pytest.fixture
def play(node: Callable[..., Any], model: Path) -> Callable[[str], Any]:
    return lambda scenario: node("model.mjs", model, scenario)


@pytest.mark.parametrize(("scenario", "worker"), [("here", False), ("there", True)])
def test_a_model_runs_in_place_and_in_a_worker(
    play: Callable[[str], Any], scenario: str, worker: bool
) -> None:
    result = play(scenario)

    assert result["outputs"]["x_out"] == ["Float32Array", "1", "2", "3", "4"]
    assert result["again"] == result["outputs"]
    assert result["closed"] == "the model is closed; load it again"
    assert result["info"]["worker"] is worker


def test_info_describes_the_model(play: Callable[[str], Any]) -> None:
    info = play("here")["info"]

    assert info["inputs"] == [{"name": "x", "dtype": "float32", "shape": [1, 4]}]
    assert [output["name"] for output in info["outputs"]] == ["x_out", "report"]
    assert info["bytes"]["weights"] == 12


def test_weights_are_there_before_init(play: Callable[[str], Any]) -> None:
    assert play("here")["outputs"]["report"][1] == "2.5"


def test_the_probe_is_a_module_with_relaxed_simd(play: Callable[[str], Any]) -> None:
    probe = wasmtime.wat2wasm(
        "(module (func (param v128) (result v128)"
        " local.get 0 local.get 0 local.get 0 f32x4.relaxed_madd))"
    )

    assert play("withRelaxed")["asked"] == [list(probe)]


def test_an_engine_with_relaxed_simd_gets_it_warmed_three_times(
    play: Callable[[str], Any],
) -> None:
    result = play("withRelaxed")

    assert result["target"] == "relaxed"
    assert result["report"] == [2.5, 3, 256]


def test_an_engine_without_relaxed_simd_runs_at_once_when_weights_are_there(
    play: Callable[[str], Any],
) -> None:
    result = play("withoutRelaxed")

    assert result["target"] == "simd"
    assert result["report"] == [2.5, 0, 128]


@pytest.mark.parametrize(("brief", "runs"), [(True, 1 + 2 * 12), (False, 0)])
def test_a_model_that_is_brief_is_run_for_practice_before_it_is_ready(
    node: Callable[..., Any], tmp_path: Path, script: Path, brief: bool, runs: int
) -> None:
    write_tiny_model(tmp_path, script, ONE, brief=brief)

    result = node("model.mjs", tmp_path, "practice")

    assert result["before"] == runs
    assert result["outputs"]["x_out"] == ["Float32Array", "1", "2", "3", "4"]


def test_the_wanted_target_runs(play: Callable[[str], Any]) -> None:
    result = play("simd")

    assert result["outputs"]["report"][-1] == "128"
    assert result["info"]["target"] == "simd"


@pytest.mark.parametrize("scenario", ["everyHere", "everyThere"])
def test_every_dtype_goes_in_and_out(
    tmp_path: Path, script: Path, node: Callable[..., Any], scenario: str
) -> None:
    write_tiny_model(tmp_path, script, {dtype: (dtype, (2,)) for dtype in DTYPES})

    outputs = node("model.mjs", tmp_path, scenario)["outputs"]

    assert outputs["float16_out"] == ["Uint16Array", "15360", "1"]
    assert outputs["float64_out"] == ["Float64Array", "0.1", "2"]
    assert outputs["int8_out"] == ["Int8Array", "-1", "2"]
    assert outputs["int64_out"] == ["BigInt64Array", str(-(2**40)), "2"]
    assert outputs["uint64_out"] == ["BigUint64Array", str(2**63), "2"]
    assert outputs["uint32_out"] == ["Uint32Array", "4294967295", "2"]
    assert outputs["bool_out"] == ["Uint8Array", "1", "0"]
    assert len(outputs) == len(DTYPES) + 1


def test_a_scalar_and_an_empty_tensor_are_fed(
    tmp_path: Path, script: Path, node: Callable[..., Any]
) -> None:
    write_tiny_model(tmp_path, script, {"x": ("float32", ()), "y": ("float32", (0, 3))})

    outputs = node("model.mjs", tmp_path, "scalars")["outputs"]

    assert outputs["x_out"] == ["Float32Array", "7"]
    assert outputs["y_out"] == ["Float32Array"]


def test_wrong_feeds_say_what_was_expected(play: Callable[[str], Any]) -> None:
    wanted = "give a Float32Array of 4 (1x4)"
    refusals = [
        f'input "x": got undefined; {wanted}',
        f'input "x": got undefined; {wanted}',
        f'input "x": got object; {wanted}',
        f'input "x": got object of 4; {wanted}',
        f'input "x": got Float64Array of 4; {wanted}',
        f'input "x": got Float32Array of 5; {wanted}',
        'input "y": unknown; the model has x',
        f'input "x": got number; {wanted}',
    ]

    assert play("feeds") == refusals * 2


def test_a_part_of_a_large_buffer_is_fed_and_stays_usable(play: Callable[[str], Any]) -> None:
    result = play("parts")

    assert result["outputs"]["x_out"][1:] == ["1", "2", "3", "4"]
    assert result["whole"] == 6


def test_runs_are_answered_in_order(play: Callable[[str], Any]) -> None:
    assert play("order") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("scenario", ["unanswered", "late"])
def test_closing_answers_what_is_still_asked(play: Callable[[str], Any], scenario: str) -> None:
    assert play(scenario) == "the model is closed; load it again"


def test_a_model_left_open_does_not_keep_node_running(play: Callable[[str], Any]) -> None:
    assert play("open") == "left open"


def test_progress_ends_at_the_total(play: Callable[[str], Any], model: Path) -> None:
    (code,) = (path.stat().st_size for path in model.glob("*simd*.wasm"))

    events = play("progress")

    assert events == [[code, code + 12], [code + 12, code + 12]] * 2


@pytest.mark.parametrize("scenario", ["failsHere", "failsThere"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "ENOENT"),
        (lambda path: path.write_bytes(bytes(11)), "11 bytes instead of 12; reload"),
        (lambda path: path.write_bytes(bytes(13)), "13 bytes instead of 12; reload"),
    ],
    ids=["missing", "short", "long"],
)
def test_damaged_weights_are_named(
    play: Callable[[str], Any],
    model: Path,
    scenario: str,
    damage: Callable[[Path], object],
    message: str,
) -> None:
    (weights,) = model.glob("weights.*")
    damage(weights)

    failure = play(scenario)

    assert failure.startswith(f"{weights.name}: ")
    assert message in failure


def test_damaged_code_is_named(play: Callable[[str], Any], model: Path) -> None:
    (code,) = model.glob("*simd*.wasm")
    code.write_bytes(bytes(code.stat().st_size))

    assert play("failsSimd").startswith(f"{code.name}: ")


def test_an_unknown_target_is_refused(play: Callable[[str], Any]) -> None:
    assert play("unknownTarget") == 'target "avx": unknown; give "simd" or "relaxed"'
