"""Shared by tests, laws and benchmarks: one torch thread a worker, hypothesis profiles."""

import os
import sys

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)  # pytest-xdist already uses every core

settings.register_profile("dev", max_examples=10, deadline=None)
settings.register_profile(
    "ci",
    max_examples=10,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_modifyitems(items):
    """Skip GPU tests where there is no device."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def often():
    """Threads change places as often as Python lets them: a step is then enough for what is rare else."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
