"""Many reruns of one program: in parallel through joblib, and resumable from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from metainfl.errors import InvalidOption
from metainfl.plain import as_json
from metainfl.pools import Call, at_once, unordered
from metainfl.pools.aside import set_aside
from metainfl.problem.files import new_folder
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.undone import Undone, ended
from metainfl.training.fingerprint import fingerprint
from metainfl.training.program import Program
from metainfl.training.reweight import multiplied
from metainfl.whole_file import whole_file


def replayed(
    program: Program,
    steps: int,
    perturbations: Sequence[Perturbation],
    factor: float,
    jobs: int,
    store: str | Path | None,
    tell: Callable[[int, str], None],
    *,
    apart: bool = False,
) -> list[Any]:
    """lam (p,) after `steps` steps with the weights that each perturbation names times `factor`.

    With a `store`, every finished rerun is a file there, and those that are there are not run again. The
    first rerun that ends in no number is raised; or, `apart`, an `Undone` stands in its place, and the others
    are done.
    """
    one = _one_apart if apart else _one
    name = _Names(program, steps, factor)
    out: dict[int, Any] = {}
    if store is not None:
        store = new_folder(store, InvalidOption, "store")
        for i, p in enumerate(perturbations):
            kept = _read(store / name(p))
            if kept is not None:
                out[i] = kept.to(program.start.lam)
    left = [i for i in range(len(perturbations)) if i not in out]
    tell(len(out), "")
    threads = torch.get_num_threads()
    own = threads if at_once(jobs) == 1 else 1
    calls: list[Call] = [(one, (program, steps, perturbations[i], factor, own)) for i in left]
    for k, lam in unordered(calls, jobs):
        i = left[k]
        if store is not None and isinstance(lam, Tensor):
            with whole_file(store / name(perturbations[i])) as half:
                save_file({"lam": lam.cpu()}, half)
        out[i] = lam
        tell(len(out), "")
    return [out[i] for i in range(len(perturbations))]


def _one_apart(*of: Any) -> Tensor | Undone:
    return ended(_one, *of)


def _one(program: Program, steps: int, p: Perturbation, factor: float, threads: int) -> Tensor:
    before = torch.get_num_threads()
    try:
        if threads != before:
            torch.set_num_threads(threads)
        other = program.with_tasks(multiplied(program.problem.tasks, {p: factor}))
        return other.run_to(steps).lam
    finally:
        if threads != before:
            torch.set_num_threads(before)


class _Names:
    """File names: what was run, and with what left out."""

    def __init__(self, program: Program, steps: int, factor: float) -> None:
        self.head = as_json([fingerprint(program), steps, factor])

    def __call__(self, p: Perturbation) -> str:
        """One rerun's."""
        return hashlib.sha256(f"{self.head} {p}".encode()).hexdigest()[:32] + ".safetensors"


def _read(path: Path) -> Tensor | None:
    """The rerun's end, if it was run; a file that was cut is set aside, and the rerun done again."""
    if not path.exists():
        return None
    try:
        return load_file(path)["lam"]
    except (OSError, KeyError, RuntimeError, ValueError, SafetensorError) as error:
        set_aside(path, error, "it is run again")
        return None
