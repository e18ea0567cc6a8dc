"""What all tests share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure.
settings.register_profile("edgesite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("edgesite")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261120)


@pytest.fixture
def cut_finely(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share even small work, in as many parts as there can be."""
    for name in (
        "cuts.FEWEST_OPERATIONS",
        "cuts.PART_OPERATIONS",
        "threads.FEWEST_OPERATIONS",
        "module.FEWEST_TOGETHER",
    ):
        monkeypatch.setattr(f"edgesite.targets.wasm.{name}", 1)
