"""Sampling from games: when it ends, what it draws from, where pairs and truncation help."""

import numpy as np

import metainfl as mi
from metainfl.games import Stop, Table
from metainfl.methods import game as methods
from tests.methods.game.tables import SAMPLED, VALUES, N, room, table, truth


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


def test_nothing_global_is_drawn_from():
    """Kind guarded: a sampler that reads numpy's own stream, or sets it."""
    game = table()
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    for name in SAMPLED:
        VALUES[name][0](game, samples=40)
    assert (np.random.get_state()[1] == before).all()
