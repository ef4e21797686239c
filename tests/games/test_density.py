"""Generative Downsampling on a Gaussian density, by enumeration with scipy."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from metainfl.errors import InvalidOption
from metainfl.games.density import gaussian_density
from metainfl.methods.game import downsampling, leave_one_out
from tests.helpers import assert_close


def fitted(rows, at):
    """scipy's density of the data with one pseudo-row of mean 0 and covariance I."""
    n, d = len(rows) + 1.0, at.shape[1]
    mean = np.sum(rows, axis=0) / n if len(rows) else np.zeros(d)
    second = (np.eye(d) + sum(np.outer(r, r) for r in rows)) / n
    return multivariate_normal(mean, second - np.outer(mean, mean)).logpdf(at)


def test_downsampling_and_removal_of_a_density():
    """Guards the fit and the averages: all C(6, 4) subsets in a loop, and each row removed."""
    rng = np.random.default_rng(0)
    x, at = rng.standard_normal((6, 2)), rng.standard_normal((3, 2))
    game = gaussian_density(x, at)
    inside, outside = [[] for _ in x], [[] for _ in x]
    for s in combinations(range(6), 4):
        value = fitted(x[list(s)], at)
        for i in range(6):
            (inside if i in s else outside)[i].append(value)
    want = [np.mean(a, axis=0) - np.mean(b, axis=0) for a, b in zip(inside, outside, strict=True)]
    assert_close(downsampling(game, 4).values, np.stack(want), 1e-11)
    gone = [fitted(x, at) - fitted(np.delete(x, i, axis=0), at) for i in range(6)]
    assert_close(leave_one_out(game).values, np.stack(gone), 1e-11)
    assert_close(game.many(np.zeros((1, 6), dtype=bool))[0], fitted(x[:0], at), 1e-13)
    with pytest.raises(InvalidOption, match="prior"):
        gaussian_density(x, at, prior=0.0)
