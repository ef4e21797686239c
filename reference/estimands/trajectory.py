"""Estimands along a recorded trajectory of (stochastic) gradient descent on F.

Step t uses a batch B_t of tasks; full-batch descent has B_t = all:
    F_t    = (T/|B_t|) sum_{i in B_t} w_i L_i + (d_out/2) |lam|^2
    lam_t  = lam_{t-1} - eta grad F_t(lam_{t-1})
The truth is this recursion in exact arithmetic, so a bound is what rounding can have come to: each
step's own, and |I - eta H_t| times what the step before left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metainfl_reference.answer import STEP, Answer, target_loss
from metainfl_reference.certificate import EPS, SAFETY
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.perturbation import task

Array = np.ndarray


@dataclass(frozen=True)
class Trajectory:
    """lam_0 ... lam_S as rows, a bound each, the batches B_1 ... B_S, the rate eta and the weights."""

    lam: Array
    bound: Array
    batches: tuple[tuple[int, ...], ...]
    rate: float
    weights: Weights

    def point(self, t: int) -> Answer:
        """lam_t."""
        return Answer(self.lam[t], self.bound[t])


def descend(
    family: Family,
    start: Array,
    batches: Sequence[Sequence[int]],
    rate: float,
    weights: Weights | None = None,
) -> Trajectory:
    """Run the recursion and record every iterate."""
    w = weights or Weights.ones(family.episodes)
    rows, bounds = [np.asarray(start, dtype=float)], [0.0]
    for batch in batches:
        lam = rows[-1]
        step = _Step(family, lam, batch, w, rate)
        rows.append(lam - rate * step.gradient)
        noise = EPS * float(np.linalg.norm(lam)) + rate * step.noise
        bounds.append(step.growth * bounds[-1] + noise)
    return Trajectory(np.stack(rows), np.array(bounds), tuple(tuple(b) for b in batches), rate, w)


def ideal_tracin(family: Family, path: Trajectory, target: TaskData) -> Answer:
    """003 eq. 51: the target's loss decrease over the steps that used each task (T,).

    Batches of one task only; a step on a larger batch cannot be credited. The values add up to the
    whole decrease from lam_0 to lam_S (eq. 52), the weight decay of each step included.
    """
    losses = [target_loss(family, target, path.point(t)) for t in range(len(path.lam))]
    rows = np.zeros((family.episodes.n_tasks, len(losses)))
    for t, batch in enumerate(path.batches):
        if len(batch) != 1:
            raise InvalidProblem(
                f"ideal TracIn needs batches of one task; step {t + 1} has {len(batch)}"
            )
        rows[batch[0], t] += 1
        rows[batch[0], t + 1] -= 1
    values = np.array([float(a.value) for a in losses])
    return Answer(values, lambda: np.array([float(a.bound) for a in losses])).mapped(rows)


def tracin(family: Family, path: Trajectory, target: TaskData) -> Answer:
    """003 eq. 55: sum_t eta (T/|B_t|) w_i g_i . g_target at lam_{t-1} (T,)."""
    out, bound = np.zeros((2, family.episodes.n_tasks))
    for lam, off, batch in zip(path.lam, path.bound, path.batches, strict=False):
        there = family.local(target, lam)
        slope, noise = there.gradient(), 8 * family.n_meta * EPS * there.inner_condition()
        for i in batch:
            here = family.task(i, lam, path.weights)
            g, scale = here.gradient(), path.rate * len(out) / len(batch) * path.weights.task[i]
            out[i] += scale * (g @ slope)
            size = float(np.linalg.norm(g) * np.linalg.norm(slope))
            drift = np.linalg.norm(here.hessian(), 2) * np.linalg.norm(slope)
            drift += np.linalg.norm(there.hessian(), 2) * np.linalg.norm(g)
            noise = max(noise, 8 * family.n_meta * EPS * here.inner_condition())
            bound[i] += scale * (2 * drift * off + noise * size)
    return Answer(out, bound)


def unrolled(family: Family, path: Trajectory, k: int) -> Answer:
    """D lam_S/d w_k (p,), exact (HyDRA with Hessians, 003 eqs 59-61; SGD-influence's linear term).

    D_t = (I - eta H_t(lam_{t-1})) D_{t-1} - eta (T/|B_t|) g_k [k in B_t].
    """
    d, bound = np.zeros(family.n_meta), 0.0
    for lam, off, batch in zip(path.lam, path.bound, path.batches, strict=False):
        step = _Step(family, lam, batch, path.weights, path.rate)
        source, rate = step.credited(k)
        turned = step.hessian @ d
        noise = step.relative * float(np.linalg.norm(turned) + np.linalg.norm(source))
        moved = step.bending() * float(np.linalg.norm(d)) + rate
        bound = step.growth * bound + path.rate * (noise + 2 * moved * off)
        bound += EPS * float(np.linalg.norm(d))
        d = d - path.rate * (turned + source)
    return Answer(d, bound)


def unrolled_removal(family: Family, path: Trajectory, k: int) -> Answer:
    """lam_S of the same run with w_k = 0 (p,): the counterfactual that `unrolled` linearises."""
    w = path.weights.without(task(k))
    return descend(family, path.lam[0], path.batches, path.rate, w).point(-1)


class _Step:
    """F_t's gradient and Hessian at lam, and the rounding of a gradient step there."""

    def __init__(
        self, family: Family, lam: Array, batch: Sequence[int], w: Weights, rate: float
    ) -> None:
        self.family, self.lam, self.batch, self.w = family, lam, batch, w
        self.scale = family.episodes.n_tasks / len(batch)
        self.tasks = {i: family.task(i, lam, w) for i in batch}
        own = [self.scale * w.task[i] * t.gradient() for i, t in self.tasks.items()]
        self.gradient: Array = family.d_out * lam + sum(own)
        self.hessian = self.hessian_at(lam)
        self.relative = 8 * len(lam) * EPS * max(t.inner_condition() for t in self.tasks.values())
        sizes = sum(float(np.linalg.norm(g)) for g in own) + float(np.linalg.norm(self.gradient))
        self.noise = self.relative * sizes
        self.growth = float(np.linalg.norm(np.eye(len(lam)) - rate * self.hessian, 2))

    def hessian_at(self, lam: Array) -> Array:
        """H_t (p, p)."""
        out = self.family.d_out * np.eye(len(lam))
        for i in self.batch:
            out = out + self.scale * self.w.task[i] * self.family.task(i, lam, self.w).hessian()
        return out

    def bending(self) -> float:
        """A sampled Lipschitz constant of H_t, times ten; zero where F is quadratic."""
        if self.family.quadratic:
            return 0.0
        d = np.random.default_rng(0).standard_normal(len(self.lam))
        d *= STEP / np.linalg.norm(d)
        return (
            SAFETY * float(np.linalg.norm(self.hessian_at(self.lam + d) - self.hessian, 2)) / STEP
        )

    def credited(self, k: int) -> tuple[Array, float]:
        """(T/|B|) g_k and how fast it changes; zero when k is not in the batch."""
        if k not in self.tasks:
            return np.zeros(len(self.lam)), 0.0
        t = self.tasks[k]
        return self.scale * t.gradient(), self.scale * float(np.linalg.norm(t.hessian(), 2))
