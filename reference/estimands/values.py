"""Semivalues over players by enumeration of all 2^n subsets (003, sections 4.1 and 4.3).

    phi_i = sum_S weight(|S|) [v(S + i) - v(S)],   S over subsets without i,
    Shapley  1 / (n C(n-1, s))                 (eq. 17)
    Beta     B(s + b, n - 1 - s + a) / B(a, b) (Kwon and Zou; a = b = 1 is Shapley)
    Banzhaf  1 / 2^(n-1)                       (eq. 27)
with v = minus the target's loss, so that positive = the data helped.
A game is an array of 2^n values; bit i of the index says whether player i is in.
"""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.special import beta as beta_function

from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family, Solution
from metainfl_reference.local import TaskData

Array = np.ndarray
MOST_PLAYERS = 16  # 65,536 solves: minutes for the smallest families


def game(family: Family, target: TaskData, at: Solution) -> Array:
    """v(S) = -L_t(lam*(S)) for every subset S of tasks (2^T,), each solved and certified."""
    n = family.episodes.n_tasks
    if n > MOST_PLAYERS:
        raise InvalidProblem(f"{n} tasks mean 2^{n} solves; enumeration stops at {MOST_PLAYERS}")
    out = np.empty(2**n)
    for s in range(2**n):
        member = np.array([(s >> i) & 1 for i in range(n)], dtype=float)
        weights = Weights(at.weights.task * member, at.weights.support, at.weights.query)
        if member.any():
            lam = family.solve(weights, start=at.lam).lam
        else:
            lam = np.zeros(family.n_meta)  # F = d_out/2 |lam|^2
        out[s] = -family.target_loss(target, lam).real
    return out


def semivalue(values: Array, weights: Array) -> Array:
    """Phi (n,) for subset-size weights (n,), which must sum to 1 over all subsets."""
    n = int(np.log2(len(values)))
    index = np.arange(2**n)
    size = np.array([bin(s).count("1") for s in index])
    phi = np.empty(n)
    for i in range(n):
        without = index[(index >> i) & 1 == 0]
        phi[i] = weights[size[without]] @ (values[without | (1 << i)] - values[without])
    return phi


def shapley(values: Array) -> Array:
    """Shapley value (n,): efficient, symmetric, null-player, linear."""
    n = int(np.log2(len(values)))
    return semivalue(values, np.array([1 / (n * comb(n - 1, s)) for s in range(n)]))


def beta_shapley(values: Array, a: float, b: float) -> Array:
    """Beta(a, b)-Shapley (n,); b > a favours small subsets."""
    n = int(np.log2(len(values)))
    w = [beta_function(s + b, n - 1 - s + a) / beta_function(a, b) for s in range(n)]
    return semivalue(values, np.array(w))


def banzhaf(values: Array) -> Array:
    """Banzhaf value (n,): every subset alike; not efficient."""
    n = int(np.log2(len(values)))
    return semivalue(values, np.full(n, 0.5 ** (n - 1)))


def leave_out(values: Array, m: int) -> dict[tuple[int, ...], float]:
    """Leave-m-out scores: v(all) - v(all without the group), for each group of m players."""
    n = int(np.log2(len(values)))
    full = 2**n - 1
    out = {}
    for s in range(2**n):
        members = tuple(i for i in range(n) if (s >> i) & 1)
        if len(members) == m:
            out[members] = float(values[full] - values[full & ~s])
    return out


def by_permutations(values: Array) -> Array:
    """Shapley as the mean marginal over all orders: the second route, n! terms (n <= 8)."""
    from itertools import permutations

    n = int(np.log2(len(values)))
    if n > 8:
        raise InvalidProblem("n! orders are enumerated for at most 8 players")
    phi = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        s = 0
        for i in order:
            phi[i] += values[s | (1 << i)] - values[s]
            s |= 1 << i
    return phi / len(orders)
