"""Known slips in differentiating a run: the adjoint with one part of a step wrong.

Written once, as a backward pass with switches: the mutants are these, and the diagnosis of a wrong
method is the one of them that gives all of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metainfl.curvature import gauss_newton
from metainfl.derive.contract import contract
from metainfl.derive.problem import Problem
from metainfl.oracle.evidence import Evidence
from metainfl.problem.adaptation import Frozen, Setting
from metainfl.problem.perturbation import Perturbation, parts
from metainfl.problem.tasks import Tasks, TaskView
from metainfl.training.optimisers import SGD
from metainfl.training.run import Run
from metainfl.training.update import Update


@dataclass(frozen=True)
class Slip:
    """What a backward pass gets wrong; nothing by default."""

    words: str = "the run's derivative"
    state: bool = True  # the optimiser's state is carried on
    correction: bool = True  # Adam's bias correction
    batch_size: bool = True  # the division by |B|
    decay: bool = True  # weight decay where it stands: coupled or decoupled
    shift: int = 0  # states read so many steps late
    hessian: str = "exact"  # or "gauss-newton", "none"
    first_order: bool = False  # d theta/d lam = I
    optimiser: bool = True  # the optimiser's own step, not plain gradient descent
    clip: bool = True


SLIPS = {
    "state_forgotten": Slip("the optimiser's state is not carried from step to step", state=False),
    "bias_correction_forgotten": Slip("Adam's bias correction is forgotten", correction=False),
    "batch_size_forgotten": Slip("the mean over the batch is taken for a sum", batch_size=False),
    "decay_in_the_wrong_place": Slip("coupled and decoupled weight decay are exchanged", decay=False),
    "off_by_one_step": Slip("each step is read at the state after it", shift=1),
    "gauss_newton_along_the_run": Slip("Gauss-Newton stands for the Hessian", hessian="gauss-newton"),
    "no_curvature": Slip("the Hessian is left out (HyDRA's fast approximation)", hessian="none"),
    "first_order": Slip("d theta/d lam is taken for the identity (first-order MAML)", first_order=True),
    "plain_descent": Slip("every optimiser is taken for plain gradient descent", optimiser=False),
    "clipping_forgotten": Slip("clipping is forgotten", clip=False),
}  # fmt: skip


class Shifted(Frozen):
    """theta = lam + what adaptation moved it by, that taken as a constant."""

    def prepare(self, s: Setting, lam: Tensor, tasks: TaskView) -> Any:
        """theta - lam at lam."""
        return (super().prepare(s, lam, tasks)[0] - lam.detach(),)

    def adapt(self, s: Setting, lam: Tensor, task: TaskView, state: Any) -> Tensor:
        """lam + the constant."""
        return lam + state[0]


def first_order(problem: Problem) -> Problem:
    """The same problem as first-order MAML differentiates it; where theta has a space of its own, frozen."""
    wrap = Shifted if problem.adaptation.same_space else Frozen
    return problem.replaced(adaptation=wrap(problem.adaptation), symmetry=None)


def backwards(run: Run, pis: Sequence[Perturbation], seeds: Tensor, slip: Slip) -> Tensor:
    """(n, m) for seeds (m, p), with the slip."""
    program, whole = run.program, run.program.problem
    if slip.first_order:
        whole = first_order(whole)
    update = _update(run, slip)
    n_moments = update.optimiser.n_moments
    bar, moments = seeds.clone(), (torch.zeros_like(seeds),) * n_moments
    out = seeds.new_zeros(len(pis), len(seeds))
    for t in reversed(range(run.done)):
        state, at = run.state_at(t), run.state_at(min(t + slip.shift, run.done)).lam
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


def named(seen: Sequence[Evidence], per_target: bool) -> str:
    """Words for the one slip that gives every answer, wrong ones on two cases at least."""
    wrong = [e for e in seen if e.wrong]
    if not wrong:
        return ""
    if all(not np.linalg.norm(e.got) for e in wrong):
        return "identically zero"
    found = []
    if len({e.case.name for e in wrong}) > 1:
        for slip in SLIPS.values():
            sign = _explains(seen, slip, per_target)
            if sign:
                found.append(("" if sign > 0 else "the sign is the other one, and ") + slip.words)
    if not found and all(e.equals(-e.want) for e in wrong):
        found = ["the sign is the other one"]
    if len(found) == 1:
        return found[0]
    if found:
        return f"no known variant alone: these answers fit each of {'; '.join(found[:3])}"
    right = {e.case.name for e in seen} - {e.case.name for e in wrong}
    where = f"; right on {', '.join(sorted(right)[:3])}" if right else ""
    return f"no known variant{where}"


def _explains(seen: Sequence[Evidence], slip: Slip, per_target: bool) -> int:
    """1 or -1 where the slip, or minus it, is every answer; 0 where it is not."""
    signs = {1, -1}
    cases = {e.case.name: e.case for e in [*(e for e in seen if e.wrong), *seen]}
    # short ones first: a slip falls at the first answer that it does not give
    for name, case in sorted(cases.items(), key=lambda item: item[1].recipe.steps):  # type: ignore[attr-defined]
        own = [e for e in seen if e.case.name == name]
        run: Run = case.problem()  # type: ignore[assignment]
        targets = case.target_tasks(run) if per_target else None  # type: ignore[arg-type]
        pis = [p for e in own for p in e.pis]
        every = np.asarray(backwards(run, pis, seeds_of(run, targets, slip), slip))
        first = 0
        for e in own:
            rows = every[first : first + len(e.pis)]
            first += len(e.pis)
            for sign in sorted(signs):
                if e.wrong:
                    fits = e.equals(sign * rows)
                else:
                    fits = np.linalg.norm(sign * rows - e.want) <= 1e-6 * np.linalg.norm(e.want)
                if not fits:
                    signs.discard(sign)
            if not signs:
                return 0
    return signs.pop() if len(signs) == 1 else 0
