"""The files of tasks on disk: raw numbers, one file a field, and `tasks.json`, which says what they are.

Sizes, shapes and weights are looked at whenever a folder is opened; what the numbers were when they were
written is in `tasks.json`, and reading all of them to compare is `compare`.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from metainfl.errors import BrokenData, InvalidTasks, MissingData
from metainfl.problem.tasks import Tasks

NAMES = tuple(f.name for f in fields(Tasks))
WEIGHTS = tuple(n for n in NAMES if n.endswith("weight"))
ABOUT = "tasks.json"
MEBIBYTE = 2**20


def about(at: Path) -> dict[str, Any]:
    """What `tasks.json` says. `MissingData` without it, `BrokenData` where it says something else."""
    if not (at / ABOUT).is_file():
        raise MissingData(
            f"{at} holds no tasks (no {ABOUT}): write_tasks makes them, and ends with it"
        )
    try:
        found = json.loads((at / ABOUT).read_text())
        n, own = found["tasks"], found["fields"]
        for shape, kind in own.values():
            if (
                not all(type(k) is int and k >= 0 for k in shape)
                or np.dtype(kind).kind not in "iufb"
            ):
                raise ValueError(f"a field of {kind} {shape}")
        if type(n) is not int or n < 1 or set(own) != set(NAMES):
            raise ValueError(f"{n} tasks of {', '.join(own)}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(at, f"{ABOUT}: {error}") from error
    return found


def arrays(at: Path) -> dict[str, np.ndarray]:
    """A memory map of every field. `BrokenData` for files that are not as long as `tasks.json` says, for
    fields that do not fit together, and for weights that are negative or not finite.
    """
    found = about(at)
    out = {}
    for name, (shape, kind) in found["fields"].items():
        whole, path = (found["tasks"], *shape), at / f"{name}.raw"
        size = math.prod(whole) * np.dtype(kind).itemsize
        there = path.stat().st_size if path.is_file() else None
        if there != size:
            told = "missing" if there is None else f"{there} bytes long, not {size}"
            raise _broken(at, f"{path.name} is {told}")
        mapped = np.memmap(path, np.dtype(kind), "c", shape=whole) if size else None
        out[name] = np.empty(whole, np.dtype(kind)) if mapped is None else mapped
    for name in WEIGHTS:
        bad = np.argwhere(~(np.isfinite(out[name]) & (out[name] >= 0)))
        if len(bad):
            raise _broken(at, f"{name} at {bad[0].tolist()} is {float(out[name][tuple(bad[0])]):g}")
    try:
        Tasks(**{n: torch.from_numpy(np.array(a[:1])) for n, a in out.items()})
    except InvalidTasks as error:
        raise _broken(at, str(error)) from error
    return out


def compare(at: Path) -> None:
    """Read every file; `BrokenData` where the numbers are not those that were written."""
    known = about(at).get("digests")
    if not isinstance(known, dict):
        raise _broken(at, f"{ABOUT} has no digests: an earlier version wrote it")
    for name in NAMES:
        digest = hashlib.sha256()
        with (at / f"{name}.raw").open("rb") as file:
            while piece := file.read(MEBIBYTE):
                digest.update(piece)
        if digest.hexdigest() != known.get(name):
            raise _broken(at, f"the numbers in {name}.raw are not those that were written")


def _broken(at: Path, what: str) -> BrokenData:
    return BrokenData(
        f"{at} does not hold tasks as write_tasks leaves them: {what}. Write them again, into another folder"
    )
