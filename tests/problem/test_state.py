"""Kind guarded: anything remembered that can change under one's feet. A stale memory is a wrong number."""

import torch

import metainfl as mi
from tests.helpers import assert_close


def ingredients(seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(5, 6, 4, generator=g, dtype=torch.float64)
    y = torch.randn(5, 6, 2, generator=g, dtype=torch.float64)
    return x, y


def problem_of(x, y, adaptation=None, **options):
    tasks = mi.Tasks(x, y, x.flip(1), y.flip(1))
    model = mi.Linear(4, 2)
    options = {"outer_reg": 0.5, **options}
    problem = mi.Problem(model, tasks, adaptation or mi.Proximal(1.0), **options)
    problem.solve()
    return problem


def test_lam_changed_in_place_is_seen():
    """The caller's tensor is copied; the problem's own, changed in place, is a new point."""
    problem = problem_of(*ingredients())
    given = problem.lam.clone() + 0.3
    problem.lam = given
    want = problem.gradient(problem.lam).clone()
    given.add_(5.0)
    assert_close(problem.gradient(problem.lam), want, 0)
    problem.lam.add_(1.0)
    fresh = problem.replaced(lam=problem.lam.clone())
    assert_close(problem.gradient(problem.lam), fresh.gradient(fresh.lam), 1e-14)
    assert_close(problem.hessian(problem.lam), fresh.hessian(fresh.lam), 1e-14)


def test_an_operator_stays_where_it_was_made():
    problem = problem_of(*ingredients())
    h = mi.curvature.exact(problem)
    v = torch.ones(8, dtype=torch.float64)
    want = problem.hessian(problem.lam) @ v
    problem.lam.add_(2.0)
    assert_close(h @ v, want, 1e-12)


def test_data_changed_in_place_are_not_the_problem_s():
    x, y = ingredients()
    problem = problem_of(x, y)
    want = mi.influence(problem, [mi.task(0)]).value.clone()
    x.mul_(3.0)
    y.zero_()
    assert_close(mi.influence(problem, [mi.task(0)]).value, want, 0)


def test_the_problem_s_own_tasks_changed_in_place_are_seen():
    problem = problem_of(*ingredients())
    problem.gradient(problem.lam)  # adapted states are remembered here
    problem.tasks.support_x.mul_(0.5)
    fresh = problem.replaced(tasks=problem.tasks.select(range(5)))
    assert_close(problem.gradient(problem.lam), fresh.gradient(fresh.lam), 1e-14)


def test_an_adaptation_set_to_something_else_is_seen():
    problem = problem_of(*ingredients())
    problem.gradient(problem.lam)
    problem.adaptation.inner_reg = 7.0
    fresh = problem.replaced(adaptation=mi.Proximal(7.0))
    assert_close(problem.gradient(problem.lam), fresh.gradient(fresh.lam), 1e-14)


def test_a_tensor_of_rates_is_copied():
    x, y = ingredients()
    rates = torch.full((8,), 0.1, dtype=torch.float64)
    problem = problem_of(x, y, mi.Unrolled(2, rates))
    want = problem.gradient(problem.lam + 1).clone()
    rates.mul_(10)
    assert_close(problem.gradient(problem.lam + 1), want, 0)
