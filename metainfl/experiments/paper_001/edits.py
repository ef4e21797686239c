"""Edits of a trained network without some tasks or instances, and what each gives: Table 1 of 001.

Ten per cent of the tasks are removed at random; and 40 % of the support ("training") or query
("validation") instances of 20 tasks. lam is edited by minus weight times influence (Theorem 4.3, Theorem
4.5, Proposition 4.8), task-IF damped as a network's end needs. Beside the paper's rows: no edit, the run's
own derivative, one damped Newton step, warm retraining, and retraining with another seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metainfl.curvature import exact
from metainfl.derive.problem import Problem
from metainfl.experiments.experiment import Cell
from metainfl.experiments.networks import Setting, accuracy, damping, loss
from metainfl.experiments.settings import setting
from metainfl.influence.implicit import influence
from metainfl.methods.implicit.direct_if import direct_if
from metainfl.problem.perturbation import Perturbation, group, query, support, task
from metainfl.problem.weights import without
from metainfl.solve import CG
from metainfl.training import Run, train

SHARE, TASKS, WITHIN = 0.1, 20, 0.4


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


def edits(run: Run, removed: Perturbation) -> dict[str, Callable[[], Tensor]]:
    """Ways to the parameters without what is removed."""
    end = run.problem()
    how: dict[str, Any] = {"damping": damping(run), "allow_nonstationary": True}
    rest = without(end.tasks, removed)
    quarter = replace(run.recipe, steps=max(1, run.done // 4), seed=run.recipe.seed + 1)
    out = {
        "no edit": lambda: end.lam,
        "retrained": lambda: run.replay({removed: 0.0}).lam,
        "retrained, other seed": lambda: (
            train(
                end.replaced(tasks=rest),
                replace(run.recipe, seed=run.recipe.seed + 1000),
                start=run.program.start,
                progress=False,
            ).lam
        ),
        "warm retraining": lambda: train(end.replaced(tasks=rest), quarter, progress=False).lam,
        "task-IF": lambda: (
            end.lam - influence(end, [removed], solver=CG(rtol=1e-6), **how).value[0]
        ),
        "derivative of the run": lambda: end.lam - run.influence([removed]).value[0],
    }
    if removed.members[0].kind == "task":
        out["Direct-IF"] = lambda: end.lam - direct_if.run(end, [removed], **how).value[0]
        out["Newton step"] = lambda: _newton(end.replaced(tasks=rest), how["damping"])
    return out


def _newton(rest: Problem, damped: float) -> Tensor:
    """One damped Newton step on the objective without what is removed."""
    slope = rest.gradient(rest.lam)[:, None]
    return rest.lam - CG(rtol=1e-6)(exact(rest).damped(damped), slope).solution[:, 0]


def cell(size: str, seed: int, data: Path | None) -> Cell:
    """Accuracy, loss, seconds and distance from retraining, by level and edit."""
    s = setting(size, seed, data)
    run, out = s.trained(), {}
    for level, removed in removals(s).items():
        truth = None
        rows = {}
        ways = edits(run, removed)
        for name in ("retrained", *(w for w in ways if w != "retrained")):
            started = time.process_time()
            lam = ways[name]()
            seconds = time.process_time() - started
            truth = lam if truth is None else truth
            rows[name] = {
                "accuracy": accuracy(run.problem(), lam, s.new),
                "loss": loss(run.problem(), lam, s.new),
                "seconds": seconds,
                "distance": float((lam - truth).norm() / (run.lam - truth).norm()),
            }
        out[level] = rows
    return out
