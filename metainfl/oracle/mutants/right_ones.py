"""Right methods, built differently: none of them may be failed."""

import numpy as np
import torch
from torch.func import grad, vmap

from metainfl.derive.contract import contract
from metainfl.derive.cross import columns
from metainfl.influence import removal
from metainfl.influence.implicit import influence
from metainfl.oracle.mutants.registry import right
from metainfl.solve import CG, Dense

CONVEX = ("single_ridge", "single_softmax", "proximal_ridge", "proximal_softmax", "maml_linear",
          "maml_softmax")  # fmt: skip


@right()
def dense_eigen(problem, pis, damping=0.0):
    return influence(problem, pis, damping=damping, solver=Dense(), allow_nonstationary=True).value


@right()
def conjugate_gradients(problem, pis):
    return influence(problem, pis, solver=CG(rtol=1e-15), allow_nonstationary=True).value


@right(families=CONVEX)
def cholesky(problem, pis):
    factor = torch.linalg.cholesky(problem.hessian(problem.lam))
    return -torch.cholesky_solve(columns(problem, pis).T, factor).T


@right(families=CONVEX)
def numpy_lu(problem, pis):
    h, b = problem.hessian(problem.lam).cpu().numpy(), columns(problem, pis).cpu().numpy()
    return -np.linalg.solve(h, b.T).T


@right()
def adjoint_of_unit_targets(problem, pis):
    h = problem.hessian(problem.lam)
    inverse = torch.linalg.pinv(h, rtol=1e-9 if h.dtype == torch.float64 else 1e-5, hermitian=True)
    return -contract(problem, inverse, pis)


@right(families=CONVEX, kinds=("task", "group"))
def loop_over_tasks_reverse_over_reverse(problem, pis):
    """Plain double backward, one task at a time: no vmap, no forward mode."""
    lam = problem.lam.clone().requires_grad_(True)
    total, slopes = problem.outer_reg * lam, []
    for k in range(problem.tasks.n_tasks):
        one = problem.tasks.select([k])
        state = problem.adaptation.prepare(problem.setting, lam.detach(), one.view())
        view = type(one.view())(*(t[0] for t in one.view()))
        loss = problem.task_loss(lam, view, tuple(s[0] for s in state))
        (g,) = torch.autograd.grad(loss, lam, create_graph=True)
        total = total + one.w[0] * g
        slopes.append(g.detach())
    rows = [torch.autograd.grad(t, lam, retain_graph=True)[0] for t in total]
    picked = [sum(slopes[m.task] for m in (p.members or (p,))) for p in pis if _tasks_only(p)]
    if len(picked) < len(pis):
        return influence(problem, pis, allow_nonstationary=True).value
    return -torch.linalg.solve(torch.stack(rows), torch.stack(picked).T).T


def _tasks_only(p):
    return all(m.kind == "task" for m in (p.members or (p,)))


@right(families=CONVEX, accuracy=1e-5)
def finite_differences(problem, pis):
    """Hessian by central differences of the gradient: right to the tolerance it claims."""
    h = 1e-4 if problem.lam.dtype == torch.float64 else 1e-2
    eye = torch.eye(problem.n_meta, dtype=problem.lam.dtype, device=problem.lam.device)
    ends = [
        (problem.gradient(problem.lam + h * e) - problem.gradient(problem.lam - h * e)) / (2 * h)
        for e in eye
    ]
    return -torch.linalg.solve(torch.stack(ends), columns(problem, pis).T).T


@right(families=CONVEX)
def neumann_to_convergence(problem, pis):
    """A series scaled by its spectral bound, run to rounding, which says so when it is not done."""
    h, b = problem.hessian(problem.lam), columns(problem, pis).T
    values = torch.linalg.eigvalsh(h)
    low, high = float(values[0]), float(values[-1])
    if high / low > 1e5:
        factor = torch.linalg.cholesky(h)  # hopeless as a series
        return -torch.cholesky_solve(b, factor).T
    # Doubling: sum_{j < 2^m} (I - ch)^j = prod (I + (I - ch)^(2^i))
    c = 2 / (low + high)
    power = torch.eye(len(h), dtype=h.dtype, device=h.device) - c * h
    total = torch.eye(len(h), dtype=h.dtype, device=h.device)
    while power.norm() > 1e-18:
        total = total + power @ total
        power = power @ power
    x = c * (total @ b)
    for _ in range(2):
        x = x + c * (total @ (b - h @ x))
    return -x.T


@right(sign=-1, scale="T")
def another_sign_and_scale(problem, pis):
    """What other libraries return, declared as such."""
    value = influence(problem, pis, allow_nonstationary=True).value
    return -problem.tasks.n_tasks * value


@right(estimand="newton", kinds=("task", "query"), families=CONVEX)
def newton_edit(problem, pis):
    return removal.newton(problem, pis)


@right(estimand="first_order", kinds=("task", "support"))
def first_order_edit(problem, pis):
    return removal.first_order(problem, pis)


@right(estimand="removal", kinds=("task", "query", "support"),
       families=("single_ridge", "proximal_ridge", "maml_linear"))  # fmt: skip
def retraining(problem, pis):
    """Solve again, from lam*, for each datum."""
    rows = []
    for p in pis:
        other = problem.replaced(tasks=removal.without(problem.tasks, p))
        lam = problem.lam
        for _ in range(2):
            lam = lam - torch.linalg.solve(other.hessian(lam), other.gradient(lam))
        rows.append(lam)
    return torch.stack(rows)


@right(accuracy="rank", kinds=("task", "query"))
def ranks_by_influence(problem, pis):
    return 3.7 * influence(problem, pis, allow_nonstationary=True).value


@right(estimand="direct", kinds=("task", "group"))
def direct_if_as_printed(problem, pis):
    from metainfl.methods import direct_if

    return direct_if.run(problem, pis).value


@right(families=("single_ridge", "single_softmax"), kinds=("task",))
def classical_per_sample(problem, pis):
    """Koh and Liang, by hand: no adaptation."""
    view, lam, s = problem.tasks.view(), problem.lam, problem.setting

    def loss(at, x, y, v):
        return (v * problem.outer_loss(s.model(at, x), y)).sum()

    g = vmap(grad(loss), in_dims=(None, 0, 0, 0))(
        lam, view.query_x, view.query_y, view.query_weight
    )
    rows = g[[p.task for p in pis]]
    return -torch.linalg.solve(problem.hessian(lam), rows.T).T
