"""Every estimator of values against the reference, by enumeration and within its own interval."""

import numpy as np
import pytest
from scipy.stats import binom, norm

import metainfl as mi
from metainfl.games import Stop, Table
from metainfl.methods import game as methods
from metainfl_reference.answer import Answer
from metainfl_reference.estimands import subsampling, values
from tests.methods.game.tables import EPS, SAMPLED, VALUES, N, room, table, truth


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("name", VALUES)
def test_everything_enumerated_is_the_exact_value(name, targets):
    """Kind guarded: a weight, a sign, a size off by one; columns of targets mixed up."""
    game = table(1, targets=targets)
    estimator, wanted, _ = VALUES[name]
    found = estimator(game)
    want = truth(*wanted[:1], game, *wanted[1:])
    assert found.values.shape == want.shape
    # sums over orders hold n! terms, averaged: the room of 2^n terms covers them
    assert np.abs(found.values - want).max() <= room(game)
    assert (found.errors == 0).all() and found.stopped == "enumerated"
    assert found.groups == tuple((i,) for i in range(N))


@pytest.mark.parametrize("name", SAMPLED)
def test_sampled_values_lie_within_their_errors(name):
    """Kind guarded: a biased sampler. The normal bound holds for all players and methods at 1e-6 in all."""
    game = table(2)
    estimator, wanted, options = VALUES[name]
    found = estimator(game, samples=4000, seed=5, **options)
    want = truth(*wanted[:1], game, *wanted[1:])
    z = norm.isf(1e-6 / 2 / (N * len(SAMPLED)))
    # AME's least squares is consistent, with a bias of order 1/K: a few errors over sqrt(K)
    assert (np.abs(found.values - want) <= z * found.errors + 20 / 4000).all()
    assert (found.errors > 0).all() and (found.errors < 0.2).all()
    assert found.units == 4000
    again = estimator(game, samples=4000, seed=5, **options)
    assert (again.values == found.values).all()
    assert (estimator(game, samples=4000, seed=6, **options).values != found.values).any()


@pytest.mark.parametrize("name", SAMPLED)
def test_intervals_cover_as_often_as_they_say(name):
    """Kind guarded: errors too small, or too large: the share of covering intervals is binomial."""
    game = table(3)
    estimator, wanted, options = VALUES[name]
    want = truth(*wanted[:1], game, *wanted[1:])
    runs = 200
    covered = np.zeros(N)
    for seed in range(runs):
        low, high = estimator(game, samples=64, seed=seed, **options).interval()
        covered += (low <= want) & (want <= high)
    # 64 units are not quite normal: 2 % more or less than 95 % is allowed besides the binomial bounds,
    # which hold for all players and methods together at 1e-3
    miss = 1e-3 / (2 * N * len(SAMPLED))
    assert covered.min() >= binom.ppf(miss, runs, 0.93)
    assert covered.mean() / runs <= 0.99


def test_beta_16_1_is_about_small_subsets():
    """Kind guarded: a and b the other way round. Kwon and Zou's (16, 1): sizes average (n-1)/17."""
    masks = (np.arange(2**N)[:, None] >> np.arange(N)) & 1
    size = masks.sum(1)
    # v(S) = |S|(|S|-1)/2: a marginal is the size of what one joins
    joined = methods.beta_shapley(Table(size * (size - 1) / 2), 16.0, 1.0).values
    assert np.abs(joined - (N - 1) / 17).max() <= 1e-13


@pytest.mark.parametrize("m", [1, 2, N])
def test_leave_m_out(m):
    """Kind guarded: groups in another order than their values."""
    game = table(4)
    found = methods.leave_m_out(game, m)
    want = values.leave_out(Answer.exactly(game.values), m)
    assert set(found.groups) == set(want)
    for g, v in zip(found.groups, found.values, strict=True):
        assert abs(v - want[g].value) <= 4 * EPS * np.abs(game.values).max()
    some = methods.leave_m_out(game, m, [tuple(range(N - m, N))])
    assert some.values[0] == found.values[found.groups.index(tuple(range(N - m, N)))]
    if m == 1:
        assert (methods.leave_one_out(game).values == found.values).all()


def test_profiles_and_memorisation():
    """Kind guarded: the sizes that the C-score is a mean over; the diagonal of another matrix."""
    game = table(5, targets=N)
    for m in range(N + 1):
        want = truth(subsampling.consistency_profile, game, m)
        assert np.abs(methods.consistency_profile(game, m).values[0] - want).max() <= room(game)
    want = truth(subsampling.c_score, game)
    assert np.abs(methods.c_score(game).values[0] - want).max() <= room(game)
    drawn = methods.c_score(game, samples=4000, seed=1)
    z = norm.isf(1e-6 / 2 / N)
    assert (np.abs(drawn.values[0] - want) <= z * drawn.errors[0]).all()
    own = methods.memorisation(game, 2).values
    for i in range(N):
        want = subsampling.memorisation(Answer.exactly(game.values[:, i]), i, 2).value
        assert abs(own[i] - want) <= room(game)
    with pytest.raises(mi.InvalidOption, match="one target a player"):
        methods.memorisation(table(5))


@pytest.mark.parametrize("name", VALUES)
def test_axioms(name):
    """Kind guarded: a value that favours a place in the list, or sees what is not there."""
    estimator, _, _ = VALUES[name]
    rng = np.random.default_rng(6)
    masks = np.arange(2**N)
    bit = [(masks >> i) & 1 for i in range(N)]
    # players 0 and 1 alike, player 2 null: v depends on their number, and on 3, 4
    raw = rng.standard_normal((3, 2, 2))
    game = Table(raw[bit[0] + bit[1], bit[3], bit[4]])
    phi = estimator(game).values
    assert abs(phi[0] - phi[1]) <= room(game)
    if (
        name != "downsampling"
    ):  # at one size, to be in is to keep another out: 003 eq. 10 is no marginal
        assert abs(phi[2]) <= room(game)
    a, b = table(7), table(8)
    both = Table(2 * a.values - 3 * b.values)
    want = 2 * estimator(a).values - 3 * estimator(b).values
    assert np.abs(estimator(both).values - want).max() <= 6 * room(both)
    gain = a.values[-1] - a.values[0]
    off = abs(estimator(a).values.sum() - gain)
    efficient = VALUES[name][1][0] is values.shapley
    assert off <= N * room(a) if efficient else off > 0.01


@pytest.mark.parametrize(
    "call",
    [
        lambda g: methods.downsampling(g, 0),
        lambda g: methods.downsampling(g, N),
        lambda g: methods.downsampling(g, 2.5),
        lambda g: methods.downsampling(g, 1, samples=2),
        lambda g: methods.feldman_zhang(g, N),
        lambda g: methods.leave_m_out(g, 6),
        lambda g: methods.leave_m_out(g, 2, [(0, 0)]),
        lambda g: methods.leave_m_out(g, 2, [(0, 9)]),
        lambda g: methods.leave_m_out(g, 2, []),
        lambda g: methods.shapley_permutations(g, samples=1),
        lambda g: methods.shapley_permutations(g, samples=3, antithetic=True),
        lambda g: methods.shapley_permutations(g, stop=Stop()),
        lambda g: methods.tmc_shapley(g, -1.0),
        lambda g: methods.tmc_shapley(g, float("nan")),
        lambda g: methods.beta_shapley(g, 0.0, 1.0),
        lambda g: methods.ame(g, [0.0, 0.5]),
        lambda g: methods.ame(g, []),
        lambda g: methods.ame(g, penalty=0.1),
        lambda g: methods.ame(g, samples=6),
        lambda g: methods.datamodel(g, 9),
        lambda g: methods.datamodel(g, penalty=-1.0),
        lambda g: methods.shapley_interaction(g, 0),
        lambda g: methods.shapley_taylor(g, N + 1),
        lambda g: methods.shapley(np.zeros(4)),
        lambda g: methods.group_testing(Table([0.0, 1.0])),
        lambda g: methods.shapley(mi.games.Utility(lambda m: 0.0, 21)),
        lambda g: Stop(half_width=0.0),
        lambda g: Stop(level=1.0),
        lambda g: Stop(calls=-3),
        lambda g: Stop(least=1),
    ],
)
def test_bad_options_are_named(call):
    """Kind guarded: an option without meaning that gives numbers."""
    with pytest.raises(mi.InvalidOption):
        call(table())
