"""Tasks that do not fit into memory: written piece by piece, read through a memory map.

    write_tasks("tasks", (episodes(data, 100, seed=s) for s in range(1000)))
    problem = metainfl.Problem(net, open_tasks("tasks"), ...)
One file a field, raw numbers, and `tasks.json`, which is written last: a folder whose writing was cut short
is refused. Only what a step or a stack of tasks reads comes into memory, and the system drops it again.
Weights are in memory. Everything that takes tasks takes these; processes that are sent them open the
folder again. They are computed in the dtype that they were written in, on the CPU.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.errors import InvalidTasks
from metainfl.numbers import said
from metainfl.plain import as_json
from metainfl.problem.files import new_folder, place
from metainfl.problem.tasks import Tasks
from metainfl.scale.task_files import ABOUT, NAMES, WEIGHTS, arrays, compare
from metainfl.whole_file import says_where, whole_file

__all__ = ["OnDisk", "open_tasks", "write_tasks"]


class OnDisk(Tasks):
    """Tasks whose data lie in a folder; made by `open_tasks`."""

    folder: Path

    def _mapped(self, f: Callable[[Tensor], Tensor]) -> Tasks:
        """f applied to every tensor: still on disk where f leaves the data as they are."""
        new = super()._mapped(f)
        pairs = [(getattr(self, n), getattr(new, n)) for n in NAMES if n not in WEIGHTS]
        if all(a is b for a, b in pairs):
            new = _as_on_disk(new, self.folder)
        return new

    def owned(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Tasks:
        """The folder opened again, with weights of its own; nobody may write into it meanwhile."""
        like = self.like
        if (device is not None and torch.device(device) != like.device) or dtype not in (
            None,
            like.dtype,
        ):
            raise InvalidTasks(
                f"the tasks in {self.folder} are {like.dtype} on the CPU, and moving them would read all of "
                "them into memory: write them in the wanted dtype, or call .to() on a selection"
            )
        return _opened(str(self.folder), *(getattr(self, n).clone() for n in WEIGHTS))

    def __reduce__(self) -> Any:
        """Where they are, and their weights."""
        return _opened, (str(self.folder), *(getattr(self, n) for n in WEIGHTS))


def write_tasks(folder: str | Path, pieces: Iterable[Tasks]) -> OnDisk:
    """Write tasks of one shape, piece by piece, and open them. Only one piece is in memory at a time.

    Raises `InvalidTasks` for pieces that differ, none at all, or a folder that holds tasks already.
    """
    folder = new_folder(folder, InvalidTasks)
    if not isinstance(pieces, Iterable):
        raise InvalidTasks(f"pieces are a list or a generator of Tasks, got {said(pieces)}")
    if (folder / ABOUT).exists():
        raise InvalidTasks(f"{folder} holds tasks already: open_tasks reads them; write elsewhere")
    about: dict[str, Any] | None = None
    files = {n: (folder / f"{n}.raw").open("wb") for n in NAMES}
    digests = {n: hashlib.sha256() for n in NAMES}
    try:
        for k, piece in enumerate(pieces):
            if not isinstance(piece, Tasks):
                raise InvalidTasks(f"piece {k} must be metainfl.Tasks, got {said(piece)}")
            tensors = {n: getattr(piece, n).detach().cpu().contiguous() for n in NAMES}
            own = {n: [list(t.shape[1:]), str(t.numpy().dtype)] for n, t in tensors.items()}
            if about is not None and own != about["fields"]:
                raise InvalidTasks(
                    f"piece {k} has other shapes or dtypes than the first: {own} for {about['fields']}"
                )
            about = about or {"version": 2, "tasks": 0, "fields": own}
            about["tasks"] += piece.n_tasks
            for n, t in tensors.items():
                content = t.numpy().data if t.numel() else b""
                with says_where(folder / f"{n}.raw"):
                    files[n].write(content)
                    files[n].flush()
                digests[n].update(content)
    finally:
        for file in files.values():
            with suppress(OSError):  # what was not written was told above
                file.close()
    if about is None:
        raise InvalidTasks("no tasks: there was no piece")
    about["digests"] = {n: d.hexdigest() for n, d in digests.items()}
    with whole_file(folder / ABOUT) as half:
        half.write_text(as_json(about) + "\n")
    return open_tasks(folder)


def open_tasks(folder: str | Path, *, thorough: bool = False) -> OnDisk:
    """The tasks of a folder; `thorough` reads all of them, and compares with what was written.

    Raises `MissingData`, or `BrokenData` for files of another size and weights that are none.
    """
    folder = place(folder, "folder", InvalidTasks)
    if thorough:
        compare(folder)
    return _opened(str(folder))


def _opened(folder: str, *weights: Tensor) -> OnDisk:
    found = arrays(Path(folder))
    new = object.__new__(Tasks)
    for n in NAMES:
        held = found[n]
        object.__setattr__(new, n, torch.from_numpy(np.array(held) if n in WEIGHTS else held))
    for n, w in zip(WEIGHTS, weights, strict=False):
        object.__setattr__(new, n, w)
    return _as_on_disk(new, Path(folder))


def _as_on_disk(tasks: Tasks, folder: Path) -> OnDisk:
    new = object.__new__(OnDisk)
    for n in NAMES:
        object.__setattr__(new, n, getattr(tasks, n))
    object.__setattr__(new, "folder", folder)
    return new
