"""Scores that do not fit into memory: written target by target, read through a memory map.

    streamed(run, perturbations, targets, "scores.npy")        the derivative of a run, d L_t(lam_S)/d pi
    streamed(problem, perturbations, targets, "scores.npy")    at a minimiser, d L_t(lam*)/d pi
Rows of the file are *targets*: (m, n), so that a block of them is one piece of the disk; what is returned is
its transpose, (n, m) as everywhere. Only `block` targets are in memory at once. A .progress file beside it
says which are done and of what: a killed call goes on, and a file of another question is refused. numpy's own
format: `numpy.load(path, mmap_mode="r")` reads it anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption
from metainfl.influence.how import How
from metainfl.influence.scores import scores
from metainfl.problem.digest import digest, meaning
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check
from metainfl.training import Run
from metainfl.training.fingerprint import fingerprint
from metainfl.training.progress import bar

__all__ = ["streamed"]

DTYPES = {"float32": np.float32, "float64": np.float64}


def streamed(
    subject: Run | Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    path: str | Path,
    *,
    block: int = 32,
    dtype: str | None = None,
    progress: bool = False,
    **how: Unpack[How],
) -> np.ndarray:
    """Scores (n, m) in a file, as a read-only memory map.

    dtype   "float64" or "float32" on disk; by default that of the subject: nothing is rounded unasked
    `how` (curvature, solver, damping, ...) is for a problem, as in `metainfl.influence`. `InvalidOption`
    where the file belongs to another question, and what `scores` raises.
    """
    if block < 1:
        raise InvalidOption(f"block must be at least 1 target, got {block}")
    if isinstance(subject, Run) and how:
        raise InvalidOption(f"a run's derivative takes no {', '.join(how)}: it is exact")
    check((subject.program.problem if isinstance(subject, Run) else subject).tasks, perturbations)
    own = subject.lam.dtype
    name = dtype or str(own).removeprefix("torch.")
    if name not in DTYPES:
        raise InvalidOption(f"dtype is one of {', '.join(DTYPES)}, got {name!r}")
    path = Path(path)
    question = _question(subject, perturbations, targets, name, block, how)
    shape = (targets.n_tasks, len(perturbations))
    done = _done(path, question)
    if done and path.exists():
        file = np.lib.format.open_memmap(path, mode="r+")
    else:
        file, done = np.lib.format.open_memmap(path, "w+", DTYPES[name], shape), 0
    with bar("targets", shape[0], progress) as tell:
        tell(done, "")
        for a in range(done, shape[0], block):
            some = targets.select(list(range(a, min(a + block, shape[0]))))
            file[a : a + some.n_tasks] = _of(subject, perturbations, some, how).T.cpu().numpy()
            file.flush()
            _note(path, question, a + some.n_tasks)
            tell(a + some.n_tasks, "")
    del file
    return np.load(path, mmap_mode="r").T


def _of(
    subject: Run | Problem, perturbations: Sequence[Perturbation], targets: Tasks, how: Any
) -> Tensor:
    if isinstance(subject, Run):
        return subject.scores(targets, perturbations).value
    return scores(subject, perturbations, targets, **how).value


def _question(
    subject: Run | Problem,
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    dtype: str,
    block: int,
    how: Any,
) -> str:
    asked = (
        dtype,
        block,
        [str(p) for p in perturbations],
        [(i, batch.view()) for i, batch in targets.groups()],
    )
    if isinstance(subject, Run):
        return digest(asked, fingerprint(subject.program), subject.done)
    return digest(asked, meaning(subject), subject.symmetry, subject.lam, how)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".progress")


def _done(path: Path, question: str) -> int:
    """Targets that the file holds; refused where it holds something else."""
    try:
        kept = json.loads(_beside(path).read_text())
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


def _note(path: Path, question: str, done: int) -> None:
    half = _beside(path).with_suffix(".part")
    half.write_text(json.dumps({"question": question, "done": done}))
    half.replace(_beside(path))
