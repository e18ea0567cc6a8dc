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
