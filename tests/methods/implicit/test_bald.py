"""BALD against quadrature, and where nothing is uncertain."""

import numpy as np
import pytest
import torch
from scipy.special import xlogy

import metainfl as mi
from metainfl.errors import InvalidOption
from metainfl.methods.implicit.bald import bald, laplace


def line():
    """Softmax of one input and two classes: lam (2,)."""
    x = torch.tensor([[[-1.0], [0.5], [2.0]]], dtype=torch.float64)
    y = torch.eye(2, dtype=torch.float64)[[0, 1, 1]][None]
    problem = mi.Problem(
        mi.Linear(1, 2), mi.Tasks(x[:, :0], y[:, :0], x, y), mi.NoAdaptation(),
        inner_loss=mi.cross_entropy, outer_reg=0.7,
    )  # fmt: skip
    problem.solve()
    return problem


def entropy(p):
    return -xlogy(p, p) - xlogy(1 - p, 1 - p)  # far nodes round to 0 and 1


def test_it_is_the_integral_over_laplaces_posterior():
    """Gauss and Hermite, 60 nodes, in the difference of the two scores, which is normal.

    20,000 samples: the error is about 0.01 of a standard deviation of the entropies.
    """
    problem = line()
    lams = laplace(problem, 20_000)
    covariance = torch.linalg.inv(problem.hessian(problem.lam)).numpy()
    lam, x = problem.lam.numpy(), np.array([0.3, 3.0])
    d = np.array([1.0, -1.0])
    mean, deviation = x * (lam @ d), np.abs(x) * np.sqrt(d @ covariance @ d)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    p = 1 / (1 + np.exp(-(mean[:, None] + deviation[:, None] * nodes)))
    w = weights / weights.sum()
    want = entropy(p @ w) - entropy(p) @ w
    logits = torch.tensor(x)[None, :, None] * lams[:, None, :]
    found = bald(torch.softmax(logits, -1)).numpy()
    assert found == pytest.approx(want, abs=0.01 * np.sqrt((w * entropy(p) ** 2).sum(1)).max())
    assert (found > 0).all()


def test_what_is_known_tells_nothing():
    p = torch.tensor([[[0.2, 0.8], [0.5, 0.5]]], dtype=torch.float64).expand(7, -1, -1)
    assert bald(p).abs().max() < 1e-15
    sure = torch.eye(2, dtype=torch.float64)[[0, 1]][:, None]  # they disagree, and each is sure
    assert bald(sure) == pytest.approx(np.log(2))


@pytest.mark.parametrize("p", [torch.ones(2, 3), torch.ones(2, 3, 4), -torch.eye(2)[None]])
def test_what_is_no_probability_is_told(p):
    with pytest.raises(InvalidOption, match="class probabilities"):
        bald(p)
