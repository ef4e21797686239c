"""Scores that do not fit into memory: written target by target, read through a memory map.

    streamed(run, perturbations, targets, "scores.npy")        the derivative of a run, d L_t(lam_S)/d pi
    streamed(problem, perturbations, targets, "scores.npy")    at a minimiser, d L_t(lam*)/d pi
Rows of the file are *targets*: (m, n), so that a block of them is one piece of the disk; what is returned is
its transpose, (n, m) as everywhere. Only `block` targets are in memory at once. A .progress file beside it
says which are done and of what: a killed call goes on, a file of another question is refused, and one that
was cut or changed since is set aside, with a warning, and computed again. numpy's own format:
`numpy.load(path, mmap_mode="r")` reads it anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from torch import Tensor

from metainfl.derive.problem import Problem
from metainfl.derive.witness import witness
from metainfl.errors import InvalidOption
from metainfl.influence.how import How
from metainfl.influence.scores import scores
from metainfl.numbers import said, whole
from metainfl.problem.asked import require_tasks
from metainfl.problem.digest import digest, meaning
from metainfl.problem.files import named, new_folder
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.tasks import Tasks
from metainfl.problem.weights import check
from metainfl.scale.blocks import DTYPES, Blocks
from metainfl.training import Run
from metainfl.training.fingerprint import fingerprint
from metainfl.training.progress import bar

__all__ = ["streamed"]


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
    where the file belongs to another question, and what `scores` raises; the warning `SetAside` where it is
    not as it was written: it is kept under another name, and computed again.
    """
    if not isinstance(subject, (Run, Problem)):
        raise InvalidOption(f"subject must be a Run or a metainfl.Problem, got {said(subject)}")
    block = whole(block, "block", 1, error=InvalidOption)
    if isinstance(subject, Run) and how:
        raise InvalidOption(f"a run's derivative takes no {', '.join(how)}: it is exact")
    check((subject.program.problem if isinstance(subject, Run) else subject).tasks, perturbations)
    own = subject.lam.dtype
    name = str(own).removeprefix("torch.") if dtype is None else dtype
    if not isinstance(name, str) or name not in DTYPES:
        raise InvalidOption(f"dtype is one of {', '.join(DTYPES)}, got {said(name)}")
    targets = require_tasks(targets, subject.lam)
    path = named(path, "file", InvalidOption)
    question = _question(subject, perturbations, targets, name, block, how)
    shape = (targets.n_tasks, len(perturbations))
    block = min(block, shape[0])
    new_folder(path.parent, InvalidOption)
    blocks = Blocks(path, question, shape, name, block)
    with bar("targets", shape[0], progress) as tell:
        tell(blocks.done, "")
        while blocks.done < shape[0]:
            a = blocks.done
            some = targets.select(list(range(a, min(a + block, shape[0]))))
            blocks.add(_of(subject, perturbations, some, how).T.cpu().numpy())
            tell(blocks.done, "")
    del blocks
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
    seen = witness(subject, subject.lam)
    return digest(asked, meaning(subject), seen, subject.symmetry, subject.lam, how)
