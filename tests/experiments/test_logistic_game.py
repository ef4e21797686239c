"""The Shapley value of paper 004's logistic regression: its subsets are solved as production solves them."""

import numpy as np
import pytest
import torch

from metainfl.errors import InvalidOption, NotConverged
from metainfl.experiments.paper_004 import logistic_game
from metainfl.experiments.paper_004.logistic_game import LogisticGame, shapley_order
from metainfl.experiments.paper_004.planes import plane
from metainfl.experiments.paper_004.single_level import single
from metainfl.games import solved
from metainfl.methods.game import shapley
from metainfl.problem.perturbation import query


def game(n=7, m=5):
    problem, (train, valid, _), _ = plane("linear", "small", 3, (n, m, 4))
    ones = [torch.cat([x, x.new_ones(len(x), 1)], 1) for x, _ in (train, valid)]
    return problem, train, valid, LogisticGame((ones[0], train[1]), (ones[1], valid[1]), 0.1)


def test_subsets_are_those_of_production():
    """Guards a regulariser of another strength, and classes exchanged; nobody and one class are subsets."""
    problem, train, valid, mine = game()
    theirs = solved(problem, single(*valid), [query(0, j) for j in range(mine.n)])
    one_class = (train[1][:, 1] == 1).numpy()
    masks = np.stack([np.zeros(7, bool), np.ones(7, bool), one_class, np.arange(7) % 2 == 0])
    exact = theirs.many(masks)[:, 0] / len(valid[0])
    assert abs(mine.many(masks) - exact).max() < 1e-8 * abs(exact).max()


def test_the_lowest_value_is_first():
    """Guards an order that begins with the best point: all orders of seven points by enumeration."""
    _, train, valid, mine = game()
    exact = shapley(mine).values
    assert len(set(np.round(exact, 6))) == 7
    sides = (mine.x, train[1]), (mine.vx, valid[1])
    found = shapley_order(*sides, 0.1, samples=2000, seed=0)
    assert found[0] == exact.argmin() and found[-1] == exact.argmax()


def test_what_does_not_end_is_told(monkeypatch):
    mine = game()[3]
    monkeypatch.setattr(logistic_game, "STEPS", 1)
    with pytest.raises(NotConverged, match="a subset's logistic regression has a gradient of"):
        mine.many(np.ones((1, 7), bool))
    with pytest.raises(InvalidOption, match=r"masks are booleans of shape \(k, 7\)"):
        mine.many(np.ones((1, 6), bool))
