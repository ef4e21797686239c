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


def test_each_order_sums_to_the_whole():
    """Kind guarded: a marginal counted twice or left out, which a mean over orders may hide."""
    game = table(9)
    gain = game.values[-1] - game.values[0]
    for samples in (2, 5, 33):
        for found in (
            methods.shapley_permutations(game, samples=samples),
            methods.tmc_shapley(game, 0.0, samples=samples),
            methods.group_testing(game, samples=samples),
        ):
            assert abs(found.values.sum() - gain) <= N * room(game)


def test_truncation_saves_calls_and_keeps_the_rest_within_tolerance():
    """Kind guarded: truncation that cuts what is far from v(N), or forgets to cut."""
    rng = np.random.default_rng(10)
    masks = (np.arange(2**N)[:, None] >> np.arange(N)) & 1
    size = masks.sum(1)
    game = Table(1 - 0.3**size + 1e-4 * rng.standard_normal(2**N))
    whole = methods.tmc_shapley(game, 0.0, samples=64)
    cut = methods.tmc_shapley(game, 0.1, samples=64)
    assert cut.calls < whole.calls
    gain = game.values[-1] - game.values[0]
    assert 1e-6 < abs(cut.values.sum() - gain) <= 0.1
    assert np.abs(methods.tmc_shapley(game, 1e9, samples=8).values).max() == 0


def test_antithetic_pairs_help_where_marginals_fall():
    """Kind guarded: pairs counted as independent orders: their error would not fall."""
    masks = (np.arange(2**N)[:, None] >> np.arange(N)) & 1
    game = Table(-((masks @ np.arange(1.0, N + 1)) ** 2))
    plain = methods.shapley_permutations(game, samples=200)
    paired = methods.shapley_permutations(game, samples=200, antithetic=True)
    # marginals are linear in who stands before: an order and its reverse have the same mean
    assert paired.errors.max() <= 1e-12 < 0.1 < plain.errors.max()
    assert np.abs(paired.values - methods.shapley(game).values).max() <= room(game)


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


def test_rules_end_sampling():
    """Kind guarded: a budget that is passed, a width that is claimed and not reached."""
    game = table(13)
    for name in SAMPLED:
        estimator, wanted, _ = VALUES[name]
        found = estimator(game, stop=Stop(calls=400))
        assert found.stopped == "calls" and found.calls <= 2**N
        within = estimator(game, stop=Stop(half_width=0.2, level=0.9))
        low, high = within.interval()
        assert within.stopped == "half width" and within.looks >= 1 and within.level == 0.9
        assert (high - low).max() <= 0.4 + 1e-12
        want = truth(*wanted[:1], game, *wanted[1:])
        assert (np.abs(within.values - want) <= 0.4).all()
    counting = mi.games.Utility(lambda m: game(m), N)
    found = methods.shapley_permutations(counting, stop=Stop(calls=30), samples=1000)
    assert found.units == 7 and found.computed == counting.computed <= 30  # 2 + 7 * 4
    many = mi.games.Utility(lambda m: 0.1 * float(m[:3].sum()), 40)
    late = methods.ame(many, [0.5], stop=Stop(half_width=0.5, least=2))
    assert (
        late.stopped == "half width" and late.units >= 43
    )  # 2 to 42 subsets are too few to fit 40
    quick = methods.banzhaf_msr(game, stop=Stop(seconds=0.05))
    assert quick.stopped == "seconds" and quick.units >= 2


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


def test_nothing_global_is_drawn_from():
    """Kind guarded: a sampler that reads numpy's own stream, or sets it."""
    game = table()
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    for name in SAMPLED:
        VALUES[name][0](game, samples=40)
    assert (np.random.get_state()[1] == before).all()
