"""Slips in how the task parameters depend on lam."""

import torch
from torch.func import grad, vmap

from metainfl.adaptation import Proximal, ProximalRidge, Unrolled
from metainfl.derive.stacks import stacks
from metainfl.methods import direct_if, instance_if_frozen
from metainfl.oracle.mutants.parts import columns, eye, hessian, solved, truth
from metainfl.oracle.mutants.registry import mutant

ADAPTED = ("proximal_ridge", "proximal_softmax", "maml_linear", "maml_softmax")
IMPLICIT = ("proximal_ridge", "proximal_softmax")


@mutant("Direct-IF sold as task-IF", kinds=("task", "group"))
def direct_as_task_if(problem, pis):
    return direct_if(problem, pis)


@mutant("partial gradient, total Hessian", kinds=("task", "group"))
def partial_gradient(problem, pis):
    frozen = problem.replaced(adaptation=problem.adaptation.frozen())
    return solved(problem, hessian(problem), columns(frozen, pis))


@mutant("total gradient, direct Hessian", kinds=("task",))
def direct_hessian(problem, pis):
    frozen = problem.replaced(adaptation=problem.adaptation.frozen())
    h = hessian(frozen)
    return -torch.linalg.solve(h, columns(problem, pis).T).T


@mutant("gradient in theta where the total gradient belongs (001, Thm 4.5 as printed)",
        kinds=("task",), families=ADAPTED)  # fmt: skip
def theta_gradient(problem, pis):
    lam, s = problem.lam, problem.setting
    rows = []
    for p in pis:
        one = problem.tasks.select([p.task]).view()
        state = problem.adaptation.prepare(s, lam, one)
        theta = vmap(lambda t, st: problem.adaptation.adapt(s, lam, t, st))(one, state)[0]

        def outer(th, one=one):
            losses = problem.outer_loss(s.model(th, one.query_x[0]), one.query_y[0])
            return (one.query_weight[0] * losses).sum()

        rows.append(grad(outer)(theta))
    return solved(problem, problem.hessian(lam), torch.stack(rows))


@mutant("curvature without d2theta/dlam2", families=("proximal_softmax", "maml_softmax"))
def no_second_derivative_of_theta(problem, pis):
    """Each task's theta is replaced by its linearisation at lam before H is taken."""
    lam, s, h = problem.lam, problem.setting, problem.outer_reg * eye(problem)
    for view, w, state, _ in stacks(problem, lam, size=problem.plan.chunk):

        def theta_of(at, t, st):
            return problem.adaptation.adapt(s, at, t, st)

        theta = vmap(theta_of, in_dims=(None, 0, 0))(lam, view, state)
        jac = vmap(torch.func.jacfwd(theta_of), in_dims=(None, 0, 0))(lam, view, state)

        def outer(th, t):
            return (t.query_weight * problem.outer_loss(s.model(th, t.query_x), t.query_y)).sum()

        inner = vmap(torch.func.hessian(outer))(theta, view)
        h = h + torch.einsum("t,tap,tab,tbq->pq", w, jac, inner, jac)
    return solved(problem, h, columns(problem, pis))


@mutant("inner inverse frozen in Proposition 4.8, the rest differentiated",
        kinds=("support",), families=("proximal_softmax",))  # fmt: skip
def frozen_inverse_in_p(problem, pis):
    """Two-stage as libraries would write it: inner-IF's inverse is a constant."""
    return instance_if_frozen(problem, pis)


@mutant("frozen inner inverse (freezing it costs 55 to 77 per cent)",
        kinds=("support",), families=IMPLICIT)  # fmt: skip
def frozen_inner_inverse(problem, pis):
    """Two-stage with J held: J' (d2 L_O/dtheta2) d theta/du."""
    lam, s = problem.lam, problem.setting
    general = problem.replaced(adaptation=Proximal(problem.adaptation.inner_reg))
    rows = []
    for p in pis:
        view = problem.tasks.select([p.task]).view()
        theta, inverse = general.adaptation.prepare(s, lam, view)
        one = type(view)(*(t[0] for t in view))

        def outer(th, one=one):
            return (
                one.query_weight * problem.outer_loss(s.model(th, one.query_x), one.query_y)
            ).sum()

        def loss_j(th, one=one, j=p.instance):
            out = s.model(th, one.support_x[j : j + 1])
            return s.inner_loss(out, one.support_y[j : j + 1])[0]

        moved = -inverse[0] @ grad(loss_j)(theta[0])
        bent = torch.func.hessian(outer)(theta[0]) @ moved
        rows.append(problem.adaptation.inner_reg * inverse[0] @ bent)
    return solved(problem, problem.hessian(lam), torch.stack(rows))


@mutant("implicit formula on an early-stopped learner", families=("maml_softmax", "maml_linear"))
def implicit_on_maml(problem, pis):
    kind = Proximal(max(problem.adaptation.inner_reg, 1.0))
    return truth(problem.replaced(adaptation=kind), pis)


@mutant("one gradient step in place of the argmin", families=IMPLICIT)
def one_step_for_the_argmin(problem, pis):
    step = Unrolled(1, 0.05, inner_reg=problem.adaptation.inner_reg)
    return truth(problem.replaced(adaptation=step), pis)


@mutant(
    "three gradient steps, whatever the learner does", families=("maml_linear", "proximal_ridge")
)
def always_three_steps(problem, pis):
    a = problem.adaptation
    step = a if isinstance(a, Unrolled) and a.steps == 3 else None
    if step is None:
        rate = getattr(a, "rate", 0.01)
        step = Unrolled(3, rate, inner_reg=a.inner_reg)
    return truth(problem.replaced(adaptation=step), pis)


@mutant("inner regulariser taken twice", families=IMPLICIT)
def inner_regulariser_twice(problem, pis):
    a = problem.adaptation
    return truth(problem.replaced(adaptation=type(a)(2 * a.inner_reg)), pis)


@mutant("unrolls at most ten steps", families=("maml_linear", "maml_softmax", "proximal_ridge"))
def truncated_unrolling(problem, pis):
    a = problem.adaptation
    if isinstance(a, Unrolled) and a.steps > 10 and not isinstance(a.rate, dict):
        problem = problem.replaced(adaptation=Unrolled(10, a.rate / 4, inner_reg=a.inner_reg))
    return truth(problem, pis)


@mutant("ridge closed form at the wrong end: pulls towards zero, not towards lam",
        families=("proximal_ridge",))  # fmt: skip
def pulls_to_zero(problem, pis):
    class Zero(ProximalRidge):
        def prepare(self, s, lam, tasks):
            return super().prepare(s, torch.zeros_like(lam), tasks)

        def adapt(self, s, lam, task, state):
            return super().adapt(s, 0.5 * lam, task, state)

    return truth(problem.replaced(adaptation=Zero(problem.adaptation.inner_reg)), pis)
