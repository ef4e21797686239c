"""A game of a training run replayed."""

import numpy as np
import pytest
import torch

import metainfl as mi
from metainfl import games
from metainfl.games.samplers import all_subsets
from metainfl.methods import game as methods
from metainfl.training import Recipe, train
from metainfl_reference.episodes import Weights
from metainfl_reference.family import targets
from tests.games.problems import T, setting


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
