"""Edits of a trained network without some tasks or instances, and what each gives: Table 1 of 001.

Ten per cent of the tasks are removed at random; and 40 % of the support ("training") or query
("validation") instances of 20 tasks. lam is edited by minus weight times influence (Theorem 4.3, Theorem
4.5, Proposition 4.8), damped as a network's end needs. Beside the paper's rows: no edit, the run's own
derivative, one damped Newton step, warm retraining, and retraining with another seed. Of tasks also with
the Hessian of a quarter of them (Algorithms 1 and 2, line 2), and with Gamma in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from metainfl.curvature import Curvature, Subsampled, exact, gamma
from metainfl.curvature.chances import By
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.kept import step
from metainfl.experiments.networks import Setting, accuracy, damping, loss, reach
from metainfl.influence.implicit import Influence, influence
from metainfl.methods.implicit.direct_if import direct_if
from metainfl.problem.perturbation import Perturbation, group, query, support, task
from metainfl.problem.weights import without
from metainfl.solve import CG, Neumann
from metainfl.training import Run, objective, train

SHARE, TASKS, WITHIN = 0.1, 20, 0.4
PART = 0.25  # of the tasks, whose Hessian stands for that of all
WHOLE = "task-IF"
#: section 5's own way: Theorem 5.1's matrix, Algorithm 4's series
GAMMA = "task-IF, Gamma and Neumann"
OWN = {"task": WHOLE, "support": "instance-IF", "query": "instance-IF"}
SUBSETS: dict[By, str] = {
    "uniform": "task-IF, a quarter by uniform",
    "difficulty": "task-IF, a quarter by difficulty",
    "uncertainty": "task-IF, a quarter by uncertainty",
}


def removals(s: Setting) -> dict[str, Perturbation]:
    """What is removed, by level."""
    draw = torch.Generator().manual_seed(s.seed)
    n = s.tasks.n_tasks
    order = torch.randperm(n, generator=draw).tolist()
    out = {"task": group(task(k) for k in order[: round(SHARE * n)])}
    for side, made in (("support", support), ("query", query)):
        members = []
        for k in order[-TASKS:]:
            m = getattr(s.tasks, f"{side}_x").shape[1]
            members += [
                made(k, j) for j in torch.randperm(m, generator=draw)[: round(WITHIN * m)].tolist()
            ]
        out[side] = group(members)
    return out


def curvatures(run: Run) -> dict[str, Curvature]:
    """What stands for the Hessian, by the name of the edit."""
    size, seed = max(1, round(PART * run.program.problem.tasks.n_tasks)), run.recipe.seed
    some = {name: Subsampled(size, by, seed=seed) for by, name in SUBSETS.items()}
    return {WHOLE: exact, **some}


def edits(
    run: Run, removed: Perturbation, level: str, how: dict[str, dict[str, Any]]
) -> dict[str, Callable[[], Tensor]]:
    """Ways to the parameters without what is removed; `how` to solve, by the name of the edit."""
    end, descended = run.problem(), objective(run)
    rest, whole = without(end.tasks, removed), how[WHOLE]
    quarter = replace(run.recipe, steps=max(1, run.done // 4), seed=run.recipe.seed + 1)
    other = replace(run.recipe, seed=run.recipe.seed + 1000)
    out: dict[str, Callable[[], Tensor]] = {
        "no edit": lambda: end.lam,
        "retrained": lambda: run.replay({removed: 0.0}).lam,
        "retrained, other seed": lambda: (
            train(end.replaced(tasks=rest), other, start=run.program.start, progress=False).lam
        ),
        "warm retraining": lambda: train(end.replaced(tasks=rest), quarter, progress=False).lam,
        OWN[level]: partial(_edited, descended, removed, whole),
        "derivative of the run": lambda: end.lam - run.influence([removed]).value[0],
        "Newton step": lambda: _newton(descended.replaced(tasks=rest), whole["damping"]),
    }
    if level == "task":
        for name in SUBSETS.values():
            out[name] = partial(_edited, descended, removed, how[name])
        out[GAMMA] = partial(_edited, descended, removed, _by_gamma(run))
        few = whole | {"curvature": how[SUBSETS["uniform"]]["curvature"]}
        for name, parts in (("Direct-IF", whole), ("Direct-IF, a quarter", few)):
            out[name] = partial(_edited, descended, removed, parts, direct_if.run)
    return out


def _edited(
    end: Problem,
    removed: Perturbation,
    how: dict[str, Any],
    influence: Callable[..., Influence] = influence,
) -> Tensor:
    return end.lam - influence(end, [removed], **how).value[0]


def _newton(rest: Problem, damped: float) -> Tensor:
    """One damped Newton step on the objective without what is removed."""
    slope = rest.gradient(rest.lam)[:, None]
    return rest.lam - CG(rtol=1e-6)(exact(rest).damped(damped), slope).solution[:, 0]


def measured(s: Setting, of: str) -> Cell:
    """Of a data set, by level and edit: accuracy and loss on new tasks, processor seconds, distances.

    "distance" is from retraining, in units of that of no edit; "apart" from the edit by influence, in units
    of its own length. Every edit is a step of the cell.
    """
    run = s.trained()
    out: Cell = {"steps": run.done}
    end = run.problem()
    how = {name: _damped(run, c, f"{of}, damping, {name}") for name, c in curvatures(run).items()}
    for level, removed in removals(s).items():
        rows: Cell = {}
        lams = {}
        for name, way in edits(run, removed, level, how).items():
            found = step(f"{of}, {level}, {name}", partial(_timed, way))
            lams[name] = torch.tensor(found["lam"], dtype=end.lam.dtype).to(end.lam)
            rows[name] = {
                "accuracy": accuracy(end, lams[name], s.new),
                "loss": loss(end, lams[name], s.new),
                "seconds": found["seconds"],
            }
        truth, own = lams["retrained"], lams[OWN[level]]
        for name, lam in lams.items():
            rows[name]["distance"] = float((lam - truth).norm() / (end.lam - truth).norm())
            rows[name]["apart"] = float((lam - own).norm() / (end.lam - own).norm())
        out[level] = rows
    return out


def _damped(run: Run, curvature: Curvature, name: str) -> dict[str, Any]:
    return {
        "curvature": curvature,
        "damping": step(name, partial(damping, run, curvature)),
        "solver": CG(rtol=1e-6),
        "allow_nonstationary": True,
    }


def _by_gamma(run: Run) -> dict[str, Any]:
    """Where L_O reads lam through theta alone, Theorem 5.1's matrix is a number times the identity:

    no eigenvalue asks for more damping than what the run could not reach, and the edit is a scaled gradient.
    """
    return {
        "curvature": gamma,
        "damping": reach(run),
        "solver": Neumann(rtol=1e-6),
        "allow_nonstationary": True,
    }


def _timed(way: Callable[[], Tensor]) -> dict[str, Any]:
    started = time.process_time()
    lam = way()
    seconds = time.process_time() - started
    return {"lam": lam.tolist(), "seconds": seconds}
