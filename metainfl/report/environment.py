"""What a result was computed with: versions and hardware, as plain data."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

PACKAGES = ("metainfl", "torch", "numpy", "scipy", "scikit-learn")


def environment() -> dict[str, object]:
    """Versions, processor count, and the CUDA device's name if there is one."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cuda_device": device,
        "versions": versions,
    }
