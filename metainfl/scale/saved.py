"""Tensors on disk without pickle, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from metainfl.whole_file import whole_file


def save_tensors(path: Path, **tensors: Tensor) -> None:
    """Write them into one safetensors file; what is there is replaced only when the new one is whole."""
    with whole_file(path) as half:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, half)
