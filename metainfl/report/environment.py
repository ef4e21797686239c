"""What a result was computed with: versions and hardware, as plain data."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("metainfl", "torch", "numpy", "scipy", "scikit-learn")


def installed(name: str) -> str:
    """The version of an installed package, or "not installed"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def environment() -> dict[str, Any]:
    """Versions, processor count, and the CUDA device's name if there is one."""
    import torch

    versions = {name: installed(name) for name in PACKAGES}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cuda_device": device,
        "versions": versions,
    }


def as_text(found: dict[str, Any]) -> str:
    """The same, one fact a line, for an issue."""
    versions = found["versions"]
    facts = {**versions, **{k: v for k, v in found.items() if k != "versions"}}
    width = max(len(name) for name in facts)
    shown = ((name, "none" if value is None else value) for name, value in facts.items())
    return "\n".join(f"{name:{width}}  {value}" for name, value in shown)
