"""TRAK (Park et al. 2023): influence on an output function in a random projection of its gradients.

    tau[i, t] = - mean_m [phi_t' K^{-1} phi_i] mean_m [q_i],   K = sum_i w_i phi_i phi_i' + damping I
    phi = P' grad_lam f(z; lam),  P ~ N(0, 1/dimension) (p, dimension),    q_i = dl_i/df
with f the output for the squared loss with one output, log(p_y / (1 - p_y)) for cross-entropy: there l is
log(1 + exp(-f)), so grad l = q grad f exactly. Estimand: d f(z_t)/d v_i for f linear in lam; weights l''
(p (1 - p) for softmax) are left out of K, as the paper does. Exact on ridge with one output at full
projection and damping = outer_reg (the paper has 0: then up to outer_reg). Members m of an ensemble are
problems on the same data, trained apart. Sign: positive = more weight on i raises f (the paper's). Cost: a
gradient a datum and member, one solve of size `dimension`. Single-level problems.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import grad, vmap

from metainfl.adaptation import NoAdaptation
from metainfl.derive.failure import named
from metainfl.derive.preflight import preflight
from metainfl.derive.problem import Problem
from metainfl.errors import InvalidOption, InvalidProblem, NotFinite
from metainfl.numbers import seed as checked_seed
from metainfl.problem import Perturbation, Tasks
from metainfl.problem.asked import require_tasks
from metainfl.problem.losses import cross_entropy, squared
from metainfl.problem.weights import check
from metainfl.solve.dense import Dense
from metainfl.solve.operator import SymmetricOperator


def trak(
    problems: Problem | Sequence[Problem],
    perturbations: Sequence[Perturbation],
    targets: Tasks,
    *,
    dimension: int | None = None,
    damping: float = 0.0,
    seed: int = 0,
) -> Tensor:
    """Tau (n, targets) for query instances; f of a target is summed over its query instances.

    `dimension` None: no projection. Members have projections of their own, drawn from `seed`.
    """
    members = [problems] if isinstance(problems, Problem) else list(problems)
    if not members:
        raise InvalidOption("an ensemble has at least one member")
    if dimension is not None and dimension < 1:
        raise InvalidOption(f"a projection has at least one dimension, got {dimension}")
    if wrong := [p for p in perturbations if p.kind != "query"]:
        raise InvalidOption(f"TRAK is of query instances; {wrong[0]} is not one")
    for member in members:
        check(member.tasks, perturbations)
        preflight(member, member.tasks)
        preflight(member, require_tasks(targets, member.lam), "target")
    draw = torch.Generator().manual_seed(checked_seed(seed))
    kernels, qs = [], []
    for member in members:
        t, n = member.tasks, member.tasks.query_x.shape[1]
        with named():
            rows, q = gradients(member, t)
            tested = gradients(member, require_tasks(targets, member.lam))[0]
        tested = tested.reshape(targets.n_tasks, -1, tested.shape[1])
        tested = (targets.view().query_weight[..., None] * tested).sum(1)
        bad = (~torch.isfinite(tested).all(1)).nonzero()
        if len(bad):
            raise NotFinite(
                f"the gradient of target {int(bad[0])} is not finite: look at the scale of its inputs",
                quantity="gradient",
                target=int(bad[0]),
            )
        if dimension is not None:
            p = torch.randn(
                rows.shape[1], dimension, generator=draw, dtype=torch.float64, device="cpu"
            )
            p = (p / dimension**0.5).to(rows)
            rows, tested = rows @ p, tested @ p
        w = (t.w[:, None] * t.view().query_weight).flatten()
        k = rows.T @ (w[:, None] * rows)
        operator = SymmetricOperator(len(k), k.__matmul__, k[0], k).damped(damping)
        chosen = torch.tensor([m.task * n + m.instance for m in perturbations], device="cpu")
        weight = t.w[
            torch.tensor([m.task for m in perturbations], device="cpu")
        ]  # v's derivative: w_k q phi
        kernels.append(rows[chosen] @ Dense()(operator, tested.T).solution)
        qs.append(weight * q[chosen])
    return -torch.stack(kernels).mean(0) * torch.stack(qs).mean(0)[:, None]


def gradients(problem: Problem, tasks: Tasks) -> tuple[Tensor, Tensor]:
    """Grad f (N, p) and q (N,) of all query instances, task by task."""
    if not isinstance(problem.adaptation, NoAdaptation):
        raise InvalidProblem("TRAK is written for single-level problems: nothing is adapted")
    model, loss, lam = problem.setting.model, problem.outer_loss, problem.lam
    x, y = tasks.query_x.flatten(0, 1), tasks.query_y.flatten(0, 1)
    if loss is squared and y.shape[1] == 1:
        rows = vmap(grad(lambda at, a: model(at, a[None])[0, 0]), in_dims=(None, 0))(lam, x)
        return rows.detach(), (model(lam, x) - y)[:, 0].detach()
    if loss is not cross_entropy:
        raise InvalidProblem("TRAK needs cross_entropy, or squared with one output")
    labels = y.argmax(1) if y.is_floating_point() else y
    if y.is_floating_point() and not bool((y.max(1).values == y.sum(1)).all()):
        raise InvalidProblem("TRAK needs one class an instance, not class probabilities")

    def margin(at: Tensor, a: Tensor, label: Tensor) -> Tensor:
        out = model(at, a[None])[0]
        own = torch.arange(len(out), device=out.device) == label
        return (out * own).sum() - out.masked_fill(own, -torch.inf).logsumexp(0)

    rows = vmap(grad(margin), in_dims=(None, 0, 0))(lam, x, labels)
    f = vmap(margin, in_dims=(None, 0, 0))(lam, x, labels)
    return rows.detach(), -torch.sigmoid(-f).detach()
