"""The effect of a task's removal on new tasks, with one thing more given up at each step: Bae et al. 2022.

F is the objective that the run descends, as a sum over tasks:
    cold       the whole training run without the task, from its own start and seed
    warm       F without the task, minimised from where training stopped          (warm-start gap)
    proximal   the same with (damping/2) |lam - lam_s|^2                           (proximity gap)
    PBRF       F replaced by Bregman's divergence from the outputs that there are  (non-convergence gap)
    linear     damped Gauss-Newton influence, solved exactly                       (linearisation gap)
    solver     the same by five iterations of conjugate gradients                  (solver gap)
64-16-5, tanh, 60 tasks of digits, 200 steps; ten removals a seed. Beside: the run's derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature import gauss_newton
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import reruns, step
from metainfl.experiments.networks import damping
from metainfl.experiments.settings import BAE, setting
from metainfl.influence.implicit import influence
from metainfl.methods.run.descent import minimised
from metainfl.methods.run.pbrf import adapted_outputs, pbrf
from metainfl.metrics.intervals import rank_agreement
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import Perturbation, task
from metainfl.solve import CG
from metainfl.training import objective

STAGES = ("cold", "warm", "proximal", "PBRF", "linear", "solver")
GAPS = ("warm start", "proximity", "non-convergence", "linearisation", "solver")
TASKS, REMOVED, DESCENT, ITERATIONS = 60, 10, 300, 5
Solved = tuple[Tensor, float]  # lam, and what certifies it


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Changes of the new tasks' mean loss by removal, at every stage; and by the run's derivative."""
    made = setting(size, seed, data, paper=BAE, tasks=TASKS, new=20)
    run = made.trained()
    end, d = objective(run), damping(run)
    what = [task(k) for k in np.linspace(0, end.tasks.n_tasks - 1, REMOVED).round().astype(int)]
    base = end.losses(end.lam, made.new).mean()

    def effect(lams: Tensor) -> list[float]:
        return [float(end.losses(lam, made.new).mean() - base) for lam in lams]

    extra = d - float(end.outer_reg)
    how: dict[str, Any] = {
        "curvature": gauss_newton, "damping": extra, "allow_nonstationary": True,
    }  # fmt: skip
    cut = CG(max_iterations=ITERATIONS, rtol=0.0, allow_unconverged=True)

    def each(stage: str, solve: Callable[[Perturbation], Solved]) -> list[Solved]:
        return [_kept(f"{stage} without {p}", partial(solve, p), end.lam) for p in what]

    solved = each("PBRF", lambda p: _response(end, p, d))
    warm = each("warm", lambda p: _without(end, p, 0.0))
    near = each("proximal", lambda p: _without(end, p, extra))
    edits = {
        "cold": reruns(run, what),
        "warm": torch.stack([lam for lam, _ in warm]),
        "proximal": torch.stack([lam for lam, _ in near]),
        "PBRF": torch.stack([lam for lam, _ in solved]),
        "linear": end.lam - influence(end, what, **how).value,
        "solver": end.lam - influence(end, what, **how, solver=cut).value,
    }
    out: Cell = {stage: effect(edits[stage]) for stage in STAGES}
    out["certificates"] = {
        "PBRF": max(b / max(float((lam - end.lam).norm()), 1e-300) for lam, b in solved),
        "proximal": max(s / extra / float((lam - end.lam).norm()) for lam, s in near),
        "warm": max(s for _, s in warm) / float(end.gradient(end.lam).norm()),
    }
    out["derivative"] = (-run.scores(made.new, what).value.double().mean(1)).tolist()
    return out


def _kept(name: str, solve: Callable[[], Solved], like: Tensor) -> Solved:
    """A minimisation as a step of the cell."""

    def made() -> list[Any]:
        lam, size = solve()
        return [lam.tolist(), size]

    found, size = step(name, made)
    return torch.tensor(found, dtype=like.dtype).to(like), size


def _response(problem: Problem, removed: Perturbation, damping: float) -> Solved:
    found = pbrf(problem, removed, damping=damping)
    return found.lam, found.bound


def _without(problem: Problem, removed: Perturbation, extra: float) -> Solved:
    """F without a task, and `extra`/2 |lam - lam_s|^2, minimised from lam_s as far as L-BFGS goes.

    With the size of the gradient where it ends.
    """
    outputs, lam_s = adapted_outputs(problem, problem.tasks), problem.lam
    w = problem.tasks.w.clone()
    w[removed.task] = 0
    labels = problem.tasks.query_y.flatten(0, 1)

    def objective(lam: Tensor) -> Tensor:
        losses = cross_entropy(outputs(lam).flatten(0, 1), labels).reshape(len(w), -1).sum(1)
        near = extra * (lam - lam_s).square().sum()
        return w @ losses + 0.5 * float(problem.outer_reg) * lam.square().sum() + 0.5 * near

    return minimised(objective, lam_s, steps=DESCENT)


def gap(c: Cell, i: int) -> float:
    """Mean change from stage i to the next, in units of the mean effect of cold removal."""
    return between(c, *list(pairwise(STAGES))[i])


def between(c: Cell, one: str, other: str) -> float:
    """Mean change of effects between two stages, in units of the mean effect of cold removal."""
    a, b = np.array(c[one]), np.array(c[other])
    return float(np.abs(a - b).mean() / np.abs(c["cold"]).mean())


def agreement(c: Cell, one: str, other: str) -> float:
    """Rank correlation over removals."""
    return rank_agreement(c[one], c[other])
