"""The adjoint of a run with a slip in it.

Written once, as a backward pass with switches: the mutants are these, and the diagnosis of a wrong
method is the one of them that gives all of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature import gauss_newton
from metainfl.derive.contract import contract
from metainfl.derive.problem import Problem
from metainfl.oracle.runs.first_order import first_order
from metainfl.oracle.runs.slips import Slip
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks
from metainfl.training.optimisers import SGD
from metainfl.training.run import Run
from metainfl.training.update import Update


def backwards(run: Run, pis: Sequence[Perturbation], seeds: Tensor, slip: Slip) -> Tensor:
    """(n, m) for seeds (m, p), with the slip."""
    program, whole = run.program, run.program.problem
    if slip.first_order:
        whole = first_order(whole)
    update = _update(run, slip)
    n_moments = update.optimiser.n_moments
    bar, moments = seeds.clone(), (torch.zeros_like(seeds),) * n_moments
    out = seeds.new_zeros(len(pis), len(seeds))
    states = [state for _, state in run.states_at(range(run.done + 1))]
    for t in reversed(range(run.done)):
        state, at = states[t], states[min(t + slip.shift, run.done)].lam
        if n_moments != len(state.moments):
            state = state._replace(moments=())
        if not slip.correction:
            state = state._replace(steps=10**9)
        g = program.gradient(t, at)[1]
        bar, *rest, g_bar = update.pull(state, g, program.rates[t], (bar, *moments))
        moments = tuple(rest) if slip.state else moments
        counts = np.bincount(program.batches[t], minlength=whole.tasks.n_tasks)
        scale = program.scale(t) if slip.batch_size else 1.0
        of_batch = whole.tasks.w * torch.as_tensor(counts).to(whole.tasks.w)
        batch = whole.replaced(tasks=whole.tasks.reweighted(task=of_batch), lam=at)
        out += scale * _against(batch, counts, pis, g_bar)
        bar = bar + program.problem.outer_reg * g_bar
        if slip.hessian != "none":
            plain = batch.replaced(outer_reg=0.0, lam=at)
            if slip.hessian == "exact":
                bar = bar + scale * plain.hessian_product(at, g_bar.T).T
            else:
                bar = bar + scale * (gauss_newton(plain) @ g_bar.T).T
    return out


def _against(batch: Problem, counts: Any, pis: Sequence[Perturbation], g_bar: Tensor) -> Tensor:
    """g_bar . d(sum over the batch of w_i grad L_i)/d pi (n, m)."""
    members = [(i, m) for i, p in enumerate(pis) for m in parts(p) if counts[m.task]]
    out = g_bar.new_zeros(len(pis), len(g_bar))
    if members:
        rows = contract(batch, g_bar.T, [m for _, m in members])
        # the batch's weights hold the counts, but a task's own derivative is not times its weight
        times = [float(counts[m.task]) if m.kind == "task" else 1.0 for _, m in members]
        at = torch.tensor([i for i, _ in members])
        out.index_add_(0, at, torch.tensor(times).to(rows)[:, None] * rows)
    return out


def _update(run: Run, slip: Slip) -> Update:
    """The step that is pulled back."""
    optimiser: Any = run.recipe.optimiser
    if not slip.optimiser:
        optimiser = SGD()
    if not slip.decay:
        optimiser = replace(optimiser, decoupled=not optimiser.decoupled)
    return Update(optimiser, run.recipe.clip if slip.clip else None)


def seeds_of(run: Run, targets: Tasks | None, slip: Slip | None = None) -> Tensor:
    """The targets' slopes at the end, or every parameter's unit vector."""
    if targets is None:
        return torch.eye(len(run.lam)).to(run.lam)
    if slip is not None and slip.first_order:
        return first_order(run.problem()).task_gradients(run.lam, targets)
    return run.target_slopes(targets)
