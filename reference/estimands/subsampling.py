"""Expectations over random subsets of tasks (003, section 4.2), by enumeration of a game.

A game holds v(S) = -loss; see `values.game`. All expectations are over subsets of fixed size,
uniformly: what Downsampling, the consistency profile and the C-score converge to. Each is linear in
the game, so that its bound follows from the game's.
"""

from __future__ import annotations

import numpy as np

from metainfl_reference.answer import Answer
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.estimands.values import players

Array = np.ndarray


def downsampling(game: Answer, m: int) -> Answer:
    """003 eq. 10: E[loss | i not in D] - E[loss | i in D] over |D| = m, for each i (n,)."""
    n, index, size = _sets(game)
    _check(m, 1, n - 1)
    drawn = size == m
    rows = np.zeros((n, len(index)))
    for i in range(n):
        holds = (index >> i) & 1 == 1
        rows[i] += _mean(drawn & holds) - _mean(drawn & ~holds)
    return game.mapped(rows)


def expected_removal(game: Answer, m: int) -> Answer:
    """003 eqs 11-13: E over |D| = m without i of loss(D) - loss(D + i) (n,).

    Not the same as `downsampling` at finite m, which compares sizes m with m.
    """
    n, index, size = _sets(game)
    _check(m, 0, n - 1)
    rows = np.zeros((n, len(index)))
    for i in range(n):
        holds = (index >> i) & 1 == 1
        rows[i] += _mean((size == m + 1) & holds) - _mean((size == m) & ~holds)
    return game.mapped(rows)


def consistency_profile(game: Answer, m: int) -> Answer:
    """003 eq. 15: -E[loss] over |D| = m."""
    n, _, size = _sets(game)
    _check(m, 0, n)
    return game.mapped(_mean(size == m))


def c_score(game: Answer) -> Answer:
    """003 eq. 16: the mean profile over m = 1..n. Large = easy (the text there says harder)."""
    n, _, size = _sets(game)
    return game.mapped(np.mean([_mean(size == m) for m in range(1, n + 1)], axis=0))


def memorisation(game: Answer, i: int, m: int) -> Answer:
    """Self-influence: `expected_removal` of task i on itself; `game` is the game of target i."""
    return expected_removal(game, m)[i]


def _mean(chosen: Array) -> Array:
    """The row that averages over the chosen subsets."""
    return chosen / chosen.sum()


def _sets(game: Answer) -> tuple[int, Array, Array]:
    n = players(game)
    index = np.arange(2**n)
    return n, index, np.array([bin(s).count("1") for s in index])


def _check(m: int, low: int, high: int) -> None:
    if not low <= m <= high:
        raise InvalidProblem(f"subset size m must be between {low} and {high}, got {m}")
