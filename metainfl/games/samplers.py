"""Subsets and orders of players: all of them, or drawn by a generator that the caller owns.

Masks are booleans (k, n), orders are integers (k, n). A generator's stream is read unit by unit: k units
at once or one after another are the same units.
"""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb

import numpy as np
from numpy.typing import NDArray

from metainfl.errors import InvalidOption
from metainfl.games.game import MOST_PLAYERS, Array, Masks

Orders = NDArray[np.int64]
MOST_SUBSETS = 2**MOST_PLAYERS
MOST_ORDERED = 8  # 40,320 orders


def all_subsets(n: int) -> Masks:
    """All masks (2^n, n); bit i of the row number says whether player i is in."""
    if n > MOST_PLAYERS:
        raise InvalidOption(
            f"{n} players have 2^{n} subsets; enumeration stops at {MOST_PLAYERS}: give samples or a stop"
        )
    return (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1


def subsets_of_size(n: int, m: int) -> Masks:
    """All masks of m players (C(n, m), n), in lexicographic order of their members."""
    size_in(m, 0, n)
    if comb(n, m) > MOST_SUBSETS:
        raise InvalidOption(
            f"there are {comb(n, m)} subsets of {m} of {n} players: give samples or a stop"
        )
    out = np.zeros((comb(n, m), n), dtype=bool)
    for row, members in enumerate(combinations(range(n), m)):
        out[row, list(members)] = True
    return out


def draw_of_size(rng: np.random.Generator, n: int, m: int, k: int) -> Masks:
    """K masks of m players (k, n), each uniform among all C(n, m)."""
    size_in(m, 0, n)
    return rng.random((k, n)).argsort(axis=1).argsort(axis=1) < m


def all_orders(n: int) -> Orders:
    """All n! orders (n!, n)."""
    if n > MOST_ORDERED:
        raise InvalidOption(
            f"{n} players have {n}! orders; enumeration stops at {MOST_ORDERED}: give samples or a stop"
        )
    return np.array(list(permutations(range(n))), dtype=np.int64)


def draw_orders(rng: np.random.Generator, n: int, k: int, *, antithetic: bool = False) -> Orders:
    """K uniform orders (k, n); antithetic: each second one is the one before it, reversed."""
    if not antithetic:
        return rng.random((k, n)).argsort(axis=1)
    if k % 2:
        raise InvalidOption(f"antithetic orders come in pairs, got {k} of them")
    half = rng.random((k // 2, n)).argsort(axis=1)
    return np.stack([half, half[:, ::-1]], axis=1).reshape(k, n)


def draw_bernoulli(rng: np.random.Generator, n: int, probability: float | Array, k: int) -> Masks:
    """K masks (k, n): each player in with `probability`, a number or one a row (k,)."""
    p = np.broadcast_to(np.asarray(probability, dtype=float), (k,))
    if not ((p > 0) & (p < 1)).all():
        raise InvalidOption(f"probabilities lie strictly between 0 and 1, got {probability}")
    return rng.random((k, n)) < p[:, None]


def testing_sizes(n: int) -> tuple[Array, float]:
    """Group testing's distribution over sizes 1..n-1 (n-1,), q(s) ~ 1/s + 1/(n-s), and its sum Z."""
    if n < 2:
        raise InvalidOption("group testing compares players: it needs at least two")
    s = np.arange(1, n)
    weight = 1 / s + 1 / (n - s)
    return weight / weight.sum(), float(weight.sum())


def draw_testing(rng: np.random.Generator, n: int, k: int) -> Masks:
    """K masks (k, n) of sizes drawn as `testing_sizes` says, uniform within a size."""
    q, _ = testing_sizes(n)
    u = rng.random((k, n + 1))
    size = 1 + np.minimum(np.searchsorted(np.cumsum(q), u[:, 0]), n - 2)
    return u[:, 1:].argsort(axis=1).argsort(axis=1) < size[:, None]


def size_in(m: int, low: int, high: int) -> None:
    """Raise `InvalidOption` unless m is a whole number between low and high."""
    whole = isinstance(m, (int, np.integer)) and not isinstance(m, bool)
    if not (whole and low <= m <= high):
        raise InvalidOption(f"a subset's size m lies between {low} and {high}, got {m!r}")
