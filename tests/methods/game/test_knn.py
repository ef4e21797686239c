"""Nearest-neighbour values against the enumeration of the game that they belong to."""

import numpy as np
import pytest

import metainfl as mi
from metainfl.games import neighbours
from metainfl.methods import game as methods
from metainfl_reference.estimands import knn_shapley
from tests.methods.game.tables import EPS


def data(seed, n=7, targets=3, classes=2):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n, 2)),
        rng.integers(0, classes, n),
        rng.standard_normal((targets, 2)),
        rng.integers(0, classes, targets),
    )


@pytest.mark.parametrize("k", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("seed", range(3))
def test_closed_forms_are_the_enumerated_values(seed, k):
    """Kind guarded: a rank off by one, fewer instances than k, values in the order of distance."""
    d = data(seed)
    game = neighbours(*d, k)
    room = 2**8 * EPS
    found = methods.knn_shapley(*d, k)
    assert np.abs(found.values - methods.shapley(game).values).max() <= room
    out = methods.knn_leave_one_out(*d, k)
    assert np.abs(out.values - methods.leave_one_out(game).values).max() <= room
    for t in range(3):
        order = np.argsort(np.linalg.norm(d[0] - d[2][t], axis=1))
        want = knn_shapley.closed_form(d[1][order] == d[3][t], k).value
        assert np.abs(found.values[order, t] - want).max() <= room


def test_what_the_text_under_eq_25_says_does_not_hold():
    """Erratum: a neighbour of another class has an effect, negative; a matching one adds 1/k, not 1."""
    x, y = np.arange(6.0)[:, None], np.array([1, 0, 1, 1, 0, 0])
    phi = methods.knn_shapley(x, y, [[0.0]], [1], 3).values[:, 0]
    assert phi[1] < -0.05
    game = neighbours(x, y, [[0.0]], [1], 3)
    none = np.zeros(6, dtype=bool)
    first = none.copy()
    first[0] = True
    assert game(first)[0] - game(none)[0] == pytest.approx(1 / 3, abs=EPS)


def test_equal_distances_keep_the_order_of_the_data():
    """Kind guarded: an unstable sort, where closed form and game would break ties differently."""
    x, y = np.zeros((5, 1)), np.array([0, 1, 0, 1, 1])
    game = neighbours(x, y, [[0.0]], [1], 2)
    found = methods.knn_shapley(x, y, [[0.0]], [1], 2).values
    assert np.abs(found - methods.shapley(game).values).max() <= 2**6 * EPS


def test_bad_data_is_named():
    """Kind guarded: shapes that broadcast, and distances that are NaN."""
    x, y, z, t = data(0)
    with pytest.raises(mi.InvalidOption, match="of one d"):
        methods.knn_shapley(x, y, z[:, :1], t, 2)
    with pytest.raises(mi.InvalidOption, match="labels"):
        methods.knn_shapley(x, y[:3], z, t, 2)
    with pytest.raises(mi.InvalidOption, match="k is"):
        methods.knn_leave_one_out(x, y, z, t, 0)
    x[2, 0] = np.nan
    with pytest.raises(mi.NotFinite):
        methods.knn_shapley(x, y, z, t, 2)
