"""Values that are fits to subsets: AME and datamodels, by least squares and the lasso."""

import numpy as np

import metainfl as mi
from metainfl.methods import game as methods
from tests.methods.game.tables import N, room, table


def test_ame_is_shapley_where_densities_are_uniform():
    """Kind guarded: the weight of a density. Gauss nodes integrate degree 2k-1 exactly: AME = Shapley."""
    game = table(11)
    nodes, weight = np.polynomial.legendre.leggauss(4)
    q = (nodes + 1) / 2
    found = sum(
        w / 2 * methods.ame(game, [float(a)]).values for a, w in zip(q, weight, strict=True)
    )
    assert np.abs(found - methods.shapley(game).values).max() <= 4 * room(game)
    assert np.abs(methods.ame(game, q).values - sum(methods.ame(game, [a]).values for a in q) / 4
                  ).max() <= room(game)  # fmt: skip
    drawn = methods.ame(game, samples=4000, seed=3)
    exact = methods.ame(game).values
    assert (np.abs(drawn.values - exact) <= 6 * drawn.errors + 20 / 4000).all()


def test_least_squares_over_all_subsets_is_banzhaf_and_over_one_size_is_downsampling():
    """Kind guarded: a datamodel that is fitted to something else than who is in."""
    game = table(12, targets=2)
    every = methods.datamodel(game, "any")
    assert np.abs(every.weights.values - methods.banzhaf(game).values).max() <= 8 * room(game)
    one = methods.datamodel(game, 3).weights.values
    down = methods.downsampling(game, 3).values
    want = (N - 1) / N * (down - down.mean(axis=0))
    assert np.abs(one - want).max() <= 8 * room(game)
    masks = np.eye(N, dtype=bool)
    assert np.allclose(every.predict(masks), every.intercept + every.weights.values, rtol=1e-14)


def test_the_lasso_finds_few_players_among_many():
    """Kind guarded: a penalty in another scale, errors that are zero, a fit that ignores its seed."""
    n = 30
    w = np.zeros(n)
    w[[3, 17]] = [1.0, -2.0]
    game = mi.games.Utility(lambda m: 0.5 + m @ w, n)
    fit = methods.datamodel(game, samples=40, seed=1)
    assert set(np.flatnonzero(np.abs(fit.weights.values) > 0.5)) == {3, 17}
    assert np.abs(fit.weights.values - w).max() < 0.1 and fit.weights.calls == 40
    values_, penalty = fit.weights.values, 0.1
    strong = methods.datamodel(game, samples=400, penalty=penalty, seed=1).weights.values
    # soft threshold: masks of half the players have variance 1/4, so each weight shrinks by 4 penalties
    assert abs(strong[17] + 2 - 4 * penalty) < 0.1 and abs(values_[17]) > abs(strong[17])
    sparse = methods.ame(game, [0.5], samples=200, penalty="cv", seed=1)
    assert np.abs(sparse.values - w).max() < 0.2 and (sparse.errors >= 0).all()
