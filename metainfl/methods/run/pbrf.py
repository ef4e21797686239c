"""The proximal Bregman response (Bae et al. 2022, "If Influence Functions are the Answer, Then What is the
Question?", section 5): what influence functions with Gauss-Newton and damping answer on a trained network.

    lam(z) = argmin  sum_i D_i(lam) - w_z L_z(lam) + (damping/2) |lam - lam_s|^2
    D_i    = KL(p_i(lam_s) || p_i(lam)):  Bregman's divergence of softmax cross-entropy in the adapted outputs
             (times the sum of an instance's targets)
lam_s is where training stopped: it minimises sum_i D_i, whether or not it minimises F. `damping` is to hold
outer_reg too, whose own divergence is outer_reg/2 |lam - lam_s|^2. Sign: removal of z. Scale: parameters.
Certificate: |gradient|/damping bounds the distance to the minimiser as far as the rest is convex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad

from metainfl.derive.batching import over_tasks
from metainfl.derive.failure import named
from metainfl.derive.padding import without_padding
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, InvalidProblem, NotConverged
from metainfl.kronecker import require_mass
from metainfl.methods.run.descent import Objective, minimised, polished
from metainfl.problem import Tasks, TaskView
from metainfl.problem.losses import cross_entropy
from metainfl.problem.perturbation import Perturbation
from metainfl.problem.weights import check

TOLERANCE = 1e-6  # of the length of the move, by the certificate


@dataclass(frozen=True, eq=False)
class Response:
    """lam (p,), and by how much it may be off: |gradient| / damping."""

    lam: Tensor
    bound: float


def pbrf(problem: Problem, removed: Perturbation, *, damping: float) -> Response:
    """The response at problem.lam to the removal of a task. Losses must be cross-entropy.

    A task without a pull on lam there (of weight 0, say) leaves it as it is: bound 0. Raises
    `InvalidProblem`, `InvalidOption`, and `NotConverged` where the bound stays above 1e-6 of the move.
    """
    if problem.outer_loss is not cross_entropy:
        raise InvalidProblem(
            "this divergence is that of cross-entropy; the outer loss must be that"
        )
    if removed.kind != "task":
        raise InvalidOption(f"tasks can be removed here, not {removed}")
    check(problem.tasks, [removed])
    if not damping > 0:
        raise InvalidOption(f"damping must be positive, got {damping}")
    if problem.direct:
        raise InvalidProblem("direct has no divergence here: set it to 0")
    if len(list(problem.tasks.groups())) > 1:
        raise InvalidProblem(
            "tasks of several sizes cannot be answered here; give those of one size"
        )
    preflight(problem, problem.tasks)
    require_mass(cross_entropy, problem.tasks.query_y, problem.tasks.view().query_weight)
    lam_s = problem.lam
    outputs, w = adapted_outputs(problem, problem.tasks), problem.tasks.view().query_weight
    before = outputs(lam_s).detach().log_softmax(-1)
    weights = problem.tasks.w[:, None] * w
    k, whole = removed.task, without_padding(problem.tasks.view())
    # cross-entropy with a vector of targets is their sum times that with a distribution
    mass = whole.query_y.sum(-1) if whole.query_y.is_floating_point() else torch.ones_like(w)
    own = adapted_outputs(problem, problem.tasks.select([k]))

    def loss(lam: Tensor) -> Tensor:
        each: Tensor = cross_entropy(own(lam)[0], whole.query_y[k])
        return (weights[k] * each).sum()

    if not grad(loss)(lam_s).any():  # lam_s minimises the rest
        return Response(lam_s, 0.0)

    def objective(lam: Tensor) -> Tensor:
        after = outputs(lam).log_softmax(-1)
        divergence = (weights * mass * (before.exp() * (before - after)).sum(-1)).sum()
        return divergence - loss(lam) + 0.5 * damping * (lam - lam_s).square().sum()

    found, slope = polished(objective, minimised(objective, lam_s)[0])
    bound, moved = slope / damping, float((found - lam_s).norm())
    if not bound <= TOLERANCE * max(moved, 1e-300):
        raise NotConverged(
            f"the response to {removed} was found to {bound:.2g} of a move of {moved:.2g}; damp more",
            found,
        )
    return Response(found, bound)


def adapted_outputs(problem: Problem, tasks: Tasks) -> Objective:
    """lam to query outputs (T, n, c), each task through its own adaptation from lam."""
    view = without_padding(tasks.view())

    def outputs(lam: Tensor) -> Tensor:
        def one(task: TaskView, own: object) -> Tensor:
            found: Tensor = problem.outputs(lam, lam, task, own)
            return found

        with named():
            # constant: its steps from there carry the derivatives
            state = problem.adaptation.prepare(problem.setting, lam.detach(), view)
            return over_tasks(one, view, state)

    return outputs


def responses(problem: Problem, removed: Sequence[Perturbation], *, damping: float) -> Tensor:
    """lam (n, p) after each removal."""
    check(problem.tasks, removed)
    return torch.stack([pbrf(problem, p, damping=damping).lam for p in removed])
