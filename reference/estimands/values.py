"""Semivalues over players by enumeration of all 2^n subsets (003, sections 4.1 and 4.3).

    phi_i = sum_S weight(|S|) [v(S + i) - v(S)],   S over subsets without i,
    Shapley  1 / (n C(n-1, s))                 (eqs 17 and 18)
    Beta     B(s + b, n - 1 - s + a) / B(a, b) (Kwon and Zou; a = b = 1 is Shapley)
    Banzhaf  1 / 2^(n-1)                       (eq. 27)
with v = minus the target's loss, so that positive = the data helped.
A game is an `Answer` of 2^n values; bit i of the index says whether player i is in. Every value is
linear in the game, and so is its bound; `Answer.exactly` makes a game out of given numbers.
"""

from __future__ import annotations

from functools import partial
from itertools import permutations
from math import comb

import numpy as np
from scipy.special import beta as beta_function

from metainfl_reference.answer import Answer, target_loss
from metainfl_reference.episodes import Weights
from metainfl_reference.errors import InvalidProblem
from metainfl_reference.family import Family
from metainfl_reference.local import TaskData
from metainfl_reference.solution import Solution

Array = np.ndarray
MOST_PLAYERS = 16  # 65,536 solves: minutes for the smallest families


def game(family: Family, target: TaskData, at: Solution) -> Answer:
    """v(S) = -L_t(lam*(S)) for every subset S of tasks (2^T,), each solved and certified.

    Raises `InvalidProblem` for too many tasks, and where no task at all leaves no one minimiser.
    """
    if not np.all(family.d_out):
        raise InvalidProblem(
            "of no task F is d_out/2 |lam|^2, flat where d_out is 0: no game has that value"
        )
    n = family.episodes.n_tasks
    if n > MOST_PLAYERS:
        raise InvalidProblem(f"{n} tasks mean 2^{n} solves; enumeration stops at {MOST_PLAYERS}")
    out = []
    for s in range(2**n):
        member = np.array([(s >> i) & 1 for i in range(n)], dtype=float)
        weights = Weights(at.weights.task * member, at.weights.support, at.weights.query)
        lam = Answer(np.zeros(family.n_meta), 0.0)  # of no task at all: F = d_out/2 |lam|^2
        if member.any():
            solution = family.solve(weights, start=at.lam)
            lam = Answer(solution.lam, partial(_bound, solution))
        out.append(target_loss(family, target, lam))
    losses = np.array([float(a.value) for a in out])
    return Answer(-losses, lambda: np.array([float(a.bound) for a in out]))


def _bound(solution: Solution) -> Array:
    return np.asarray(solution.certificate.bound)


def players(game: Answer) -> int:
    """How many players the game has; raises unless its length is a power of two."""
    n = int(game.value.size).bit_length() - 1
    if game.value.shape != (2**n,):
        raise InvalidProblem(f"a game holds 2^n values in a vector, got shape {game.value.shape}")
    return n


def semivalue(game: Answer, weights: Array) -> Answer:
    """Phi (n,) for subset-size weights (n,), which must sum to 1 over all subsets."""
    n = players(game)
    index = np.arange(2**n)
    size = np.array([bin(s).count("1") for s in index])
    rows = np.zeros((n, 2**n))
    for i in range(n):
        without = index[(index >> i) & 1 == 0]
        rows[i, without | (1 << i)] = weights[size[without]]
        rows[i, without] = -weights[size[without]]
    return game.mapped(rows)


def shapley(game: Answer) -> Answer:
    """Shapley value (n,): efficient, symmetric, null-player, linear."""
    n = players(game)
    return semivalue(game, np.array([1 / (n * comb(n - 1, s)) for s in range(n)]))


def beta_shapley(game: Answer, a: float, b: float) -> Answer:
    """Beta(a, b)-Shapley (n,); a > b favours small subsets: sizes are beta-binomial (n-1, b, a)."""
    n = players(game)
    w = [beta_function(s + b, n - 1 - s + a) / beta_function(a, b) for s in range(n)]
    return semivalue(game, np.array(w))


def banzhaf(game: Answer) -> Answer:
    """Banzhaf value (n,): every subset alike; not efficient."""
    n = players(game)
    return semivalue(game, np.full(n, 0.5 ** (n - 1)))


def leave_out(game: Answer, m: int) -> dict[tuple[int, ...], Answer]:
    """Leave-m-out scores: v(all) - v(all without the group), for each group of m players."""
    n = players(game)
    full = 2**n - 1
    out = {}
    for s in range(2**n):
        members = tuple(i for i in range(n) if (s >> i) & 1)
        if len(members) == m:
            row = np.zeros(2**n)
            row[full] += 1
            row[full & ~s] -= 1
            out[members] = game.mapped(row)
    return out


def by_permutations(game: Answer) -> Array:
    """Shapley as the mean marginal over all orders: the second route, n! terms (n <= 8)."""
    n, values = players(game), game.value
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
