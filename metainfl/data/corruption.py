"""Wrong labels on purpose, and which ones."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from metainfl.data.degrade import sides_of
from metainfl.data.seeds import generator, share
from metainfl.data.typed import typed
from metainfl.errors import InvalidTasks
from metainfl.numbers import among
from metainfl.problem.tasks import Tasks

KINDS = ("shuffle", "redraw", "flip")


class Corrupted(NamedTuple):
    """Tasks and what became of them.

    `support` (T, n_s) and `query` (T, n_q): where the label is now another one. `task` (T,): the tasks
    with any such label. `drawn` (T,): the tasks that were chosen; by shuffling or redrawing, one of these
    may by chance have kept all its labels, and then it is as good as before.
    """

    tasks: Tasks
    task: Tensor
    support: Tensor
    query: Tensor
    drawn: Tensor


@typed
def corrupt(
    tasks: Tasks,
    *,
    tasks_share: float,
    within: float,
    side: str = "both",
    kind: str = "flip",
    seed: int = 0,
) -> Corrupted:
    """Tasks with wrong labels in a share of the tasks, in each at a share `within` of its instances.

    `kind` says what a chosen instance gets: "shuffle" the label of another chosen one on its side of the
    task (counts of labels stay), "redraw" a label drawn evenly from the task's classes (its own among
    them), "flip" one of the other classes, evenly. `side` is "support", "query" or "both". Numbers are
    rounded to the nearest; larger shares with the same seed choose those of smaller ones and others.
    Targets are one-hot or class numbers; a task's classes are those that occur in it with a weight.
    Padding is never touched. Paper 001, section 6.3, flips 40 % of the labels of 80 % of the tasks.
    """
    share(tasks_share, "tasks_share")
    share(within, "within")
    sides = sides_of(side)
    if not among(kind, KINDS):
        raise InvalidTasks(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    n = tasks.n_tasks
    chosen = generator(seed, "corrupted tasks").permutation(n)[: round(tasks_share * n)]
    labels = {name: _labels(getattr(tasks, f"{name}_y"), name) for name in ("support", "query")}
    real = {name: getattr(tasks, f"{name}_weight").cpu().numpy() > 0 for name in labels}
    after = {name: y.copy() for name, y in labels.items()}
    for k in sorted(int(c) for c in chosen):
        present = np.unique(np.concatenate([labels[s][k][real[s][k]] for s in labels]))
        if kind == "flip" and len(present) < 2 and within > 0:
            raise InvalidTasks(f"task {k} has one class only: no label can be flipped to another")
        for s in sides:
            rng = generator(seed, f"corrupted {s}", k)
            places = np.flatnonzero(real[s][k])
            mine = rng.permutation(places)[: round(within * len(places))]
            after[s][k][mine] = _wrong(labels[s][k][mine], present, kind, rng)
    parts, masks = {}, {}
    for s in labels:
        y = getattr(tasks, f"{s}_y")
        masks[s] = torch.from_numpy(after[s] != labels[s]).to(y.device)
        parts[f"{s}_y"] = _written(y, torch.from_numpy(after[s]).to(y.device), masks[s])
    drawn = torch.zeros(n, dtype=torch.bool, device=tasks.query_x.device)
    drawn[torch.from_numpy(chosen).to(drawn.device)] = True
    task = masks["support"].any(dim=1) | masks["query"].any(dim=1)
    return Corrupted(replace(tasks, **parts), task, masks["support"], masks["query"], drawn)


def _wrong(
    labels: np.ndarray, present: np.ndarray, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """New labels for the chosen instances."""
    if kind == "shuffle":
        return rng.permutation(labels)
    if kind == "redraw":
        return rng.choice(present, len(labels)) if len(labels) else labels
    ahead = rng.integers(1, len(present), len(labels)) if len(labels) else np.zeros(0, dtype=int)
    return present[(np.searchsorted(present, labels) + ahead) % len(present)]


def _labels(y: Tensor, name: str) -> np.ndarray:
    """Class numbers (T, n) of targets that are one-hot, or numbers already; padding is class 0."""
    if not y.is_floating_point():
        if y.ndim != 2:
            raise InvalidTasks(f"{name}_y must be class numbers (T, n), got {tuple(y.shape)}")
        return y.cpu().numpy()
    total = y.sum(dim=-1) if y.ndim == 3 else y
    proper = y.ndim == 3 and bool((((y == 0) | (y == 1)).all() & (total <= 1).all()).item())
    if not proper:
        raise InvalidTasks(
            f"{name}_y must be one-hot (T, n, ways) or class numbers; labels are corrupted here"
        )
    return y.argmax(dim=-1).cpu().numpy()


def _written(y: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Targets with the new labels where the mask is set, and untouched elsewhere."""
    if not y.is_floating_point():
        return labels.to(y.dtype)
    new = torch.nn.functional.one_hot(labels.long(), y.shape[-1]).to(y)
    return torch.where(mask[..., None], new, y)
