"""Other libraries on the same game: shapiq and pyDVL, where they are installed.

`pip install metainfl[peers]` for shapiq; `metainfl[pydvl]` for pyDVL, which needs numpy below 2.
"""

import warnings
from itertools import combinations

import numpy as np
import pytest

from metainfl.methods import game as methods
from tests.methods.game.tables import N, room, table


def library(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, at import
        return pytest.importorskip(name)


@pytest.mark.filterwarnings("ignore")
def test_shapiq():
    """Kind guarded: a convention of ours that the field does not share."""
    shapiq = library("shapiq")
    game = table(1)
    theirs = shapiq.ExactComputer(lambda masks: game.many(np.asarray(masks, dtype=bool)), N)
    for index, ours in (("SV", methods.shapley), ("BV", methods.banzhaf)):
        found = theirs(index, 1)
        want = np.array([found[(i,)] for i in range(N)])
        assert np.abs(ours(game).values - want).max() <= 4 * room(game)
    for order in (2, 3):
        found, ours = theirs("SII", order), methods.shapley_interaction(game, order)
        for g, v in zip(ours.groups, ours.values, strict=True):
            assert abs(found[g] - v) <= 2**order * 4 * room(game)
        found, ours = theirs("STII", order), methods.shapley_taylor(game, order)
        for g, v in zip(ours.groups, ours.values, strict=True):
            assert abs(found[g] - v) <= 2**order * 4 * room(game)
        assert set(ours.groups) == {
            g for k in range(1, order + 1) for g in combinations(range(N), k)
        }


@pytest.mark.filterwarnings("ignore")
def test_pydvl():
    """Kind guarded: the parameters of Beta-Shapley the other way round; ranks of neighbours."""
    valuation = library("pydvl.valuation")
    games = library("pydvl.valuation.games")
    sklearn = library("sklearn.neighbors")
    ours = table(2)

    class Ours(games.Game):
        def __init__(self):
            super().__init__(N)

        def _score(self, x):
            mask = np.zeros((1, N), dtype=bool)
            mask[0, np.asarray(x, dtype=int).reshape(-1)] = True
            return float(ours.many(mask)[0])

    def of(cls, **options):
        game = Ours()
        made = cls(
            game.u.with_dataset(game.data),
            valuation.DeterministicUniformSampler(),
            valuation.NoStopping(),
            **options,
        )
        made.fit(game.data)
        return np.asarray(made.result.values)[np.argsort(made.result.indices)]

    ours.values[:] -= ours.values[0]  # pyDVL's own utility gives the empty set 0
    assert np.abs(of(valuation.ShapleyValuation) - methods.shapley(ours).values).max() <= 1e-12
    assert np.abs(of(valuation.BanzhafValuation) - methods.banzhaf(ours).values).max() <= 1e-12
    for a, b in ((4, 1), (1, 4), (16, 1)):
        want = of(valuation.BetaShapleyValuation, alpha=a, beta=b)
        assert np.abs(methods.beta_shapley(ours, a, b).values - want).max() <= 1e-12
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 2)), rng.integers(0, 2, 12)
    z, t = rng.standard_normal((1, 2)), np.array([1])
    knn = valuation.KNNShapleyValuation(
        sklearn.KNeighborsClassifier(3), valuation.Dataset(z, t), progress=False
    )
    knn.fit(valuation.Dataset(x, y))
    result = knn.result
    want = np.asarray(result.values)[np.argsort(result.indices)]
    assert np.abs(methods.knn_shapley(x, y, z, t, 3).values[:, 0] - want).max() <= 1e-12
