"""Some spoiled models in every run of the suite; `python -m tests.fuzz` makes as many as wanted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import onnx
import pytest

from tests.fuzz.models import models
from tests.fuzz.mutate import SPOILS, Spoil
from tests.fuzz.run import run
from tests.fuzz.trial import make

COUNT = 60


def test_nothing_but_errors_comes_of_spoiled_models() -> None:
    outcomes = dict(run(seed=20261121, first=0, count=COUNT, official=False))

    assert len(outcomes) == COUNT
    assert not {n: said for n, said in outcomes.items() if said.split(" ")[0].isupper()}
    assert "compiled" in outcomes.values()
    assert "ModelError" in outcomes.values()


@pytest.fixture(scope="module")
def pools() -> tuple[list[bytes], list[bytes]]:
    return models(official=False)


def test_a_mutant_is_always_the_same(pools: tuple[list[bytes], list[bytes]]) -> None:
    assert make(*pools, 1, 7) == make(*pools, 1, 7)
    assert make(*pools, 1, 7) != make(*pools, 2, 7)


@pytest.mark.parametrize("spoil", dict.fromkeys(SPOILS), ids=lambda spoil: spoil.__name__)
def test_every_way_to_spoil_a_model_spoils_some(
    spoil: Spoil, pools: tuple[list[bytes], list[bytes]]
) -> None:
    spoiled = (_changes(data, spoil, n) for n in range(30) for data in pools[0])

    assert any(spoiled)


def _changes(data: bytes, spoil: Spoil, number: int) -> bool:
    model = onnx.load_from_string(data)
    before = model.SerializeToString(deterministic=True)
    with suppress(Exception):  # nothing there to spoil
        spoil(model, Random(number))
    return model.SerializeToString(deterministic=True) != before


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ("raise ZeroDivisionError('oh')", "CRASH ZeroDivisionError: oh"),
        ("import os; os.abort()", "DEAD exit status -6"),
        ("open('../secret.data', 'rb').close(), open('../elsewhere', 'w').close()", "FILES open "),
        ("bytes(3 << 30)", "MEMORY"),
        ("import signal; signal.raise_signal(signal.SIGPROF)", "HANG"),
    ],
)
def test_findings_are_found(
    body: str, finding: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "sitecustomize.py"
    package.write_text(
        "import edgesite.compiler\n"
        f"def compile(path):\n    {body}\n    raise edgesite.EdgesiteError('fine')\n"
        "edgesite.compiler.compile = compile\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    (outcome,) = dict(run(seed=1, first=0, count=1, official=False)).values()

    assert outcome.startswith(finding)
