"""Estimands along a recorded trajectory of (stochastic) gradient descent on F.

Step t uses a batch B_t of tasks; full-batch descent has B_t = all:
    F_t    = (T/|B_t|) sum_{i in B_t} w_i L_i + (d_out/2) |lam|^2
    lam_t  = lam_{t-1} - eta grad F_t(lam_{t-1})
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metainfl_reference.episodes import Weights
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import task

Array = np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """lam_0 ... lam_S as rows, the batches B_1 ... B_S, the rate eta and the weights."""

    lam: Array
    batches: tuple[tuple[int, ...], ...]
    rate: float
    weights: Weights


def descend(
    family: Family,
    start: Array,
    batches: Sequence[Sequence[int]],
    rate: float,
    weights: Weights | None = None,
) -> Trajectory:
    """Run the recursion and record every iterate."""
    w = weights or Weights.ones(family.episodes)
    rows = [np.asarray(start, dtype=float)]
    for batch in batches:
        rows.append(rows[-1] - rate * _step(family, rows[-1], batch, w)[0])
    return Trajectory(np.stack(rows), tuple(tuple(b) for b in batches), rate, w)


def ideal_tracin(family: Family, path: Trajectory, target: TaskData) -> Array:
    """003 eq. 51: the target's loss decrease over the steps that used each task (T,).

    Batches of one task only; a step on a larger batch cannot be credited. The values add up to the
    whole decrease from lam_0 to lam_S (eq. 52), the weight decay of each step included.
    """
    loss = [family.target_loss(target, lam).real for lam in path.lam]
    out = np.zeros(family.episodes.n_tasks)
    for t, batch in enumerate(path.batches):
        if len(batch) != 1:
            raise ValueError(
                f"ideal TracIn needs batches of one task; step {t + 1} has {len(batch)}"
            )
        out[batch[0]] += loss[t] - loss[t + 1]
    return out


def tracin(family: Family, path: Trajectory, target: TaskData) -> Array:
    """003 eq. 55: sum_t eta (T/|B_t|) w_i g_i . g_target at lam_{t-1} (T,)."""
    out = np.zeros(family.episodes.n_tasks)
    for lam, batch in zip(path.lam[:-1], path.batches, strict=True):
        slope = family.target_gradient(target, lam)
        for i in batch:
            g = family.task(i, lam, path.weights).gradient()
            out[i] += path.rate * len(out) / len(batch) * path.weights.task[i] * (g @ slope)
    return out


def unrolled(family: Family, path: Trajectory, k: int) -> Array:
    """D lam_S/d w_k (p,), exact (HyDRA with Hessians, 003 eqs 59-61; SGD-influence's linear term).

    D_t = (I - eta H_t(lam_{t-1})) D_{t-1} - eta (T/|B_t|) g_k [k in B_t].
    """
    d = np.zeros(family.n_meta)
    n = family.episodes.n_tasks
    for lam, batch in zip(path.lam[:-1], path.batches, strict=True):
        hessian = _step(family, lam, batch, path.weights)[1]
        d = d - path.rate * (hessian @ d)
        if k in batch:
            g = family.task(k, lam, path.weights).gradient()
            d = d - path.rate * n / len(batch) * g
    return d


def unrolled_removal(family: Family, path: Trajectory, k: int) -> Array:
    """lam_S of the same run with w_k = 0 (p,): the counterfactual that `unrolled` linearises."""
    w = path.weights.without(task(k))
    return descend(family, path.lam[0], path.batches, path.rate, w).lam[-1]


def _step(family: Family, lam: Array, batch: Sequence[int], w: Weights) -> tuple[Array, Array]:
    """Grad F_t and its Hessian."""
    scale = family.episodes.n_tasks / len(batch)
    gradient, hessian = family.d_out * lam, family.d_out * np.eye(len(lam))
    for i in batch:
        t = family.task(i, lam, w)
        gradient = gradient + scale * w.task[i] * t.gradient()
        hessian = hessian + scale * w.task[i] * t.hessian()
    return gradient, hessian
