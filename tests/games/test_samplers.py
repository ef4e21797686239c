"""Samplers: the distributions they say, and streams that do not depend on how they are read."""

from math import comb, factorial

import numpy as np
import pytest
from scipy.stats import chi2

import metainfl as mi
from metainfl.games import samplers

K, N = 6000, 4
WEIGHTS = 1 << np.arange(N)


def uniform(codes, possible):
    """Chi-square of the counts, at 1e-6."""
    counts = np.array([(codes == c).sum() for c in possible])
    assert counts.sum() == len(codes)
    want = len(codes) / len(possible)
    return ((counts - want) ** 2 / want).sum() <= chi2.isf(1e-6, max(1, len(possible) - 1))


def test_enumerations_hold_everything_once():
    """Kind guarded: a subset missing or twice."""
    masks = samplers.all_subsets(N)
    assert (masks @ WEIGHTS == np.arange(2**N)).all()
    for m in range(N + 1):
        of_size = samplers.subsets_of_size(N, m)
        assert len({tuple(r) for r in of_size}) == comb(N, m) and (of_size.sum(1) == m).all()
    orders = samplers.all_orders(N)
    assert len({tuple(o) for o in orders}) == factorial(N)


@pytest.mark.parametrize("m", range(N + 1))
def test_subsets_of_a_size_are_uniform(m):
    """Kind guarded: a sampler that prefers some subsets."""
    masks = samplers.draw_of_size(np.random.default_rng(m), N, m, K)
    assert uniform(masks @ WEIGHTS, samplers.subsets_of_size(N, m) @ WEIGHTS)


def test_orders_densities_and_tests_are_distributed_as_they_say():
    """Kind guarded: a sampler of another distribution than its estimator's weights."""
    rng = np.random.default_rng(0)
    base = N ** np.arange(N)
    orders = samplers.draw_orders(rng, N, K)
    assert uniform(orders @ base, samplers.all_orders(N) @ base)
    pairs = samplers.draw_orders(rng, N, K, antithetic=True)
    assert (pairs[::2] == pairs[1::2, ::-1]).all() and uniform(
        pairs[::2] @ base, samplers.all_orders(N) @ base
    )
    assert uniform(samplers.draw_bernoulli(rng, N, 0.5, K) @ WEIGHTS, np.arange(2**N))
    tests = samplers.draw_testing(rng, N, K)
    q, z = samplers.testing_sizes(N)
    assert z == pytest.approx(2 * sum(1 / s for s in range(1, N)), rel=1e-14)
    share = np.array([(tests.sum(1) == s).mean() for s in range(1, N)])
    assert np.abs(share - q).max() <= 5 * np.sqrt(0.25 / K)
    for s in range(1, N):
        of_size = tests[tests.sum(1) == s]
        assert uniform(of_size @ WEIGHTS, samplers.subsets_of_size(N, s) @ WEIGHTS)


@pytest.mark.parametrize(
    "draw",
    [
        lambda r, k: samplers.draw_of_size(r, N, 2, k),
        lambda r, k: samplers.draw_orders(r, N, k),
        lambda r, k: samplers.draw_orders(r, N, k, antithetic=True),
        lambda r, k: samplers.draw_bernoulli(r, N, 0.3, k),
        lambda r, k: samplers.draw_testing(r, N, k),
    ],
)
def test_a_stream_is_the_same_in_any_rounds(draw):
    """Kind guarded: an estimate that depends on how many units were drawn at once."""
    a, b = np.random.default_rng(3), np.random.default_rng(3)
    whole = draw(a, 10)
    assert (whole == np.concatenate([draw(b, 4), draw(b, 6)])).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: samplers.all_subsets(21),
        lambda: samplers.subsets_of_size(40, 20),
        lambda: samplers.subsets_of_size(4, 5),
        lambda: samplers.subsets_of_size(4, True),
        lambda: samplers.all_orders(9),
        lambda: samplers.draw_bernoulli(np.random.default_rng(0), 4, 1.0, 3),
    ],
)
def test_what_cannot_be_drawn_is_named(call):
    """Kind guarded: 2^n values begun for an n where they never end."""
    with pytest.raises(mi.InvalidOption):
        call()
