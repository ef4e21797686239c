"""The slope of every task's loss against differences: a branch that only one task takes is found."""

import pytest
import torch
from torch import nn

import metainfl as mi
from metainfl.derive.preflight import preflight
from metainfl.derive.slopes import MOST, WRONG, sample, slope_errors
from tests.derive.test_differences import DISHONEST, HONEST, problem_with

D = torch.float64


class Branch(nn.Module):
    """Hides a share of its hidden units from differentiation where the first input is large."""

    def __init__(self, share=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.share = nn.Linear(3, 3).double(), nn.Linear(3, 1).double(), share

    def forward(self, x):
        y = torch.tanh(self.a(x))
        hidden = (1 - self.share) * y + self.share * y.detach()
        return self.b(torch.where(x[:, :1] > 4, hidden, y))


def tasks_with(large, n=8):
    """Noise; the tasks `large` have inputs that take the other branch."""
    g = torch.Generator().manual_seed(1)
    x = torch.randn(n, 4, 3, generator=g, dtype=D).clamp(-2, 2)
    for k in large:
        x[k, :, 0] += 8
    return mi.Tasks(x, x[..., :1].cos(), x, x[..., :1].cos())


def problem_of(net, tasks, **options):
    problem = mi.Problem(net, tasks, mi.Unrolled(1, 0.1), outer_reg=0.1, **options)
    problem.lam = problem.own_start()
    return problem


@pytest.mark.parametrize("share", [1.0, 0.02])
def test_a_branch_of_one_late_task_is_found_and_named(share):
    """Guards gradients half of which are hidden on tasks that a look at the first few does not see."""
    problem = problem_of(Branch(share), tasks_with([6]))
    with pytest.raises(mi.InvalidProblem, match="loss of task 6 is not its derivative"):
        mi.influence(problem, [mi.task(0)], allow_nonstationary=True)


def test_a_branch_of_a_target_is_found_after_clean_tasks_passed():
    """Guards a check that is asked once and then believed of every other content."""
    problem = problem_of(Branch(), tasks_with([]))
    away = {"allow_nonstationary": True, "damping": 10.0}
    found = mi.scores(problem, [mi.task(0)], tasks_with([]), **away)
    assert torch.isfinite(found.value).all()
    with pytest.raises(mi.InvalidProblem, match="loss of target 5 is not its derivative"):
        mi.scores(problem, [mi.task(0)], tasks_with([5]), **away)


def test_a_branch_of_another_lam_is_found_after_one_passed():
    """Guards a check at one lam that is believed of every other."""

    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a = nn.Linear(3, 1).double()

        def forward(self, x):
            y = self.a(x)
            return torch.where(y.abs() > 4, 2 * y.detach() - y.detach().sign() * 4, y)

    problem = problem_of(Large(), tasks_with([]))
    away = {"allow_nonstationary": True, "damping": 10.0}
    assert torch.isfinite(mi.influence(problem, [mi.task(0)], **away).value).all()
    problem.lam = 100 * problem.lam
    with pytest.raises(mi.InvalidProblem, match="is not its derivative"):
        mi.influence(problem, [mi.task(0)], **away)


def test_a_half_per_cent_is_found():
    """Guards a tolerance beneath which influences were 6 % wrong without a word."""

    class Little(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 1).double()

        def forward(self, x):
            return self.a(x) + 0.005 * self.a(x).detach()

    errors = slope_errors(problem_of(Little(), tasks_with([])))
    assert (errors > WRONG).sum() > 4


@pytest.mark.parametrize("name", HONEST)
def test_honest_layers_have_no_excess(name):
    """Guards refusals of kinks and jumps: they are explained by second differences."""
    assert (slope_errors(problem_with(HONEST[name])) < 1e-6).all()


@pytest.mark.parametrize("name", DISHONEST)
def test_a_backward_that_is_no_derivative_is_found(name):
    assert float(slope_errors(problem_with(DISHONEST[name])).max()) > WRONG


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", ["relu", "single inside", "float32"])
def test_no_alarm_by_kinks_or_precision(kind, seed):
    """Guards innocents: sharp networks, and code that computes in single precision inside."""

    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(3, 30), nn.ReLU(), nn.Linear(30, 1)).double()

        def forward(self, x):
            if kind != "single inside":
                return self.net(x)
            hidden = (x @ self.net[0].weight.T).float().relu().double()
            return hidden @ self.net[2].weight.T

    tasks, net = tasks_with([], n=40), Inside()
    if kind == "float32":
        tasks, net = tasks.to(dtype=torch.float32), net.float()
    assert float(slope_errors(problem_of(net, tasks)).max()) <= WRONG


def test_of_many_tasks_some_are_looked_at():
    """Guards time that grows with the tasks; the first and the last are among them."""
    places = sample(tasks_with([], n=300))
    assert len(places) == MOST and places[0] == 0 and places[-1] == 299


def test_a_constant_of_the_problem_s_own_precision_is_no_fault():
    """Guards refusals of losses that hold a float32 tensor: they are looked at in float32."""
    metric = torch.tensor([[2.0]])

    def loss(outputs, targets):
        return ((outputs - targets) @ metric).square().sum(1)

    tasks = tasks_with([]).to(dtype=torch.float32)
    problem = problem_of(Branch().float(), tasks, inner_loss=loss)
    preflight(problem, problem.tasks)
    assert sum(not name.startswith("products") for name in problem.slopes_hold) == 1
