"""Players of a game: who is there, of any size, and what changes later."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl import games
from metainfl.games.players import Players
from metainfl.games.samplers import all_subsets
from metainfl.oracle.bridge import problem_of
from metainfl_reference.episodes import Weights
from metainfl_reference.family import targets
from metainfl_reference.perturbation import query, support, task
from tests.games.problems import T, setting


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
