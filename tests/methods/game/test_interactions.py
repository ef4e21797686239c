"""Interaction indices against their definitions, written out; and the erratum on eq. 21."""

from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
from scipy.stats import norm

from metainfl.games import Table
from metainfl.methods import game as methods
from tests.methods.game.tables import N, room, table


def subsets(members):
    return [c for k in range(len(members) + 1) for c in combinations(members, k)]


def value(game, members):
    return game.values[sum(1 << i for i in members)]


def delta(game, group, base):
    return sum((-1) ** (len(group) - len(b)) * value(game, (*base, *b)) for b in subsets(group))


def eq_19(game, group, n=N):
    total = 0.0
    rest = [i for i in range(n) if i not in group]
    for d in subsets(rest):
        weight = (
            factorial(n - len(group) - len(d)) * factorial(len(d)) / factorial(n - len(group) + 1)
        )
        total = total + weight * delta(game, group, d)
    return total


def eq_21(game, group, n=N):
    rest = [i for i in range(n) if i not in group]
    return len(group) / n * sum(delta(game, group, d) / comb(n - 1, len(d)) for d in subsets(rest))


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("order", [1, 2, 3, N])
def test_against_the_definitions(order, targets):
    """Kind guarded: a weight of eq. 19 or 21, the sign of a derivative, rows under another group."""
    game = table(order, targets=targets)
    found = methods.shapley_interaction(game, order)
    assert found.groups == tuple(combinations(range(N), order))
    for g, v in zip(found.groups, found.values, strict=True):
        assert np.abs(v - eq_19(game, g)).max() <= 2**order * room(game)
    taylor = methods.shapley_taylor(game, order)
    for g, v in zip(taylor.groups, taylor.values, strict=True):
        want = eq_21(game, g) if len(g) == order else delta(game, g, ())
        assert np.abs(v - want).max() <= 2**order * room(game)
    gain = game.values[-1] - game.values[0]
    assert np.abs(taylor.values.sum(axis=0) - gain).max() <= 2**N * room(game)


def test_eq_21_holds_at_its_order_only():
    """Erratum: used for single players in an index of order 2, as printed, efficiency is lost."""
    game = table(2)
    found = methods.shapley_taylor(game, 2)
    pairs = [v for g, v in zip(found.groups, found.values, strict=True) if len(g) == 2]
    printed = sum(pairs) + sum(eq_21(game, (i,)) for i in range(N))
    gain = game.values[-1] - game.values[0]
    assert abs(printed - gain) > 0.1


def test_additive_games_have_no_interaction_and_unanimity_games_have_one():
    """Kind guarded: interactions that are there without any. Unanimity of A: I(A) = 1, its order's."""
    masks = (np.arange(2**N)[:, None] >> np.arange(N)) & 1
    plain = Table(masks @ np.arange(1.0, N + 1) + 3)
    for index in (methods.shapley_interaction, methods.shapley_taylor):
        found = index(plain, 2)
        pairs = np.array([len(g) == 2 for g in found.groups])
        assert np.abs(found.values[pairs]).max() <= 4 * room(plain)
        together = Table(masks[:, 1] * masks[:, 3])
        found = index(together, 2)
        want = [1.0 if g == (1, 3) else 0.0 for g in found.groups]
        assert np.abs(found.values - want).max() <= 4 * room(together)


@pytest.mark.parametrize("index", [methods.shapley_interaction, methods.shapley_taylor])
def test_sampled_interactions_lie_within_their_errors(index):
    """Kind guarded: subsets of another distribution of sizes. Normal bound for all groups at 1e-6."""
    game = table(4, targets=2)
    exact, drawn = index(game, 2), index(game, 2, samples=1500, seed=2)
    z = norm.isf(1e-6 / 2 / exact.values.size)
    assert exact.groups == drawn.groups
    assert (np.abs(exact.values - drawn.values) <= z * drawn.errors + room(game)).all()
    assert drawn.errors[-1].min() > 0 and drawn.units == 1500
