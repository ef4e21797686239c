"""Games of real problems against the reference's, every subset certified there."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl import games
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl_reference.episodes import Weights
from metainfl_reference.estimands import values
from metainfl_reference.family import targets
from tests.games.problems import T, close, setting


@pytest.mark.parametrize("name", ["proximal_ridge", "single_ridge", "maml_linear"])
def test_every_subset_of_tasks(name):
    """Kind guarded: a subset's weights, the empty set, the sign of v, a closed form that is another F."""
    _, _, problem, target = setting(name)
    masks = all_subsets(T)
    assert close(games.solved(problem, target).many(masks), name)
    assert close(games.quadratic(problem, target).many(masks), name)


@pytest.mark.parametrize("make", [games.solved, games.quadratic])
def test_a_targets_own_weight_does_not_enter(make):
    """Kind guarded: values in other units than scores and removals have, or a target that is lost at 0."""
    _, _, problem, target = setting("proximal_ridge")
    w = target.w.new_tensor([2.0, 0.0])
    heavy = target.reweighted(task=w)
    found = make(problem, heavy).many(all_subsets(T))
    assert np.array_equal(found, make(problem, target).many(all_subsets(T)))
    losses = problem.losses(problem.lam, heavy).numpy()
    assert np.abs(found[-1] + losses).max() <= 1e-12
    pis = [mi.task(k) for k in range(T)]
    assert torch.equal(mi.scores(problem, pis, heavy).value, mi.scores(problem, pis, target).value)


def test_estimators_on_a_real_problem():
    """Kind guarded: players and rows in different orders, from data to value."""
    family, at, problem, target = setting("proximal_ridge")
    game = games.quadratic(problem, target)
    want = values.shapley(values.game(family, targets(family.episodes)[2], at))
    got = methods.shapley(game).values[:, 1]
    assert (np.abs(got - want.value) <= want.bound + 1e-12).all()
    first = methods.leave_one_out(game).values[:, 0]
    for k in range(T):
        lam = mi.removal.resolved(problem, [mi.task(k)])[0]
        change = problem.losses(lam, target) - problem.losses(problem.lam, target)
        assert abs(first[k] - float(change[0])) <= 1e-11


def test_a_measure_of_ones_own():
    """Kind guarded: a target function that is called with something else than lam."""
    _, _, problem, _ = setting("single_ridge")
    game = games.solved(problem, lambda lam: -float(lam.norm()))
    assert game([True] * T) == pytest.approx(-float(problem.lam.norm()), rel=1e-12)
    assert game([False] * T) == pytest.approx(0.0, abs=1e-12)


def test_one_gradient_step():
    """Kind guarded: a step on the wrong weights, without the regulariser, or from another point."""
    family, _, problem, target = setting("maml_linear")
    start = torch.linspace(-1.0, 1.0, problem.n_meta).to(problem.lam)
    game = games.one_step(problem, target, 0.05, start=start)
    t = targets(family.episodes)[2]
    for mask in all_subsets(T):
        ones = Weights.ones(family.episodes)
        weights = Weights(mask.astype(float), ones.support, ones.query)
        lam = start.numpy() - 0.05 * family.gradient(start.numpy(), weights)
        assert game(mask)[1] == pytest.approx(-family.target_loss(t, lam).real, rel=1e-12)
    exact = methods.gradient_shapley(problem, target, 0.05, start=start)
    assert np.abs(exact.values - methods.shapley(game).values).max() == 0
    drawn = methods.gradient_shapley(problem, target, 0.05, start=start, samples=40)
    assert (np.abs(drawn.values - exact.values) <= 6 * drawn.errors + 1e-13).all()
    # to first order in the rate: rate g_t . g_i, off by O(rate^2), so half the rate leaves a quarter
    slopes = problem.task_gradients(start) @ problem.task_gradients(start, target).T
    off = []
    for rate in (2e-4, 1e-4):
        phi = methods.gradient_shapley(problem, target, rate, start=start).values
        off.append(np.abs(phi / rate - slopes.numpy()).max())
    assert off[0] < 0.01 * float(slopes.abs().max()) and 1.9 < off[0] / off[1] < 2.1


@pytest.mark.slow
def test_many_at_once_are_the_same():
    """Kind guarded: a problem that does not travel to a process; values that come back to another mask."""
    _, _, problem, target = setting("single_ridge")
    masks = all_subsets(T)[::-1].copy()
    two = games.solved(problem, target, jobs=2)
    assert close(two.many(masks)[::-1], "single_ridge") and two.computed == 2**T


def test_subsets_without_a_minimiser_are_named():
    """Kind guarded: a value that is the starting point's, where too little data determine lam."""
    _, _, problem, target = setting("single_ridge")
    free = problem.replaced(outer_reg=0.0)
    free.solve()
    for game in (games.solved(free, target), games.quadratic(free, target)):
        with pytest.raises(mi.SingularHessian, match="do not determine lam"):
            game([False] * T)
