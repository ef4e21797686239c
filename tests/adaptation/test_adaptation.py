"""Adaptations at work: inner solves by CG, partial adaptation, and how products are planned."""

import dataclasses

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl.errors import MetainflError
from metainfl.influence import adapted
from metainfl.oracle import small_case
from metainfl.oracle.bridge import tasks_of
from metainfl.training import Recipe, train
from metainfl_reference.family import targets
from tests.helpers import assert_close


@pytest.mark.parametrize("name", ["proximal_ridge", "proximal_softmax"])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_inner_solves_by_cg(name, mode):
    """No inner matrix, the same derivatives: every perturbation kind, both orders of differentiation."""
    case = small_case(name, 2)
    adaptation = mi.ProximalCG(1.0, rtol=1e-14)
    problem = case.problem().replaced(adaptation=adaptation, product=mode)
    problem.lam = torch.tensor(case.solution.lam)
    pis = case.perturbations(("task", "support", "query", "support_input", "query_input"), limit=12)
    assert_close(mi.influence(problem, pis).value, case.truth("derivative", pis), 1e-11)
    wide = mi.scores(problem, pis, tasks_of(case.family.episodes).select([1]))
    slope = case.family.target_gradient(targets(case.family.episodes)[1], case.solution.lam)
    assert_close(wide.value[:, 0], case.truth("derivative", pis) @ slope, 1e-10)


def test_partial_adaptation_and_rates_of_each_parameter():
    """ANIL: a rate of zero leaves a parameter as it is. Derivatives against re-solving the problem."""
    case = small_case("maml_softmax", 2)
    rate = torch.linspace(0.0, 0.15, case.family.n_meta).double()
    rate[3:6] = 0.0
    problem = case.problem().replaced(adaptation=mi.Unrolled(2, rate))
    problem.solve()
    theta = adapted.parameters(problem)
    still = rate == 0
    assert torch.equal(theta[:, still], problem.lam[still].expand(5, -1))
    assert (theta[:, ~still] != problem.lam[~still]).all()
    ends = []
    for s in (1e-3, -1e-3, 5e-4, -5e-4):
        w = problem.tasks.w.clone()
        w[2] += s
        moved = problem.replaced(tasks=problem.tasks.reweighted(task=w))
        ends.append(moved.solve(problem.lam))
    coarse, fine = (ends[0] - ends[1]) / 2e-3, (ends[2] - ends[3]) / 1e-3
    assert_close(mi.influence(problem, [mi.task(2)]).value[0], (4 * fine - coarse) / 3, 1e-8)


def test_the_plan_is_measured_for_large_problems_and_shown():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.Tanh(), torch.nn.Linear(30, 2))
    x, y = torch.randn(6, 4, 20), torch.randn(6, 4, 2)
    problem = mi.Problem(net, mi.Tasks(x, y, x, y), mi.Unrolled(1, 0.1), outer_reg=1.0)
    lam = mi.FromModule(net).current()
    assert "ways timed" not in str(problem.plan)
    first = problem.hessian_product(lam, torch.ones_like(lam))
    assert problem.plan.mode in ("forward", "reverse") and len(problem.plan.timed) in (6, 9)
    assert "ways timed" in str(problem.plan) and problem.plan.chunk >= 1
    for mode in ("forward", "reverse"):
        for chunk in (1, 5):
            fixed = problem.replaced(product=mode, chunk=chunk)
            assert_close(fixed.hessian_product(lam, torch.ones_like(lam)), first, 1e-5)
            assert fixed.plan.timed == () and fixed.plan.chunk == chunk
    assert problem.replaced(outer_reg=2.0).plan is problem.plan
    kept = problem.replaced(adaptation=mi.ProximalCG(200.0, rtol=1e-5), lam=lam)
    before = kept.gradient(kept.lam)  # its adapted state is kept for a stack of six ...
    first = kept.hessian_product(kept.lam, torch.ones_like(lam))
    for chunk in (1, 4, 16):  # ... and not handed to stacks of another size
        kept._plan = dataclasses.replace(kept.plan, chunk=chunk)
        assert_close(kept.hessian_product(kept.lam, torch.ones_like(lam)), first, 1e-4)
        assert_close(kept.gradient(kept.lam), before, 1e-4)


def overflowing(tasks, k):
    """Task k's inner problem is not finite."""
    x = tasks.support_x.clone()
    x[k] *= 1e200
    return mi.Tasks(x, tasks.support_y, tasks.query_x, tasks.query_y)


def test_an_inner_problem_that_fails_names_its_task_or_target():
    """Guards a place in a stack of tasks that the caller never sees, and a target that is called a task."""
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(6, 4, k, dtype=torch.float64, generator=g) for k in (3, 1))
    tasks = mi.Tasks(x, y, x, y)
    lam = torch.ones(3, dtype=torch.float64)
    options = {"outer_reg": 0.5, "lam": lam, "chunk": 2}
    problem = mi.Problem(mi.Linear(3, 1), tasks, mi.Proximal(1.0), **options)
    bad, near = overflowing(tasks, 5), {"allow_nonstationary": True}
    stored = mi.Stored(lam[None], [mi.task(0)], lam)
    for call in (
        lambda: mi.scores(problem, [mi.task(0)], bad, **near),
        lambda: mi.removal.readapted(problem, lam[None], bad),
        lambda: mi.removal.target_losses(problem, lam[None], bad),
        lambda: stored.scores(problem, bad),
    ):
        with pytest.raises(mi.NotFinite, match="the inner problem of target 5 is") as caught:
            call()
        assert (caught.value.task, caught.value.target) == (None, 5)
    with pytest.raises(mi.NotFinite, match="the inner problem of task 5 is") as caught:
        mi.influence(problem.replaced(tasks=bad), [mi.task(0)], **near)
    assert (caught.value.task, caught.value.target) == (5, None)
    recipe = Recipe(rate=0.1, batches=[[0, 1], [3, 5]])
    with pytest.raises(mi.NotFinite, match="the inner problem of task 5 is"):
        train(problem.replaced(tasks=bad), recipe, progress=False)
    run = train(problem, recipe, progress=False)
    with pytest.raises(mi.NotFinite, match="the inner problem of target 5 is"):
        run.scores(bad, [mi.task(0)])
    hard = problem.replaced(adaptation=mi.Proximal(1.0, max_steps=1), outer_reg=0.4)
    with pytest.raises(mi.NotConverged, match=r"the inner problem of task [0-5] did not converge"):
        mi.influence(hard, [mi.task(0)], **near)


@pytest.mark.parametrize("axes", [(), (4, 1)])
def test_a_ridge_head_needs_features(axes):
    """Guards advice about derivatives where a shape is wrong."""

    class Features(torch.nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            return out.reshape(len(x), *axes) if axes else out[:, 0]

    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 5, k, dtype=torch.float64, generator=g) for k in (3, 1))
    problem = mi.Problem(
        Features(3, 4).double(), mi.Tasks(x, y, x, y), mi.RidgeHead(1.0), outer_reg=0.5
    )
    with pytest.raises(
        mi.InvalidProblem, match=r"features \(n, r\), .* gives \(5,.* for 5 instances"
    ):
        problem.solve(progress=False)


@pytest.mark.parametrize("wrong", ["a", None, 1j, -1.0, float("nan"), torch.ones(2), [1.0]])
def test_an_inner_regulariser_is_a_positive_number(wrong):
    """Guards a TypeError from inside of math."""
    for make in (mi.Proximal, mi.ProximalRidge, mi.RidgeHead):
        with pytest.raises(mi.InvalidProblem, match="inner_reg must be positive and finite"):
            make(wrong)
    with pytest.raises(mi.InvalidProblem, match="inner_reg must be finite and not negative"):
        mi.Unrolled(1, 0.1, inner_reg=wrong)
    with pytest.raises(mi.InvalidProblem, match=r"must be real, got torch.complex"):
        mi.Unrolled(1, torch.tensor(1j))


@pytest.mark.parametrize(
    "made, name, value",
    [
        (mi.Unrolled(2, 0.1), "steps", -1),
        (mi.Unrolled(2, 0.1), "steps", 1.5),
        (mi.Unrolled(2, 0.1), "rate", float("nan")),
        (mi.Unrolled(2, 0.1), "inner_reg", -1.0),
        (mi.Proximal(1.0), "inner_reg", 0.0),
        (mi.Proximal(1.0), "rtol", 2.0),
        (mi.Proximal(1.0), "max_steps", 0),
        (mi.ProximalRidge(1.0), "inner_reg", -1.0),
        (mi.RidgeHead(1.0), "inner_reg", "much"),
    ],
)
def test_an_option_that_is_set_later_is_checked_as_at_first(made, name, value):
    """Guards steps of -1, which were none at all, without a word."""
    before = getattr(made, name)
    with pytest.raises(MetainflError, match=name):
        setattr(made, name, value)
    assert getattr(made, name) is before


def test_rates_are_numbers_of_any_library():
    """Guards "must be a number, got float32" for a number."""
    for rate in (np.float32(0.5), np.float64(0.5), torch.tensor(0.5), np.array(0.5)):
        assert mi.Unrolled(1, rate).rate == 0.5
        assert float(mi.Unrolled(1, {"": rate}).rate[""]) == 0.5
    for wrong in ("a", None, 1j, [0.1], float("nan"), np.ones(2)):
        with pytest.raises(
            mi.InvalidProblem, match="the inner learning rate must be a finite number"
        ):
            mi.Unrolled(1, wrong)
