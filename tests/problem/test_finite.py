"""Kind guarded: NaN or infinity that becomes a zero, a bare linear-algebra error, or another explanation."""

import pytest
import torch

import metainfl as mi
from metainfl.errors import NotFinite


def tasks_of(n=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 5, 3, generator=g, dtype=torch.float64)
    y = torch.randn(n, 5, 1, generator=g, dtype=torch.float64)
    return mi.Tasks(x, y, x, y)


def logarithmic(outputs, targets):
    """Finite for targets that are positive: log of a negative number otherwise."""
    return 0.5 * (outputs - targets.log()).square().sum(1)


def sharp(outputs, targets):
    """Finite everywhere, without a derivative where output and target agree."""
    return (outputs - targets).square().sum(1).sqrt()


def with_bad_query(k, j):
    tasks = tasks_of()
    y = tasks.query_y.abs() + 0.1
    y[k, j] = -1.0
    return mi.Tasks(tasks.support_x, tasks.support_y.abs() + 0.1, tasks.query_x, y)


def good(tasks=None):
    tasks = with_bad_query(0, 0) if tasks is None else tasks
    return mi.Problem(
        mi.Linear(3, 1), tasks, mi.NoAdaptation(), inner_loss=logarithmic, outer_reg=1.0
    )


@pytest.mark.parametrize("solver", [None, mi.solve.CG(), mi.solve.Neumann(rtol=1e-3)])
def test_a_target_whose_gradient_is_not_finite_is_named(solver):
    tasks = with_bad_query(0, 0)
    fine = mi.Tasks(tasks.support_x, tasks.support_y, tasks.query_x, tasks.query_y.abs())
    problem = good(fine)
    problem.solve()
    targets = with_bad_query(2, 3)
    with pytest.raises(NotFinite, match=r"task 2.*query instance 3") as caught:
        mi.scores(problem, [mi.task(0)], targets, solver=solver)
    assert (caught.value.task, caught.value.instance) == (2, 3)


@pytest.mark.parametrize("what", ["objective", "gradient", "losses", "task_gradients"])
def test_the_task_and_instance_are_named_whatever_is_asked(what):
    problem = good(with_bad_query(1, 4))
    with pytest.raises(NotFinite, match=r"task 1.*instance 4"):
        getattr(problem, what)(torch.ones(3, dtype=torch.float64))


def test_a_derivative_that_does_not_exist_is_named():
    """The loss is finite, its gradient is not: the model fits one instance of task 2 exactly."""
    tasks = tasks_of()
    lam = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    y = tasks.query_y.clone()
    y[2, 1, 0] = tasks.query_x[2, 1] @ lam
    exact = mi.Tasks(tasks.support_x, tasks.support_y, tasks.query_x, y)
    problem = mi.Problem(mi.Linear(3, 1), exact, mi.NoAdaptation(), inner_loss=sharp, outer_reg=1.0)
    with pytest.raises(NotFinite, match=r"gradient of task 2.*derivative"):
        problem.gradient(lam)


def test_a_vector_that_is_not_finite_is_named():
    problem = mi.Problem(mi.Linear(3, 1), tasks_of(), mi.NoAdaptation(), outer_reg=1.0)
    with pytest.raises(NotFinite, match="vector"):
        problem.hessian_product(
            torch.ones(3).double(), torch.tensor([1.0, float("nan"), 0.0]).double()
        )


def test_outputs_that_are_not_finite_are_not_called_random():
    class Net(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x) / (x[:, :1] - x[0, 0])

    torch.manual_seed(0)
    net = Net(3, 1).double()
    problem = mi.Problem(net, tasks_of(), mi.NoAdaptation(), outer_reg=1.0, lam=torch.ones(4))
    with pytest.raises(NotFinite, match="outputs on query instance 0"):
        mi.influence(problem, [mi.task(0)], allow_nonstationary=True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda p, lam: p.objective(lam),
        lambda p, lam: p.losses(lam),
        lambda p, lam: p.gradient(lam),
        lambda p, lam: p.task_gradients(lam),
        lambda p, lam: p.hessian(lam),
        lambda p, lam: p.hessian_product(lam, torch.ones_like(lam)),
    ],
)
def test_nothing_is_said_at_a_lam_that_is_no_point(ask):
    """Guards a Hessian that does not depend on lam, and was returned at NaN."""
    tasks = tasks_of()
    problem = mi.Problem(mi.Linear(3, 1), tasks, mi.Unrolled(1, 0.01), outer_reg=1.0)
    lam = torch.zeros(3, dtype=torch.float64)
    lam[1] = float("nan")
    with pytest.raises(NotFinite, match="lam is not finite at index 1"):
        ask(problem, lam)
