"""Section 1 of paper 004 in one dimension: the model is the paper's, and a removal is one."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from metainfl.experiments.paper_004.line import WAYS, asked, cell
from metainfl.influence.scores import scores
from metainfl.problem.perturbation import query


def by_hand(x, s):
    """The minimiser of sum log(1 + exp(-s x beta))."""
    return minimize_scalar(lambda b: np.logaddexp(0, -s * x * b).sum(), tol=1e-12).x


def test_the_influence_value_is_the_papers():
    """Guards a constant, a regulariser, a sign: the formula of section 1, by hand."""
    problem, valid, _, turned, _ = asked(0)
    x, y = problem.tasks.query_x[0, :, 0].numpy(), problem.tasks.query_y[0, :, 1].numpy()
    beta = float(problem.lam)
    assert abs(beta - by_hand(x, 2 * y - 1)) < 1e-6 and (x > 0).all()
    vx, vy = valid.query_x[0, :, 0].numpy(), valid.query_y[0, :, 1].numpy()
    p, q = 1 / (1 + np.exp(-beta * x)), 1 / (1 + np.exp(-beta * vx))
    printed = ((q - vy) * vx).sum() / (p * (1 - p) * x**2).sum() * (p - y) * x
    ours = -scores(problem, [query(0, j) for j in range(len(x))], valid).value[:, 0].numpy()
    assert abs(ours - printed).max() < 1e-6 * abs(printed).max()
    assert y[turned].tolist() == [1] * 4 + [0] * 4


def test_every_draw_has_a_minimum_without_eight():
    """Guards a draw whose points of one class are all removed: no coefficient would be the best."""
    for seed in range(40):
        y = asked(seed)[0].tasks.query_y[0]
        assert y.sum(0).min() > 8


def test_the_cell_is_of_one_point_at_a_time():
    found = cell("small", 0, None)
    assert found["as stated"] == 1 and 0 < found["of the other"] < 60
    assert set(WAYS) < set(found) and found["IV"]["one class"] == 1
    assert found["turned"]["one class"] == 0.5
    assert torch.isfinite(torch.tensor([found[w]["test"] for w in WAYS])).all()
