"""Expectations over random subsets of tasks (003, section 4.2), by enumeration of a game.

A game holds v(S) = -loss; see `values.game`. All expectations are over subsets of fixed size,
uniformly: what Downsampling, the consistency profile and the C-score converge to.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def downsampling(values: Array, m: int) -> Array:
    """003 eq. 10: E[loss | i not in D] - E[loss | i in D] over |D| = m, for each i (n,)."""
    n, index, size = _sets(values)
    _check(m, 1, n - 1)
    drawn = index[size == m]
    out = np.empty(n)
    for i in range(n):
        holds = (drawn >> i) & 1 == 1
        out[i] = values[drawn[holds]].mean() - values[drawn[~holds]].mean()
    return out


def expected_removal(values: Array, m: int) -> Array:
    """003 eqs 11-13: E over |D| = m without i of loss(D) - loss(D + i) (n,).

    Not the same as `downsampling` at finite m, which compares sizes m with m.
    """
    n, index, size = _sets(values)
    _check(m, 0, n - 1)
    drawn = index[size == m]
    out = np.empty(n)
    for i in range(n):
        without = drawn[(drawn >> i) & 1 == 0]
        out[i] = (values[without | (1 << i)] - values[without]).mean()
    return out


def consistency_profile(values: Array, m: int) -> float:
    """003 eq. 15: -E[loss] over |D| = m."""
    n, index, size = _sets(values)
    _check(m, 0, n)
    return float(values[index[size == m]].mean())


def c_score(values: Array) -> float:
    """003 eq. 16: the mean profile over m = 1..n. Large = easy (the text there says harder)."""
    n, _, _ = _sets(values)
    return float(np.mean([consistency_profile(values, m) for m in range(1, n + 1)]))


def memorisation(values: Array, i: int, m: int) -> float:
    """Self-influence: `expected_removal` of task i on itself; `values` is the game of target i."""
    return float(expected_removal(values, m)[i])


def _sets(values: Array) -> tuple[int, Array, Array]:
    n = int(np.log2(len(values)))
    index = np.arange(2**n)
    return n, index, np.array([bin(s).count("1") for s in index])


def _check(m: int, low: int, high: int) -> None:
    if not low <= m <= high:
        raise ValueError(f"subset size m must be between {low} and {high}, got {m}")
