"""What a file of scores holds so far, by the note beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from metainfl.errors import InvalidOption
from metainfl.plain import as_json
from metainfl.scale.aside import set_aside


def opened(path: Path, dtype: Any, shape: tuple[int, int]) -> np.memmap | None:
    """The file as it was left; None where it is gone, or was cut and set aside."""
    if not path.exists():
        return None
    try:
        np.load(path, mmap_mode="r")  # to write, numpy would fill up what is missing with zeros
        file: np.memmap = np.lib.format.open_memmap(path, mode="r+")
        if file.dtype != dtype or file.shape != shape:
            raise ValueError(f"it holds {file.dtype} {file.shape}, not {np.dtype(dtype)} {shape}")
        return file
    except (ValueError, OSError, EOFError) as error:
        set_aside(path, error, "its scores are computed again")
        return None


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".progress")


def done(path: Path, question: str) -> int:
    """Targets that the file holds; refused where it holds something else."""
    try:
        kept = json.loads(_beside(path).read_text())
        if not isinstance(kept, dict):
            raise ValueError("it holds no object")
    except FileNotFoundError:
        if path.exists():
            raise InvalidOption(
                f"{path} is there and was not begun by a call like this; name another file, or delete it"
            ) from None
        return 0
    except ValueError as error:
        raise InvalidOption(f"{_beside(path)} cannot be read ({error}); delete it") from error
    if kept.get("question") != question:
        raise InvalidOption(
            f"{path} holds scores of another run, problem, targets or perturbations; name another file, or "
            "delete it"
        )
    return int(kept["done"])


def note(path: Path, question: str, done: int) -> None:
    """Say that the first `done` targets of the question are there."""
    half = _beside(path).with_suffix(".part")
    half.write_text(as_json({"question": question, "done": done}))
    half.replace(_beside(path))
