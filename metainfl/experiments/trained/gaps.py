"""The five gaps of Bae et al. 2022 (section 4) between influence functions and retraining, on a MAML network.

The effect of a task's removal on the loss of new tasks, with one thing more given up at each step:
    cold       the whole training run without the task, from its own start and seed
    warm       F without the task, minimised from where training stopped          (warm-start gap)
    proximal   the same with (damping/2) |lam - lam_s|^2                           (proximity gap)
    PBRF       F replaced by Bregman's divergence from the outputs that there are  (non-convergence gap)
    linear     damped Gauss-Newton influence, solved exactly                       (linearisation gap)
    solver     the same by five iterations of conjugate gradients                  (solver gap)
64-16-5, tanh, 60 tasks of digits, 200 steps; ten removals a seed. Beside: the run's derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature import gauss_newton
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell, Claim, Experiment, Table, Verdict
from metainfl.experiments.networks import damping, setting
from metainfl.experiments.statistics import interval, paired, rank_agreement
from metainfl.influence.implicit import influence
from metainfl.methods.run.descent import minimised
from metainfl.methods.run.pbrf import adapted_outputs, responses
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import Perturbation, task
from metainfl.solve import CG

STAGES = ("cold", "warm", "proximal", "PBRF", "linear", "solver")
GAPS = ("warm start", "proximity", "non-convergence", "linearisation", "solver")
TASKS, REMOVED, DESCENT, ITERATIONS = 60, 10, 300, 5


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Changes of the new tasks' mean loss by removal, at every stage; and by the run's derivative."""
    made = setting(size, seed, data, tasks=TASKS, new=20)
    run = made.trained()
    end, d = run.problem(), damping(run)
    what = [task(k) for k in np.linspace(0, end.tasks.n_tasks - 1, REMOVED).round().astype(int)]
    base = end.losses(end.lam, made.new).mean()

    def effect(lams: Tensor) -> list[float]:
        return [float(end.losses(lam, made.new).mean() - base) for lam in lams]

    extra = d - float(end.outer_reg)
    how: dict[str, Any] = {
        "curvature": gauss_newton, "damping": extra, "allow_nonstationary": True,
    }  # fmt: skip
    cut = CG(max_iterations=ITERATIONS, rtol=0.0, allow_unconverged=True)
    edits = {
        "cold": run.replay_many(what),
        "warm": torch.stack([_without(end, p, 0.0) for p in what]),
        "proximal": torch.stack([_without(end, p, extra) for p in what]),
        "PBRF": responses(end, what, damping=d),
        "linear": end.lam - influence(end, what, **how).value,
        "solver": end.lam - influence(end, what, **how, solver=cut).value,
    }
    out: Cell = {stage: effect(edits[stage]) for stage in STAGES}
    out["derivative"] = (-run.scores(made.new, what).value.double().mean(1)).tolist()
    return out


def _without(problem: Problem, removed: Perturbation, extra: float) -> Tensor:
    """F without a task, and `extra`/2 |lam - lam_s|^2, minimised from lam_s as far as L-BFGS goes."""
    outputs, lam_s = adapted_outputs(problem, problem.tasks), problem.lam
    w = problem.tasks.w.clone()
    w[removed.task] = 0
    labels = problem.tasks.query_y.flatten(0, 1)

    def objective(lam: Tensor) -> Tensor:
        losses = cross_entropy(outputs(lam).flatten(0, 1), labels).reshape(len(w), -1).sum(1)
        near = extra * (lam - lam_s).square().sum()
        return w @ losses + 0.5 * float(problem.outer_reg) * lam.square().sum() + 0.5 * near

    return minimised(objective, lam_s, steps=DESCENT)[0]


def gap(c: Cell, i: int) -> float:
    """Mean change from stage i to the next, in units of the mean effect of cold removal."""
    a, b = (np.array(c[s]) for s in list(pairwise(STAGES))[i])
    return float(np.abs(a - b).mean() / np.abs(c["cold"]).mean())


def agreement(c: Cell, one: str, other: str) -> float:
    """Rank correlation over removals."""
    return rank_agreement(c[one], c[other])


def follows_pbrf(cells: Sequence[Cell]) -> Verdict:
    """Whether influence functions rank as PBRF does, at 0.9."""
    found = interval([agreement(c, "linear", "PBRF") for c in cells])
    word = (
        "holds"
        if found.low > 0.9
        else "does not hold"
        if found.high < 0.9
        else "cannot be told here"
    )
    return Verdict(word, f"rank correlation {found}", "Well is taken as above 0.9.")  # type: ignore[arg-type]


def above(pair: tuple[str, str], other: tuple[str, str]) -> Callable[[Sequence[Cell]], Verdict]:
    """Whether the first two agree better than the others do."""

    def judge(cells: Sequence[Cell]) -> Verdict:
        a, b = ([agreement(c, *names) for c in cells] for names in (pair, other))
        more = paired(a, b)
        word = (
            "holds"
            if more.low > 0
            else "does not hold"
            if more.high <= 0
            else "cannot be told here"
        )
        why = f"{' with '.join(pair)}: {interval(a)}; {' with '.join(other)}: {interval(b)}."
        return Verdict(word, f"difference {more}", why)  # type: ignore[arg-type]

    return judge


def dominated(cells: Sequence[Cell]) -> Verdict:
    """Whether the first three gaps are larger than the last two."""
    first, last = ([sum(gap(c, i) for i in own) for c in cells] for own in (range(3), range(3, 5)))
    more = paired(first, last)
    word = "holds" if more.low > 0 else "does not hold" if more.high <= 0 else "cannot be told here"
    why = f"Sum of the first three {interval(first)}, of the last two {interval(last)}."
    return Verdict(word, f"difference {more}", why)  # type: ignore[arg-type]


def tables(cells: Sequence[Cell]) -> list[Table]:
    """Gaps, and what each stage ranks as retraining does."""
    gaps: list[dict[str, Any]] = [
        {"gap": name, "size": str(interval([gap(c, i) for c in cells]))}
        for i, name in enumerate(GAPS)
    ]
    ranks: list[dict[str, Any]] = [
        {
            "stage": s,
            "with retraining": str(interval([agreement(c, s, "cold") for c in cells])),
            "with PBRF": str(interval([agreement(c, s, "PBRF") for c in cells])),
        }
        for s in (*STAGES[1:], "derivative")
    ]
    return [
        Table("gaps", "Mean change between stages, in mean effects of removal", gaps),
        Table("ranks", "Rank correlation over ten removals", ranks),
    ]


def figure(axes: Any, cells: Sequence[Cell]) -> None:
    """The size of each gap."""
    found = [interval([gap(c, i) for c in cells]) for i in range(len(GAPS))]
    axes.errorbar(range(len(GAPS)), [f.mean for f in found], [f.half for f in found], fmt="o")
    axes.set_xticks(range(len(GAPS)), [g.replace("-", "-\n") for g in GAPS])
    axes.set_yscale("log")
    axes.set_ylabel("mean change / mean effect")


EXPERIMENT = Experiment(
    "bae-gaps",
    "Bae et al. 2022",
    "section 4",
    "Five gaps between influence functions and retraining, on a network that was trained.",
    cell,
    (
        Claim("section 5", "influence functions with Gauss-Newton and damping follow PBRF", "a figure",
              follows_pbrf),
        Claim("section 5", "they follow PBRF better than retraining", "a figure",
              above(("linear", "PBRF"), ("linear", "cold"))),
        Claim("section 4", "warm start, proximity and non-convergence make the difference, not linearisation "
              "and solver", "a figure", dominated),
        Claim("not in the paper", "the run's derivative follows retraining better than influence functions",
              "not compared", above(("derivative", "cold"), ("linear", "cold")), "the run's derivative"),
    ),
    tables,
    figure,
    {"small": 10, "paper": 10},
)  # fmt: skip
