"""Values kept in a file belong to one game: one problem, learner and run."""

import pytest
import torch

import metainfl as mi
from metainfl import games
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl.training import Recipe, train
from tests.games.problems import T, setting
from tests.training.helpers import network


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
