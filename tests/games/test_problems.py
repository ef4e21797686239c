"""Games of real problems against the reference's, every subset certified there."""

from functools import lru_cache

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl import games
from metainfl.games.players import Players
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl.oracle.bridge import problem_of, tasks_of
from metainfl.training import Recipe, train
from metainfl_reference.episodes import Weights
from metainfl_reference.estimands import values
from metainfl_reference.families import FAMILIES
from metainfl_reference.family import targets
from metainfl_reference.generators import regression
from metainfl_reference.perturbation import query, support, task
from tests.training.helpers import network

T = 3


@lru_cache
def setting(name):
    """Family, its solution, the production problem solved, and two targets."""
    family = FAMILIES[name](regression(2, tasks=T, support=3, query=3, d=2, c=1), d_out=0.5)
    problem = problem_of(family)
    problem.solve()
    return family, family.solve(), problem, tasks_of(family.episodes).select([0, 2])


@lru_cache
def truth(name):
    """v(S) (2^T, 2) with its bound."""
    family, at, _, _ = setting(name)
    found = [values.game(family, targets(family.episodes)[k], at) for k in (0, 2)]
    return np.stack([f.value for f in found], 1), np.stack([f.bound for f in found], 1)


def close(found, name):
    """Within the reference's bound and p n roundings of the values, which are sums of squares."""
    want, bound = truth(name)
    return (np.abs(found - want) <= bound + 1e3 * np.finfo(float).eps * (1 + np.abs(want))).all()


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


def test_instances_and_groups_as_players():
    """Kind guarded: instances that cannot be players; a closed form claimed for support weights."""
    family, at, problem, target = setting("proximal_ridge")
    players = [mi.query(0, 1), mi.query(2, 0), mi.group([mi.task(1), mi.query(2, 1)])]
    masks = all_subsets(3)
    again, closed = (
        games.solved(problem, target, players),
        games.quadratic(problem, target, players),
    )
    found = again.many(masks)
    assert np.abs(found - closed.many(masks)).max() <= 1e-11
    gone = [[query(0, 1)], [query(2, 0)], [task(1), query(2, 1)]]
    t = targets(family.episodes)[2]
    for mask, v in zip(masks, found, strict=True):
        weights = Weights.ones(family.episodes)
        for out, ps in zip(~mask, gone, strict=True):
            for p in ps if out else []:
                weights = weights.without(p)
        lam = family.solve(weights, start=at.lam).lam
        assert v[1] == pytest.approx(-family.target_loss(t, lam).real, abs=1e-11)
    pair = [mi.support(0, 0), mi.support(0, 1)]
    want = []
    for mask in all_subsets(2):
        weights = Weights.ones(family.episodes)
        for j in np.flatnonzero(~mask):
            weights = weights.without(support(0, int(j)))
        want.append(-family.target_loss(t, family.solve(weights, start=at.lam).lam).real)
    assert (
        np.abs(games.solved(problem, target, pair).many(all_subsets(2))[:, 1] - want).max() < 1e-11
    )
    with pytest.raises(mi.InvalidProblem, match="no closed form"):
        games.quadratic(problem, target, pair)
    with pytest.raises(mi.InvalidProblem, match="no closed form"):
        games.quadratic(problem, target, [mi.task(0), mi.query(0, 1)])


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


def test_replayed_runs():
    """Kind guarded: a run replayed with other weights than the subset's."""
    family, _, problem, target = setting("proximal_ridge")
    recipe = Recipe(rate=0.02, steps=5, reduction="sum")
    run = train(problem, recipe, start=torch.zeros(2, dtype=torch.float64))
    game = games.replayed(run, target)
    t = targets(family.episodes)[0]
    for mask in all_subsets(T):
        ones = Weights.ones(family.episodes)
        weights, lam = Weights(mask.astype(float), ones.support, ones.query), np.zeros(2)
        for _ in range(5):
            lam = lam - 0.02 * family.gradient(lam, weights)
        assert game(mask)[0] == pytest.approx(-family.target_loss(t, lam).real, rel=1e-12)
    change = run.target_losses(target) - run.without(mi.task(1)).target_losses(target)
    assert methods.leave_one_out(game).values[1] == pytest.approx(-change.numpy(), rel=1e-9)


def test_a_store_belongs_to_one_problem(tmp_path):
    """Kind guarded: values of other weights, targets or another lam taken from a file."""
    _, _, problem, target = setting("single_ridge")
    path = tmp_path / "v.jsonl"
    games.solved(problem, target, store=path).many(all_subsets(T))
    again = games.solved(problem, target, store=path)
    assert methods.shapley(again).computed == 0
    w = problem.tasks.w.clone()
    w[1] = 2.0
    heavy = problem.replaced(tasks=problem.tasks.reweighted(task=w))
    other = [
        (heavy, target, {}),
        (problem, target.select([0]), {}),
        (problem.replaced(outer_reg=0.6), target, {}),
        (problem, target, {"players": [mi.task(2), mi.task(1), mi.task(0)]}),
    ]
    for p, t, options in other:
        with pytest.raises(mi.InvalidOption, match="another game"):
            games.solved(p, t, store=path, **options)
    with pytest.raises(mi.InvalidOption, match="another game"):
        games.quadratic(problem, target, store=path)
    with pytest.raises(mi.InvalidOption, match="needs an identity"):
        games.solved(problem, lambda lam: 0.0, store=tmp_path / "w.jsonl")
    games.solved(problem, lambda lam: 0.0, store=tmp_path / "w.jsonl", identity="nothing")
    with pytest.raises(mi.InvalidOption, match="another game"):
        games.solved(heavy, lambda lam: 0.0, store=tmp_path / "w.jsonl", identity="nothing")


def test_a_store_belongs_to_one_learner_and_one_run(tmp_path):
    """Kind guarded: rates in a dict told by their type's name, and runs told by their end alone."""
    base = network()
    problem, other = (
        base.replaced(adaptation=mi.Unrolled(1, {"": r}), lam=base.setting.model.current())
        for r in (0.2, 0.3)
    )
    target, path = base.tasks.select([1]), tmp_path / "step.jsonl"
    players = [mi.task(0), mi.task(2)]
    games.one_step(problem, target, 0.1, players, store=path).many(all_subsets(2))
    with pytest.raises(mi.InvalidOption, match="another game"):
        games.one_step(other, target, 0.1, players, store=path)
    games.one_step(problem, target, 0.1, players, store=path)
    runs = [
        train(problem, Recipe(rate=[0.1, 0.0, 0.0], batches=b), progress=False)
        for b in ([[0, 2], [1], [2]], [[0, 2], [2], [1]])
    ]
    assert torch.equal(runs[0].lam, runs[1].lam)
    games.replayed(runs[0], target, players, store=tmp_path / "runs.jsonl")
    with pytest.raises(mi.InvalidOption, match="another game"):
        games.replayed(runs[1], target, players, store=tmp_path / "runs.jsonl")


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


def test_players_are_checked():
    """Kind guarded: players who are not there, twice there, or never in."""
    _, _, problem, target = setting("single_ridge")
    w = problem.tasks.w.clone()
    w[1] = 0.0
    less = problem.tasks.reweighted(task=w)
    assert Players(less).players == (mi.task(0), mi.task(2))
    for bad in ([mi.task(0), mi.task(0)], [mi.shift("query", 0, 0, 0)]):
        with pytest.raises(mi.InvalidOption):
            Players(problem.tasks, bad)
    with pytest.raises(mi.InvalidOption, match="weight 0"):
        Players(less, [mi.task(1)])
    with pytest.raises(mi.InvalidProblem):
        Players(problem.tasks, [mi.task(9)])
    with pytest.raises(mi.InvalidOption, match="a target is"):
        games.solved(problem, 3)
    with pytest.raises(mi.InvalidOption, match="rate"):
        games.one_step(problem, target, -1.0)


def test_tasks_of_different_sizes():
    """Kind guarded: players of stacked tasks only."""
    draw = torch.Generator().manual_seed(0)

    def one(n):
        x = torch.randn(n, 2, generator=draw, dtype=torch.float64)
        y = x.sum(1, keepdim=True) + torch.randn(n, 1, generator=draw, dtype=torch.float64)
        return {"support_x": x[:2], "support_y": y[:2], "query_x": x[2:], "query_y": y[2:]}

    tasks = mi.Tasks.ragged([one(4), one(5), one(7)])
    problem = mi.Problem(mi.Linear(2, 1), tasks, mi.ProximalRidge(1.0), outer_reg=0.5)
    problem.solve()
    found = [g(problem, tasks).many(all_subsets(3)) for g in (games.solved, games.quadratic)]
    assert np.abs(found[0] - found[1]).max() <= 1e-11 and found[0].shape == (8, 3)


def test_later_changes_of_the_problem_stay_out():
    """Kind guarded: a game that changes because the problem's lam, or its data, were changed."""
    family, _, _, target = setting("proximal_ridge")
    problem = problem_of(family)
    problem.solve()
    game = games.one_step(problem, target, 0.1)
    before = game([True] * T)
    own = target.select([0, 1])
    other = games.one_step(problem, own, 0.1)
    own.query_x.mul_(2)
    assert (other([True] * T) == before).all()
    problem.tasks.query_x.mul_(2)
    problem.lam = problem.lam + 1
    fresh = games.one_step(problem, target, 0.1)
    assert (games.Utility(game.function, T)([True] * T) == before).all()
    assert (fresh([True] * T) != before).any()
