"""What the tests of the frontend share."""

from __future__ import annotations

from pathlib import Path

import pytest

MODELS = Path(__file__).parents[3] / "shared" / "models"


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of real models, which lies beside the repository where there is one."""
    if not (MODELS / "index.json").is_file():
        pytest.skip("the real models are not here: no ../shared/models beside the repository")
    return MODELS
